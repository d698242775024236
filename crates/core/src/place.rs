//! The place of a record: one event for each of its routes, all of them or none.

mod large;

use std::time::{Duration, Instant};

use crate::batch::Item;
use crate::claim::Claim;
use crate::core::Core;
use crate::encode::{self, Layout};
use crate::fork::{Branch, NoHub};
use crate::hold::HoldCause;
use crate::hubs::{Berth, LaneRoute};
use crate::lane::Room;
use crate::mapping::Policy;
use crate::offsets::Ticket;
use crate::parts::Split;
use crate::record::{Read, Record};
use crate::route::Misfit;
use crate::step::Shaped;
use crate::trace::TraceContext;
use crate::typed::WrongType;

/// Lanes that are opened within this part of their linger are due together.
const TICK: u32 = 10;
const LONGEST_TICK: Duration = Duration::from_millis(10);

/// What becomes of one event of a record.
struct PlacedEvent<'a> {
    way: Branch,
    fate: Fate<'a>,
}

enum Fate<'a> {
    Push(Exit, encode::EventPlan<'a>),
    /// An event is sent that says where the value is.
    Claim(Exit, Box<Claim>, &'a Record<'a>, &'a Layout),
    /// Several events are sent, each with a part of the value.
    Split(Exit, Split, &'a Record<'a>, &'a Layout),
    Refuse(&'static str, String),
    Filter(&'static str),
    /// Its event stands in the hub already.
    There,
}

/// How an event leaves.
#[derive(Clone, Copy)]
struct Exit {
    lane: usize,
    /// The service places the batch by the partition key of its events.
    by_key: bool,
    context: Option<TraceContext>,
}

/// An event that never has room: what it takes in a batch of its own, and what its link takes.
struct Oversized {
    size: usize,
    limit: usize,
}

impl Core {
    /// Places a record at all its hubs, or says what it has to wait for.
    pub(crate) fn place(
        &mut self,
        slot: usize,
        at: &Read<'_>,
        record: &Record<'_>,
        routes: &[LaneRoute],
        now: Instant,
    ) -> Result<(), HoldCause> {
        // Nearly always there is one way, and no list is made for it.
        let mut ways = Branch::all(routes);
        if let (Some(way), None, None) = (ways.next(), ways.next(), at.by) {
            let shaped = Shaped::by(routes[way.route].to.step.as_ref(), record, &self.known);
            let shaped = shaped.map_err(|missing| self.miss(missing))?;
            let headers = shaped.lend();
            let shaped_record = shaped.record(record, &headers);
            let plan = self.plan_shaped(way, &shaped_record, &shaped, routes, now)?;
            if let Some(ticket) = self.track(slot, at, record) {
                self.carry_out(slot, plan, ticket, record.timestamp, now);
            }
            return Ok(());
        }
        let goes = |way: &Branch| at.goes_by(routes[way.route].to.mapping);
        let wanted = Branch::all(routes).filter(goes);
        self.shaped(record, routes, wanted, now, |core, plans| {
            let Some(ticket) = core.track(slot, at, record) else { return };
            let offsets = &mut core.partitions.offsets;
            let tickets: Vec<Ticket> = plans.iter().map(|_| offsets.split(&ticket)).collect();
            // The first one, which is of no event: without routes the record is settled.
            offsets.settle(ticket);
            for (plan, ticket) in plans.into_iter().zip(tickets) {
                core.carry_out(slot, plan, ticket, record.timestamp, now);
            }
        })
    }

    /// Places a record that has come again, where events of it are still to go. It has chosen its hubs before.
    pub(crate) fn place_again(
        &mut self,
        slot: usize,
        at: &Read<'_>,
        record: &Record<'_>,
        routes: &[LaneRoute],
        now: Instant,
    ) -> Result<(), HoldCause> {
        let Some(partition) = self.partitions.get(slot) else { return Ok(()) };
        let wanted: Vec<Branch> = partition.again.routes(at.offset).map(Branch::by).collect();
        self.shaped(record, routes, wanted.into_iter(), now, |core, plans| {
            for plan in plans {
                let Some(partition) = core.partitions.get_mut(slot) else { return };
                partition.given_back = None;
                core.missing.placed(partition.assignment);
                let Some(ticket) = partition.again.take(at.offset, plan.way.route) else {
                    continue;
                };
                core.carry_out(slot, plan, ticket, record.timestamp, now);
            }
        })
    }

    /// Hands the plans of the `wanted` ways to `place`, each of the record as the step of its mapping leaves it; or says what one
    /// of them has to wait for.
    fn shaped(
        &mut self,
        record: &Record<'_>,
        routes: &[LaneRoute],
        wanted: impl Iterator<Item = Branch> + Clone,
        now: Instant,
        place: impl FnOnce(&mut Self, Vec<PlacedEvent<'_>>),
    ) -> Result<(), HoldCause> {
        let step = |way: Branch| routes[way.route].to.step.as_ref();
        if wanted.clone().all(|way| step(way).is_none()) {
            let ways = wanted.map(|way| (way, record, &Shaped::Same));
            let plans = self.plan_all(ways, routes, now)?;
            place(self, plans);
            return Ok(());
        }
        let shaped = wanted.clone().map(|way| Shaped::by(step(way), record, &self.known));
        let shaped = shaped.collect::<Result<Vec<_>, _>>().map_err(|missing| self.miss(missing))?;
        let headers: Vec<_> = shaped.iter().map(Shaped::lend).collect();
        let lent = shaped.iter().zip(&headers);
        let records: Vec<_> =
            lent.map(|(shaped, headers)| shaped.record(record, headers)).collect();
        let ways = wanted.zip(records.iter().zip(&shaped));
        let ways = ways.map(|(way, (record, shaped))| (way, record, shaped));
        let plans = self.plan_all(ways, routes, now)?;
        place(self, plans);
        Ok(())
    }

    fn track(&mut self, slot: usize, at: &Read<'_>, record: &Record<'_>) -> Option<Ticket> {
        let wall = self.once.wall();
        let partition = self.partitions.get_mut(slot)?;
        partition.given_back = None;
        if let Some(once) = partition.once.as_deref_mut() {
            once.taken(at.offset, wall);
        }
        let stay = partition.assignment;
        self.missing.placed(stay);
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        self.partitions.offsets.track(stay, at.offset, bytes, record.timestamp)
    }

    /// The plans of these ways, each for its record as its step leaves it; or what one of them has to wait for.
    fn plan_all<'a, 's>(
        &mut self,
        ways: impl Iterator<Item = (Branch, &'a Record<'a>, &'s Shaped<'s>)>,
        routes: &'a [LaneRoute],
        now: Instant,
    ) -> Result<Vec<PlacedEvent<'a>>, HoldCause> {
        let mut plans = Vec::with_capacity(routes.len());
        for (way, record, shaped) in ways {
            match self.plan_shaped(way, record, shaped, routes, now) {
                Ok(plan) => plans.push(plan),
                Err(why) => {
                    // Nothing is pushed, but they may have sealed their open batch for it.
                    for plan in plans {
                        if let Fate::Push(exit, ..)
                        | Fate::Claim(exit, ..)
                        | Fate::Split(exit, ..) = plan.fate
                        {
                            self.touch(exit.lane);
                        }
                    }
                    return Err(why);
                }
            }
        }
        Ok(plans)
    }

    /// The plan of one way for `record`, which its step has left as it is.
    #[expect(clippy::inline_always, reason = "a plan is large, and would be copied")]
    #[inline(always)]
    fn plan_shaped<'a>(
        &mut self,
        way: Branch,
        record: &'a Record<'a>,
        shaped: &Shaped<'_>,
        routes: &'a [LaneRoute],
        now: Instant,
    ) -> Result<PlacedEvent<'a>, HoldCause> {
        let fate = |fate| Ok(PlacedEvent { way, fate });
        match shaped {
            Shaped::Filtered(reason) => fate(Fate::Filter(reason)),
            Shaped::Refused(reason, detail) => fate(Fate::Refuse(reason, detail.clone())),
            Shaped::Same | Shaped::Draft(_) => match way.choose(record, routes) {
                Ok(route) => self.plan(record, route, &routes[route], now),
                Err(NoHub { reason, detail }) => fate(Fate::Refuse(reason, detail)),
            },
        }
    }

    /// Measures the event of one route and finds its lane.
    #[expect(clippy::inline_always, reason = "a plan is large, and would be copied")]
    #[inline(always)]
    fn plan<'a>(
        &mut self,
        record: &'a Record<'a>,
        index: usize,
        route: &'a LaneRoute,
        now: Instant,
    ) -> Result<PlacedEvent<'a>, HoldCause> {
        let way = Branch::by(index);
        if self.is_there(record, route) {
            return Ok(PlacedEvent { way, fate: Fate::There });
        }
        let (hub, outlet) = (route.hub, &mut self.hubs.outlets[route.outlet]);
        if outlet.lanes.is_empty() || self.hubs.all[hub].next_ids.is_some() {
            return Err(HoldCause::Unknown(hub));
        }
        let refused =
            |reason, detail: String| Ok(PlacedEvent { way, fate: Fate::Refuse(reason, detail) });
        let event = match encode::EventPlan::new(record, &route.layout) {
            Ok(event) => event,
            Err(wrong) => return refused(WrongType::REASON, wrong.to_string()),
        };
        let (key, count) = (event.partition_key(), outlet.lanes.len());
        let chosen = route.to.choose(record.partition, key, count, &mut outlet.round_robin);
        let lane = match chosen {
            Ok(chosen) => outlet.lanes[chosen],
            // The hub may grow; who wants the record elsewhere meanwhile has said so.
            Err(misfit) if route.to.failure.policy == Policy::Halt => {
                return Err(HoldCause::NoPlace(hub, misfit.to_string()));
            }
            Err(misfit) => return refused(Misfit::REASON, misfit.to_string()),
        };
        let exit = Exit { lane, by_key: route.to.is_by_key(), context: self.context(record) };
        let fate = match self.room_for(&exit, &event, now)? {
            Ok(()) => Fate::Push(exit, event),
            Err(too_large) => self.place_large(record, route, exit, &too_large, now)?,
        };
        Ok(PlacedEvent { way, fate })
    }

    /// Whether an event has room on a lane: now, or never; or what it has to wait for.
    fn room_for(
        &mut self,
        exit: &Exit,
        event: &encode::EventPlan<'_>,
        now: Instant,
    ) -> Result<Result<(), Oversized>, HoldCause> {
        let (weight, key) = (event.weight(), event.partition_key().filter(|_| exit.by_key));
        let overhead = encode::envelope_size(key);
        let start = self.start_memory();
        let Berth { lane, hub, .. } = &mut self.berths[exit.lane];
        match lane.room(weight, overhead, key, now) {
            Room::Now
                if self.scale.admits(
                    *hub,
                    lane.memory_for(weight, overhead, start, exit.context.is_some()),
                ) =>
            {
                Ok(Ok(()))
            }
            Room::Never(limit) => Ok(Err(Oversized { size: weight + overhead, limit })),
            full => {
                let why = if full == Room::Later {
                    HoldCause::Lane(exit.lane)
                } else {
                    HoldCause::Share(*hub)
                };
                // It may have sealed its open batch.
                self.touch(exit.lane);
                Err(why)
            }
        }
    }

    /// Where a record comes from, if that is followed; nobody looks for it otherwise.
    fn context(&self, record: &Record<'_>) -> Option<TraceContext> {
        if self.followed.is_none() {
            return None;
        }
        encode::context(record.headers).filter(|context| self.followed.takes(context))
    }

    /// What a new batch may have before it is known to fill: all of them together an eighth of the budget.
    fn start_memory(&self) -> usize {
        self.scale.budget() / 8 / self.berths.len().max(1)
    }

    /// Since when a batch of `lane` waits that is opened now. Lanes that are opened nearly together are due together: one
    /// turn seals them, one wake-up of each thread sends them.
    fn opening(&mut self, lane: usize, now: Instant) -> Instant {
        let linger = self.hubs.outlets[self.berths[lane].outlet].settings(0).linger;
        let tick = self.tick.filter(|tick| {
            now.saturating_duration_since(*tick) <= (linger / TICK).min(LONGEST_TICK)
        });
        let tick = tick.unwrap_or(now);
        self.tick = Some(tick);
        tick.checked_sub(self.gathered).unwrap_or(tick)
    }

    fn carry_out(
        &mut self,
        slot: usize,
        plan: PlacedEvent<'_>,
        ticket: Ticket,
        timestamp: Option<i64>,
        now: Instant,
    ) {
        match plan.fate {
            Fate::Push(exit, event) => self.push(slot, exit, &event, ticket, timestamp, now),
            Fate::Claim(exit, claim, record, layout) => {
                let push = |event: &encode::EventPlan<'_>| {
                    self.push(slot, exit, event, ticket, timestamp, now);
                };
                let pushed = claim.event(record, layout, push);
                debug_assert!(pushed.is_ok(), "it was measured");
            }
            Fate::Split(exit, split, record, layout) => {
                self.push_parts(slot, exit, &split, (record, layout), ticket, now);
            }
            Fate::Refuse(reason, detail) => {
                self.refuse(slot, ticket, plan.way, reason, &detail, now);
            }
            Fate::Filter(reason) => self.filter(slot, ticket, plan.way.route, reason),
            Fate::There => self.pass(slot, ticket, plan.way.route),
        }
    }

    fn push(
        &mut self,
        slot: usize,
        Exit { lane, by_key, context }: Exit,
        event: &encode::EventPlan<'_>,
        ticket: Ticket,
        timestamp: Option<i64>,
        now: Instant,
    ) {
        let (weight, start) = (event.weight(), self.start_memory());
        let key = event.partition_key().filter(|_| by_key);
        let write = |message: &mut Vec<u8>| event.write_section(message);
        let item = Item { weight, write, ticket, timestamp, context };
        // Of a batch that is open already nobody asks again since when it waits.
        let opened =
            if self.berths[lane].lane.is_filling() { now } else { self.opening(lane, now) };
        self.berths[lane].lane.push(item, key, start, opened);
        if let Some(partition) = self.partitions.get_mut(slot) {
            partition.out += 1;
        }
        self.touch(lane);
    }
}

#[cfg(test)]
mod tests;
