//! The decisions of a shard: where each record goes, what is sent when, what an answer settles, what may be committed.
//!
//! Pure: records, answers and time come in as arguments, and what is to be done comes out as [`Action`]s. One shard has
//! one core and one thread that owns it, so there are no locks and no order of events but the one it was told.
//!
//! What always holds:
//! * a record is tracked before anything else, so the position cannot pass it;
//! * the events of a Kafka partition enter a lane in Kafka order, and a lane sends in order;
//! * a ticket is settled only by `accepted`, by a finished dead letter, or by an explicit drop.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::batch::Item;
use crate::eventhubs::encode::{self, Layout};
use crate::eventhubs::{Envelope, Event, Target};
use crate::metrics::Metrics;
use crate::offsets::{Offsets, Ticket};
use crate::record::{OwnedRecord, Record, TopicPartition};
use crate::route::{self, Router};

use super::action::Action;
use super::drain::Drain;
use super::lane::{Lane, Room};
use super::outlet::{Outlets, Route};
use super::partition::{Intake, Partition, Placement, Waiting};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// It is taken care of; the next one may come.
    Taken,
    /// It waits for room, and nothing more may come until [`Core::unblock`] says so.
    Blocked,
    /// Its partition is not assigned, as far as the core was told.
    Unknown,
}

/// See the module.
#[derive(Debug)]
pub struct Core {
    router: Arc<Router>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) offsets: Offsets,
    /// By the slot of the assignment.
    pub(super) partitions: Vec<Option<Partition>>,
    pub(super) by_name: HashMap<TopicPartition, usize>,
    last: usize,
    pub(super) outlets: Outlets,
    pub(super) lanes: Vec<Lane<Event>>,
    pub(super) lane_outlet: Vec<usize>,
    /// The partition whose first waiting record holds everything up.
    pub(super) blocked: Option<usize>,
    pub(super) drains: Vec<Drain>,
    pub(super) letters: HashMap<u64, Ticket>,
    next_letter: u64,
    layouts: HashMap<crate::config::Events, Arc<Layout>>,
    actions: Vec<Action>,
    /// Bytes of events that may be held.
    budget: usize,
    /// Bytes of events held, or a little more: exact after each dispatch and each answer.
    held: usize,
}

impl Core {
    /// A core with nothing assigned, which may hold `budget` bytes of events.
    pub fn new(router: Arc<Router>, metrics: Arc<Metrics>, budget: usize) -> Self {
        Self {
            router,
            metrics,
            offsets: Offsets::default(),
            partitions: Vec::new(),
            by_name: HashMap::new(),
            last: usize::MAX,
            outlets: Outlets::default(),
            lanes: Vec::new(),
            lane_outlet: Vec::new(),
            blocked: None,
            drains: Vec::new(),
            letters: HashMap::new(),
            next_letter: 0,
            layouts: HashMap::new(),
            actions: Vec::new(),
            budget,
            held: 0,
        }
    }

    /// What is to be done since this was last asked.
    pub fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// A partition will be read from now on.
    pub fn assign(&mut self, name: &TopicPartition, now: Instant) {
        if let Some(slot) = self.by_name.get(name).copied() {
            self.release(slot);
        }
        let routes = self.router.routes(&name.topic);
        let routes: Arc<[Route]> = routes.into_iter().map(|route| self.route(route, now)).collect();
        let assignment = self.offsets.assign();
        let slot = assignment.slot();
        if self.partitions.len() <= slot {
            self.partitions.resize_with(slot + 1, || None);
        }
        self.partitions[slot] = Some(Partition {
            name: name.clone(),
            assignment,
            routes,
            intake: Intake::Flowing,
            waiting: VecDeque::new(),
            out: 0,
            committed: None,
            standing: (None, now),
        });
        self.by_name.insert(name.clone(), slot);
        self.metrics.partition_assigned(name);
    }

    fn route(&mut self, route: route::Route, now: Instant) -> Route {
        let (outlet, new) = self.outlets.of(&route, now);
        if new {
            self.act(Action::ResolveHub {
                namespace: route.namespace.clone(),
                hub: route.hub.clone(),
            });
        }
        let layout = self
            .layouts
            .entry(route.events.clone())
            .or_insert_with(|| Arc::new(Layout::new(&route.events)))
            .clone();
        Route { to: route, outlet, layout }
    }

