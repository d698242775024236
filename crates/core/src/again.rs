//! Events that wait for a hub partition there is no more: their records are read again, and placed as the hub is now.
//!
//! A hub that is made again with fewer partitions leaves lanes that lead nowhere. What waits in them is taken out, and its
//! tickets are kept by its Kafka partition: so the position does not pass these records, and whatever else was made of them
//! stays as it is. When nothing is under way to the hub any more and its new partitions are used, the Kafka partition goes
//! back to the first of these records. One that comes again is placed only where a ticket of it waits, and takes the ticket
//! on; all others were seen and are passed over. So nothing is lost, nothing comes twice for this reason, and a key keeps
//! its order: its events were all in one lane, and come again in Kafka order, before any later record. Of a value in parts all
//! come again, also those that were stored: they have to be in one partition, and one ticket stands for them until then.
//!
//! A partition that drains or has halted does not go back: its position stays, and who reads it next reads from there.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Instant;

use crate::core::Core;
use crate::hold::HoldCause;
use crate::offsets::Ticket;
use crate::partitions::{Intake, Partition};
use crate::record::Position;
use crate::scale::HubNumber;

/// Tickets of one Kafka partition that wait for their records to come again, by offset and number of the route. Each costs
/// less than the event it was of, and the window of the partition bounds them: they are not weighed.
#[derive(Debug, Default)]
pub(crate) struct Again {
    tickets: BTreeMap<(i64, usize), Ticket>,
}

impl Again {
    pub(crate) fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// The routes on which the record at `offset` is to go again.
    pub(crate) fn routes(&self, offset: i64) -> impl Iterator<Item = usize> {
        self.tickets.range((offset, 0)..=(offset, usize::MAX)).map(|((_, route), _)| *route)
    }

    /// The ticket of what goes one way of a record.
    pub(crate) fn take(&mut self, offset: i64, route: usize) -> Option<Ticket> {
        self.tickets.remove(&(offset, route))
    }
}

impl Core {
    /// Whether a lane leads to a partition that its hub does not have any more. The service itself finds a place for what
    /// goes to the gateway.
    pub(crate) fn leads_nowhere(&self, lane: usize) -> bool {
        let berth = &self.berths[lane];
        let next = self.hubs.all[berth.hub].next_ids.as_ref();
        !self.hubs.outlets[berth.outlet].gateway && next.is_some_and(|ids| !ids.contains(&berth.id))
    }

    /// The partitions of a hub are about to change: what waits for those that are gone does not hinder it.
    pub(crate) fn clear_lanes_to_nowhere(&mut self, hub: HubNumber, now: Instant) {
        for lane in 0..self.berths.len() {
            let berth = &self.berths[lane];
            if berth.hub == hub && !berth.lane.is_empty() && self.leads_nowhere(lane) {
                self.take_out(lane);
                self.moved(lane, now);
            }
        }
    }

    /// Takes out what waits in a lane. What is in flight is answered first.
    pub(crate) fn take_out(&mut self, lane: usize) {
        let Self { berths, partitions, .. } = self;
        let berth = &mut berths[lane];
        for ticket in berth.lane.purge(|_| false) {
            // `None` after the end of its stay.
            let Some(offset) = partitions.offsets.offset(&ticket) else { continue };
            let slot = ticket.assignment().slot();
            let Some(partition) = partitions.get_mut(slot) else { continue };
            partition.out -= 1;
            if matches!(partition.intake, Intake::Halted(_)) {
                continue;
            }
            let tickets = &mut partition.again.tickets;
            // No topic goes to one hub twice: the configuration is checked for that.
            let route = partition.routes.iter().position(|route| route.outlet == berth.outlet);
            if let Entry::Vacant(entry) = tickets.entry((offset, route.unwrap_or(0))) {
                entry.insert(ticket);
            } else {
                // Another part of its value.
                partitions.offsets.settle(ticket);
            }
        }
    }

    /// The partitions of a hub are settled: records that waited for that are read again.
    pub(crate) fn read_again(&mut self, hub: HubNumber, now: Instant) {
        let concerned = |partition: &&Partition| {
            let mut routes = partition.again.tickets.keys().map(|(_, route)| *route);
            routes.any(|route| partition.routes[route].hub == hub)
        };
        let slots: Vec<_> =
            self.partitions.iter().filter(concerned).map(|it| it.assignment.slot()).collect();
        for slot in slots {
            let Some(partition) = self.partitions.get(slot) else { continue };
            let Some(((first, _), _)) = partition.again.tickets.first_key_value() else { continue };
            let from = Position(*first);
            if matches!(partition.intake, Intake::Flowing | Intake::Held(_)) {
                self.end_hold(slot);
                self.hold(slot, HoldCause::Unknown(hub), from, None, now);
            }
        }
    }

    /// The record at `offset` has come: those before it that should have come again are not in Kafka any more, by its
    /// retention or compaction, and nothing waits for them. A hub that is about to change has sent nobody back yet.
    pub(crate) fn pass_expired(&mut self, slot: usize, offset: i64) {
        let Self { partitions, hubs, .. } = self;
        let Some(partition) = partitions.get_mut(slot) else { return };
        let Partition { again, routes, .. } = partition;
        let sent_back = |route: usize| hubs.all[routes[route].hub].next_ids.is_none();
        let expired: Vec<_> =
            again.tickets.extract_if(..(offset, 0), |(_, route), _| sent_back(*route)).collect();
        for (_, ticket) in expired {
            partitions.offsets.settle(ticket);
        }
    }
}
