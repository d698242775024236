//! Compares what should be there with what is there, entry by entry in their order. Pure: what is held is one record, and where the last
//! record of a partition stands in each hub partition.

use std::collections::HashMap;

use super::entry::{ANYWHERE, Digests, EntryKind, SpoolEntry};

/// The offset of what is of no record: before all of them.
const NONE: i64 = -1;

/// A fault, or what may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Discrepancy {
    /// There is no event of a record.
    Missing,
    /// There are more events of a record than there should be.
    Twice,
    /// An event stands before that of an earlier record of its partition, in the same hub partition.
    Disorder,
    /// An event does not hold what it should.
    Altered,
    /// An event is in another hub partition than it should be.
    Misplaced,
    /// There is an event of a record of which there should be none.
    Unexpected,
}

impl Discrepancy {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Missing,
        Self::Twice,
        Self::Disorder,
        Self::Altered,
        Self::Misplaced,
        Self::Unexpected,
    ];

    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Twice => "twice",
            Self::Disorder => "out_of_order",
            Self::Altered => "altered",
            Self::Misplaced => "wrong_partition",
            Self::Unexpected => "unexpected",
        }
    }
}

/// A fault, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// What is wrong.
    pub fault: Discrepancy,
    /// Number of the topic and hub.
    pub way: u32,
    /// The Kafka partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// Where the event is: hub partition and sequence number.
    pub event: Option<(u32, i64)>,
    /// In which hub partition it should be, where it is in another.
    pub should: Option<u32>,
    /// Which parts are not what they should be: key, headers, body.
    pub differs: [bool; 3],
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Events that should be there.
    pub expected: u64,
    /// Events of records in the range that are there.
    pub found: u64,
    /// How many of each fault there are, by the number of the topic and hub.
    pub faults: HashMap<(u32, Discrepancy), u64>,
    /// Records that their mapping filters.
    pub filtered: u64,
    /// Records that are refused and have their letter, or should have one.
    pub dead_lettered: u64,
    /// Refused records whose letter is not there, by the number of the topic and hub.
    pub letters_missing: HashMap<u32, u64>,
    /// Records that are refused and dropped.
    pub dropped: u64,
    /// Events whose record is not there any more, or never was: compaction, retention, an aborted transaction.
    pub no_record: u64,
    /// Records without an event that are older than what their hub partition holds.
    pub expired: u64,
    /// Records of which it is not known what should become of them.
    pub unknown: u64,
    /// The first ones of each fault.
    pub examples: Vec<Example>,
}

impl Sums {
    /// How many there are of a fault.
    pub fn of(&self, fault: Discrepancy) -> u64 {
        self.faults.iter().filter(|((_, of), _)| *of == fault).map(|(_, count)| count).sum()
    }

    /// How many letters are not there.
    pub fn letters_missing(&self) -> u64 {
        self.letters_missing.values().sum()
    }

    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.faults.values().all(|count| *count == 0) && self.letters_missing() == 0
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    sums: Sums,
    /// Examples that are kept of each fault.
    most: usize,
    /// Before which time a way and hub partition hold nothing any more.
    trimmed: &'a dyn Trimmed,
    group: Vec<SpoolEntry>,
    /// Way and partition of the last record.
    place: Option<(u32, i32)>,
    /// Where the last one stands in each hub partition.
    last: HashMap<u32, i64>,
    /// The same of the partitions that are behind, where somebody goes on from there.
    ends: Option<Vec<SpoolEntry>>,
    /// How many of each fault there are.
    told: HashMap<Discrepancy, usize>,
}

/// What retention has taken.
pub(super) trait Trimmed: std::fmt::Debug {
    /// Events of that way that were stored before this time (milliseconds since the Unix epoch) in that hub partition, or in any, may be gone.
    fn before(&self, way: u32, hub_partition: Option<u32>) -> Option<i64>;
}

impl<'a> Comparison<'a> {
    /// Nothing is compared yet; `most` examples of each fault are kept.
    pub(super) fn new(most: usize, trimmed: &'a dyn Trimmed) -> Self {
        Self {
            sums: Sums::default(),
            most,
            trimmed,
            group: Vec::new(),
            place: None,
            last: HashMap::new(),
            ends: None,
            told: HashMap::new(),
        }
    }

