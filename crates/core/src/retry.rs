//! How long to wait before the same batch is sent again.
//!
//! Retries never end: what can succeed later is tried for ever, what cannot is not retried at all. So there is no
//! count to run out of, only a pace: doubling from [`FIRST`] to [`LONGEST`], spread by jitter so that lanes and
//! replicas that failed together do not come back together.

use std::time::Duration;

/// The first wait.
pub const FIRST: Duration = Duration::from_millis(100);
/// No wait is longer, unless the service asks for more: trouble that has ended is noticed within this time.
pub const LONGEST: Duration = Duration::from_secs(5);

/// The wait before attempt number `attempt` (1 is the first retry). `jitter` is a random number in `0.0..1.0`.
///
/// Between half and the whole of the doubled wait; never less than `asked`, the least the service asked for, to which
/// up to a quarter is added.
pub fn delay(attempt: u32, asked: Option<Duration>, jitter: f64) -> Duration {
    let jitter = jitter.clamp(0.0, 1.0);
    let own = doubled(FIRST, LONGEST, attempt).mul_f64(0.5 + jitter / 2.0);
    match asked {
        Some(asked) => own.max(asked.mul_f64(1.0 + jitter / 4.0)),
        None => own,
    }
}

/// The wait before attempt number `attempt`, without jitter: `first`, and twice as long each time, up to `longest`.
pub fn doubled(first: Duration, longest: Duration, attempt: u32) -> Duration {
    first.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn doubles_up_to_the_longest() {
        let waits: Vec<_> = (1..12).map(|attempt| delay(attempt, None, 1.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000]);
    }

    proptest! {
        #[test]
        fn is_bounded_and_honours_what_the_service_asked(
            attempt in any::<u32>(), asked in proptest::option::of(0..120_000u64), jitter in 0.0..1.0f64,
        ) {
            let asked = asked.map(Duration::from_millis);
            let wait = delay(attempt, asked, jitter);
            prop_assert!(wait >= asked.unwrap_or_default());
            prop_assert!(wait >= FIRST / 2);
            prop_assert!(wait <= LONGEST.max(asked.unwrap_or_default().mul_f64(1.25)));
        }
    }
}
