//! Looking into hubs for events that may have been sent: what is asked, and what follows from the answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::core::Core;
use crate::hubs::HubName;
use crate::mapping::Partitioning;
use crate::offsets::{Assignment, Ticket};
use crate::record::{Position, TopicPartition};
use crate::scale::HubNumber;

use super::{Phase, Terms};

/// A question to a hub: which of these events it holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Its number.
    pub id: u64,
    /// The hub.
    pub hub: HubName,
    /// The partitions of it that may hold them; all without.
    pub partitions: Option<BTreeSet<Arc<str>>>,
    /// Events that were stored before this time of day need not be looked at.
    pub since: i64,
    /// Events of records of these partitions, from these positions on.
    pub of: Vec<(TopicPartition, Position)>,
}

/// An event that a hub holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredEvent {
    /// Of which of the partitions of the question.
    pub of: usize,
    /// The offset of its record.
    pub offset: i64,
    /// When that was written, as the event says.
    pub written: Option<i64>,
}

/// A question that is under way.
#[derive(Debug)]
pub(crate) struct Request {
    lookup: Arc<Lookup>,
    hub: HubNumber,
    whose: Whose,
    /// Why it could not be answered yet.
    trouble: Option<String>,
}

/// Who waits for the answer.
#[derive(Debug)]
enum Whose {
    /// In the order of the question.
    Stays(Vec<Assignment>),
    Lane(usize),
}

/// What is asked about one hub for stays that begin.
#[derive(Default)]
struct PendingLookup {
    /// `None` once all partitions may hold some.
    partitions: Option<BTreeSet<Arc<str>>>,
    everywhere: bool,
    since: i64,
    of: Vec<(Assignment, TopicPartition, Position)>,
}

impl Core {
    /// Asks for the stays that have waited for long enough: each hub once for all of them.
    pub(crate) fn look_for_stays(&mut self, now: Instant) {
        if self.waits_end().is_none_or(|end| now < end) {
            return;
        }
        let mut questions: BTreeMap<HubNumber, PendingLookup> = BTreeMap::new();
        for stay in std::mem::take(&mut self.once.waiting) {
            let Some(once) = self.partitions.of(stay).and_then(|it| it.once.as_deref()) else {
                continue;
            };
            match once.phase {
                Phase::Waiting(from, until) if now >= until => {
                    let since = once.inherited.unwrap_or(0);
                    self.add_to(&mut questions, stay, from, since);
                }
                Phase::Waiting(..) => self.once.waiting.push(stay),
                _ => {}
            }
        }
        for (hub, PendingLookup { partitions, everywhere, since, of }) in questions {
            let stays = of.iter().map(|(stay, ..)| *stay).collect();
            let of = of.into_iter().map(|(_, name, from)| (name, from)).collect();
            let partitions = partitions.filter(|_| !everywhere);
            self.ask(hub, partitions, since, of, Whose::Stays(stays));
        }
    }

    fn add_to(
        &mut self,
        questions: &mut BTreeMap<HubNumber, PendingLookup>,
        stay: Assignment,
        from: Position,
        since: i64,
    ) {
        let Some(partition) = self.partitions.get_mut(stay.slot()) else { return };
        let mut hubs = BTreeSet::new();
        for route in partition.routes.iter().filter(|route| route.to.is_once()) {
            let question = questions
                .entry(route.hub)
                .or_insert_with(|| PendingLookup { since: i64::MAX, ..PendingLookup::default() });
            let place = match route.to.partitioning {
                Partitioning::Mirror => usize::try_from(partition.name.partition).ok(),
                Partitioning::Fixed(place) => Some(place as usize),
                _ => None,
            };
            let ids = self.hubs.all[route.hub].ids.as_ref();
            match place.and_then(|place| Some(Arc::clone(ids?.get(place)?))) {
                Some(id) => drop(question.partitions.get_or_insert_default().insert(id)),
                None => question.everywhere = true,
            }
            question.since = question.since.min(since);
            if hubs.insert(route.hub) {
                question.of.push((stay, partition.name.clone(), from));
            }
        }
        if let Some(once) = partition.once.as_deref_mut() {
            once.phase = Phase::Asking(from, hubs.len());
        }
    }

