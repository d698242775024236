//! What a connection has to do later, in the order of time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::requests::Reply;
use crate::condition::Outcome;

#[derive(Debug)]
pub(crate) enum Later {
    /// Answer a delivery.
    Settle { channel: u16, serial: u64, handle: u32, delivery_id: u32, outcome: Outcome },
    /// Answer a detach, unless the session's end came first.
    AnswerDetach { channel: u16, serial: u64, handle: u32, closed: bool },
    /// Answer a request.
    Reply { channel: u16, reply: Reply },
    /// Say what has waited.
    Write(Vec<u8>),
    /// Send an empty frame.
    Heartbeat { every: Duration },
    /// See whether the peer still lives.
    Silence,
    /// See which links have lost their token.
    TokenExpiry,
    /// See what has been idle for too long.
    Idle,
}

/// A queue by time; equal times keep their order.
#[derive(Debug, Default)]
pub(crate) struct Due {
    next_number: u64,
    queue: BTreeMap<(Instant, u64), Later>,
}

impl Due {
    pub(crate) fn push(&mut self, at: Instant, later: Later) {
        self.next_number += 1;
        self.queue.insert((at, self.next_number), later);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// The first thing due by `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Later> {
        let entry = self.queue.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// There is one expiry to watch at a time: the next.
    pub(crate) fn replace_expiry(&mut self, at: Instant) {
        self.queue.retain(|_, later| !matches!(later, Later::TokenExpiry));
        self.push(at, Later::TokenExpiry);
    }

    /// The same for what is idle.
    pub(crate) fn replace_idle(&mut self, at: Instant) {
        self.queue.retain(|_, later| !matches!(later, Later::Idle));
        self.push(at, Later::Idle);
    }
}
