//! When positions are committed: the first as soon as one has moved, then at most once an interval.

use std::time::{Duration, Instant};

/// How soon it is looked again when something came and no position had moved: another record stands before it.
const LOOK: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Cadence {
    interval: Duration,
    /// No commit before this; `None` at first.
    next: Option<Instant>,
    moved: bool,
}

impl Cadence {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, next: None, moved: false }
    }

    /// Something came that may have moved a position.
    pub(super) fn stir(&mut self) {
        self.moved = true;
    }

    /// When to commit; `None` while nothing has come.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.moved.then_some(self.next.unwrap_or(now))
    }

    /// It was looked what has moved, and whether there was something to commit.
    pub(super) fn looked(&mut self, now: Instant, committed: bool) {
        self.moved = false;
        let pause = if committed { self.interval } else { LOOK.min(self.interval) };
        self.next = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_commit_comes_at_once_and_the_next_after_the_interval() {
        let (began, second) = (Instant::now(), Duration::from_secs(1));
        let mut cadence = Cadence::new(second);
        assert_eq!(cadence.due(began), None, "nothing has come");
        cadence.stir();
        assert_eq!(cadence.due(began), Some(began));
        // An answer came, and an older record stands before it: the first commit is still to come.
        cadence.looked(began, false);
        assert_eq!(cadence.due(began), None);
        cadence.stir();
        assert_eq!(cadence.due(began), Some(began + LOOK));
        let first = began + LOOK;
        cadence.looked(first, true);
        cadence.stir();
        cadence.stir();
        assert_eq!(cadence.due(first), Some(first + second));
        cadence.looked(first + second, true);
        assert_eq!(cadence.due(first + 5 * second), None, "nothing has moved since");
    }
}
