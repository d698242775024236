//! Rounds, one after the other, against one comparison of all that they have seen.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::super::compare::Discrepancy;
use super::super::super::entry::{ANYWHERE, Digests};
use super::super::super::state::{EntryCounts, HubState, Live, TopicHub};
use super::*;

/// A state with one way, and these ranges of its partitions.
fn state(ranges: &[(i64, i64)], fresh: bool) -> VerifyState {
    let source = |(partition, (from, to)): (usize, &(i64, i64))| KafkaRange {
        topic: "orders".to_owned(),
        partition: partition as i32,
        from: *from,
        to: *to,
        trimmed: false,
        next: *to,
        fresh,
        topic_id: None,
    };
    let hub = HubState {
        namespace: "default".to_owned(),
        hub: "orders".to_owned(),
        lanes: Vec::new(),
        by: String::new(),
    };
    let way = TopicHub { topic: "orders".to_owned(), hub: 0, replayed: String::new(), once: false };
    VerifyState {
        question: String::new(),
        since: None,
        sources: ranges.iter().enumerate().map(source).collect(),
        hubs: vec![hub],
        ways: vec![way],
        letters_read: false,
        letters: Vec::new(),
        live: Some(Live::default()),
        runs: Vec::new(),
        counts: EntryCounts::default(),
    }
}

fn entry(kind: EntryKind, partition: i32, offset: i64, at: i64) -> SpoolEntry {
    let hub_partition = if kind == EntryKind::Found { (offset % 2) as u32 } else { ANYWHERE };
    let digests = Digests { key: 0, headers: 0, body: offset.cast_unsigned() };
    SpoolEntry { way: 0, partition, offset, kind, hub_partition, at, digests }
}

fn found(partition: i32, offset: i64, at: i64) -> SpoolEntry {
    entry(EntryKind::Found, partition, offset, at)
}

/// The records of these ranges.
fn records(ranges: &[(i64, i64)]) -> Vec<SpoolEntry> {
    let of = |(partition, (from, to)): (usize, &(i64, i64))| {
        (*from..*to).map(move |offset| entry(EntryKind::Expected, partition as i32, offset, 0))
    };
    ranges.iter().enumerate().flat_map(of).collect()
}

/// Rounds over one folder.
struct Played {
    _folder: tempfile::TempDir,
    runs: Runs,
}

impl Played {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::open(folder.path(), Vec::new()).unwrap();
        Self { _folder: folder, runs }
    }

    /// Plays a round of these ranges, in which these events are read.
    fn round(&mut self, ranges: &[(i64, i64)], fresh: bool, events: &[SpoolEntry]) -> (Sums, u64) {
        self.round_of(ranges, fresh, events, &[])
    }

    fn round_of(
        &mut self,
        ranges: &[(i64, i64)],
        fresh: bool,
        events: &[SpoolEntry],
        meant: &[Selection],
    ) -> (Sums, u64) {
        self.runs.add(&mut records(ranges)).unwrap();
        self.runs.add(&mut events.to_vec()).unwrap();
        sift(&state(ranges, fresh), &mut self.runs, meant, 1_000).unwrap()
    }
}

/// Of a record: how many rounds before its own its event is read, whether there is one, and how many rounds after that it comes again.
type Fate = (usize, bool, Vec<usize>);

fn fate() -> impl Strategy<Value = Fate> {
    let again = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(0usize..4, 1..3)];
    (0usize..3, prop::bool::weighted(0.9), again)
}

/// The ranges of each round, from how many records of each partition are committed in it.
fn ranges(steps: Vec<(i64, i64)>) -> Vec<[(i64, i64); 2]> {
    let mut ends = [0, 0];
    let step = |(one, other)| {
        let ranges = [(ends[0], ends[0] + one), (ends[1], ends[1] + other)];
        ends = ranges.map(|(_, to)| to);
        ranges
    };
    steps.into_iter().map(step).collect()
}

