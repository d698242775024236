//! Single letters: the oldest of those that are meant, as many as somebody wants to see. Pure.

use std::collections::BinaryHeap;

use crate::kafka::Opened;
use crate::record::TopicPartition;

/// A letter in one line. They are in the order of their times, and those that have none come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LetterEntry {
    /// When its record was written, in milliseconds since the Unix epoch.
    pub time: Option<i64>,
    /// Where it lies.
    pub at: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// Where its record was.
    pub source: TopicPartition,
    /// Its offset there.
    pub source_offset: i64,
    /// Why it is a letter.
    pub reason: String,
    /// The hub it was for and its namespace, where it says so.
    pub hub: Option<(String, String)>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct LetterEntries {
    /// The latest at its top.
    kept: BinaryHeap<LetterEntry>,
    limit: usize,
}

impl LetterEntries {
    /// Keeps `limit` of them.
    pub fn new(limit: usize) -> Self {
        Self { kept: BinaryHeap::new(), limit }
    }

    pub(super) fn add(&mut self, at: TopicPartition, offset: i64, letter: &Opened<'_>) {
        let origin = &letter.origin;
        self.kept.push(LetterEntry {
            time: letter.record.timestamp,
            at,
            offset,
            source: TopicPartition::new(origin.topic, origin.partition),
            source_offset: origin.offset,
            reason: origin.reason.to_owned(),
            hub: origin.hub.map(|(hub, namespace)| (hub.to_owned(), namespace.to_owned())),
        });
        if self.kept.len() > self.limit {
            self.kept.pop();
        }
    }

    /// The oldest first.
    pub(super) fn sorted(&self) -> Vec<LetterEntry> {
        self.kept.clone().into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::counts::tests::opened;

    #[test]
    fn the_oldest_are_kept_in_whatever_order_they_come() {
        let mut entries = LetterEntries::new(3);
        for (offset, time) in [(0, 50), (1, 10), (2, 40), (3, 20), (4, 30), (5, 20)] {
            let letter = opened("orders", 1, "refused", Some(time));
            entries.add(TopicPartition::new("dead", 0), offset, &letter);
        }
        let kept = entries.sorted().into_iter().map(|it| (it.offset, it.time));
        assert_eq!(kept.collect::<Vec<_>>(), [(1, Some(10)), (3, Some(20)), (5, Some(20))]);
    }
}
