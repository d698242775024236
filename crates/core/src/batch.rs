//! Events on their way to one hub partition, in order, with the tickets of their records.
//!
//! A batch never outgrows its [`Bounds`], keeps the order in which events were pushed, and loses none: whatever is
//! taken out (split, retained, dissolved) is handed back. It knows sizes and tickets, not what an event is.

use crate::offsets::Ticket;

/// How much a batch may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes, with everything the wire adds.
    pub bytes: usize,
    /// Events.
    pub events: usize,
}

/// Whether an event has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It may be pushed.
    Now,
    /// It fits a batch of its own; this one is full, or has another key.
    NotHere,
    /// No batch can ever hold it.
    Never,
}

/// An event, what it weighs on the wire, and the ticket of its record.
#[derive(Debug)]
pub struct Item<E> {
    /// The event.
    pub event: E,
    /// Bytes on the wire.
    pub weight: usize,
    /// Settled when the event is accepted.
    pub ticket: Ticket,
}

/// A batch, open or sealed.
#[derive(Debug)]
pub struct Batch<E> {
    events: Vec<E>,
    fates: Vec<Fate>,
    bytes: usize,
    overhead: usize,
    key: Option<String>,
    oldest: Option<i64>,
}

/// What remains of an item while its event is away with the sender.
#[derive(Debug)]
struct Fate {
    weight: usize,
    ticket: Ticket,
}

impl<E> Batch<E> {
    /// An empty batch whose envelope weighs `overhead`; `key` is the key the service routes by, if it does.
    pub fn new(overhead: usize, key: Option<String>) -> Self {
        Self { events: Vec::new(), fates: Vec::new(), bytes: overhead, overhead, key, oldest: None }
    }

    /// Whether an event of `weight` bytes has room within `bounds`.
    pub fn fit(&self, weight: usize, bounds: Bounds) -> Fit {
        if self.overhead + weight > bounds.bytes {
            Fit::Never
        } else if self.fates.is_empty()
            || (self.bytes + weight <= bounds.bytes && self.fates.len() < bounds.events)
        {
            Fit::Now
        } else {
            Fit::NotHere
        }
    }

    /// Appends an event; `timestamp` is that of its record. The caller has asked [`Batch::fit`].
    pub fn push(&mut self, item: Item<E>, timestamp: Option<i64>) {
        self.bytes += item.weight;
        self.events.push(item.event);
        self.fates.push(Fate { weight: item.weight, ticket: item.ticket });
        self.oldest = match (self.oldest, timestamp) {
            (Some(oldest), Some(new)) => Some(oldest.min(new)),
            (oldest, new) => oldest.or(new),
        };
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.fates.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.fates.is_empty()
    }

    /// Bytes on the wire, the envelope included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The key the service routes by.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The smallest Kafka timestamp inside, in milliseconds since the Unix epoch.
    pub fn oldest(&self) -> Option<i64> {
        self.oldest
    }

