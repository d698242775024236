//! From records to acknowledgements: the only place where Kafka and Event Hubs meet.
//!
//! [`bridge_core`] decides and is pure: what it wants done comes out as actions. [`pump`] is the one thread per shard that
//! feeds it records, answers and time, and carries the actions out; [`notes`] logs and counts what it says.

mod cadence;
pub mod found;
mod inbox;
mod letters;
mod lookups;
mod notes;
mod post;
mod pump;
mod rate;
mod reports;
pub mod resolve;
mod sends;
pub mod shard;
mod states;
mod tally;

pub use rate::Rate;
