//! How many records a second all shards of a process may take together, if that is bounded.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use bridge_core::pace::Pace;

/// See the module. By default there is no bound, and nothing is counted.
#[derive(Debug, Clone, Default)]
pub struct Rate(Option<Arc<Mutex<Pace>>>);

impl Rate {
    /// At most so many records a second from now on.
    pub fn new(records: Option<u64>, now: Instant) -> Self {
        Self(records.map(|rate| Arc::new(Mutex::new(Pace::new(rate, now)))))
    }

    /// Whoever held the bucket and has panicked has ended the process.
    fn ask<T>(&self, of: impl FnOnce(&mut Pace) -> T) -> Option<T> {
        self.0.as_ref().and_then(|pace| Some(of(&mut *pace.lock().ok()?)))
    }

    /// How many records may be taken now. Several shards may take as many each: that is paid back before the next.
    pub(super) fn room(&self, now: Instant) -> usize {
        self.ask(|pace| pace.room(now)).unwrap_or(usize::MAX)
    }

    /// So many were.
    pub(super) fn take(&self, records: usize) {
        if records > 0 {
            self.ask(|pace| pace.take(records));
        }
    }

    /// When there is room again, if there is none now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.ask(|pace| pace.next(now)).flatten()
    }
}