/// The events that are read in each round, mostly in their order.
fn events(rounds: &[[(i64, i64); 2]], fates: &[Fate], turned: &[bool]) -> Vec<Vec<SpoolEntry>> {
    let mut read: Vec<Vec<(i64, SpoolEntry)>> = vec![Vec::new(); rounds.len()];
    let mut turned = turned.iter().cycle();
    for (round, ranges) in rounds.iter().enumerate() {
        for record in records(ranges) {
            let (ahead, _, again) =
                match &fates[(record.partition * 25) as usize + record.offset as usize] {
                    (_, false, _) => continue,
                    fate => fate,
                };
            let first = round.saturating_sub(*ahead);
            let later = again.iter().map(|later| (first + later).min(rounds.len() - 1));
            for round in std::iter::once(first).chain(later) {
                let place = record.offset + 3 * i64::from(*turned.next().unwrap());
                read[round].push((place, found(record.partition, record.offset, 0)));
            }
        }
    }
    let mut at = 0;
    let numbered = |mut events: Vec<(i64, SpoolEntry)>| {
        events.sort_by_key(|(place, _)| *place);
        let number = |(_, entry): (i64, SpoolEntry)| {
            at += 1;
            SpoolEntry { at, ..entry }
        };
        events.into_iter().map(number).collect()
    };
    read.into_iter().map(numbered).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn rounds_find_what_one_comparison_finds(
        steps in prop::collection::vec((0i64..5, 0i64..5), 1..6),
        fates in prop::collection::vec(fate(), 50),
        turned in prop::collection::vec(prop::bool::weighted(0.1), 97),
    ) {
        let rounds = ranges(steps);
        let read = events(&rounds, &fates, &turned);
        let mut played = Played::new();
        let (mut all, mut faults) = (Vec::new(), HashMap::<Discrepancy, u64>::new());
        let (mut expected, mut left) = (0, 0);
        for (ranges, events) in rounds.iter().zip(read) {
            let (sums, waiting) = played.round(ranges, false, &events);
            for fault in Discrepancy::ALL {
                *faults.entry(fault).or_default() += sums.of(fault);
            }
            (expected, left) = (expected + sums.expected, waiting);
            all.extend(records(ranges).into_iter().chain(events));
        }
        all.sort_unstable();
        let whole = state(&[], false);
        let mut comparison = Comparison::new(1_000, &whole);
        for entry in all {
            comparison.take(entry);
        }
        let sums = comparison.end();
        prop_assert_eq!(expected, sums.expected);
        prop_assert_eq!(left, 0, "nothing waits for ever");
        for fault in Discrepancy::ALL {
            prop_assert_eq!(faults[&fault], sums.of(fault), "{:?}", fault);
        }
    }
}

#[test]
fn what_is_not_committed_yet_waits_and_what_nobody_means_does_not() {
    let mut played = Played::new();
    let events = [found(0, 0, 1), found(0, 1, 2), found(0, 2, 3), found(1, 7, 4)];
    let (sums, waiting) = played.round(&[(0, 1)], true, &events);
    // Nothing is committed of partition 1.
    assert_eq!((sums.is_good(), sums.expected, waiting), (true, 1, 3));
    let meant = ["orders:0".parse().unwrap()];
    let (sums, waiting) = played.round_of(&[(1, 3)], false, &[], &meant);
    assert_eq!((sums.is_good(), sums.found, waiting), (true, 2, 0));
    // An event that comes after its round.
    let (sums, _) = played.round_of(&[(3, 3)], false, &[found(0, 1, 9)], &meant);
    assert_eq!((sums.of(Discrepancy::Twice), sums.examples[0].event), (1, Some((1, 9))));
}

#[test]
fn what_was_before_the_first_round_is_nobodys_fault() {
    let mut played = Played::new();
    let (sums, waiting) = played.round(&[(5, 6)], true, &[found(0, 4, 1), found(0, 5, 2)]);
    assert_eq!((sums.is_good(), sums.found, waiting), (true, 1, 0));
    // But it was committed before that, so it was there before that.
    let (sums, _) = played.round(&[(6, 6)], false, &[found(0, 4, 3)]);
    assert_eq!(sums.of(Discrepancy::Twice), 1);
}

#[test]
fn order_is_compared_across_rounds() {
    let mut played = Played::new();
    played.round(&[(0, 1)], true, &[found(0, 2, 1), found(0, 0, 2)]);
    // A round in which nothing is committed forgets nothing.
    played.round(&[(1, 1)], false, &[]);
    let (sums, _) = played.round(&[(1, 3)], false, &[found(0, 1, 3)]);
    assert_eq!((sums.of(Discrepancy::Disorder), sums.of(Discrepancy::Missing)), (1, 0));
}
