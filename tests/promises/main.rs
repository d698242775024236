//! What the bridge promises, shown from outside: a real Kafka, the real program, the embedded Event Hubs.
//!
//! One file per promise. An audit runs wherever records flow: nothing committed that the hub does not hold.

#[path = "../support/mod.rs"]
mod support;

mod crash;
mod end_to_end;
mod hub_faults;
mod members;
mod memory;
mod scene;

/// The hash of the embedded service, which shares nothing with the bridge's.
#[path = "../../crates/eventhubs-local/src/hash.rs"]
mod service_hash;
