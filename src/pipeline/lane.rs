//! One lane: the events on their way to one hub partition (or, for `gateway`, to a hub under one key at a time).
//!
//! One open batch, at most one batch in flight. That is what keeps order when a send is repeated: nothing overtakes a
//! batch that is not accepted. A sealed batch stays until it is accepted, dissolved by the failure policy, or purged
//! because its partition was taken away.
//!
//! Pure: time comes in as an argument, sending is somebody else's.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::batch::{Batch, Bounds, Fit, Item};
use crate::offsets::Ticket;
use crate::retry;

/// A lane that has not moved for this long does not hold up the others any more.
pub const STALLED_AFTER: Duration = Duration::from_secs(2);
/// Sealed batches that may wait behind the one in flight when every batch has one key (`gateway`).
const WAITING: usize = 64;
/// Sealed batches that may wait behind the one in flight otherwise, while memory is plenty. Kafka hands out long runs of
/// one partition, and mostly a run goes to one lane: without room for it, everything would wait for that lane's
/// acknowledgements while the other lanes have nothing to do.
const AHEAD: usize = 2;

/// Why a batch was sealed: a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// No room for the next event.
    Full,
    /// It waited for the linger time.
    Linger,
    /// The shard is draining.
    Drain,
}

impl Seal {
    /// The metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Linger => "linger",
            Self::Drain => "drain",
        }
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
}

/// See the module.
#[derive(Debug)]
pub struct Lane<E> {
    settings: Settings,
    /// The link's own limit; nothing can be sent before it is known.
    link_bytes: Option<usize>,
    open: Batch<E>,
    opened: Option<Instant>,
    full: bool,
    /// Sealed, oldest first.
    sealed: VecDeque<Sealed<E>>,
    flight: Option<Flight<E>>,
    retry_at: Option<Instant>,
    attempts: u32,
    trouble: Option<Instant>,
}

/// A batch that waits for its turn, and why it was sealed unless that has been told before.
#[derive(Debug)]
struct Sealed<E> {
    batch: Batch<E>,
    reason: Option<Seal>,
}