    /// Tickets in order.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.fates.iter().map(|fate| &fate.ticket)
    }

    /// Lends the events to the sender; they come back with [`Batch::restore`] or are not needed any more.
    pub fn lend(&mut self) -> Vec<E> {
        std::mem::take(&mut self.events)
    }

    /// Takes back the events that were lent.
    pub fn restore(&mut self, events: Vec<E>) {
        debug_assert_eq!(events.len(), self.fates.len(), "the sender hands back what it was lent");
        self.events = events;
    }

    /// The batch is done: its tickets, in order.
    pub fn into_tickets(self) -> impl Iterator<Item = Ticket> {
        self.fates.into_iter().map(|fate| fate.ticket)
    }

    /// Takes out every event whose ticket does not pass, and returns their tickets. Only while nothing is lent.
    pub fn purge(&mut self, mut keep: impl FnMut(&Ticket) -> bool) -> Vec<Ticket> {
        debug_assert_eq!(self.events.len(), self.fates.len(), "nothing is lent");
        if self.fates.iter().all(|fate| keep(&fate.ticket)) {
            return Vec::new();
        }
        let events = std::mem::take(&mut self.events);
        let fates = std::mem::take(&mut self.fates);
        let mut removed = Vec::new();
        for (event, fate) in events.into_iter().zip(fates) {
            if keep(&fate.ticket) {
                self.events.push(event);
                self.fates.push(fate);
            } else {
                self.bytes -= fate.weight;
                removed.push(fate.ticket);
            }
        }
        removed
    }

    /// Cuts in two; the second half comes back. Only while nothing is lent, and only with two events or more.
    pub fn split(&mut self) -> Self {
        debug_assert_eq!(self.events.len(), self.fates.len(), "nothing is lent");
        let middle = self.fates.len() / 2;
        let mut back = Self::new(self.overhead, self.key.clone());
        back.events = self.events.split_off(middle);
        back.fates = self.fates.split_off(middle);
        back.oldest = self.oldest;
        let moved: usize = back.fates.iter().map(|fate| fate.weight).sum();
        back.bytes += moved;
        self.bytes -= moved;
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offsets::{Assignment, Offsets};
    use proptest::prelude::*;

    fn filled(weights: &[usize], bounds: Bounds) -> (Offsets, Assignment, Vec<Batch<usize>>) {
        let mut offsets = Offsets::default();
        let partition = offsets.assign();
        let mut batches = vec![Batch::new(10, None)];
        for (number, weight) in weights.iter().enumerate() {
            let ticket = offsets.track(partition, number as i64, 7).unwrap();
            let item = Item { event: number, weight: *weight, ticket };
            match batches.last().unwrap().fit(*weight, bounds) {
                Fit::Now => {}
                Fit::NotHere => batches.push(Batch::new(10, None)),
                Fit::Never => {
                    assert!(offsets.settle(item.ticket));
                    continue;
                }
            }
            batches.last_mut().unwrap().push(item, Some(1_000 - number as i64));
        }
        (offsets, partition, batches)
    }

    #[test]
    fn an_event_that_exactly_fills_the_link_fits_and_one_byte_more_never_does() {
        let batch = Batch::<()>::new(10, None);
        let bounds = Bounds { bytes: 100, events: 5 };
        assert_eq!(batch.fit(90, bounds), Fit::Now);
        assert_eq!(batch.fit(91, bounds), Fit::Never);
    }

    #[test]
    fn remembers_the_oldest_timestamp() {
        let (_, _, batches) = filled(&[1, 1, 1], Bounds { bytes: 100, events: 9 });
        assert_eq!(batches[0].oldest(), Some(998));
    }

    proptest! {
        #[test]
        fn keeps_order_and_bounds_and_loses_nothing(
            weights in prop::collection::vec(1..60usize, 0..200), max_bytes in 20..200usize, max_events in 1..20usize,
        ) {
            let bounds = Bounds { bytes: max_bytes, events: max_events };
            let (mut offsets, partition, mut batches) = filled(&weights, bounds);
            let fitting: Vec<usize> = (0..weights.len()).filter(|n| weights[*n] + 10 <= max_bytes).collect();
            prop_assert_eq!(batches.iter().flat_map(|b| b.events.clone()).collect::<Vec<_>>(), fitting);
            for batch in &batches {
                let weight: usize = batch.events.iter().map(|n| weights[*n]).sum();
                prop_assert_eq!(batch.bytes(), weight + 10);
                prop_assert!(batch.bytes() <= max_bytes || batch.is_empty());
                prop_assert!(batch.len() <= max_events);
            }
            for batch in batches.drain(..) {
                for ticket in batch.into_tickets() {
                    prop_assert!(offsets.settle(ticket));
                }
            }
            prop_assert_eq!(offsets.in_flight(partition), 0);
        }

        #[test]
        fn split_and_purge_hand_everything_back(
            weights in prop::collection::vec(1..60usize, 2..100), drop_every in 2..5usize,
        ) {
            let (mut offsets, partition, mut batches) = filled(&weights, Bounds { bytes: usize::MAX, events: usize::MAX });
            let mut front = batches.remove(0);
            let whole = front.bytes();
            let mut back = front.split();
            prop_assert_eq!(front.bytes() + back.bytes(), whole + 10);
            prop_assert!(front.len() <= back.len() && !front.is_empty());
            let mut number = 0;
            let mut keep = |_: &Ticket| { number += 1; number % drop_every != 0 };
            let mut removed = 0;
            // `purge` first looks whether there is anything to do, so the predicate must be pure in production;
            // here it is only counted afterwards.
            let doomed: Vec<bool> = back.tickets().map(&mut keep).collect();
            let mut index = 0;
            let flags: std::collections::HashMap<i64, bool> =
                back.tickets().map(|t| { index += 1; (offsets.offset(t).unwrap(), doomed[index - 1]) }).collect();
            for ticket in back.purge(|t| flags[&offsets.offset(t).unwrap()]) {
                prop_assert!(offsets.settle(ticket));
                removed += 1;
            }
            prop_assert_eq!(removed, doomed.iter().filter(|keep| !**keep).count());
            let left: usize = back.events.iter().map(|n| weights[*n]).sum();
            prop_assert_eq!(back.bytes(), left + 10);
            prop_assert!(back.events.is_sorted());
            for ticket in front.into_tickets().chain(back.into_tickets()) {
                prop_assert!(offsets.settle(ticket));
            }
            prop_assert_eq!(offsets.in_flight(partition), 0);
        }
    }
}
