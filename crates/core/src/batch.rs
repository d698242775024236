//! Events on their way to one hub partition, written into the message that is sent, and the tickets of their records.
//!
//! A batch never outgrows its [`BatchBounds`], keeps the order in which events were pushed, and loses none: whatever is
//! taken out (split, retained, dissolved) is handed back. It knows sizes and tickets, not what an event is.

use bytes::Bytes;

use crate::encode;
use crate::offsets::Ticket;
use crate::trace::{Gathered, Origins, TraceContext};

/// What an event costs beside its bytes: its place in a list that may be twice as long as it is full.
pub const EVENT_COST: usize = 2 * size_of::<EventEnd>();

/// How much a batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchBounds {
    /// Bytes, with everything the wire adds.
    pub bytes: usize,
    /// Events.
    pub events: usize,
    /// Bytes that the wire adds to each event beyond what is written here.
    pub room: usize,
}

/// An event that is still to be written, and the ticket of its record.
#[derive(Debug)]
pub struct Item<W> {
    /// Bytes that `write` writes.
    pub weight: usize,
    /// Writes it to the end of a message.
    pub write: W,
    /// Settled when the event is accepted.
    pub ticket: Ticket,
    /// That of its record.
    pub timestamp: Option<i64>,
    /// Where its record comes from, if that is followed.
    pub context: Option<TraceContext>,
}

/// A batch that takes events.
#[derive(Debug)]
pub struct Open {
    message: Vec<u8>,
    events: MessageEvents,
    key: Option<String>,
    oldest: Option<i64>,
    gathered: Gathered,
}

/// A batch that is sent: as often as it takes, and always the same bytes.
#[derive(Debug)]
pub struct Sealed {
    message: Bytes,
    /// Memory behind the message.
    held: usize,
    events: MessageEvents,
    oldest: Option<i64>,
    gathered: Gathered,
}

/// The events of a message, in order.
#[derive(Debug)]
struct MessageEvents {
    /// Where the first one begins, behind the envelope.
    start: usize,
    fates: Vec<EventEnd>,
}

/// Where an event ends, and the ticket of its record.
#[derive(Debug)]
struct EventEnd {
    end: usize,
    ticket: Ticket,
}

impl MessageEvents {
    /// Takes out every event whose ticket does not pass. Gives what is left of `message`, and the tickets; `None` when all pass.
    fn purge(
        &mut self,
        message: &[u8],
        keep: impl Fn(&Ticket) -> bool,
    ) -> Option<(Vec<u8>, Vec<Ticket>)> {
        if self.fates.iter().all(|fate| keep(&fate.ticket)) {
            return None;
        }
        let mut left = message[..self.start].to_vec();
        let (mut removed, mut begin) = (Vec::new(), self.start);
        for mut fate in std::mem::take(&mut self.fates) {
            let event = &message[begin..fate.end];
            begin = fate.end;
            if keep(&fate.ticket) {
                left.extend_from_slice(event);
                fate.end = left.len();
                self.fates.push(fate);
            } else {
                removed.push(fate.ticket);
            }
        }
        Some((left, removed))
    }
}

impl Default for Open {
    fn default() -> Self {
        Self::new(None, 0)
    }
}

impl Open {
    /// An empty batch with that much memory; `key` is the key the service routes by, if it does.
    pub fn new(key: Option<&str>, memory: usize) -> Self {
        let mut message = Vec::with_capacity(memory);
        encode::write_envelope(key, &mut message);
        let events = MessageEvents { start: message.len(), fates: Vec::new() };
        let (key, gathered) = (key.map(str::to_owned), Gathered::default());
        Self { message, events, key, oldest: None, gathered }
    }

    /// Whether an event of `weight` bytes has room within `bounds`. One that is alone always has.
    pub fn fits(&self, weight: usize, bounds: BatchBounds) -> bool {
        let added = bounds.room * (self.len() + 1);
        let fits = self.bytes() + weight + added <= bounds.bytes;
        self.is_empty() || (fits && self.len() < bounds.events)
    }

    /// The memory it needs for `weight` bytes more: `usual` at least, then twice what it had, so that an event is hardly ever
    /// moved; but never more than a batch may have.
    pub fn memory_with(&self, weight: usize, usual: usize, bounds: BatchBounds) -> usize {
        let (needed, has) = (self.bytes() + weight, self.message.capacity());
        if needed <= has { has } else { usual.max(2 * has).min(bounds.bytes).max(needed) }
    }

