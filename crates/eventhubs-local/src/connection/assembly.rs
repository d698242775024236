//! Puts the frames of one delivery together.
//!
//! A link has at most one delivery under way, and never holds more of it than its limit allows: what exceeds it is
//! counted and thrown away, so that the delivery can be refused with its size.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use amqp::performative::Transfer;
use bytes::Bytes;

use crate::condition::Condition;

/// A delivery, whole.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: u32,
    pub(super) format: u32,
    pub(super) settled: bool,
    /// The payload, or its size when it is too large to keep.
    pub(super) payload: Result<Bytes, usize>,
}

/// What the half-arrived deliveries of one connection may take together.
const MAX_ASSEMBLING: usize = 256 << 20;

/// What they take.
#[derive(Debug, Default)]
pub(crate) struct Budget(AtomicUsize);

/// A share of the budget, given back on drop.
#[derive(Debug)]
struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Makes the share as large as `bytes`.
    fn grow(&mut self, bytes: usize) -> Result<(), Condition> {
        let more = bytes.saturating_sub(self.bytes);
        self.bytes += more;
        let taken = self.budget.0.fetch_add(more, Ordering::Relaxed) + more;
        if taken > MAX_ASSEMBLING {
            let text = "too many deliveries of the connection are incomplete at once";
            return Err(Condition::new("amqp:resource-limit-exceeded", text));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Partial {
    id: u32,
    format: u32,
    settled: bool,
    size: usize,
    payload: Vec<u8>,
    share: Share,
}

#[derive(Debug)]
pub(super) struct Assembly {
    limit: u64,
    budget: Arc<Budget>,
    /// The size of the last delivery of several frames: the best guess for the next.
    usual: usize,
    partial: Option<Partial>,
}

impl Assembly {
    pub(super) fn new(limit: u64, budget: &Arc<Budget>) -> Self {
        Self { limit, budget: Arc::clone(budget), usual: 0, partial: None }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes one frame; gives the delivery with its last.
    pub(super) fn push(
        &mut self,
        transfer: &Transfer,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Condition> {
        if transfer.aborted {
            self.partial = None;
            return Ok(None);
        }
        let Some(partial) = &mut self.partial else { return self.first(transfer, payload) };
        if transfer.delivery_id.is_some_and(|id| id != partial.id) {
            let text = "a delivery begins before the last one of the link is complete";
            return Err(Condition::new("amqp:not-allowed", text));
        }
        partial.size += payload.len();
        partial.settled |= transfer.settled;
        if partial.size as u64 <= self.limit {
            partial.payload.extend_from_slice(payload);
            partial.share.grow(partial.payload.capacity())?;
        }
        if transfer.more {
            return Ok(None);
        }
        Ok(self.partial.take().map(|partial| self.complete(partial)))
    }

    fn first(
        &mut self,
        transfer: &Transfer,
        payload: &[u8],
    ) -> Result<Option<Delivery>, Condition> {
        let id = transfer.delivery_id.ok_or_else(|| {
            Condition::new("amqp:invalid-field", "the first transfer needs a delivery-id")
        })?;
        let format = transfer.message_format.unwrap_or(0);
        let fits = payload.len() as u64 <= self.limit;
        if !transfer.more {
            let payload =
                if fits { Ok(Bytes::copy_from_slice(payload)) } else { Err(payload.len()) };
            return Ok(Some(Delivery { id, format, settled: transfer.settled, payload }));
        }
        let mut kept = Vec::new();
        let mut share = Share { budget: Arc::clone(&self.budget), bytes: 0 };
        if fits {
            kept.reserve_exact(self.usual.max(payload.len() * 2));
            kept.extend_from_slice(payload);
            share.grow(kept.capacity())?;
        }
        self.partial = Some(Partial {
            id,
            format,
            settled: transfer.settled,
            size: payload.len(),
            payload: kept,
            share,
        });
        Ok(None)
    }

    fn complete(&mut self, partial: Partial) -> Delivery {
        let Partial { id, format, settled, size, mut payload, .. } = partial;
        let payload = if size as u64 > self.limit {
            Err(size)
        } else {
            self.usual = size + size / 8;
            // A buffer much larger than its contents would be held as long as they are.
            if payload.capacity() > size * 2 {
                payload.shrink_to_fit();
            }
            Ok(Bytes::from(payload))
        };
        Delivery { id, format, settled, payload }
    }
}
