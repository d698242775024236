//! What tests and benchmarks stand on: a real Kafka, the embedded Event Hubs, the bridge as a process, and an auditor.
//!
//! It knows the bridge as its operators do, by its file, its log and its pages, and nothing of its code: what a page says is
//! read into the type that a test asks for. Everything waits for a condition with a deadline, never for a time.
#![expect(
    missing_debug_implementations,
    reason = "clients of Kafka have none, and nobody prints what holds one"
)]

pub mod acl;
pub mod audit;
pub mod authority;
pub mod bridge;
pub mod consume;
pub mod event;
pub mod https;
pub mod issuer;
pub mod jars;
pub mod kafka;
pub mod listener;
pub mod node;
pub mod plant;
pub mod produce;
pub mod reader;
pub mod records;
pub mod scene;
pub mod scram;
pub mod subject;
pub mod sweep;
pub mod tinyproxy;
pub mod zookeeper;

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

pub use processes::{
    Log, PATIENCE, Process, SERVED, Talk, built, free_port, free_ports, http, installed, rest,
    usage, wait_for,
};

pub use audit::Audit;
pub use bridge::{Bridge, Running, Settings};
pub use jars::Release;
pub use kafka::Kafka;
pub use produce::Out;
pub use records::Supply;
pub use scene::Scene;
pub use subject::Subject;

/// The program that all this is for.
pub fn program() -> Command {
    Command::new(built("kafka-eventhubs-bridge"))
}

/// A name no other test uses.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs a future that needs neither timers nor sockets.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}
