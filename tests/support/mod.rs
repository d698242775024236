//! What the tests stand on: a real Kafka, the embedded Event Hubs, the bridge as a process, and an auditor.
//!
//! Everything waits for a condition with a deadline, never for a time.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses its part of this"
)]

pub mod acl;
pub mod audit;
pub mod authority;
pub mod bridge;
pub mod child;
pub mod consume;
pub mod event;
pub mod flow;
pub mod https;
pub mod jars;
pub mod kafka;
pub mod listener;
pub mod node;
pub mod plant;
pub mod produce;
pub mod reader;
pub mod records;
pub mod scram;
pub mod sweep;
pub mod tinyproxy;
pub mod zookeeper;

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use audit::Audit;
pub use bridge::{Bridge, Settings};
pub use flow::Flow;
pub use jars::Release;
pub use kafka::Kafka;
pub use produce::Out;
pub use records::Supply;

/// Any node answers within this, on a machine that is doing much else.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` gives something; panics with `what` after `patience`.
#[track_caller]
pub fn wait_for<T>(what: &str, patience: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {patience:?}: {what}");
        rest(Duration::from_millis(20));
    }
}

/// Between two looks at something that cannot be waited for. Not for waiting until something has happened.
#[expect(clippy::disallowed_methods, reason = "the one place where tests sleep")]
pub fn rest(time: Duration) {
    thread::sleep(time);
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
