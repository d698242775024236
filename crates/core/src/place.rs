//! The place of a record: one event for each of its routes, all of them or none.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use crate::action::Action;
use crate::batch::Item;
use crate::core::Core;
use crate::encode;
use crate::event::{Event, Target};
use crate::hold::Why;
use crate::hubs::{Berth, Route};
use crate::lane::{EVENT_COST, Room};
use crate::mapping::Policy;
use crate::offsets::Ticket;
use crate::record::Record;
use crate::scale::HubNumber;

/// What becomes of one event of a record.
struct Plan {
    /// Index into the routes of the partition.
    route: usize,
    fate: Fate,
}

enum Fate {
    Push { lane: usize, event: Event, weight: usize, overhead: usize, key: Option<String> },
    Refuse(&'static str, String),
}

impl Core {
    /// Places a record at all its hubs, or says what it has to wait for.
    pub(crate) fn place(
        &mut self,
        slot: usize,
        record: &Record<'_>,
        routes: &[Route],
        now: Instant,
    ) -> Result<(), Why> {
        // Nearly always there is one, and nothing is allocated for it.
        if let [route] = routes {
            let plan = self.plan(record, 0, route, now)?;
            if let Some(ticket) = self.track(slot, record) {
                self.carry_out(slot, plan, ticket, record.timestamp, now);
            }
            return Ok(());
        }
        let plans = routes.iter().enumerate();
        let plans: Result<Vec<_>, _> =
            plans.map(|(index, route)| self.plan(record, index, route, now)).collect();
        let plans = plans?;
        let Some(ticket) = self.track(slot, record) else { return Ok(()) };
        let offsets = &mut self.partitions.offsets;
        let tickets: Vec<Ticket> = plans.iter().map(|_| offsets.split(&ticket)).collect();
        // The first one, which is of no event: without routes the record is settled.
        offsets.settle(ticket);
        for (plan, ticket) in plans.into_iter().zip(tickets) {
            self.carry_out(slot, plan, ticket, record.timestamp, now);
        }
        Ok(())
    }

    fn track(&mut self, slot: usize, record: &Record<'_>) -> Option<Ticket> {
        let partition = self.partitions.get_mut(slot)?;
        partition.given_back = false;
        let stay = partition.assignment;
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        self.partitions.offsets.track(stay, record.offset, bytes)
    }

    /// Encodes the event of one route and finds its lane.
    fn plan(
        &mut self,
        record: &Record<'_>,
        index: usize,
        route: &Route,
        now: Instant,
    ) -> Result<Plan, Why> {
        let (hub, outlet) = (route.hub, &mut self.hubs.outlets[route.outlet]);
        if outlet.lanes.is_empty() || self.hubs.all[hub].next_ids.is_some() {
            return Err(Why::Unknown(hub));
        }
        let choice = match route.to.choose(record, outlet.lanes.len(), &mut outlet.round_robin) {
            Ok(choice) => choice,
            // The hub may grow; who wants the record elsewhere meanwhile has said so.
            Err(misfit) if route.to.failure.policy == Policy::Halt => {
                return Err(Why::NoPlace(hub, misfit.to_string()));
            }
            Err(misfit) => {
                let fate = Fate::Refuse("no_such_partition", misfit.to_string());
                return Ok(Plan { route: index, fate });
            }
        };
        let lane = outlet.lanes[choice.lane];
        let event = encode::encode(record, &route.layout);
        let weight = encode::section_size(event.size());
        let key = choice.key.as_deref();
        let overhead = encode::envelope_overhead(key);
        let fate = match self.berths[lane].lane.room(weight, overhead, key, now) {
            Room::Now if self.scale.admits(hub, 2 * (weight + overhead) + EVENT_COST) => {
                let key = choice.key.map(Cow::into_owned);
                Fate::Push { lane, event, weight, overhead, key }
            }
            Room::Never(limit) => {
                let size = weight + overhead;
                let detail = format!("the event needs {size} bytes and the link takes {limit}");
                Fate::Refuse("too_large", detail)
            }
            full => {
                // It may have sealed its open batch.
                self.touch(lane);
                return Err(if full == Room::Later { Why::Lane(lane) } else { Why::Share(hub) });
            }
        };
        Ok(Plan { route: index, fate })
    }

    fn carry_out(
        &mut self,
        slot: usize,
        plan: Plan,
        ticket: Ticket,
        timestamp: Option<i64>,
        now: Instant,
    ) {
        match plan.fate {
            Fate::Push { lane, event, weight, overhead, key } => {
                let item = Item { event, weight, ticket };
                self.berths[lane].lane.push(item, timestamp, overhead, key.as_deref(), now);
                if let Some(partition) = self.partitions.get_mut(slot) {
                    partition.out += 1;
                }
                self.touch(lane);
            }
            Fate::Refuse(reason, detail) => {
                self.refuse(slot, ticket, plan.route, reason, &detail, now);
            }
        }
    }

