//! Copies Apache Kafka topics into Azure Event Hubs: keys kept, order kept, nothing lost.

pub mod admin;
pub mod batch;
pub mod bridge;
pub mod causes;
pub mod cli;
pub mod config;
pub mod connect;
pub mod credential;
pub mod eventhubs;
pub mod health;
pub mod import;
pub mod kafka;
pub mod metrics;
pub mod offsets;
pub mod pipeline;
pub mod record;
pub mod retry;
pub mod route;
pub mod tls;
