//! Numbers, retention and search of a log in memory.

use super::*;
use crate::envelope::BATCH_FORMAT;
use crate::event::Event;

/// A delivery of events whose bodies are ten bytes.
fn arrival(events: usize) -> Arrival {
    // An event: `00 53 75 a0 0a` and ten bytes; a data section around it: `00 53 75 a0 0f`.
    let event = [&[0x00, 0x53, 0x75, 0xa0, 0x0f, 0x00, 0x53, 0x75, 0xa0, 0x0a][..], &[7; 10]];
    Arrival::open(BATCH_FORMAT, event.concat().repeat(events).into()).unwrap()
}

fn log(bytes: usize, events: usize) -> Log {
    Log::new(Retention { bytes, events, age: None })
}

#[test]
fn numbers_have_no_holes_and_offsets_grow() {
    let mut log = log(usize::MAX, usize::MAX);
    for events in [3, 1, 2] {
        log.append(arrival(events), None, 5).unwrap();
    }
    let batches: Vec<Batch> = log.entries_from(0).iter().filter_map(Entry::load).collect();
    let events: Vec<Event> =
        batches.iter().flat_map(|b| (0..b.len()).map(|i| b.event(i))).collect();
    let numbers: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    assert!(events.is_sorted_by(|a, b| a.offset < b.offset));
    assert!(events.iter().all(|event| event.body().unwrap() == [7; 10][..]));
    assert_eq!(
        log.counters,
        Counters { events: 6, deliveries: 3, bytes: 120, ..Counters::default() }
    );
}

#[test]
fn the_last_events_are_kept_in_whole_batches() {
    let mut log = log(usize::MAX, 10);
    for _ in 0..20 {
        log.append(arrival(4), None, 0).unwrap();
    }
    assert_eq!((log.first_sequence(), log.next_sequence()), (68, 80));
    assert_eq!(log.counters.events, 80);
    // A receiver that is behind goes on at the oldest.
    let (batch, index) = log.batch_at(3).unwrap();
    assert_eq!((batch.first_sequence, index), (68, 0));
    assert_eq!(log.batch_at(80).map(|(batch, _)| batch.first_sequence), None);
    assert_eq!(log.resolve(Start::Sequence { value: 3, inclusive: true }), 68);
}

#[test]
fn memory_is_bounded_and_the_newest_batch_is_kept() {
    let mut log = log(10_000, usize::MAX);
    for _ in 0..1_000 {
        log.append(arrival(5), None, 0).unwrap();
        assert!(log.held_bytes <= 10_000);
    }
    log.append(arrival(1_000), None, 0).unwrap();
    assert_eq!((log.first_sequence(), log.next_sequence()), (5_000, 6_000));
    log.append(arrival(1), None, 0).unwrap();
    assert_eq!((log.first_sequence(), log.next_sequence()), (6_000, 6_001));
}

#[test]
fn time_does_not_run_backwards_and_can_be_searched() {
    let mut log = log(usize::MAX, usize::MAX);
    for now in [10, 30, 20, 40] {
        log.append(arrival(2), None, now).unwrap();
    }
    let first = |millis, inclusive| log.resolve(Start::EnqueuedTime { millis, inclusive });
    assert_eq!(first(0, false), 0);
    assert_eq!(first(10, false), 2);
    assert_eq!(first(30, true), 2);
    assert_eq!(first(30, false), 6);
    assert_eq!(first(40, false), 8);
}

#[test]
fn an_envelope_without_events_stores_nothing() {
    let mut log = log(usize::MAX, usize::MAX);
    log.append(arrival(0), None, 0).unwrap();
    assert_eq!((log.next_sequence(), log.newest()), (0, None));
}

#[test]
fn old_events_go_even_when_nothing_new_comes_and_the_numbers_go_on() {
    let mut log =
        Log::new(Retention { age: Some(Duration::from_secs(10)), ..Retention::default() });
    log.append(arrival(2), None, 0).unwrap();
    log.append(arrival(2), None, 6_000).unwrap();
    log.expire(9_999);
    assert_eq!(log.first_sequence(), 0);
    log.expire(10_000);
    assert_eq!(log.first_sequence(), 2);
    log.expire(16_000);
    assert_eq!((log.first_sequence(), log.next_sequence(), log.held_bytes), (4, 4, 0));
    assert_eq!(log.newest().map(|newest| newest.sequence), Some(3));
    log.append(arrival(1), None, 20_000).unwrap();
    assert_eq!(log.batch_at(0).unwrap().0.first_sequence, 4);
}
