//! Which connection a link lives on.
//!
//! When a connection ends, every batch on it loses its answer, and nothing tells which batch was the cause. So a lane that has
//! lost two connections with a batch unanswered, and had no answer in between, leaves the common ones: its links live on one
//! of a few others, another after each loss. A lane that was not the cause gets its answer there, and is back on a common one when
//! that connection ends. The cause goes on losing connections, and none of them is common.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::mem;

/// Connections of a namespace that may be set apart.
const APART: u64 = 8;
/// Losses in a row that set a lane apart.
const LOSSES: u32 = 2;

/// Who lives on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// All lanes, questions and readers.
    Common,
    /// Lanes that lose connections.
    Apart(u64),
}

/// What is known of a lane, for its next link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seating {
    /// Whether its last attach was not answered: then its link has a session of its own.
    pub(super) alone: bool,
    /// Connections it has lost since it had an answer.
    losses: u32,
    /// Whether it was said that it is set apart.
    said: bool,
}

impl Seating {
    /// A connection has ended while it waited for an answer.
    pub(super) fn lost(&mut self) {
        self.losses = self.losses.saturating_add(1);
    }

    pub(super) fn answered(&mut self) {
        (self.losses, self.said) = (0, false);
    }

    /// Whether it has been set apart, which is said once.
    pub(super) fn is_news(&mut self) -> bool {
        self.losses >= LOSSES && !mem::replace(&mut self.said, true)
    }

    /// Where the next link of a lane of that number lives.
    pub(super) fn set(self, number: u64) -> Set {
        if self.losses < LOSSES {
            return Set::Common;
        }
        // By a hash, so that lanes that lost one together part.
        let mut hasher = DefaultHasher::new();
        (number, self.losses).hash(&mut hasher);
        Set::Apart(hasher.finish() % APART)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{APART, LOSSES, Seating, Set};

    fn after(losses: u32) -> Seating {
        let mut seating = Seating::default();
        (0..losses).for_each(|_| seating.lost());
        seating
    }

    #[test]
    fn a_single_loss_sets_no_lane_apart() {
        assert_eq!(after(LOSSES - 1).set(7), Set::Common);
        let mut seating = after(LOSSES - 1);
        assert!(!seating.is_news());
        for said in [true, false] {
            seating.lost();
            assert_eq!(seating.is_news(), said, "it is said once");
        }
        seating.answered();
        assert!(!seating.is_news());
        assert_eq!(seating.set(7), Set::Common);
    }

    #[test]
    fn lanes_that_lost_one_together_part_and_no_more_connections_are_used_than_there_are() {
        let together = |losses| {
            let set = |number| match after(losses).set(number) {
                Set::Apart(set) => set,
                Set::Common => panic!("it is set apart"),
            };
            (1..=64).map(set).collect::<Vec<_>>()
        };
        for losses in LOSSES..LOSSES + 16 {
            let sets: HashSet<_> = together(losses).into_iter().collect();
            assert!(sets.len() as u64 >= APART / 2 && sets.iter().all(|set| *set < APART));
        }
        let meetings = |a: usize, b: usize| {
            let met = |losses| together(losses)[a] == together(losses)[b];
            (LOSSES..LOSSES + 16).filter(|losses| met(*losses)).count()
        };
        for (a, b) in [(0, 1), (0, 8), (3, 63)] {
            assert!(meetings(a, b) < 8, "{a} and {b} do not meet each time");
        }
    }
}
