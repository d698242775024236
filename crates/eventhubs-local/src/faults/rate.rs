//! A limit by bytes and events per second, like throughput units.

use std::time::Instant;

/// What may still come. A second's worth may come at once, and the delivery that exceeds what is left passes: the next
/// waits until the debt is paid.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    per_second: [f64; 2],
    left: [f64; 2],
    since: Option<Instant>,
}

impl Rate {
    pub(super) fn new(bytes: u64, events: u64) -> Self {
        let per_second = [bytes.max(1) as f64, events.max(1) as f64];
        Self { per_second, left: per_second, since: None }
    }

    /// Takes a delivery of that size; false when there is no room for it.
    pub(super) fn take(&mut self, bytes: usize, events: usize, now: Instant) -> bool {
        let passed = self.since.map_or(0.0, |since| now.duration_since(since).as_secs_f64());
        self.since = Some(now);
        for (left, rate) in self.left.iter_mut().zip(self.per_second) {
            *left = (*left + rate * passed).min(rate);
        }
        if self.left.iter().any(|left| *left <= 0.0) {
            return false;
        }
        self.left[0] -= bytes as f64;
        self.left[1] -= events as f64;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn over_ten_seconds_no_more_than_the_rate_and_one_burst_pass() {
        let start = Instant::now();
        for (bytes, events, size, count, expected) in [
            (1_000, 1_000_000, 100, 1, 110), // by bytes
            (1_000_000, 20, 100, 2, 110),    // by events
        ] {
            let mut rate = Rate::new(bytes, events);
            let passed = (0..1_000u32)
                .filter(|n| rate.take(size, count, start + Duration::from_millis(10) * *n));
            let passed = passed.count();
            assert!(passed.abs_diff(expected) <= 2, "{passed} of {expected}");
        }
    }

    #[test]
    fn a_delivery_larger_than_a_second_passes_alone_and_is_paid_for() {
        let mut rate = Rate::new(1_000, 1_000);
        let start = Instant::now();
        assert!(rate.take(3_500, 1, start));
        for (after, passes) in [(0, false), (2_400, false), (2_600, true)] {
            let now = start + Duration::from_millis(after);
            assert_eq!(rate.take(1, 1, now), passes, "after {after} ms");
        }
    }
}