#[derive(Debug)]
struct Flight<E> {
    batch: Batch<E>,
    since: Instant,
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

impl<E> Lane<E> {
    /// A lane without a link, in trouble until it has one.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            link_bytes: None,
            open: Batch::new(0, None),
            opened: None,
            full: false,
            sealed: VecDeque::new(),
            flight: None,
            retry_at: None,
            attempts: 0,
            trouble: Some(now),
        }
    }

    /// The link is attached and takes batches of up to `max_message_size` bytes.
    pub fn ready(&mut self, max_message_size: usize) {
        self.link_bytes = Some(max_message_size);
        if self.attempts == 0 {
            self.trouble = None;
        }
    }

    fn bounds(&self) -> Option<Bounds> {
        let link = self.link_bytes?;
        let bytes = self.settings.max_bytes.map_or(link, |own| own.min(link));
        Some(Bounds { bytes, events: self.settings.max_events })
    }

    /// Whether an event of `weight` bytes, in an envelope of `overhead` bytes with `key`, has room. Seals the open
    /// batch when that makes room; `ahead` allows it to do so for more than what is in flight.
    pub fn room(&mut self, weight: usize, overhead: usize, key: Option<&str>, ahead: bool) -> Room {
        let Some(bounds) = self.bounds() else { return Room::Later };
        // The link's limit decides what can never be sent; a smaller limit of the operator only makes batches smaller.
        let alone = Bounds { bytes: self.link_bytes.unwrap_or(bounds.bytes), events: 1 };
        if Batch::<E>::new(overhead, None).fit(weight, alone) == Fit::Never {
            return Room::Never(alone.bytes);
        }
        if self.open.is_empty() {
            return Room::Now;
        }
        if self.open.key() == key && self.open.fit(weight, bounds) == Fit::Now {
            return Room::Now;
        }
        let waiting = match (self.open.key().is_some() || key.is_some(), ahead) {
            (true, _) => WAITING,
            (false, true) => AHEAD,
            (false, false) => 0,
        };
        if self.sealed.len() < waiting {
            self.seal_open(Seal::Full);
            return Room::Now;
        }
        self.full = true;
        Room::Later
    }

    /// Appends an event for which [`Lane::room`] said [`Room::Now`].
    pub fn push(
        &mut self,
        item: Item<E>,
        timestamp: Option<i64>,
        overhead: usize,
        key: Option<&str>,
        now: Instant,
    ) {
        if self.open.is_empty() {
            self.open = Batch::new(overhead, key.map(str::to_owned));
            self.opened = Some(now);
        }
        self.open.push(item, timestamp);
    }

    fn seal_open(&mut self, reason: Seal) {
        let batch = std::mem::replace(&mut self.open, Batch::new(0, None));
        self.opened = None;
        self.full = false;
        self.sealed.push_back(Sealed { batch, reason: Some(reason) });
    }

    /// Whether the open batch should be sealed now, and why.
    fn due(&self, now: Instant, drain: bool) -> Option<Seal> {
        let opened = self.opened.filter(|_| !self.open.is_empty())?;
        if self.full || self.open.len() >= self.settings.max_events {
            Some(Seal::Full)
        } else if drain {
            Some(Seal::Drain)
        } else {
            (now >= opened + self.settings.linger).then_some(Seal::Linger)
        }
    }

    /// The batch to send now, if any: its events, its key, and why it was sealed if it leaves for the first time.
    pub fn next(&mut self, now: Instant, drain: bool) -> Option<Departure<E>> {
        let waits = self.retry_at.is_some_and(|at| now < at);
        if self.flight.is_some() || self.link_bytes.is_none() || waits {
            return None;
        }
        if self.sealed.is_empty() {
            let reason = self.due(now, drain)?;
            self.seal_open(reason);
        }
        let Sealed { mut batch, reason } = self.sealed.pop_front()?;
        let departure = Departure {
            events: batch.lend(),
            key: batch.key().map(str::to_owned),
            bytes: batch.bytes(),
            reason,
        };
        self.retry_at = None;
        self.flight = Some(Flight { batch, since: now });
        Some(departure)
    }

    /// The batch in flight is accepted.
    pub fn accepted(&mut self, now: Instant) -> Option<Arrival> {
        let flight = self.flight.take()?;
        self.attempts = 0;
        self.trouble = None;
        Some(Arrival {
            events: flight.batch.len(),
            bytes: flight.batch.bytes(),
            oldest: flight.batch.oldest(),
            took: now.saturating_duration_since(flight.since),
            tickets: flight.batch.into_tickets().collect(),
        })
    }

    /// The batch in flight is not known to be stored and must be sent again, later. Returns how often it has failed
    /// in a row and how long it will wait.
    pub fn resend(
        &mut self,
        events: Vec<E>,
        asked: Option<Duration>,
        jitter: f64,
        now: Instant,
    ) -> (u32, Duration) {
        self.take_back(events);
        self.attempts = self.attempts.saturating_add(1);
        self.trouble.get_or_insert(now);
        let wait = retry::delay(self.attempts, asked, jitter);
        self.retry_at = Some(now + wait);
        (self.attempts, wait)
    }

    /// The batch in flight can never be stored as it is: two halves are sent instead, in order. A single event that
    /// cannot be stored comes back as its ticket.
    pub fn dissolve(&mut self, events: Vec<E>, limit: Option<usize>) -> Option<Ticket> {
        if let Some(limit) = limit {
            self.link_bytes = Some(self.link_bytes.map_or(limit, |known| known.min(limit)));
        }
        self.take_back(events);
        self.attempts = 0;
        let Sealed { mut batch, .. } = self.sealed.pop_front()?;
        if batch.len() > 1 {
            let back = batch.split();
            self.sealed.push_front(Sealed { batch: back, reason: None });
            self.sealed.push_front(Sealed { batch, reason: None });
            return None;
        }
        batch.into_tickets().next()
    }

    fn take_back(&mut self, events: Vec<E>) {
        if let Some(mut flight) = self.flight.take() {
            flight.batch.restore(events);
            self.sealed.push_front(Sealed { batch: flight.batch, reason: None });
        }
    }

    /// Takes out what does not pass, except what is in flight.
    pub fn purge(&mut self, keep: impl Fn(&Ticket) -> bool) -> Vec<Ticket> {
        let mut removed = Vec::new();
        let sealed = self.sealed.iter_mut().map(|sealed| &mut sealed.batch);
        for batch in sealed.chain([&mut self.open]) {
            removed.extend(batch.purge(&keep));
        }
        self.sealed.retain(|sealed| !sealed.batch.is_empty());
        if self.open.is_empty() {
            self.opened = None;
            self.full = false;
        }
        removed
    }

    /// When this lane wants attention without an answer from outside.
    pub fn deadline(&self) -> Option<Instant> {
        if self.flight.is_some() || self.link_bytes.is_none() {
            return None;
        }
        match self.retry_at {
            Some(at) => Some(at),
            None => self.opened.map(|opened| opened + self.settings.linger),
        }
    }

    /// Whether this lane has made no progress for [`STALLED_AFTER`]: no link, failing, or unanswered.
    pub fn stalled(&self, now: Instant) -> bool {
        let since = match (self.trouble, self.flight.as_ref().map(|flight| flight.since)) {
            (Some(trouble), Some(flight)) => Some(trouble.min(flight)),
            (trouble, flight) => trouble.or(flight),
        };
        since.is_some_and(|since| now.saturating_duration_since(since) >= STALLED_AFTER)
    }

    /// Bytes held: open, sealed and in flight. What is in flight counts twice: the AMQP library has a copy of its own,
    /// encoded, until it is acknowledged.
    pub fn bytes(&self) -> usize {
        let sealed: usize = self.sealed.iter().map(|sealed| sealed.batch.bytes()).sum();
        let flight = self.flight.as_ref().map_or(0, |flight| flight.batch.bytes());
        self.open.bytes() + sealed + 2 * flight
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.sealed.is_empty() && self.flight.is_none()
    }
}

