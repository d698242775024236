//! The bounded log of one partition.
//!
//! Batches are kept as they arrived, one refcounted payload each; sequence numbers run from 0 without holes, offsets
//! grow by the bytes stored. Retention drops whole batches from the front. With a store every batch is on disk before
//! it is in the log, and only the newest are in memory as well. No clock, no locks.

mod batch;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub(crate) use batch::{Batch, Entry, Extent, Newest};

use crate::envelope::Arrival;
use crate::filter::Start;
use crate::store::{Restored, Store};

/// What a partition with a store keeps in memory beside, for those who read at the end.
const IN_MEMORY: usize = 16 << 20;

/// How much a partition keeps, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Bytes, at most (the newest batch is kept however large it is).
    pub bytes: usize,
    /// Events, at most, in whole batches.
    pub events: usize,
    /// Age, at most: older events go even when nothing new comes.
    pub age: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { bytes: 1 << 30, events: usize::MAX, age: None }
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
    /// Deliveries accepted and not stored, because their numbers say that they were stored before.
    pub repeated: u64,
}

#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// How many entries, from the front, are on disk only.
    on_disk: usize,
    retention: Retention,
    next_sequence: i64,
    next_offset: i64,
    held_bytes: usize,
    in_memory: usize,
    newest: Option<Newest>,
    store: Option<Store>,
    pub(crate) counters: Counters,
}

impl Log {
    pub(crate) fn new(retention: Retention) -> Self {
        Self {
            entries: VecDeque::new(),
            on_disk: 0,
            retention,
            next_sequence: 0,
            next_offset: 0,
            held_bytes: 0,
            in_memory: 0,
            newest: None,
            store: None,
            counters: Counters::default(),
        }
    }

    /// The log of what is on disk.
    pub(crate) fn restore(retention: Retention, restored: Restored, now_ms: i64) -> Self {
        let Restored { store, entries, next_sequence, next_offset, newest } = restored;
        let mut log = Self {
            held_bytes: entries.iter().map(|entry| entry.extent.cost()).sum(),
            on_disk: entries.len(),
            entries,
            next_sequence,
            next_offset,
            newest,
            store: Some(store),
            ..Self::new(retention)
        };
        log.expire(now_ms);
        log
    }

    /// Stores the events of one delivery, or nothing of it. Time never runs backwards in a partition.
    pub(crate) fn append(
        &mut self,
        arrival: Arrival,
        publisher: Option<Arc<str>>,
        now_ms: i64,
    ) -> io::Result<()> {
        let Arrival { payload, spans, .. } = arrival;
        let count = spans.len();
        if count == 0 {
            return Ok(());
        }
        let enqueued_ms = self.newest.map_or(now_ms, |newest| newest.enqueued_ms.max(now_ms));
        let bytes = payload.len() as u64;
        let batch = Batch {
            first_sequence: self.next_sequence,
            base_offset: self.next_offset,
            enqueued_ms,
            payload,
            spans,
            publisher,
        };
        let place = match &mut self.store {
            Some(store) => Some(store.append(&batch)?),
            None => None,
        };
        self.counters.events += count as u64;
        self.counters.deliveries += 1;
        self.counters.bytes += bytes;
        let entry = Entry::new(batch, place);
        self.newest = Some(entry.extent.newest());
        self.next_sequence = entry.extent.next_sequence();
        self.next_offset = entry.extent.next_offset();
        self.held_bytes += entry.extent.cost();
        self.in_memory += entry.extent.cost();
        self.entries.push_back(entry);
        self.leave_memory();
        self.expire(now_ms);
        Ok(())
    }

    /// Lets go of old batches that can be read from disk.
    fn leave_memory(&mut self) {
        if self.store.is_none() {
            return;
        }
        while self.in_memory > IN_MEMORY && self.on_disk + 1 < self.entries.len() {
            let entry = &mut self.entries[self.on_disk];
            entry.batch = None;
            self.in_memory -= entry.extent.cost();
            self.on_disk += 1;
        }
    }

    /// Drops what is beyond the retention.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        let before = self.entries.len();
        while self.is_over(now_ms)
            && let Some(oldest) = self.entries.pop_front()
        {
            let cost = oldest.extent.cost();
            self.held_bytes -= cost;
            match self.on_disk.checked_sub(1) {
                Some(left) => self.on_disk = left,
                None => self.in_memory -= cost,
            }
        }
        if self.entries.len() < before {
            let first = self.first_sequence();
            if let Some(store) = &mut self.store {
                store.forget_before(first);
            }
        }
    }

    /// Whether the oldest batch is to go.
    fn is_over(&self, now_ms: i64) -> bool {
        let Some(oldest) = self.entries.front() else { return false };
        let age = self.retention.age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        if age.is_some_and(|age| oldest.extent.enqueued_ms.saturating_add(age) <= now_ms) {
            return true;
        }
        let Some(second) = self.entries.get(1) else { return false };
        // By count a batch goes only when the others alone satisfy it: "the last N" must hold N.
        let kept_after = (self.next_sequence - second.extent.first_sequence) as usize;
        self.held_bytes > self.retention.bytes || kept_after >= self.retention.events
    }

    pub(crate) fn first_sequence(&self) -> i64 {
        self.entries.front().map_or(self.next_sequence, |entry| entry.extent.first_sequence)
    }

    pub(crate) fn next_sequence(&self) -> i64 {
        self.next_sequence
    }

    pub(crate) fn newest(&self) -> Option<Newest> {
        self.newest
    }

    fn position(&self, sequence: i64) -> usize {
        self.entries.partition_point(|entry| entry.extent.next_sequence() <= sequence)
    }

    /// The batch that holds `sequence`, or the oldest one when that event is gone; and the index in it.
    pub(crate) fn batch_at(&self, sequence: i64) -> Option<(Batch, usize)> {
        // A batch that cannot be read back is passed over.
        let batch = self.entries.range(self.position(sequence)..).find_map(Entry::load)?;
        let index = (sequence - batch.first_sequence).max(0) as usize;
        Some((batch, index))
    }

    /// All batches with events at or after `sequence`.
    pub(crate) fn entries_from(&self, sequence: i64) -> Vec<Entry> {
        self.entries.range(self.position(sequence)..).cloned().collect()
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
                let at = self.entries.partition_point(|entry| entry.extent.last_offset < wanted);
                let Some(entry) = self.entries.get(at) else { return self.next_sequence };
                let index = entry.load().and_then(|batch| {
                    (0..batch.len()).find(|&index| batch.offset(index) >= wanted)
                });
                entry.extent.first_sequence + index.unwrap_or(0) as i64
            }
            Start::EnqueuedTime { millis, inclusive } => {
                let wanted = after(millis, inclusive);
                let at = self.entries.partition_point(|entry| entry.extent.enqueued_ms < wanted);
                let found = self.entries.get(at);
                found.map_or(self.next_sequence, |entry| entry.extent.first_sequence)
            }
        }
    }
}
