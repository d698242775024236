//! The bounded log of one partition.
//!
//! Batches are kept as they arrived, one refcounted payload each; sequence numbers run from 0 without holes, offsets
//! grow by the bytes stored. Retention drops whole batches from the front and never the newest. No clock, no locks.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::envelope::{Arrival, Span};
use crate::event::Event;
use crate::filter::Start;

/// What a batch costs beside its payload and spans, roughly.
const BATCH_OVERHEAD: usize = 128;

/// How much a partition keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bytes, at most (the newest batch is kept however large it is).
    pub bytes: usize,
    /// Events, at most, in whole batches.
    pub events: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { bytes: 1 << 30, events: usize::MAX }
    }
}

/// Events that arrived in one delivery.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) first_sequence: i64,
    base_offset: i64,
    pub(crate) enqueued_ms: i64,
    payload: Bytes,
    spans: Arc<[Span]>,
    pub(crate) publisher: Option<Arc<str>>,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    fn next_sequence(&self) -> i64 {
        self.first_sequence + self.spans.len() as i64
    }

    fn offset(&self, index: usize) -> i64 {
        self.base_offset + i64::from(self.spans[index].start)
    }

    fn cost(&self) -> usize {
        self.payload.len() + size_of_val(&*self.spans) + BATCH_OVERHEAD
    }

    /// The bytes of the event with that index, and its offset.
    pub(crate) fn bytes(&self, index: usize) -> (&[u8], i64) {
        (&self.payload[self.spans[index].range()], self.offset(index))
    }

    pub(crate) fn event(&self, index: usize) -> Event {
        Event {
            sequence: self.first_sequence + index as i64,
            offset: self.offset(index),
            enqueued_ms: self.enqueued_ms,
            raw: self.payload.slice(self.spans[index].range()),
        }
    }
}

/// What a partition was given, counted since the server was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Events stored.
    pub events: u64,
    /// Deliveries stored (a batch is one).
    pub deliveries: u64,
    /// Payload bytes stored.
    pub bytes: u64,
    /// Deliveries answered with something else than `accepted`, or not answered.
    pub refused: u64,
}

/// The newest event, as runtime metrics and partition properties tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) sequence: i64,
    pub(crate) offset: i64,
    pub(crate) enqueued_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Log {
    batches: VecDeque<Batch>,
    retention: Retention,
    next_sequence: i64,
    next_offset: i64,
    held_bytes: usize,
    newest: Option<Newest>,
    pub(crate) counters: Counters,
}

impl Log {
    pub(crate) fn new(retention: Retention) -> Self {
        Self {
            batches: VecDeque::new(),
            retention,
            next_sequence: 0,
            next_offset: 0,
            held_bytes: 0,
            newest: None,
            counters: Counters::default(),
        }
    }

    /// Stores the events of one delivery. Time never runs backwards in a partition.
    pub(crate) fn append(&mut self, arrival: Arrival, publisher: Option<Arc<str>>, now_ms: i64) {
        let Arrival { payload, spans } = arrival;
        let count = spans.len();
        if count == 0 {
            return;
        }
        let enqueued_ms = self.newest.map_or(now_ms, |newest| newest.enqueued_ms.max(now_ms));
        self.counters.events += count as u64;
        self.counters.deliveries += 1;
        self.counters.bytes += payload.len() as u64;
        let batch = Batch {
            first_sequence: self.next_sequence,
            base_offset: self.next_offset,
            enqueued_ms,
            payload,
            spans,
            publisher,
        };
        self.newest = Some(Newest {
            sequence: batch.next_sequence() - 1,
            offset: batch.offset(count - 1),
            enqueued_ms,
        });
        self.next_sequence = batch.next_sequence();
        self.next_offset += batch.payload.len() as i64;
        self.held_bytes += batch.cost();
        self.batches.push_back(batch);
        self.expire();
    }

    fn expire(&mut self) {
        while self.batches.len() > 1 {
            let spare = self.batches[1].first_sequence;
            let kept_after = (self.next_sequence - spare) as usize;
            // By count a batch goes only when the others alone satisfy it: "the last N" must hold N.
            if self.held_bytes <= self.retention.bytes && kept_after < self.retention.events {
                return;
            }
            if let Some(oldest) = self.batches.pop_front() {
                self.held_bytes -= oldest.cost();
            }
        }
    }

    pub(crate) fn first_sequence(&self) -> i64 {
        self.batches.front().map_or(self.next_sequence, |batch| batch.first_sequence)
    }

