//! A batch: the events of one delivery, as they arrived. And its entry in the log, which may know more than it holds.

use std::sync::Arc;

use bytes::Bytes;

use crate::envelope::Span;
use crate::event::Event;
use crate::store::Place;

/// What a batch costs beside its payload and spans, roughly.
const OVERHEAD: usize = 192;

/// Events that arrived in one delivery.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) first_sequence: i64,
    pub(crate) base_offset: i64,
    pub(crate) enqueued_ms: i64,
    pub(crate) payload: Bytes,
    pub(crate) spans: Arc<[Span]>,
    pub(crate) publisher: Option<Arc<str>>,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn offset(&self, index: usize) -> i64 {
        self.base_offset + i64::from(self.spans[index].start)
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

    /// What the log keeps of it in any case.
    pub(crate) fn extent(&self) -> Extent {
        let last = self.spans.last().map_or(0, |span| span.start);
        Extent {
            first_sequence: self.first_sequence,
            base_offset: self.base_offset,
            last_offset: self.base_offset + i64::from(last),
            enqueued_ms: self.enqueued_ms,
            count: self.spans.len() as u32,
            payload: self.payload.len() as u32,
        }
    }
}

/// Which numbers a batch covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) first_sequence: i64,
    pub(crate) base_offset: i64,
    /// The offset of its last event.
    pub(crate) last_offset: i64,
    pub(crate) enqueued_ms: i64,
    pub(crate) count: u32,
    /// Bytes of its payload.
    pub(crate) payload: u32,
}

impl Extent {
    pub(crate) fn next_sequence(&self) -> i64 {
        self.first_sequence + i64::from(self.count)
    }

    pub(crate) fn next_offset(&self) -> i64 {
        self.base_offset + i64::from(self.payload)
    }

    /// What it takes of the retention.
    pub(super) fn cost(&self) -> usize {
        self.payload as usize + self.count as usize * size_of::<Span>() + OVERHEAD
    }

    pub(crate) fn newest(&self) -> Newest {
        Newest {
            sequence: self.next_sequence() - 1,
            offset: self.last_offset,
            enqueued_ms: self.enqueued_ms,
        }
    }
}

/// The newest event, as runtime metrics and partition properties tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) sequence: i64,
    pub(crate) offset: i64,
    pub(crate) enqueued_ms: i64,
}

/// A batch of the log: in memory, on disk, or both.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) extent: Extent,
    pub(super) batch: Option<Batch>,
    place: Option<Place>,
}

impl Entry {
    pub(super) fn new(batch: Batch, place: Option<Place>) -> Self {
        Self { extent: batch.extent(), batch: Some(batch), place }
    }

    pub(crate) fn on_disk(extent: Extent, place: Place) -> Self {
        Self { extent, batch: None, place: Some(place) }
    }

    /// The batch, read from disk if need be; `None`, said in the log, when it cannot be read back.
    pub(crate) fn load(&self) -> Option<Batch> {
        self.batch.clone().or_else(|| self.place.as_ref()?.load(&self.extent))
    }
}
