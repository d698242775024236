//! What a lane is told, and what it says.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Lane;
use crate::offsets::Ticket;
use crate::trace::Origins;
use crate::words;

words! {
    /// Why a batch was sealed: `bridge_batches_sealed_total`.
    pub enum Seal {
        /// No room for the next event.
        Full = "full",
        /// It waited for the linger time.
        Linger = "linger",
        /// The shard is draining.
        Drain = "drain",
    }
}

/// What the configuration says of a lane.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long an event waits for others.
    pub linger: Duration,
    /// Largest batch, unless the link allows less.
    pub max_bytes: Option<usize>,
    /// Most events in a batch.
    pub max_events: usize,
    /// Bytes that are added to each event on its way out, at most.
    pub room: usize,
}

/// What can be done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// It may be pushed.
    Now,
    /// Not before something is acknowledged.
    Later,
    /// Its weight is beyond what the link takes, which is this many bytes.
    Never(usize),
}

/// A send that has to be repeated.
#[derive(Debug, Clone, Copy)]
pub struct Setback {
    /// The least wait the service asked for.
    pub asked: Option<Duration>,
    /// Whether the connection was the cause, so that a new one ends the wait.
    pub connection: bool,
    /// A random number in `0.0..1.0`.
    pub jitter: f64,
}

/// A batch that leaves.
#[derive(Debug)]
pub struct Departure {
    /// What is sent.
    pub message: Bytes,
    /// Number of events.
    pub events: usize,
    /// Why it was sealed; `None` when it has left before.
    pub reason: Option<Seal>,
    /// Where its events come from, if that is followed.
    pub origins: Option<Origins>,
}

/// A batch that was accepted.
#[derive(Debug)]
pub struct Arrival {
    /// Number of events.
    pub events: usize,
    /// Bytes on the wire.
    pub bytes: usize,
    /// The smallest Kafka timestamp inside.
    pub oldest: Option<i64>,
    /// From departure to acknowledgement.
    pub took: Duration,
    /// What is to be settled.
    pub tickets: Vec<Ticket>,
}

impl Lane {
    /// Whether what is held leaves without waiting for more: a drain is under way.
    pub(crate) fn is_in_a_hurry(&self) -> bool {
        self.hurry
    }

    /// Whether a batch is open.
    pub(crate) fn is_filling(&self) -> bool {
        !self.open.is_empty()
    }

    /// Since when nothing was accepted, if the last batch was not.
    pub(crate) fn trouble(&self) -> Option<Instant> {
        self.trouble
    }

    /// Since when a batch is under way, if one is.
    pub(crate) fn in_flight_since(&self) -> Option<Instant> {
        self.flight.as_ref().map(|flight| flight.since)
    }

    /// How often its first batch was sent in vain.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When that is sent again, if it waits.
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        self.retry.map(|retry| retry.at)
    }

    /// No drain is under way any more.
    pub(crate) fn take_its_time(&mut self) {
        self.hurry = false;
    }
}
