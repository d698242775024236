//! One lane: the events on their way to one hub partition (or, for `gateway`, to a hub under one key at a time).
//!
//! One open batch, sealed ones behind each other, at most one in flight. That is what keeps order when a send is repeated:
//! nothing overtakes a batch that is not accepted. A sealed batch stays until it is accepted, dissolved by the failure
//! policy, or purged because its partition was taken away. A lane that makes no progress takes nothing more.
//!
//! Pure: time comes in as an argument, sending is somebody else's.

mod doubt;
mod room;
mod terms;

pub use room::STALLED_AFTER;
pub use terms::{Arrival, Departure, Room, Seal, Setback, Settings};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::batch::{self, EVENT_COST, Item, Open};
use crate::encode;
use crate::offsets::Ticket;
use crate::retry;
use doubt::LaneDoubt;

/// Sealed batches may be worth this much sending. More would only make a stop longer.
const QUEUE: Duration = Duration::from_secs(1);
/// How long an acknowledgement takes, for the length of the queue, until one has come.
const FIRST_PACE: Duration = Duration::from_millis(100);
/// Lanes that lost their connection start again within this time of the next one, not all at once.
const SPREAD: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Lane {
    settings: Settings,
    /// The link's own limit, once it has been attached.
    link_bytes: Option<usize>,
    open: Open,
    opened: Instant,
    full: bool,
    /// Bytes of the one before, and an eighth.
    usual: usize,
    /// Sealed, oldest first.
    sealed: VecDeque<WaitingBatch>,
    sealed_memory: usize,
    sealed_events: usize,
    flight: Option<Flight>,
    retry: Option<Retry>,
    /// Whether the first one may be stored.
    doubt: Option<LaneDoubt>,
    attempts: u32,
    trouble: Option<Instant>,
    /// Smoothed time from when a batch could leave to its acknowledgement.
    pace: Duration,
    /// When the last was acknowledged, if another waited.
    moved: Option<Instant>,
    /// What is held leaves without waiting for more.
    hurry: bool,
}

/// A batch that waits for its turn, and why it was sealed unless that has been told before.
#[derive(Debug)]
struct WaitingBatch {
    batch: batch::Sealed,
    reason: Option<Seal>,
}

#[derive(Debug)]
struct Flight {
    batch: batch::Sealed,
    since: Instant,
}

/// When a batch that was not stored is sent again.
#[derive(Debug, Clone, Copy)]
struct Retry {
    at: Instant,
    /// Whether a new connection ends the wait.
    connection: bool,
}

impl Lane {
    /// A lane with nothing to do.
    pub fn new(settings: Settings, link_bytes: Option<usize>, now: Instant) -> Self {
        Self {
            settings,
            link_bytes,
            open: Open::default(),
            opened: now,
            full: false,
            usual: 0,
            sealed: VecDeque::new(),
            sealed_memory: 0,
            sealed_events: 0,
            flight: None,
            retry: None,
            doubt: None,
            attempts: 0,
            trouble: None,
            pace: FIRST_PACE,
            moved: None,
            hurry: false,
        }
    }

    /// The links of this hub take batches of up to `max_message_size` bytes.
    pub fn link_takes(&mut self, max_message_size: usize) {
        self.link_bytes = Some(max_message_size);
    }

    /// Appends such an event.
    pub fn push<W: FnOnce(&mut Vec<u8>)>(
        &mut self,
        item: Item<W>,
        key: Option<&str>,
        start: usize,
        now: Instant,
    ) {
        let memory = self.memory_with(item.weight, encode::envelope_size(key), start);
        if self.open.is_empty() {
            self.open = Open::new(key, memory);
            self.opened = now;
        } else {
            self.open.reserve(memory);
        }
        self.open.push(item);
    }

    fn seal_open(&mut self, reason: Seal) {
        let batch = std::mem::take(&mut self.open).seal();
        self.full = false;
        self.usual = batch.bytes() / 8 * 9;
        self.enqueue_last(WaitingBatch { batch, reason: Some(reason) });
    }

    fn enqueue_last(&mut self, sealed: WaitingBatch) {
        self.sealed_memory += sealed.batch.held();
        self.sealed_events += sealed.batch.len();
        self.sealed.push_back(sealed);
    }

    fn enqueue_first(&mut self, batch: batch::Sealed) {
        self.sealed_memory += batch.held();
        self.sealed_events += batch.len();
        self.sealed.push_front(WaitingBatch { batch, reason: None });
    }

    fn dequeue(&mut self) -> Option<WaitingBatch> {
        let sealed = self.sealed.pop_front()?;
        self.sealed_memory -= sealed.batch.held();
        self.sealed_events -= sealed.batch.len();
        Some(sealed)
    }

    /// Why the open batch need not wait any longer, if it need not.
    fn is_complete(&self) -> Option<Seal> {
        if self.open.is_empty() {
            None
        } else if self.full || self.open.len() >= self.settings.max_events {
            Some(Seal::Full)
        } else {
            self.hurry.then_some(Seal::Drain)
        }
    }

    /// When this lane wants [`Lane::next`] to be asked; `None` while there is nothing to send, or an answer is awaited.
    pub fn due(&self) -> Option<Instant> {
        if self.flight.is_some() {
            return None;
        }
        if let Some(doubt) = &self.doubt {
            return doubt.due();
        }
        // `opened` is in the past: at once.
        let ready = if !self.sealed.is_empty() || self.is_complete().is_some() {
            self.opened
        } else if self.open.is_empty() {
            return None;
        } else {
            self.opened + self.settings.linger
        };
        Some(self.retry.map_or(ready, |retry| retry.at.max(ready)))
    }