    pub(crate) fn next_sequence(&self) -> i64 {
        self.next_sequence
    }

    pub(crate) fn newest(&self) -> Option<Newest> {
        self.newest
    }

    /// The batch that holds `sequence`, or the oldest one when that event is gone; and the index in it.
    pub(crate) fn batch_at(&self, sequence: i64) -> Option<(Batch, usize)> {
        let after = self.batches.partition_point(|batch| batch.next_sequence() <= sequence);
        let batch = self.batches.get(after)?;
        let index = (sequence - batch.first_sequence).max(0) as usize;
        Some((batch.clone(), index))
    }

    /// All batches with events at or after `sequence`.
    pub(crate) fn batches_from(&self, sequence: i64) -> Vec<Batch> {
        let after = self.batches.partition_point(|batch| batch.next_sequence() <= sequence);
        self.batches.range(after..).cloned().collect()
    }

    /// The sequence number of the first event a receiver with that start gets.
    pub(crate) fn resolve(&self, start: Start) -> i64 {
        let after =
            |value: i64, inclusive: bool| if inclusive { value } else { value.saturating_add(1) };
        match start {
            Start::Earliest => self.first_sequence(),
            Start::Latest => self.next_sequence,
            Start::Sequence { value, inclusive } => {
                after(value, inclusive).clamp(self.first_sequence(), self.next_sequence)
            }
            Start::Offset { value, inclusive } => {
                let wanted = after(value, inclusive);
                self.first(|batch, index| batch.offset(index) >= wanted)
            }
            Start::EnqueuedTime { millis, inclusive } => {
                let wanted = after(millis, inclusive);
                self.first(|batch, _| batch.enqueued_ms >= wanted)
            }
        }
    }

    /// The first event for which `reached` holds, given that it then holds for all later ones.
    fn first(&self, reached: impl Fn(&Batch, usize) -> bool) -> i64 {
        let at = self.batches.partition_point(|batch| !reached(batch, batch.len() - 1));
        let Some(batch) = self.batches.get(at) else { return self.next_sequence };
        let index = (0..batch.len()).find(|&index| reached(batch, index)).unwrap_or(0);
        batch.first_sequence + index as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::BATCH_FORMAT;

    /// A delivery of events whose bodies are ten bytes.
    fn arrival(events: usize) -> Arrival {
        // An event: `00 53 75 a0 0a` and ten bytes; a data section around it: `00 53 75 a0 0f`.
        let event = [&[0x00, 0x53, 0x75, 0xa0, 0x0f, 0x00, 0x53, 0x75, 0xa0, 0x0a][..], &[7; 10]];
        Arrival::open(BATCH_FORMAT, event.concat().repeat(events).into()).unwrap()
    }

    fn log(bytes: usize, events: usize) -> Log {
        Log::new(Retention { bytes, events })
    }

    #[test]
    fn numbers_have_no_holes_and_offsets_grow() {
        let mut log = log(usize::MAX, usize::MAX);
        for events in [3, 1, 2] {
            log.append(arrival(events), None, 5);
        }
        let batches = log.batches_from(0);
        let events: Vec<Event> =
            batches.iter().flat_map(|b| (0..b.len()).map(|i| b.event(i))).collect();
        let numbers: Vec<i64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
        assert!(events.is_sorted_by(|a, b| a.offset < b.offset));
        assert!(events.iter().all(|event| event.body().unwrap() == [7; 10][..]));
        assert_eq!(log.counters, Counters { events: 6, deliveries: 3, bytes: 120, refused: 0 });
    }

    #[test]
    fn the_last_events_are_kept_in_whole_batches() {
        let mut log = log(usize::MAX, 10);
        for _ in 0..20 {
            log.append(arrival(4), None, 0);
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
            log.append(arrival(5), None, 0);
            assert!(log.held_bytes <= 10_000);
        }
        log.append(arrival(1_000), None, 0);
        assert_eq!((log.first_sequence(), log.next_sequence()), (5_000, 6_000));
        log.append(arrival(1), None, 0);
        assert_eq!((log.first_sequence(), log.next_sequence()), (6_000, 6_001));
    }

    #[test]
    fn time_does_not_run_backwards_and_can_be_searched() {
        let mut log = log(usize::MAX, usize::MAX);
        for now in [10, 30, 20, 40] {
            log.append(arrival(2), None, now);
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
        log.append(arrival(0), None, 0);
        assert_eq!((log.next_sequence(), log.newest()), (0, None));
    }
}