    /// The same, for one that goes on where this one ends: see [`Comparison::ends`].
    pub(super) fn continued(most: usize, trimmed: &'a dyn Trimmed) -> Self {
        Self { ends: Some(Vec::new()), ..Self::new(most, trimmed) }
    }

    /// Takes the next entry; they come sorted.
    pub(super) fn take(&mut self, entry: SpoolEntry) {
        let same = |it: &SpoolEntry| {
            (it.way, it.partition, it.offset) == (entry.way, entry.partition, entry.offset)
        };
        if !self.group.first().is_none_or(same) {
            self.settle();
        }
        self.group.push(entry);
    }

    /// Takes where the event of the last record stood; it comes before the records of its partition.
    pub(super) fn goes_on(&mut self, entry: &SpoolEntry) {
        self.enter(entry);
        self.last.insert(entry.hub_partition, entry.at);
    }

    /// Takes an event of a record that was compared before, with all its events.
    pub(super) fn again(&mut self, entry: &SpoolEntry) {
        self.enter(entry);
        self.fault(Discrepancy::Twice, entry, Some(entry));
    }

    /// Where the last events of the partitions stand that are behind, for the comparison that goes on from there.
    pub(super) fn ends(&mut self) -> Vec<SpoolEntry> {
        self.ends.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What came of it.
    pub(super) fn end(self) -> Sums {
        self.end_of_all().0
    }

    /// What came of it, and the last [`Comparison::ends`].
    pub(super) fn end_of_all(mut self) -> (Sums, Vec<SpoolEntry>) {
        self.settle();
        self.leave();
        (self.sums, self.ends.unwrap_or_default())
    }

    /// What follows is of the way and partition of `entry`.
    fn enter(&mut self, entry: &SpoolEntry) {
        self.settle();
        self.arrive((entry.way, entry.partition));
    }

    fn arrive(&mut self, place: (u32, i32)) {
        if self.place != Some(place) {
            self.leave();
            self.place = Some(place);
        }
    }

    /// A partition is behind.
    fn leave(&mut self) {
        if let (Some(ends), Some((way, partition))) = (&mut self.ends, self.place) {
            ends.extend(self.last.iter().map(|(hub_partition, at)| SpoolEntry {
                way,
                partition,
                offset: NONE,
                kind: EntryKind::Last,
                hub_partition: *hub_partition,
                at: *at,
                digests: Digests::default(),
            }));
        }
        self.last.clear();
    }

    /// Compares the entries of one record.
    fn settle(&mut self) {
        let group = std::mem::take(&mut self.group);
        let Some(first) = group.first() else { return };
        self.arrive((first.way, first.partition));
        let count = |kind| group.iter().filter(|entry| entry.kind == kind).count() as u64;
        let expected = part(&group, EntryKind::Expected);
        let found = part(&group, EntryKind::Found);
        let (letters, due) = (count(EntryKind::Letter), count(EntryKind::DeadLetter));
        let others = count(EntryKind::Filtered)
            + due
            + count(EntryKind::Dropped)
            + count(EntryKind::Unknown);
        if expected.is_empty() && others == 0 {
            self.sums.no_record += found.len() as u64;
            return self.keep(group);
        }
        self.sums.expected += expected.len() as u64;
        self.sums.found += found.len() as u64;
        self.sums.filtered += count(EntryKind::Filtered);
        self.sums.dropped += count(EntryKind::Dropped);
        self.sums.unknown += count(EntryKind::Unknown);
        self.sums.dead_lettered += due;
        if due > letters {
            *self.sums.letters_missing.entry(first.way).or_default() += due - letters;
        }
        if count(EntryKind::Unknown) == 0 {
            self.pair(expected, found, letters.saturating_sub(due));
        }
        self.order(found);
        self.keep(group);
    }

    /// The next group uses its memory.
    fn keep(&mut self, mut group: Vec<SpoolEntry>) {
        group.clear();
        self.group = group;
    }

    /// Finds for each event the one that should be there. A value in parts has several, each with a digest of its own.
    fn pair(&mut self, expected: &[SpoolEntry], found: &[SpoolEntry], letters: u64) {
        let mut open: Vec<&SpoolEntry> = expected.iter().collect();
        let mut others = Vec::new();
        for event in found {
            self.place(expected, event);
            match open.iter().position(|record| record.digests == event.digests) {
                Some(place) => drop(open.remove(place)),
                None => others.push(event),
            }
        }
        for event in others {
            let known = expected.iter().any(|record| record.digests == event.digests);
            match (expected.first(), open.is_empty()) {
                (None, _) => self.fault(Discrepancy::Unexpected, event, Some(event)),
                (Some(_), _) if known => self.fault(Discrepancy::Twice, event, Some(event)),
                (Some(_), false) => self.altered(open.remove(0), event),
                (Some(first), true) => {
                    self.fault(Discrepancy::Twice, event, Some(event));
                    self.altered(first, event);
                }
            }
        }
        self.absent(&open, letters);
    }

    fn absent(&mut self, records: &[&SpoolEntry], mut letters: u64) {
        for record in records {
            let known = (record.hub_partition != ANYWHERE).then_some(record.hub_partition);
            if letters > 0 {
                letters -= 1;
                self.sums.dead_lettered += 1;
            } else if self.trimmed.before(record.way, known).is_some_and(|time| record.at < time) {
                self.sums.expired += 1;
            } else {
                self.fault(Discrepancy::Missing, record, None);
            }
        }
    }

    /// An event does not hold what `record` should become.
    fn altered(&mut self, record: &SpoolEntry, event: &SpoolEntry) {
        let Digests { key, headers, body } = record.digests;
        let differs = [
            key != event.digests.key,
            headers != event.digests.headers,
            body != event.digests.body,
        ];
        self.fault(Discrepancy::Altered, event, Some(event));
        if let Some(example) = self.sums.examples.last_mut().filter(|it| is_of(it, event)) {
            example.differs = differs;
        }
    }

    /// Whether an event is where one of the records should be.
    fn place(&mut self, expected: &[SpoolEntry], event: &SpoolEntry) {
        let here =
            |record: &SpoolEntry| [ANYWHERE, event.hub_partition].contains(&record.hub_partition);
        let Some(first) = expected.first().filter(|_| !expected.iter().any(here)) else { return };
        self.fault(Discrepancy::Misplaced, event, Some(event));
        if let Some(example) = self.sums.examples.last_mut().filter(|it| is_of(it, event)) {
            example.should = Some(first.hub_partition);
        }
    }

    /// The first event of a record stands behind the first of the one before, of all in its hub partition.
    fn order(&mut self, found: &[SpoolEntry]) {
        // They are sorted by hub partition, and then by number.
        for (at, event) in found.iter().enumerate() {
            if at > 0 && found[at - 1].hub_partition == event.hub_partition {
                continue;
            }
            let before = self.last.insert(event.hub_partition, event.at);
            if before.is_some_and(|before| before > event.at) {
                self.fault(Discrepancy::Disorder, event, Some(event));
            }
        }
    }

    fn fault(&mut self, fault: Discrepancy, of: &SpoolEntry, event: Option<&SpoolEntry>) {
        *self.sums.faults.entry((of.way, fault)).or_default() += 1;
        let told = self.told.entry(fault).or_default();
        *told += 1;
        if *told <= self.most {
            self.sums.examples.push(Example {
                fault,
                way: of.way,
                partition: of.partition,
                offset: of.offset,
                event: event.map(|event| (event.hub_partition, event.at)),
                should: None,
                differs: [false; 3],
            });
        }
    }
}

/// Whether the example is about that event, and may be completed.
fn is_of(example: &Example, event: &SpoolEntry) -> bool {
    matches!(example.fault, Discrepancy::Altered | Discrepancy::Misplaced)
        && example.event == Some((event.hub_partition, event.at))
        && (example.way, example.partition, example.offset)
            == (event.way, event.partition, event.offset)
}

/// The entries of that kind, of a group that is sorted.
fn part(group: &[SpoolEntry], kind: EntryKind) -> &[SpoolEntry] {
    let from = group.partition_point(|entry| entry.kind < kind);
    let to = group.partition_point(|entry| entry.kind <= kind);
    &group[from..to]
}

#[cfg(test)]
mod tests;