/// A batch that leaves.
#[derive(Debug)]
pub struct Departure<E> {
    /// The events, lent until the send ends.
    pub events: Vec<E>,
    /// The key the service routes by.
    pub key: Option<String>,
    /// Bytes on the wire.
    pub bytes: usize,
    /// Why it was sealed; `None` when it has left before.
    pub reason: Option<Seal>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offsets::Offsets;

    const SETTINGS: Settings =
        Settings { linger: Duration::from_millis(10), max_bytes: None, max_events: 2 };

    /// How many events a lane takes before anything is acknowledged.
    fn taken(ahead: bool) -> (usize, Lane<usize>) {
        let now = Instant::now();
        let mut offsets = Offsets::default();
        let partition = offsets.assign();
        let mut lane = Lane::new(SETTINGS, now);
        lane.ready(1_000);
        for event in 0.. {
            match lane.room(10, 0, None, ahead) {
                Room::Now => {}
                Room::Later if lane.next(now, false).is_some() => {
                    assert_eq!(lane.room(10, 0, None, ahead), Room::Now, "the open batch has left");
                }
                _ => return (event, lane),
            }
            let ticket = offsets.track(partition, event as i64).unwrap();
            lane.push(Item { event, weight: 10, ticket }, None, 0, None, now);
        }
        unreachable!("a lane takes no more at some point")
    }

    #[test]
    fn takes_a_run_longer_than_a_batch_while_memory_is_plenty_and_keeps_its_order() {
        assert_eq!(taken(false).0, 4, "one batch in flight and one open");
        let (count, mut lane) = taken(true);
        assert_eq!(count, 8, "and two sealed");
        let now = Instant::now();
        let mut events = Vec::new();
        while lane.accepted(now).is_some() {
            let Some(departure) = lane.next(now, true) else { break };
            assert!(departure.reason.is_some(), "each batch says once why it was sealed");
            events.extend(departure.events);
        }
        assert_eq!(events, [2, 3, 4, 5, 6, 7]);
        assert!(lane.is_empty());
    }

    #[test]
    fn what_is_in_flight_weighs_twice() {
        let (_, lane) = taken(false);
        assert_eq!(lane.bytes(), 2 * 20 + 20);
    }
}
