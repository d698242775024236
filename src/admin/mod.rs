//! What an operator and an orchestrator see from outside: probes, metrics, logs.
//!
//! [`Server`] answers over HTTP for what [`Health`](crate::health::Health) and [`Metrics`](crate::metrics::Metrics) were
//! told; [`log`] writes to standard error.

pub mod log;
mod server;

pub use server::{Server, StartError};
