//! From records to acknowledgements: the only place where Kafka and Event Hubs meet.
//!
//! [`core`] decides and is pure: what it wants done comes out as [`action::Action`]s. [`pump`] is the one thread per shard
//! that feeds it records, answers and time, and carries the actions out.

pub mod action;
mod answer;
pub mod cadence;
mod core;
mod drain;
mod hold;
mod inbox;
pub mod lane;
mod outlet;
mod partition;
mod progress;
mod pump;
mod resolve;
pub mod shard;
#[cfg(test)]
mod simulation;