    /// Asks for the batch of a lane whose answer was lost.
    pub(crate) fn look_for(&mut self, lane: usize, now: Instant) {
        let berth = &self.berths[lane];
        let Some(since) = berth.lane.in_doubt_since() else { return };
        let mut of: HashMap<Assignment, i64> = HashMap::new();
        for ticket in berth.lane.first_tickets() {
            let Some(offset) = self.partitions.offsets.offset(ticket) else { continue };
            let first = of.entry(ticket.assignment()).or_insert(offset);
            *first = (*first).min(offset);
        }
        let name = |(stay, first): (Assignment, i64)| {
            Some((self.partitions.of(stay)?.name.clone(), Position(first)))
        };
        let of = of.into_iter().filter_map(name).collect();
        let gateway = self.hubs.outlets[berth.outlet].gateway;
        let partitions = (!gateway).then(|| BTreeSet::from([Arc::clone(&berth.id)]));
        let ago = now.saturating_duration_since(since).as_millis();
        let since = self.once.wall.saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX));
        let id = self.ask(berth.hub, partitions, since, of, Whose::Lane(lane));
        self.berths[lane].lane.asks(id);
        self.touch(lane);
    }

    fn ask(
        &mut self,
        hub: HubNumber,
        partitions: Option<BTreeSet<Arc<str>>>,
        since: i64,
        of: Vec<(TopicPartition, Position)>,
        whose: Whose,
    ) -> u64 {
        let Terms { skew, .. } = self.once.terms;
        let skew = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
        self.once.last_request += 1;
        let id = self.once.last_request;
        let (name, since) = (self.hubs.all[hub].name.clone(), since.saturating_sub(skew));
        let lookup = Arc::new(Lookup { id, hub: name, partitions, since, of });
        self.act(Action::LookUp(Arc::downgrade(&lookup)));
        self.once.requests.insert(id, Request { lookup, hub, whose, trouble: None });
        id
    }

    /// A hub holds these of the events that were asked for, and no others.
    pub fn looked_up(&mut self, id: u64, found: &[StoredEvent], now: Instant) {
        let Some(Request { lookup, hub, whose, .. }) = self.once.requests.remove(&id) else {
            return;
        };
        match whose {
            Whose::Stays(stays) => self.found_for(&stays, hub, found),
            Whose::Lane(lane) => self.found_in(lane, &lookup, found, now),
        }
    }

    fn found_for(&mut self, stays: &[Assignment], hub: HubNumber, found: &[StoredEvent]) {
        for StoredEvent { of, offset, written } in found {
            let Some(stay) = stays.get(*of).copied() else { continue };
            if self.partitions.of(stay).is_none() {
                continue;
            }
            let partition = self.partitions.get_mut(stay.slot());
            if let Some(once) = partition.and_then(|it| it.once.as_deref_mut()) {
                once.find(*offset, hub, *written);
            }
        }
        for stay in stays {
            if self.partitions.of(*stay).is_none() {
                continue;
            }
            let partition = self.partitions.get_mut(stay.slot());
            let Some(once) = partition.and_then(|it| it.once.as_deref_mut()) else { continue };
            let Phase::Asking(from, left) = once.phase else { continue };
            if left > 1 {
                once.phase = Phase::Asking(from, left - 1);
                continue;
            }
            once.phase = Phase::Ready;
            self.resume(*stay);
        }
    }

    fn found_in(&mut self, lane: usize, lookup: &Lookup, found: &[StoredEvent], now: Instant) {
        let Self { berths, partitions, .. } = self;
        let berth = &mut berths[lane];
        let mut there: HashMap<(Assignment, i64), Option<i64>> = HashMap::new();
        for StoredEvent { of, offset, written } in found {
            let Some((name, _)) = lookup.of.get(*of) else { continue };
            let Some(slot) = partitions.find(&name.topic, name.partition) else { continue };
            let Some(partition) = partitions.get(slot) else { continue };
            there.insert((partition.assignment, *offset), *written);
        }
        let is_there = |ticket: &Ticket| {
            let offset = partitions.offsets.offset(ticket);
            let written = offset.and_then(|it| there.get(&(ticket.assignment(), it)));
            written.is_some_and(|it| *it == partitions.offsets.written(ticket))
        };
        let Some(tickets) = berth.lane.clears_up(lookup.id, |ticket| !is_there(ticket)) else {
            return;
        };
        let hub = berth.hub;
        self.spare(hub, tickets.len() as u64);
        for ticket in tickets {
            if let Some(slot) = self.partitions.settle(ticket) {
                self.wake_itself(slot);
            }
        }
        self.moved(lane, now);
    }

    /// A hub could not be looked into, and is tried again.
    pub fn look_failed(&mut self, id: u64, detail: &str) {
        if let Some(request) = self.once.requests.get_mut(&id) {
            request.trouble = Some(detail.to_owned());
            if let Whose::Lane(lane) = request.whose {
                self.berths[lane].doubt_lasts(detail);
            }
        }
    }

    /// Questions that nobody waits for any more.
    pub(crate) fn forget_questions(&mut self) {
        let Self { once, partitions, berths, .. } = self;
        once.requests.retain(|id, request| match &request.whose {
            Whose::Stays(stays) => stays.iter().any(|stay| partitions.of(*stay).is_some()),
            Whose::Lane(lane) => berths[*lane].lane.has_asked(*id),
        });
    }

    /// What a stay waits for before it sends, in words.
    pub(crate) fn describe_claim(&self, stay: Assignment, now: Instant) -> String {
        let phase = self.partitions.of(stay).and_then(|it| Some(it.once.as_deref()?.phase));
        match phase {
            Some(Phase::Waiting(_, until)) => {
                let left = until.saturating_duration_since(now).as_secs_f64().ceil();
                let left = Duration::from_secs_f64(left);
                format!("its former owner may still send for {left:?}; then its hubs are read")
            }
            Some(Phase::Asking(..)) => {
                let waits = |it: &&super::Request| match &it.whose {
                    Whose::Stays(stays) => stays.contains(&stay),
                    Whose::Lane(_) => false,
                };
                let request = self.once.requests.values().find(waits);
                let hub = request.map_or_else(String::new, |it| it.lookup.hub.to_string());
                let trouble = request.and_then(|it| it.trouble.as_deref());
                let because =
                    trouble.unwrap_or("the bridge looks for events that were sent before");
                format!("hub `{hub}`: {because}")
            }
            _ => "Kafka has not confirmed yet that this member owns it".to_owned(),
        }
    }
}