    /// Gets that memory.
    pub fn reserve(&mut self, memory: usize) {
        self.message.reserve_exact(memory.saturating_sub(self.message.len()));
    }

    /// Appends an event. The caller has asked [`Open::fits`].
    pub fn push<W: FnOnce(&mut Vec<u8>)>(&mut self, item: Item<W>) {
        let end = self.bytes() + item.weight;
        (item.write)(&mut self.message);
        debug_assert_eq!(self.bytes(), end, "an event writes what it weighs");
        if let Some(context) = item.context {
            self.gathered.push(self.len(), context);
        }
        self.events.fates.push(EventEnd { end: self.message.len(), ticket: item.ticket });
        self.oldest = match (self.oldest, item.timestamp) {
            (Some(oldest), Some(new)) => Some(oldest.min(new)),
            (oldest, new) => oldest.or(new),
        };
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.events.fates.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.events.fates.is_empty()
    }

    /// Bytes on the wire, the envelope included.
    pub fn bytes(&self) -> usize {
        self.message.len()
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        self.message.capacity() + self.gathered.held()
    }

    /// Those that more of the message and another context would take beyond that, if the message had `memory`.
    pub fn memory_beyond(&self, memory: usize, context: bool) -> usize {
        let context = if context { self.gathered.memory_for_one() } else { 0 };
        memory - self.message.capacity() + context
    }

    /// The key the service routes by.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Tickets in order.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.events.fates.iter().map(|fate| &fate.ticket)
    }

    /// Takes out every event whose ticket does not pass, and returns their tickets.
    pub fn purge(&mut self, keep: impl Fn(&Ticket) -> bool) -> Vec<Ticket> {
        self.gathered.purge(self.events.fates.iter().map(|fate| keep(&fate.ticket)));
        let Some((left, removed)) = self.events.purge(&self.message, keep) else {
            return Vec::new();
        };
        self.message = left;
        removed
    }

    /// Takes no more.
    pub fn seal(self) -> Sealed {
        let held = self.message.capacity() + self.gathered.held();
        let Self { message, events, oldest, gathered, .. } = self;
        Sealed { message: message.into(), held, events, oldest, gathered }
    }
}

