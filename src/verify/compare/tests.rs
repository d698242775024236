//! Against the plainest way to say it, and with one fault planted at a time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Hub partition 3 holds nothing from before 100.
#[derive(Debug)]
struct Cut;

impl Trimmed for Cut {
    fn before(&self, _: u32, hub_partition: Option<u32>) -> Option<i64> {
        hub_partition.is_none_or(|it| it == 3).then_some(100)
    }
}

fn compared(mut entries: Vec<SpoolEntry>) -> Sums {
    entries.sort_unstable();
    let mut comparison = Comparison::new(1_000_000, &Cut);
    for entry in entries {
        comparison.take(entry);
    }
    comparison.end()
}

/// The same, by looking each thing up.
fn by_hand(entries: &[SpoolEntry]) -> Sums {
    let mut records: BTreeMap<(u32, i32, i64), Vec<SpoolEntry>> = BTreeMap::new();
    for entry in entries {
        records.entry((entry.way, entry.partition, entry.offset)).or_default().push(*entry);
    }
    let mut sums = Sums::default();
    let mut faults: BTreeMap<(u32, Discrepancy), u64> = BTreeMap::new();
    let mut places: BTreeMap<(u32, i32, u32), Vec<i64>> = BTreeMap::new();
    for group in records.values() {
        let of = |kind: EntryKind| group.iter().filter(|it| it.kind == kind).collect::<Vec<_>>();
        let (expected, found) = (of(EntryKind::Expected), of(EntryKind::Found));
        let [filtered, due, dropped, unknown, letters] = [
            EntryKind::Filtered,
            EntryKind::DeadLetter,
            EntryKind::Dropped,
            EntryKind::Unknown,
            EntryKind::Letter,
        ]
        .map(|kind| of(kind).len());
        if expected.len() + filtered + due + dropped + unknown == 0 {
            sums.no_record += found.len() as u64;
            continue;
        }
        sums.expected += expected.len() as u64;
        sums.found += found.len() as u64;
        sums.filtered += filtered as u64;
        sums.dropped += dropped as u64;
        sums.unknown += unknown as u64;
        sums.dead_lettered += due as u64;
        if due > letters {
            *sums.letters_missing.entry(group[0].way).or_default() += (due - letters) as u64;
        }
        let mut firsts: BTreeMap<u32, i64> = BTreeMap::new();
        for event in &found {
            let first = firsts.entry(event.hub_partition).or_insert(event.at);
            *first = (*first).min(event.at);
        }
        for (hub_partition, at) in firsts {
            let way = group[0].way;
            places.entry((way, group[0].partition, hub_partition)).or_default().push(at);
        }
        if unknown > 0 {
            continue;
        }
        let spare = letters.saturating_sub(due);
        // How many of each content should be there, and are.
        let mut contents: BTreeMap<Digests, (u64, u64)> = BTreeMap::new();
        for record in &expected {
            contents.entry(record.digests).or_default().0 += 1;
        }
        for event in &found {
            contents.entry(event.digests).or_default().1 += 1;
        }
        let sum = |of: fn(&(u64, u64)) -> u64| contents.values().map(of).sum::<u64>();
        let copies = sum(|(should, are)| if *should > 0 { are.saturating_sub(*should) } else { 0 });
        let strange = sum(|(should, are)| if *should > 0 { 0 } else { *are });
        let open = sum(|(should, are)| should.saturating_sub(*are));
        let paired = strange.min(open);
        let way = group[0].way;
        let mut count = |fault, of: u64| *faults.entry((way, fault)).or_default() += of;
        if expected.is_empty() {
            count(Discrepancy::Unexpected, found.len() as u64);
        } else {
            count(Discrepancy::Twice, copies + strange - paired);
            count(Discrepancy::Altered, strange);
        }
        let mut left: Vec<_> = expected.clone();
        left.sort();
        let mut there: BTreeMap<Digests, u64> =
            contents.iter().map(|(content, (_, are))| (*content, *are)).collect();
        left.retain(|record| {
            let there = there.get_mut(&record.digests).unwrap();
            let is_open = *there == 0;
            *there = there.saturating_sub(1);
            is_open
        });
        for (number, record) in left.iter().skip(paired as usize).enumerate() {
            if number < spare {
                sums.dead_lettered += 1;
            } else if [3, ANYWHERE].contains(&record.hub_partition) && record.at < 100 {
                sums.expired += 1;
            } else {
                *faults.entry((way, Discrepancy::Missing)).or_default() += 1;
            }
        }
        for event in found.iter().filter(|_| !expected.is_empty()) {
            if expected.iter().all(|record| {
                record.hub_partition != ANYWHERE && record.hub_partition != event.hub_partition
            }) {
                *faults.entry((way, Discrepancy::Misplaced)).or_default() += 1;
            }
        }
    }
    for ((way, ..), numbers) in &places {
        let turned = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
        *faults.entry((*way, Discrepancy::Disorder)).or_default() += turned;
    }
    sums.faults = faults.into_iter().filter(|(_, count)| *count > 0).collect();
    sums
}

fn kind() -> impl Strategy<Value = EntryKind> {
    prop_oneof![
        8 => Just(EntryKind::Expected),
        8 => Just(EntryKind::Found),
        1 => Just(EntryKind::Filtered),
        1 => Just(EntryKind::DeadLetter),
        1 => Just(EntryKind::Dropped),
        1 => Just(EntryKind::Letter),
        1 => Just(EntryKind::Unknown),
    ]
}

