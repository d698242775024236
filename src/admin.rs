//! What an operator and an orchestrator see from outside: probes, metrics, logs.
//!
//! [`Health`] is told how things stand and answers for it; [`Server`] answers over HTTP; [`log`] writes to standard error.

mod health;
pub mod log;
mod server;

pub use health::{Health, ShardHealth, Verdict};
pub use server::{Server, StartError};
