//! What an operator and an orchestrator see from outside: probes, metrics, logs.
//!
//! [`Server`] answers over HTTP for what [`Health`](crate::health::Health) and [`Metrics`](crate::metrics::Metrics) were
//! told and what [`Status`](crate::status::Status) finds; [`log`] writes to standard error, and [`Changes`] keeps what it said of
//! late.

mod changes;
mod client;
pub mod log;
mod page;
mod reloads;
mod response;
mod server;

pub use changes::{Answer, Change, Changes};
pub use client::{AdminClient, AdminReply};
pub use reloads::{ReloadOutcome, ReloadRefusal, Reloads};
pub use server::{ListenError, Server, Views};