    /// The batch to send now, if any.
    pub fn next(&mut self, now: Instant) -> Option<Departure> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        if self.sealed.is_empty() {
            self.seal_open(self.is_complete().unwrap_or(Seal::Linger));
        }
        let WaitingBatch { batch, reason } = self.dequeue()?;
        let (message, events, origins) = (batch.message(), batch.len(), batch.origins());
        let departure = Departure { message, events, reason, origins };
        self.retry = None;
        self.flight = Some(Flight { batch, since: now });
        Some(departure)
    }

    /// What is held leaves at once: no linger, no backoff.
    pub fn hurry(&mut self) {
        self.hurry = !self.is_empty();
        self.retry = None;
    }

    /// A new connection is there: what waits because there was none need not wait any longer.
    pub fn reconnect(&mut self, jitter: f64, now: Instant) {
        if let Some(retry) = self.retry.as_mut().filter(|retry| retry.connection) {
            retry.at = retry.at.min(now + SPREAD.mul_f64(jitter.clamp(0.0, 1.0)));
        }
    }

    /// The batch in flight is accepted.
    pub fn accepted(&mut self, now: Instant) -> Option<Arrival> {
        let flight = self.flight.take()?;
        let took = now.saturating_duration_since(flight.since);
        let cycle = self.moved.map_or(took, |moved| now.saturating_duration_since(moved));
        self.pace = (self.pace * 7 + cycle.min(QUEUE)) / 8;
        self.moved = (!self.sealed.is_empty()).then_some(now);
        self.attempts = 0;
        self.trouble = None;
        self.calm();
        Some(Arrival {
            events: flight.batch.len(),
            bytes: flight.batch.bytes(),
            oldest: flight.batch.oldest(),
            took,
            tickets: flight.batch.into_tickets().collect(),
        })
    }

    /// An empty lane has nothing to try again and is in no trouble that is known.
    fn calm(&mut self) {
        if self.is_empty() {
            self.retry = None;
            self.doubt = None;
            self.attempts = 0;
            self.trouble = None;
            self.moved = None;
            self.hurry = false;
        }
    }

    /// The batch in flight is not known to be stored and must be sent again, later. Returns how often it has failed
    /// in a row and how long it will wait.
    pub fn resend(&mut self, setback: Setback, now: Instant) -> (u32, Duration) {
        self.take_back();
        self.attempts = self.attempts.saturating_add(1);
        self.trouble.get_or_insert(now);
        let wait = retry::delay(self.attempts, setback.asked, setback.jitter);
        self.retry = Some(Retry { at: now + wait, connection: setback.connection });
        (self.attempts, wait)
    }

    /// The batch in flight can never be stored as it is: two halves are sent instead, in order. A single event that
    /// cannot be stored comes back as its ticket.
    pub fn dissolve(&mut self, limit: Option<usize>) -> Option<Ticket> {
        if let Some(limit) = limit {
            self.link_bytes = Some(self.link_bytes.map_or(limit, |known| known.min(limit)));
        }
        self.take_back();
        self.attempts = 0;
        let WaitingBatch { mut batch, .. } = self.dequeue()?;
        if batch.len() > 1 {
            let back = batch.split();
            self.enqueue_first(back);
            self.enqueue_first(batch);
            return None;
        }
        let ticket = batch.into_tickets().next();
        self.calm();
        ticket
    }

    fn take_back(&mut self) {
        if let Some(flight) = self.flight.take() {
            self.enqueue_first(flight.batch);
        }
    }

    /// Takes out what does not pass, except what is in flight.
    pub fn purge(&mut self, keep: impl Fn(&Ticket) -> bool) -> Vec<Ticket> {
        let mut removed = self.open.purge(&keep);
        if self.open.is_empty() {
            self.open = Open::default();
            self.full = false;
        }
        for WaitingBatch { batch, .. } in &mut self.sealed {
            removed.extend(batch.purge(&keep));
        }
        self.sealed.retain(|sealed| !sealed.batch.is_empty());
        self.sealed_memory = self.sealed.iter().map(|sealed| sealed.batch.held()).sum();
        self.sealed_events = self.sealed.iter().map(|sealed| sealed.batch.len()).sum();
        self.calm();
        removed
    }

    /// Memory held, all told: open, sealed and in flight, and what events cost beside. Sending takes no more.
    pub fn bytes(&self) -> usize {
        let (flight, in_flight) =
            self.flight.as_ref().map_or((0, 0), |it| (it.batch.held(), it.batch.len()));
        let events = self.open.len() + self.sealed_events + in_flight;
        self.open.held() + self.sealed_memory + flight + events * EVENT_COST
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.sealed.is_empty() && self.flight.is_none()
    }

    /// The tickets of all events held, the oldest event first.
    #[cfg(test)]
    pub(crate) fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        let flight = self.flight.iter().flat_map(|flight| flight.batch.tickets());
        flight.chain(self.waiting_tickets())
    }

    /// Those of events that are not in flight.
    #[cfg(test)]
    pub(crate) fn waiting_tickets(&self) -> impl Iterator<Item = &Ticket> {
        let sealed = self.sealed.iter().flat_map(|sealed| sealed.batch.tickets());
        sealed.chain(self.open.tickets())
    }
}

#[cfg(test)]
mod tests;