fn entry() -> impl Strategy<Value = SpoolEntry> {
    let hub_partition = prop_oneof![4 => 0..4u32, 1 => Just(ANYWHERE)];
    (0..2u32, 0..2i32, 0..12i64, kind(), hub_partition, 0..200i64, 0..3u64).prop_map(
        |(way, partition, offset, kind, hub_partition, at, digest)| {
            let digests = Digests { key: 0, headers: digest / 2, body: digest % 2 };
            // An event is somewhere.
            let is_anywhere = kind == EntryKind::Found && hub_partition == ANYWHERE;
            let hub_partition = if is_anywhere { 0 } else { hub_partition };
            SpoolEntry { way, partition, offset, kind, hub_partition, at, digests }
        },
    )
}

proptest! {
    #[test]
    fn it_finds_what_the_plainest_way_finds(entries in prop::collection::vec(entry(), 0..60)) {
        let expected = by_hand(&entries);
        let found = compared(entries);
        prop_assert_eq!(found.is_good(), expected.is_good());
        let examples = found.examples.len() as u64;
        prop_assert_eq!(examples, found.faults.values().sum::<u64>(), "each fault has its place");
        let (mut of, faults) = (found.clone(), found.faults.clone());
        of.examples.clear();
        of.faults = faults.into_iter().filter(|(_, count)| *count > 0).collect();
        prop_assert_eq!(of, expected);
    }
}

/// Two ways, each with two partitions of a hundred records on four hub partitions: all there.
fn sound() -> Vec<SpoolEntry> {
    let mut all = Vec::new();
    for (way, partition) in [(0, 0), (0, 1), (1, 0), (1, 7)] {
        for offset in 0..100i64 {
            let hub_partition = (offset % 4) as u32;
            let digests = Digests { key: 1, headers: 2, body: offset as u64 };
            let record = SpoolEntry {
                way,
                partition,
                offset,
                kind: EntryKind::Expected,
                hub_partition,
                at: 1_000,
                digests,
            };
            let at = 10_000 + offset;
            all.extend([record, SpoolEntry { kind: EntryKind::Found, at, ..record }]);
        }
    }
    all
}

fn event(all: &mut [SpoolEntry], offset: i64) -> &mut SpoolEntry {
    let is = |it: &&mut SpoolEntry| {
        (it.kind, it.way, it.partition, it.offset) == (EntryKind::Found, 1, 7, offset)
    };
    all.iter_mut().find(is).unwrap()
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let sums = compared(sound());
    assert!(sums.is_good(), "{sums:?}");
    assert_eq!((sums.expected, sums.found, sums.examples.len()), (400, 400, 0));
}

#[test]
fn each_planted_fault_is_found_alone_and_in_its_place() {
    type Plant = fn(&mut Vec<SpoolEntry>);
    let planted: [(Discrepancy, Plant); 6] = [
        (Discrepancy::Missing, |all| {
            all.retain(|it| {
                (it.kind, it.way, it.partition, it.offset) != (EntryKind::Found, 1, 7, 42)
            });
        }),
        (Discrepancy::Twice, |all| {
            let again = *event(all, 42);
            all.push(SpoolEntry { at: 90_000, ..again });
        }),
        (Discrepancy::Disorder, |all| {
            // In one hub partition.
            let (one, other) = (event(all, 38).at, event(all, 42).at);
            event(all, 38).at = other;
            event(all, 42).at = one;
        }),
        (Discrepancy::Altered, |all| event(all, 42).digests.body ^= 1),
        (Discrepancy::Misplaced, |all| event(all, 42).hub_partition = 1),
        (Discrepancy::Unexpected, |all| {
            let record = all.iter_mut().find(|it| {
                (it.kind, it.way, it.partition, it.offset) == (EntryKind::Expected, 1, 7, 42)
            });
            record.unwrap().kind = EntryKind::Filtered;
        }),
    ];
    for (fault, plant) in planted {
        let mut all = sound();
        plant(&mut all);
        let sums = compared(all);
        assert!(!sums.is_good());
        assert_eq!(sums.faults.values().sum::<u64>(), 1, "{fault:?}: {sums:?}");
        assert_eq!(sums.of(fault), 1);
        let example = sums.examples[0];
        assert_eq!(
            (example.fault, example.way, example.partition, example.offset),
            (fault, 1, 7, 42)
        );
        assert_eq!(example.differs, [false, false, fault == Discrepancy::Altered]);
        assert_eq!(example.should, (fault == Discrepancy::Misplaced).then_some(2));
    }
}

#[test]
fn what_cannot_be_proven_is_no_fault() {
    let mut all = sound();
    // Compaction has taken the record.
    all.retain(|it| (it.kind, it.way, it.partition, it.offset) != (EntryKind::Expected, 1, 7, 42));
    // The hub's retention has taken the event.
    all.retain(|it| (it.kind, it.way, it.partition, it.offset) != (EntryKind::Found, 1, 7, 43));
    let old = all.iter_mut().find(|it| (it.way, it.partition, it.offset) == (1, 7, 43)).unwrap();
    old.at = 99;
    // It could not be stored, and its letter is there.
    let refused = *event(&mut all, 44);
    all.retain(|it| (it.kind, it.way, it.partition, it.offset) != (EntryKind::Found, 1, 7, 44));
    all.push(SpoolEntry { kind: EntryKind::Letter, ..refused });
    let sums = compared(all);
    assert!(sums.is_good(), "{sums:?}");
    assert_eq!((sums.no_record, sums.expired, sums.dead_lettered), (1, 1, 1));
}
