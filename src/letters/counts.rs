//! How many letters there are, by source topic, reason and hub. Pure.

use std::collections::BTreeMap;

use crate::kafka::Opened;

/// More kinds than that are counted together.
pub(super) const KINDS: usize = 1000;

/// What letters are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sort {
    /// The topic their records were of.
    pub source: String,
    /// Why they are letters.
    pub reason: String,
    /// The hub they were for and its namespace, where the letter says so.
    pub hub: Option<(String, String)>,
}

/// How many, and when their records were written: in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LetterCount {
    /// How many.
    pub letters: u64,
    /// The first of them that says when.
    pub first: Option<i64>,
    /// The last of them.
    pub last: Option<i64>,
}

impl LetterCount {
    fn add(&mut self, time: Option<i64>) {
        self.letters += 1;
        self.first = [self.first, time].into_iter().flatten().min();
        self.last = self.last.max(time);
    }
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct LetterCounts {
    /// Each kind.
    pub sorts: BTreeMap<Sort, LetterCount>,
    /// Those of more kinds than are told apart.
    pub others: LetterCount,
    /// All of them.
    pub all: LetterCount,
}

impl LetterCounts {
    pub(super) fn add(&mut self, letter: &Opened<'_>) {
        let (origin, time) = (&letter.origin, letter.record.timestamp);
        self.all.add(time);
        let sort = Sort {
            source: origin.topic.to_owned(),
            reason: origin.reason.to_owned(),
            hub: origin.hub.map(|(hub, namespace)| (hub.to_owned(), namespace.to_owned())),
        };
        if let Some(count) = self.sorts.get_mut(&sort) {
            count.add(time);
        } else if self.sorts.len() < KINDS {
            self.sorts.entry(sort).or_default().add(time);
        } else {
            self.others.add(time);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Holds;
    use crate::kafka::Origin;
    use crate::record::Record;

    pub(in crate::letters) fn opened<'a>(
        topic: &'a str,
        partition: i32,
        reason: &'a str,
        timestamp: Option<i64>,
    ) -> Opened<'a> {
        let (offset, key, value, headers) = (7, None, None, &[][..]);
        let (detail, hub, holds) = (None, None, Holds::Record);
        let origin = Origin { reason, detail, topic, partition, offset, hub, holds };
        let record = Record { topic, partition, offset, timestamp, key, value, headers };
        Opened { origin, record }
    }

    #[test]
    fn each_kind_is_counted_and_has_its_times() {
        let mut counts = LetterCounts::default();
        for (topic, reason, time) in [
            ("orders", "refused", Some(30)),
            ("orders", "refused", Some(10)),
            ("orders", "refused", None),
            ("orders", "too_large", None),
            ("payments", "refused", Some(20)),
        ] {
            counts.add(&opened(topic, 0, reason, time));
        }
        let kinds = counts.sorts.iter().map(|(sort, count)| (&*sort.source, &*sort.reason, *count));
        let count = |letters, first, last| LetterCount { letters, first, last };
        let expected = [
            ("orders", "refused", count(3, Some(10), Some(30))),
            ("orders", "too_large", count(1, None, None)),
            ("payments", "refused", count(1, Some(20), Some(20))),
        ];
        assert_eq!(kinds.collect::<Vec<_>>(), expected);
        assert_eq!(counts.all, count(5, Some(10), Some(30)));
        assert_eq!(counts.others, LetterCount::default());
    }

    #[test]
    fn however_many_kinds_there_are_so_many_are_held() {
        let mut counts = LetterCounts::default();
        for number in 0..KINDS + 500 {
            for _ in 0..2 {
                counts.add(&opened(&format!("t{number}"), 0, "refused", Some(number as i64)));
            }
        }
        assert_eq!((counts.sorts.len(), counts.others.letters), (KINDS, 1000));
        let told = counts.sorts.values().map(|count| count.letters).sum::<u64>();
        assert_eq!(counts.all.letters, told + counts.others.letters);
        assert_eq!(counts.others.first, Some(KINDS as i64));
    }
}
