//! One stay of a partition whose events are to stand in their hubs once: how far it is on its way to send, what an earlier one has
//! sent already, and since when what is beyond each position may have been sent.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::record::Position;
use crate::scale::HubNumber;

/// Marks are no closer than this, in milliseconds: commits need no finer ones.
const APART: i64 = 1_000;
/// More of them are not kept. A position between two that are kept counts from the earlier one.
const MARKS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Stay {
    pub(crate) phase: Phase,
    /// Since when events beyond the position it began with may have been sent by others, if they were.
    pub(crate) inherited: Option<i64>,
    /// The last offset that others may have sent, as far as it was looked up.
    others: Option<i64>,
    /// When the records from each offset on were taken, the oldest first.
    marks: VecDeque<(i64, i64)>,
    /// Records whose events stand in a hub already, and when each was written.
    found: BTreeMap<(i64, HubNumber), Option<i64>>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was read yet.
    New,
    /// What is about to be sent is committed first, from this position on.
    Claiming(Position),
    /// An earlier owner may still send until then.
    Waiting(Position, Instant),
    /// So many hubs are still asked for what they hold.
    Asking(Position, usize),
    /// It sends.
    Ready,
}

impl Stay {
    pub(crate) fn new(inherited: Option<i64>) -> Self {
        Self {
            phase: Phase::New,
            inherited,
            others: None,
            marks: VecDeque::new(),
            found: BTreeMap::new(),
        }
    }

    /// The record at `offset` is taken at this time of day.
    pub(crate) fn taken(&mut self, offset: i64, wall: i64) {
        let is_close = |(_, at): &(i64, i64)| (0..APART).contains(&(wall - at));
        if self.marks.back().is_some_and(is_close) {
            return;
        }
        if self.marks.len() == MARKS {
            self.marks.remove(1);
        }
        self.marks.push_back((offset, wall));
        // What an earlier owner has sent is behind.
        self.found = self.found.split_off(&(offset, 0));
    }

    /// The event of the record at `offset` stands in `hub`.
    pub(crate) fn find(&mut self, offset: i64, hub: HubNumber, written: Option<i64>) {
        self.found.insert((offset, hub), written);
        self.others = self.others.max(Some(offset));
    }

    /// Whether that is so, of the record that was `written` then.
    pub(crate) fn holds(&self, offset: i64, hub: HubNumber, written: Option<i64>) -> bool {
        self.found.get(&(offset, hub)).is_some_and(|of| *of == written)
    }

    /// Since when events from `position` on may have been sent. Where `is_settled`, nothing that was read is beyond it, and
    /// what is read from now on is sent later than at this time of day.
    pub(crate) fn sent_since(
        &mut self,
        position: Position,
        is_settled: bool,
        wall: i64,
    ) -> Option<i64> {
        if self.phase != Phase::Ready {
            return self.inherited;
        }
        let others = self.inherited.filter(|_| self.others.is_some_and(|it| it >= position.0));
        while self.marks.get(1).is_some_and(|(offset, _)| *offset <= position.0) {
            self.marks.pop_front();
        }
        let own = self.marks.front().map(|(_, at)| *at).filter(|_| !is_settled).unwrap_or(wall);
        // A clock that was set back must not hide what was sent before.
        Some(others.map_or(own, |others| own.min(others)).min(wall))
    }

    /// Ends what was claimed, if nothing was read for so many milliseconds and nothing beyond `position`, which is committed, can have
    /// been sent. Says whether it did.
    pub(crate) fn rests(&mut self, position: Position, wall: i64, rest: i64) -> bool {
        let is_long = self.marks.back().is_some_and(|(_, at)| wall - at >= rest);
        let rests = is_long && self.is_clean(position);
        if rests {
            *self = Self::new(None);
        }
        rests
    }

    /// Whether nothing beyond `position` can have been sent, once what was read is settled.
    pub(crate) fn is_clean(&self, position: Position) -> bool {
        self.phase == Phase::Ready && self.others.is_none_or(|it| it < position.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_from_when_the_records_beyond_it_were_taken() {
        let mut stay = Stay::new(Some(500));
        assert_eq!(stay.sent_since(Position(3), true, 900), Some(500), "others have sent it");
        stay.phase = Phase::Ready;
        for (offset, wall) in [(3, 1_000), (4, 1_500), (9, 2_000), (20, 4_000)] {
            stay.taken(offset, wall);
        }
        let mut since = |position, settled| stay.sent_since(Position(position), settled, 9_000);
        assert_eq!(since(3, false), Some(1_000));
        assert_eq!(since(8, false), Some(1_000));
        assert_eq!(since(9, false), Some(2_000));
        assert_eq!(since(25, false), Some(4_000));
        assert_eq!(since(25, true), Some(9_000), "what comes is sent later than now");
    }

    #[test]
    fn what_others_have_sent_counts_until_the_position_is_beyond_it() {
        let mut stay = Stay::new(Some(500));
        stay.find(7, 0, Some(70));
        stay.find(5, 0, None);
        stay.phase = Phase::Ready;
        stay.taken(4, 1_000);
        assert!(stay.holds(7, 0, Some(70)) && stay.holds(5, 0, None));
        assert!(
            !stay.holds(7, 1, Some(70)) && !stay.holds(7, 0, Some(71)) && !stay.holds(6, 0, None)
        );
        assert_eq!(stay.sent_since(Position(7), false, 9_000), Some(500));
        assert!(!stay.is_clean(Position(7)));
        assert_eq!(stay.sent_since(Position(8), false, 9_000), Some(1_000));
        assert!(stay.is_clean(Position(8)));
        stay.taken(8, 3_000);
        assert!(stay.found.is_empty());
    }

    #[test]
    fn one_that_rests_has_to_claim_again() {
        let mut stay = Stay::new(Some(500));
        stay.phase = Phase::Ready;
        stay.find(7, 0, None);
        stay.taken(4, 1_000);
        assert!(!stay.rests(Position(7), 90_000, 30_000), "others may have sent what is beyond");
        stay.taken(7, 61_000);
        assert!(!stay.rests(Position(8), 90_000, 30_000), "not for so long");
        assert!(stay.rests(Position(8), 91_000, 30_000));
        assert_eq!((stay.phase, stay.inherited), (Phase::New, None));
        assert!(!stay.rests(Position(8), 999_000, 30_000), "it rests");
    }

    #[test]
    fn the_marks_are_bounded_and_never_say_too_late() {
        let mut stay = Stay::new(None);
        stay.phase = Phase::Ready;
        for n in 0..1_000 {
            stay.taken(n, n * APART);
        }
        assert_eq!(stay.marks.len(), MARKS);
        for position in (0..1_000).step_by(7) {
            let since = stay.sent_since(Position(position), false, i64::MAX).unwrap();
            assert!(since <= position * APART, "{position}: {since}");
        }
    }
}