    /// The partitions of a hub, in the service's order: its lanes can be opened, or there are others from now on.
    ///
    /// A hub that has other partitions than before places keys differently, so everything under way to it is delivered
    /// first: from then on all of them are used, in one step.
    pub fn hub_known(&mut self, namespace: &str, hub: &str, ids: &[String], now: Instant) {
        let Some(number) = self.hubs.find(namespace, hub) else { return };
        if ids.is_empty() {
            return;
        }
        let known = &mut self.hubs.all[number];
        known.trouble = None;
        let ids: Arc<[Arc<str>]> = ids.iter().map(|id| id.as_str().into()).collect();
        match &known.ids {
            None => {
                known.ids = Some(ids);
                for outlet in 0..self.hubs.outlets.len() {
                    self.open_lanes(outlet, now);
                }
                self.wake_places(number);
            }
            Some(same) if *same == ids => known.next_ids = None,
            Some(_) => {
                known.next_ids = Some(ids);
                self.resize(number, now);
            }
        }
    }

    /// Why the partitions of a hub are not known.
    pub fn hub_trouble(&mut self, namespace: &str, hub: &str, detail: &str) {
        if let Some(number) = self.hubs.find(namespace, hub) {
            self.hubs.all[number].trouble = Some(detail.into());
        }
    }

    /// Opens a lane for each partition of its hub that has none yet at this outlet.
    pub(crate) fn open_lanes(&mut self, outlet: usize, now: Instant) {
        let of = &self.hubs.outlets[outlet];
        let hub = &self.hubs.all[of.hub];
        let Some(ids) = &hub.ids else { return };
        let missing = &ids[of.lanes.len().min(ids.len())..];
        let name = hub.name.clone();
        let first = of.lanes.len();
        let mut opened = Vec::with_capacity(missing.len());
        let mut targets = Vec::with_capacity(missing.len());
        for (number, id) in missing.iter().enumerate() {
            targets.push(match of.gateway {
                true => Target::Gateway { lane: (first + number) as u32 },
                false => Target::Partition(id.to_string()),
            });
            opened.push(self.berths.len());
            self.berths.push(Berth::new(outlet, of, hub, id, now));
        }
        self.hubs.outlets[outlet].lanes.extend(opened);
        for target in targets {
            self.act(Action::OpenLane { hub: name.clone(), target });
        }
    }

    /// Uses the new partitions of a hub, if nothing is under way to it any more.
    pub(crate) fn resize(&mut self, number: HubNumber, now: Instant) {
        if self.hubs.all[number].next_ids.is_none() || self.scale.held(number) > 0 {
            return;
        }
        let hub = &mut self.hubs.all[number];
        let (before, after) = (hub.ids.take(), hub.next_ids.take());
        hub.ids.clone_from(&after);
        let kept = |ids: &Option<Arc<[Arc<str>]>>| ids.as_ref().map_or(0, |ids| ids.len());
        let (before, after) = (kept(&before), kept(&after));
        let name = hub.name.clone();
        for outlet in 0..self.hubs.outlets.len() {
            if self.hubs.outlets[outlet].hub == number {
                let (ids, berths) = (&self.hubs.all[number].ids, &self.berths);
                let same = |(lane, id): &(&usize, &Arc<str>)| berths[**lane].id == **id;
                let lanes =
                    self.hubs.outlets[outlet].lanes.iter().zip(ids.iter().flat_map(|it| &**it));
                let common = lanes.take_while(same).count();
                self.hubs.outlets[outlet].lanes.truncate(common);
                self.open_lanes(outlet, now);
            }
        }
        self.act(Action::Tell(crate::action::Note::Resized { hub: name, before, after }));
        self.wake_places(number);
    }

    /// The links of a hub take batches of so many bytes.
    pub fn hub_takes(&mut self, namespace: &str, hub: &str, max_message_size: u64) {
        if let Some(number) = self.hubs.find(namespace, hub) {
            self.link_takes(number, max_message_size);
        }
    }

    /// The link of a lane is attached.
    pub fn lane_ready(&mut self, lane: usize, max_message_size: u64) {
        let limit = usize::try_from(max_message_size).unwrap_or(usize::MAX);
        self.berths[lane].lane.link_takes(limit);
        self.link_takes(self.berths[lane].hub, max_message_size);
    }

    fn link_takes(&mut self, number: HubNumber, max_message_size: u64) {
        let limit = usize::try_from(max_message_size).unwrap_or(usize::MAX);
        if self.hubs.all[number].link_bytes.replace(limit) != Some(limit) {
            // What one link of a hub takes, the others do.
            let of_hub = self.berths.iter_mut().filter(|berth| berth.hub == number);
            of_hub.for_each(|berth| berth.lane.link_takes(limit));
        }
    }

    /// A namespace is connected again: what failed for want of a connection is tried soon.
    pub fn namespace_connected(&mut self, namespace: &str, jitter: impl Fn() -> f64, now: Instant) {
        for number in 0..self.berths.len() {
            if *self.hubs.all[self.berths[number].hub].name.namespace == *namespace {
                self.berths[number].lane.reconnect(jitter(), now);
                self.touch(number);
            }
        }
    }
}