    /// Ends the stay of a partition: what is not sent is dropped, what is in flight settles nothing any more.
    pub(super) fn release(&mut self, slot: usize) {
        let Some(partition) = self.partitions[slot].take() else { return };
        self.by_name.remove(&partition.name);
        self.last = usize::MAX;
        self.offsets.release(partition.assignment);
        if self.blocked == Some(slot) {
            self.blocked = None;
        }
        for lane in &mut self.lanes {
            drop(lane.purge(|ticket| ticket.assignment() != partition.assignment));
        }
        self.letters.retain(|_, ticket| ticket.assignment() != partition.assignment);
        self.metrics.partition_removed(&partition.name);
    }

    /// These partitions were taken away: nothing of them is sent or committed any more.
    pub fn lose(&mut self, names: &[TopicPartition]) {
        for name in names {
            if let Some(slot) = self.by_name.get(name).copied() {
                let out = self.partitions[slot].as_ref().map_or(0, |partition| partition.out);
                self.metrics.records_let_go("lost", out as u64);
                self.release(slot);
            }
        }
    }

    /// The partitions of a hub are known: its lanes can be opened.
    pub fn hub_known(
        &mut self,
        namespace: &str,
        hub: &str,
        partition_ids: &[String],
        now: Instant,
    ) {
        for index in 0..self.outlets.all.len() {
            let outlet = &mut self.outlets.all[index];
            if *outlet.namespace != *namespace || *outlet.hub != *hub || outlet.lanes.is_some() {
                continue;
            }
            let first = self.lanes.len();
            outlet.lanes = Some(first..first + partition_ids.len());
            let (settings, gateway) = (outlet.settings(), outlet.gateway);
            for (number, id) in partition_ids.iter().enumerate() {
                let target = match gateway {
                    true => Target::Gateway { lane: number as u32 },
                    false => Target::Partition(id.clone()),
                };
                self.lanes.push(Lane::new(settings, now));
                self.lane_outlet.push(index);
                self.act(Action::OpenLane { namespace: namespace.into(), hub: hub.into(), target });
            }
        }
        self.place_held(now);
    }

    /// A hub cannot be reached, or refuses; `detail` says why.
    pub fn hub_trouble(&mut self, _namespace: &str, _hub: &str, _detail: &str, _now: Instant) {}

    /// Takes one record.
    pub fn admit(&mut self, record: &Record<'_>, now: Instant) -> Admitted {
        let Some(slot) = self.slot_of(record) else { return Admitted::Unknown };
        let Some(partition) = &mut self.partitions[slot] else { return Admitted::Unknown };
        if matches!(partition.intake, Intake::Halted(_) | Intake::Draining) {
            return Admitted::Taken;
        }
        let Some(ticket) = self.offsets.track(partition.assignment, record.offset) else {
            return Admitted::Taken;
        };
        if partition.routes.is_empty() {
            self.offsets.settle(ticket);
            return Admitted::Taken;
        }
        let routes = partition.routes.clone();
        if self.unrouted(&routes) {
            self.wait(slot, Waiting::Unrouted(OwnedRecord::copy_of(record), ticket), now);
        } else if let [route] = &*routes {
            if let Some(placement) = self.placement(slot, record, ticket, 0, route) {
                self.place_or_wait(slot, placement, now);
            }
        } else {
            for placement in self.placements(slot, record, ticket, &routes) {
                self.place_or_wait(slot, placement, now);
            }
        }
        if self.blocked.is_some() { Admitted::Blocked } else { Admitted::Taken }
    }

    fn slot_of(&mut self, record: &Record<'_>) -> Option<usize> {
        let is = |partition: &Option<Partition>| {
            partition.as_ref().is_some_and(|partition| {
                partition.name.partition == record.partition
                    && *partition.name.topic == *record.topic
            })
        };
        if self.partitions.get(self.last).is_some_and(is) {
            return Some(self.last);
        }
        self.last = self.partitions.iter().position(is)?;
        Some(self.last)
    }

