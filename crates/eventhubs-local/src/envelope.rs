//! What one delivery holds: a single event, or the batch format's envelope around many.
//!
//! Events are found, not decoded: each is a span of the payload, so a batch costs one walk over its section headers
//! and is stored as it came.

use std::sync::Arc;

use amqp::DecodeError;
use amqp::read::Reader;
use amqp::sections::{self, Sections};
use bytes::Bytes;

use crate::condition::Condition;
use crate::event::partition_key;
use crate::producers::Numbers;

/// The message-format of a batch.
pub(crate) const BATCH_FORMAT: u32 = 0x8001_3700;

/// Where one event lies in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// The events of one delivery.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) payload: Bytes,
    pub(crate) spans: Arc<[Span]>,
    /// The numbers that a producer gave them, if the link is of one.
    pub(crate) numbers: Option<Numbers>,
}

impl Arrival {
    /// Finds the events in `payload`.
    pub(crate) fn open(format: u32, payload: Bytes) -> Result<Self, Condition> {
        let spans = match format {
            0 => whole(&payload),
            BATCH_FORMAT => inner(&payload),
            other => {
                return Err(Condition::new(
                    "amqp:not-implemented",
                    format!("The message format '{other:#x}' is not supported."),
                ));
            }
        };
        let spans = spans.map_err(|error| Condition::decode(&error))?;
        Ok(Self { payload, spans, numbers: None })
    }

    /// The key the delivery is routed by: of a batch only the envelope's counts.
    pub(crate) fn routing_key(&self) -> Option<&str> {
        partition_key(&self.payload).filter(|key| !key.is_empty())
    }
}

fn whole(payload: &Bytes) -> Result<Arc<[Span]>, DecodeError> {
    check(payload)?;
    Ok(Arc::new([Span { start: 0, len: payload.len() as u32 }]))
}

fn inner(payload: &Bytes) -> Result<Arc<[Span]>, DecodeError> {
    let mut spans = Vec::new();
    for section in Sections::of(payload) {
        let section = section?;
        if section.code != sections::DATA {
            continue;
        }
        let event = Reader::new(section.value).binary()?;
        check(event)?;
        let start = event.as_ptr() as usize - payload.as_ptr() as usize;
        spans.push(Span { start: start as u32, len: event.len() as u32 });
    }
    Ok(spans.into())
}

/// A message is sections to its end, each at most once apart from the body's, in AMQP's order.
fn check(message: &[u8]) -> Result<(), DecodeError> {
    let mut last = 0;
    for section in Sections::of(message) {
        let section = section?;
        let repeats = matches!(section.code, 0x75 | 0x76) && section.code == last;
        if section.code <= last && !repeats {
            return Err(DecodeError::Descriptor(section.code.into()));
        }
        last = section.code;
    }
    Ok(())
}
