//! What lies in dead-letter topics: read once from the first record to what is the last one now, and counted or kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::group::CommandError;
use crate::kafka::{Opened, Unread};
use crate::record::{Record, TopicPartition};

use super::topics::of_reading;
use super::{DeadLetterTopics, Filter, LetterCounts, LetterEntries};

/// What is told of the letters.
#[derive(Debug)]
pub enum What {
    /// How many there are of each kind.
    Counts(LetterCounts),
    /// Single ones.
    Entries(LetterEntries),
}

/// What a dead-letter topic holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TopicContent {
    /// Records that were read.
    pub records: u64,
    /// Those of them that are letters, and meant.
    pub letters: u64,
    /// Those that are no letters, or letters for whose headers there was no room.
    pub others: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Listing {
    /// What was asked.
    pub filter: Filter,
    /// What was found.
    pub what: What,
    /// Each topic.
    pub topics: BTreeMap<String, TopicContent>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Partitions that do not say what they hold.
    pub unknown: Vec<TopicPartition>,
    /// Topics that a mapping names and Kafka does not have.
    pub missing: Vec<String>,
}

impl Listing {
    /// Reads; `begin` is told how many offsets there are, and then `progress` how many are behind.
    pub fn read(
        topics: &DeadLetterTopics,
        filter: Filter,
        what: What,
        begin: impl FnOnce(u64),
        progress: impl Fn(u64),
    ) -> Result<Self, CommandError> {
        let (stretches, unknown) = topics.stretches(filter.from);
        begin(stretches.iter().map(|it| it.len().unsigned_abs()).sum());
        let held = topics.topics.keys().map(|name| (name.clone(), TopicContent::default()));
        let mut listing = Self {
            filter,
            what,
            topics: held.collect(),
            unread: Vec::new(),
            unknown,
            missing: topics.missing.iter().cloned().collect(),
        };
        let mut each = |record: &Record<'_>, done: i64| {
            progress(done.unsigned_abs());
            listing.add(record);
            ControlFlow::Continue(())
        };
        let unread = topics.inquiry.scan(stretches, topics.limit, &mut each);
        listing.unread = unread.map_err(|denied| of_reading(&denied))?;
        Ok(listing)
    }

    fn add(&mut self, record: &Record<'_>) {
        let Some(held) = self.topics.get_mut(record.topic) else { return };
        held.records += 1;
        let Some(letter) = Opened::of(record) else {
            held.others += 1;
            return;
        };
        if !self.filter.takes(&letter) {
            return;
        }
        held.letters += 1;
        match &mut self.what {
            What::Counts(counts) => counts.add(&letter),
            What::Entries(entries) => {
                let place = TopicPartition::new(record.topic, record.partition);
                entries.add(place, record.offset, &letter);
            }
        }
    }

    /// All of them together.
    pub fn held(&self) -> TopicContent {
        self.topics.values().fold(TopicContent::default(), |sum, held| TopicContent {
            records: sum.records + held.records,
            letters: sum.letters + held.letters,
            others: sum.others + held.others,
        })
    }

    /// Whether everything was read.
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty() && self.unknown.is_empty()
    }
}