    /// The events of a topic that feeds several hubs: one ticket each.
    pub(super) fn placements(
        &mut self,
        slot: usize,
        record: &Record<'_>,
        ticket: Ticket,
        routes: &[Route],
    ) -> Vec<Placement> {
        let mut tickets: Vec<Ticket> =
            routes[1..].iter().map(|_| self.offsets.split(&ticket)).collect();
        tickets.push(ticket);
        let each = routes.iter().zip(tickets).enumerate();
        each.filter_map(|(index, (route, ticket))| {
            self.placement(slot, record, ticket, index, route)
        })
        .collect()
    }

    /// Encodes the event of one route and chooses its lane. `None` when it has none, which the failure policy has
    /// then taken care of.
    fn placement(
        &mut self,
        slot: usize,
        record: &Record<'_>,
        ticket: Ticket,
        index: usize,
        route: &Route,
    ) -> Option<Placement> {
        let outlet = &mut self.outlets.all[route.outlet];
        let lanes = outlet.lanes.clone()?;
        let choice = match route.to.choose(record, lanes.len(), &mut outlet.round_robin) {
            Ok(choice) => choice,
            Err(misfit) => {
                self.refuse(slot, ticket, index, "no_such_partition", &misfit.to_string());
                return None;
            }
        };
        let event = encode::encode(record, &route.layout);
        let weight = encode::section_size(event.size());
        Some(Placement {
            lane: lanes.start + choice.lane,
            item: Item { event, weight, ticket },
            key: choice.key.map(Cow::into_owned),
            timestamp: record.timestamp,
            route: index,
        })
    }

    /// Puts an event into its lane. Gives it back when it has to wait.
    pub(super) fn place(
        &mut self,
        slot: usize,
        placement: Placement,
        now: Instant,
    ) -> Option<Placement> {
        let overhead = encode::envelope_overhead(placement.key.as_deref());
        // Half of the budget is for what cannot be avoided: an open batch and one in flight for each lane.
        let ahead = self.held < self.budget / 2;
        let lane = &mut self.lanes[placement.lane];
        match lane.room(placement.item.weight, overhead, placement.key.as_deref(), ahead) {
            Room::Now => {
                let Placement { item, key, timestamp, .. } = placement;
                self.held += item.weight + overhead;
                lane.push(item, timestamp, overhead, key.as_deref(), now);
                if let Some(partition) = &mut self.partitions[slot] {
                    partition.out += 1;
                }
                None
            }
            Room::Later => Some(placement),
            Room::Never(limit) => {
                let size = placement.item.weight + overhead;
                let detail = format!("the event needs {size} bytes and the link takes {limit}");
                self.refuse(slot, placement.item.ticket, placement.route, "too_large", &detail);
                None
            }
        }
    }

    /// Batches that are due, as actions. `drain` is implied while a drain is under way.
    pub fn dispatch(&mut self, now: Instant) {
        let drain = !self.drains.is_empty();
        for number in 0..self.lanes.len() {
            let Some(departure) = self.lanes[number].next(now, drain) else { continue };
            if let Some(reason) = departure.reason {
                let hub = &self.outlets.all[self.lane_outlet[number]].hub;
                let (events, bytes) = (departure.events.len(), departure.bytes);
                self.metrics.batch_sealed(hub, reason.as_str(), events, bytes);
            }
            let envelope = Envelope { events: departure.events, partition_key: departure.key };
            self.act(Action::Send { lane: number, envelope });
        }
        self.weigh();
    }

    /// Whether another record may be taken.
    pub fn has_room(&self) -> bool {
        self.held < self.budget
    }

    pub(super) fn weigh(&mut self) {
        self.held = self.bytes();
    }

    /// The link of a lane is attached.
    pub fn lane_ready(&mut self, lane: usize, max_message_size: u64, now: Instant) {
        self.lanes[lane].ready(usize::try_from(max_message_size).unwrap_or(usize::MAX));
        self.place_held(now);
    }

    pub(super) fn new_letter(&mut self) -> u64 {
        self.next_letter += 1;
        self.next_letter
    }

    /// Bytes of events held.
    pub fn bytes(&self) -> usize {
        self.lanes.iter().map(Lane::bytes).sum()
    }

    /// When [`Core::dispatch`] or a drain wants to be looked at again, whatever else happens.
    pub fn deadline(&self) -> Option<Instant> {
        let lanes = self.lanes.iter().filter_map(Lane::deadline);
        lanes.chain(self.drains.iter().map(Drain::deadline)).min()
    }
}
