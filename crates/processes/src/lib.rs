//! For tests, benchmarks and the demo: processes that end with the one that started them, what they say, on their log and over
//! HTTP, where the built programs are, free ports, and waiting for a condition with a deadline, never for a time.
//!
//! It knows neither Kafka nor Event Hubs, so that every crate of the workspace can afford it. What stands on it and knows
//! both is the crate `stage`.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub mod child;
pub mod http;
pub mod installed;
mod log;
mod process;
#[cfg(target_os = "linux")]
pub mod usage;

pub use log::{Line, Log};
pub use process::{Process, Talk};

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

/// Where a program of this workspace is: cargo says so to the tests and benchmarks of its package, and for all others it is
/// beside them.
pub fn built(program: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(format!("CARGO_BIN_EXE_{program}")) {
        return path.into();
    }
    let mut folder = std::env::current_exe().expect("a program knows where it is");
    folder.pop();
    // Tests are a folder deeper.
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder.join(program)
}

/// The words of the bridge's log line that names the address of its pages.
pub const SERVED: &str = "probes and metrics are served";

/// One of [`free_ports`].
pub fn free_port() -> u16 {
    free_ports(1)[0]
}

/// Ports that are free now, below those that the system gives to clients: a node that restarts finds its own free again.
pub fn free_ports(count: usize) -> Vec<u16> {
    // All held at once, so that they differ.
    let mut sockets = Vec::with_capacity(count);
    while sockets.len() < count {
        let port = fastrand::u16(18_000..32_000);
        sockets.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    sockets.iter().map(|socket| socket.local_addr().expect("bound").port()).collect()
}

/// A panic elsewhere has been reported there.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
