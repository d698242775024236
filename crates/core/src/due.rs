//! Who wants attention, and when: an ordered set, so that a turn costs as much as those that are due.

use std::collections::BTreeSet;
use std::time::Instant;

/// A deadline for each of many, by their number.
#[derive(Debug, Default)]
pub(crate) struct Due {
    queue: BTreeSet<(Instant, usize)>,
    by_number: Vec<Option<Instant>>,
}

impl Due {
    /// Sets, moves or takes away the deadline of `number`.
    pub(crate) fn set(&mut self, number: usize, at: Option<Instant>) {
        if self.by_number.len() <= number {
            self.by_number.resize(number + 1, None);
        }
        let known = &mut self.by_number[number];
        if *known == at {
            return;
        }
        if let Some(before) = *known {
            self.queue.remove(&(before, number));
        }
        if let Some(at) = at {
            self.queue.insert((at, number));
        }
        *known = at;
    }

    /// The deadline of `number`.
    #[cfg(test)]
    pub(crate) fn of(&self, number: usize) -> Option<Instant> {
        self.by_number.get(number).copied().flatten()
    }

    /// The earliest deadline.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Everyone whose deadline is not after `now`, the longest overdue first. Their deadlines stay.
    pub(crate) fn until(&self, now: Instant) -> Vec<usize> {
        self.queue.range(..=(now, usize::MAX)).map(|(_, number)| *number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    proptest! {
        #[test]
        fn agrees_with_a_list(changes in prop::collection::vec((0..20usize, prop::option::of(0..50u64)), 0..200)) {
            let begin = Instant::now();
            let (mut due, mut list) = (Due::default(), vec![None; 20]);
            for (number, at) in changes {
                let at = at.map(|millis| begin + Duration::from_millis(millis));
                due.set(number, at);
                list[number] = at;
                prop_assert_eq!(due.first(), list.iter().flatten().min().copied());
                let now = begin + Duration::from_millis(25);
                let mut expected: Vec<_> =
                    (0..20).filter(|number| list[*number].is_some_and(|at| at <= now)).collect();
                expected.sort_by_key(|number| (list[*number], *number));
                prop_assert_eq!(due.until(now), expected);
            }
        }
    }
}
