//! When all has to be over, and how much of the rest one step may have.

use std::time::{Duration, Instant};

/// When all has to be over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn within(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What one step may have: half of what is left, so that there is always something left for the next ones.
    pub(super) fn share(self) -> Duration {
        self.0.saturating_duration_since(Instant::now()) / 2
    }
}
