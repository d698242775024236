//! How many records a second may be taken: a bucket that fills with time, and from which what was taken is drawn.
//!
//! Time comes in as an argument. What was taken is told after it was, so the bucket may be overdrawn by who takes together with
//! others; the next one waits for that, too.

use std::time::{Duration, Instant};

/// A second, in the unit of the bucket's level: a record is as many of these as there are nanoseconds in a second.
const RECORD: u128 = 1_000_000_000;

/// See the module.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Records a second.
    rate: u64,
    /// What may be taken, and what is overdrawn.
    level: u128,
    debt: u128,
    /// When the level was so.
    at: Instant,
}

impl Pace {
    /// A bucket for `rate` records a second, at least one. It holds a tenth of a second's worth, at least one record, and begins full.
    pub fn new(rate: u64, now: Instant) -> Self {
        let mut pace = Self { rate: rate.max(1), level: 0, debt: 0, at: now };
        pace.level = pace.most();
        pace
    }

    /// Records that the bucket holds.
    pub fn burst(&self) -> u64 {
        (self.rate / 10).max(1)
    }

    fn most(&self) -> u128 {
        u128::from(self.burst()) * RECORD
    }

    fn fill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_nanos() * u128::from(self.rate);
        self.at = self.at.max(now);
        let left = gained.saturating_sub(self.debt);
        self.debt = self.debt.saturating_sub(gained);
        self.level = (self.level + left).min(self.most());
    }

    /// How many records may be taken now.
    pub fn room(&mut self, now: Instant) -> usize {
        self.fill(now);
        if self.debt > 0 { 0 } else { usize::try_from(self.level / RECORD).unwrap_or(usize::MAX) }
    }

    /// So many were taken.
    pub fn take(&mut self, records: usize) {
        let taken = records as u128 * RECORD;
        self.debt += taken.saturating_sub(self.level);
        self.level = self.level.saturating_sub(taken);
    }

    /// When there is room for a record, if there is none now.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        if self.room(now) > 0 {
            return None;
        }
        let missing = (self.debt + RECORD).saturating_sub(self.level);
        let nanos = missing.div_ceil(u128::from(self.rate));
        Some(now + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_taken_comes_back_with_time() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut pace = Pace::new(100, begin);
        assert_eq!((pace.room(begin), pace.next(begin)), (10, None));
        pace.take(10);
        assert_eq!((pace.room(begin), pace.next(begin)), (0, Some(at(10))));
        assert_eq!(pace.room(at(45)), 4);
        assert_eq!(pace.room(at(5_000)), 10, "it holds no more");
        pace.take(25);
        assert_eq!(pace.next(at(5_000)), Some(at(5_160)), "what is overdrawn comes first");
        // A clock that another thread has read before changes nothing.
        assert_eq!(pace.room(at(4_000)), 0);
        assert_eq!(pace.room(at(5_160)), 1);
    }

    #[test]
    fn one_record_a_second_is_a_rate() {
        let begin = Instant::now();
        let mut pace = Pace::new(0, begin);
        assert_eq!(pace.room(begin), 1);
        pace.take(1);
        assert_eq!(pace.next(begin), Some(begin + Duration::from_secs(1)));
    }

    proptest! {
        /// In any stretch of time no more is taken than its length allows, over what the bucket holds; and one who takes all there
        /// is falls short of that by less than one record.
        #[test]
        fn the_rate_holds_over_any_stretch(
            rate in 1..200_000_u64,
            steps in prop::collection::vec((0..400_000_u64, any::<bool>(), 0..600_usize), 1..300),
        ) {
            let begin = Instant::now();
            let mut pace = Pace::new(rate, begin);
            let (mut micros, mut taken) = (0, vec![(0_u64, 0_u64)]);
            let mut is_greedy = true;
            for (wait, waits_for_room, most) in steps {
                let now = begin + Duration::from_micros(micros);
                let next = pace.next(now);
                micros += match next {
                    Some(next) if waits_for_room => {
                        u64::try_from((next - now).as_nanos().div_ceil(1000)).unwrap()
                    }
                    _ => wait,
                };
                let now = begin + Duration::from_micros(micros);
                let room = pace.room(now);
                if waits_for_room && next.is_some() {
                    prop_assert!(room > 0, "there is room when it was said");
                }
                let count = room.min(most);
                is_greedy &= count == room && (room as u64) < pace.burst();
                pace.take(count);
                taken.push((micros, taken.last().unwrap().1 + count as u64));
                prop_assert_eq!(pace.room(now), room - count);
            }
            for (index, (from, before)) in taken.iter().enumerate() {
                for (until, after) in &taken[index + 1..] {
                    let allowed = u128::from(until - from) * u128::from(rate) / 1_000_000;
                    let bound = allowed + 1 + u128::from(pace.burst());
                    prop_assert!(u128::from(after - before) <= bound);
                }
            }
            if is_greedy {
                let (until, all) = taken.last().unwrap();
                let due = u128::from(*until) * u128::from(rate) / 1_000_000;
                prop_assert!(u128::from(*all) + 1 >= due, "{all} of {due}");
            }
        }
    }
}