impl Sealed {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.events.fates.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.events.fates.is_empty()
    }

    /// What is sent. All that are given share the memory.
    pub fn message(&self) -> Bytes {
        self.message.clone()
    }

    /// Bytes on the wire, the envelope included.
    pub fn bytes(&self) -> usize {
        self.message.len()
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        self.held
    }

    /// The smallest Kafka timestamp inside, in milliseconds since the Unix epoch.
    pub fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// Where its events come from, if that is followed.
    pub fn origins(&self) -> Option<Origins> {
        self.gathered.origins(self.len())
    }

    /// Tickets in order.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.events.fates.iter().map(|fate| &fate.ticket)
    }

    /// The batch is done: its tickets, in order.
    pub fn into_tickets(self) -> impl Iterator<Item = Ticket> {
        self.events.fates.into_iter().map(|fate| fate.ticket)
    }

    /// Takes out every event whose ticket does not pass, and returns their tickets.
    pub fn purge(&mut self, keep: impl Fn(&Ticket) -> bool) -> Vec<Ticket> {
        let gathered = &mut self.gathered;
        gathered.purge(self.events.fates.iter().map(|fate| keep(&fate.ticket)));
        let Some((left, removed)) = self.events.purge(&self.message, keep) else {
            return Vec::new();
        };
        (self.held, self.message) = (left.capacity() + self.gathered.held(), left.into());
        removed
    }

    /// Cuts in two; the second half comes back, in memory of its own. Only with two events or more.
    pub fn split(&mut self) -> Self {
        let MessageEvents { start, fates } = &mut self.events;
        let middle = fates.len() / 2;
        let mut back = fates.split_off(middle);
        let end = fates.last().map_or(*start, |fate| fate.end);
        let message = [&self.message[..*start], &self.message[end..]].concat();
        for fate in &mut back {
            fate.end -= end - *start;
        }
        self.message.truncate(end);
        let gathered = self.gathered.split_off(middle);
        Self {
            held: message.capacity() + gathered.held(),
            gathered,
            message: message.into(),
            events: MessageEvents { start: *start, fates: back },
            oldest: self.oldest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offsets::{Assignment, Offsets};
    use proptest::prelude::*;

    const KEY: Option<&str> = Some("k");

    /// The events of a message, each as long as it weighs and full of its number.
    fn events(sealed: &Sealed) -> Vec<u8> {
        let mut begin = sealed.events.start;
        let one = |fate: &EventEnd| {
            let event = &sealed.message[std::mem::replace(&mut begin, fate.end)..fate.end];
            assert!(event.iter().all(|byte| *byte == event[0]), "one event, whole");
            event[0]
        };
        sealed.events.fates.iter().map(one).collect()
    }

    fn filled(weights: &[usize], bounds: BatchBounds) -> (Offsets, Assignment, Vec<Sealed>) {
        let mut offsets = Offsets::default();
        let partition = offsets.assign();
        let (mut open, mut sealed) = (Open::new(KEY, 0), Vec::new());
        for (number, weight) in weights.iter().enumerate() {
            if !open.fits(*weight, bounds) {
                sealed.push(std::mem::replace(&mut open, Open::new(KEY, 0)).seal());
            }
            let memory = open.memory_with(*weight, 16, bounds);
            open.reserve(memory);
            let ticket = offsets.track(partition, number as i64, 7, None).unwrap();
            open.push(Item {
                weight: *weight,
                write: |out: &mut Vec<u8>| out.resize(out.len() + weight, number as u8),
                ticket,
                timestamp: Some(1_000 - number as i64),
                context: None,
            });
            assert_eq!(open.held(), memory, "it has what it asked for, and not more");
        }
        sealed.push(open.seal());
        (offsets, partition, sealed)
    }

    #[test]
    fn remembers_the_oldest_timestamp() {
        let (_, _, batches) = filled(&[1, 1, 1], BatchBounds { bytes: 100, events: 9, room: 0 });
        assert_eq!(batches[0].oldest(), Some(998));
    }

    proptest! {
        #[test]
        fn keeps_order_and_bounds_and_loses_nothing(
            weights in prop::collection::vec(1..60usize, 0..200), max_bytes in 100..300usize, max_events in 1..20usize, room in 0..40usize,
        ) {
            let bounds = BatchBounds { bytes: max_bytes, events: max_events, room };
            let envelope = encode::envelope_size(KEY);
            let (mut offsets, partition, batches) = filled(&weights, bounds);
            let all: Vec<u8> = (0..weights.len()).map(|number| number as u8).collect();
            prop_assert_eq!(batches.iter().flat_map(events).collect::<Vec<_>>(), all);
            for batch in &batches {
                let weight: usize = events(batch).iter().map(|n| weights[usize::from(*n)]).sum();
                prop_assert_eq!(batch.bytes(), weight + envelope);
                let alone = batch.len() == 1;
                prop_assert!(alone || batch.bytes() + batch.len() * room <= max_bytes);
                prop_assert!(batch.bytes() <= max_bytes && batch.held() <= max_bytes);
                prop_assert!(batch.len() <= max_events);
            }
            for ticket in batches.into_iter().flat_map(Sealed::into_tickets) {
                prop_assert!(offsets.settle(ticket));
            }
            prop_assert_eq!(offsets.in_flight(partition), 0);
        }

        #[test]
        fn split_and_purge_hand_everything_back(
            weights in prop::collection::vec(1..60usize, 2..100), drop_every in 2..5i64,
        ) {
            let (mut offsets, partition, mut batches) = filled(&weights, BatchBounds { bytes: usize::MAX, events: usize::MAX, room: 0 });
            let mut front = batches.remove(0);
            let whole = front.bytes();
            let mut back = front.split();
            prop_assert_eq!(front.bytes() + back.bytes(), whole + encode::envelope_size(KEY));
            prop_assert!(front.len() <= back.len() && !front.is_empty());
            let keep = |ticket: &Ticket| offsets.offset(ticket).unwrap() % drop_every != 0;
            let removed: Vec<Ticket> = front.purge(keep).into_iter().chain(back.purge(keep)).collect();
            let left: Vec<u8> = events(&front).into_iter().chain(events(&back)).collect();
            let expected: Vec<u8> =
                (0..weights.len() as i64).filter(|n| n % drop_every != 0).map(|n| n as u8).collect();
            prop_assert_eq!(left, expected);
            for ticket in removed.into_iter().chain(front.into_tickets()).chain(back.into_tickets()) {
                prop_assert!(offsets.settle(ticket));
            }
            prop_assert_eq!(offsets.in_flight(partition), 0);
        }
    }
}
