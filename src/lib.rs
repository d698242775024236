//! Copies Apache Kafka topics into Azure Event Hubs: keys kept, order kept, nothing lost.

pub mod admin;
pub mod blob;
pub mod bridge;
pub mod causes;
pub mod cli;
pub mod config;
pub mod connect;
pub mod credential;
pub mod eventhubs;
pub mod group;
pub mod health;
mod http;
pub mod import;
pub mod kafka;
pub mod lasting;
pub mod letters;
pub mod metrics;
pub mod otlp;
pub mod pipeline;
mod plain;
pub mod readback;
pub mod registry;
pub mod repeats;
pub mod status;
pub mod tls;
pub mod trial;
pub mod verify;
pub mod watched;

pub use bridge_core::{record, retry, route};
