//! What the bridge promises, shown from outside: a real Kafka, the real program, the embedded Event Hubs.
//!
//! One file per promise. An audit runs wherever records flow: nothing committed that the hub does not hold.

mod chosen;
mod collector;
mod compressed;
mod crash;
mod damaged;
mod end_to_end;
mod estate;
mod exported;
mod frozen;
mod hub_faults;
mod identical;
mod kafka_faults;
mod mapping;
mod members;
mod memory;
mod once;
mod partial;
mod personal;
mod positions;
mod protocol;
mod refused;
mod reload;
mod resized;
mod scaling;
mod seen;
mod startup;
mod status;
mod steering;
mod throttled;
mod types;
