//! An Event Hubs-compatible AMQP server for development and tests.
//!
//! ```
//! let server = eventhubs_local::Server::builder().hub("orders", 4).start()?;
//! println!("{}", server.connection_string());
//! assert!(server.hub("orders").partition(0).is_empty());
//! # Ok::<(), eventhubs_local::StartError>(())
//! ```
//!
//! Inside, imports point down: `server` runs one `connection` per socket; a connection is a protocol machine without
//! I/O and its driver; connections act on the `namespace` (hubs, their logs, tokens, faults); the crate `amqp`
//! knows the protocol and nothing else.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod address;
mod annotate;
mod auth;
mod builder;
mod cbs;
mod condition;
mod connection;
mod envelope;
mod event;
mod faults;
mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hash;
mod hub;
mod hubs;
mod log;
mod management;
mod namespace;
mod numbers;
mod port;
mod producers;
mod readers;
mod registry;
mod request;
mod server;
mod store;
mod transport;
mod versions;

pub use amqp::value::Value;
pub use auth::{Issuer, IssuerError, Rights, UnknownRight};
pub use builder::{Builder, NamespaceBuilder};
pub use condition::Condition;
pub use event::Event;
pub use faults::{Fault, Faults, Plan};
pub use hash::partition_of;
pub use hub::{Hub, Partition};
pub use hubs::HubError;
pub use log::{Counters, Retention};
pub use namespace::IdleRules;
pub use registry::{ConnectionView, LinkView};
pub use server::{NamespaceView, Server, StartError};
pub use transport::tls::{Tls, TlsError};
