//! Mappings whose events are to stand in their hubs once: `delivery = "effectively_once"`.
//!
//! Every event says which record it is of. So where an event may have been sent before, its hub is looked into first, and what
//! is there is not sent again:
//!
//! * **A stay begins.** The last commit says since when events beyond its position may have been sent, and nothing when none
//!   were. The member commits the same itself (a claim) before it sends anything, waits until an earlier owner cannot send any
//!   more, and looks.
//! * **An answer is lost.** The batch may be stored. The lane waits until it would be, and looks, before it sends what is left.
//!
//! An earlier owner sends nothing once its **lease** is over: that time after the last commit that Kafka took from it. So does
//! this member. What is under way by then is given up with its connection, and what the network or the service
//! may still do with that is the time for what is **late**.
//!
//! A mapping that is delivered at least once pays one comparison for each batch.

mod look;
mod stay;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::action::Action;
use crate::core::Core;
use crate::hubs::{HubName, LaneRoute};
use crate::offsets::{Assignment, Ticket};
use crate::partitions::Partition;
use crate::record::{Commit, Position, Record, TopicPartition};
use crate::scale::HubNumber;

use look::Request;
pub use look::{Lookup, StoredEvent};
pub(crate) use stay::{Phase, Stay};

/// The claims of partitions that are assigned together are confirmed within this time, most likely.
const TOGETHER: Duration = Duration::from_millis(500);

/// What is taken for granted of the others.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// A member sends for so long after Kafka has confirmed that it is one.
    pub lease: Duration,
    /// What has left is stored within this time after it was given up, or never.
    pub late: Duration,
    /// The clocks of members and of Event Hubs differ by no more.
    pub skew: Duration,
    /// Bytes that the sender adds to each event, at most, where a hub partition is named.
    pub room: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(5),
            late: Duration::from_secs(5),
            skew: Duration::from_mins(1),
            room: 0,
        }
    }
}

/// The books of it.
#[derive(Debug, Default)]
pub(crate) struct OnceBooks {
    terms: Terms,
    /// The time of day when it was last told, in milliseconds.
    wall: i64,
    /// Until when this member may send.
    lease: Option<Instant>,
    /// The stay whose commit is to renew that.
    renewing: Option<Assignment>,
    /// Lanes that are due, and wait for it.
    parked: BTreeSet<usize>,
    /// Stays that wait until an earlier owner cannot send any more.
    waiting: Vec<Assignment>,
    requests: BTreeMap<u64, Request>,
    last_request: u64,
    /// Events that were not sent, because they were there.
    spared: BTreeMap<HubNumber, u64>,
}

impl OnceBooks {
    /// The time of day when it was last told.
    pub(crate) fn wall(&self) -> i64 {
        self.wall
    }

    /// How long nothing is read of a partition that rests, in milliseconds: after that the lease is over, and somebody has to commit
    /// before anything is sent. And the time of day when it was last told.
    pub(crate) fn rest(&self) -> (i64, i64) {
        (i64::try_from(self.terms.lease.as_millis()).unwrap_or(i64::MAX), self.wall)
    }

    /// Whether a lane waits until Kafka takes a commit.
    pub(crate) fn parked(&self, lane: usize) -> bool {
        self.parked.contains(&lane)
    }

    #[cfg(test)]
    pub(crate) fn renewing(&self) -> Option<Assignment> {
        self.renewing
    }

    /// What is taken for granted of the others.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }
}

impl Core {
    /// What is taken for granted of other members and of Event Hubs.
    pub fn agree(&mut self, terms: Terms) {
        self.once.terms = terms;
    }

    /// The time of day, in milliseconds since the Unix epoch. To be told in each turn.
    pub fn tell_time(&mut self, wall: i64) {
        self.once.wall = wall;
    }

    /// Events that were not sent because their hub had them, since this was last asked.
    pub fn take_spared(&mut self) -> Vec<(HubName, u64)> {
        let spared = std::mem::take(&mut self.once.spared);
        spared.into_iter().map(|(hub, events)| (self.hubs.all[hub].name.clone(), events)).collect()
    }

    /// Whether a partition may send. Where it may not yet, its claim is under way from the record at `from` on.
    pub(crate) fn is_cleared(&mut self, slot: usize, from: Position) -> bool {
        let wall = self.once.wall;
        let Some((partition, offsets)) = self.partitions.get_beside(slot) else { return true };
        let Some(once) = partition.once.as_deref_mut() else { return true };
        if once.phase == Phase::New {
            // Before the record there may be markers, which a later commit must not go back to.
            let position = offsets.position(partition.assignment).unwrap_or(from);
            once.phase = Phase::Claiming(position);
            let sent_since = Some(once.inherited.unwrap_or(wall));
            let name = partition.name.clone();
            self.act(Action::Commit(name, Commit { position, sent_since }));
            return false;
        }
        once.phase == Phase::Ready
    }

    /// Kafka has taken commits of `names` that were handed to it at `handed`: this member was one then.
    pub fn confirmed(&mut self, names: &[TopicPartition], handed: Instant, now: Instant) {
        let until = Some(handed + self.once.terms.lease);
        if until > self.once.lease {
            self.once.lease = until;
            self.act(Action::Lease(until));
        }
        self.unpark();
        for name in names {
            let Some(slot) = self.partitions.find(&name.topic, name.partition) else { continue };
            self.claimed(slot, now);
        }
    }

    fn claimed(&mut self, slot: usize, now: Instant) {
        let Terms { lease, late, .. } = self.once.terms;
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        let stay = partition.assignment;
        let Some(once) = partition.once.as_deref_mut() else { return };
        let Phase::Claiming(from) = once.phase else { return };
        if once.inherited.is_some() {
            once.phase = Phase::Waiting(from, now + lease + late);
            self.once.waiting.retain(|of| self.partitions.of(*of).is_some());
            self.once.waiting.push(stay);
        } else {
            once.phase = Phase::Ready;
            self.resume(stay);
        }
    }

    /// When stays have waited for long enough. Those that are to end soon after the first end with it, so that their hubs
    /// are read once for all of them.
    pub(crate) fn waits_end(&self) -> Option<Instant> {
        let end = |stay: &Assignment| match self.partitions.of(*stay)?.once.as_deref()?.phase {
            Phase::Waiting(_, until) => Some(until),
            _ => None,
        };
        let ends = || self.once.waiting.iter().filter_map(end);
        let first = ends().min()?;
        ends().filter(|it| *it <= first + TOGETHER).max()
    }

    /// Whether a lane is due that must not send now: its hub is looked into first, or nobody knows whether its partitions
    /// are still of this member.
    pub(crate) fn is_barred(&mut self, lane: usize, now: Instant) -> bool {
        if !self.berths[lane].once {
            return false;
        }
        if self.berths[lane].lane.is_in_doubt() {
            self.look_for(lane, now);
            return true;
        }
        let left = self.once.lease.map_or(Duration::ZERO, |it| it.saturating_duration_since(now));
        if left < self.once.terms.lease / 2 {
            self.renew();
        }
        if left.is_zero() {
            self.due.set(lane, None);
            self.once.parked.insert(lane);
        }
        left.is_zero()
    }

    /// Commits where some partition stands: when Kafka takes it, this member is one.
    fn renew(&mut self) {
        if self.once.renewing.is_some() {
            return;
        }
        let is_ready =
            |it: &&Partition| it.once.as_ref().is_some_and(|it| it.phase == Phase::Ready);
        let stands = |it: &Partition| {
            Some((it.assignment, self.partitions.offsets.position(it.assignment)?))
        };
        let Some((stay, position)) = self.partitions.iter().filter(is_ready).find_map(stands)
        else {
            return;
        };
        self.once.renewing = Some(stay);
        let Some(commit) = self.commit_of(stay.slot(), position) else { return };
        let Some(partition) = self.partitions.of(stay) else { return };
        self.act(Action::Commit(partition.name.clone(), commit));
    }

    /// Where the stay has ended whose commit was to renew the lease, the lanes that wait for it ask for another.
    pub(crate) fn renew_elsewhere(&mut self) {
        if self.once.renewing.is_some_and(|stay| self.partitions.of(stay).is_none()) {
            self.unpark();
        }
    }

    /// No commit is to renew the lease any more; lanes that waited for one are looked at again.
    fn unpark(&mut self) {
        self.once.renewing = None;
        for lane in std::mem::take(&mut self.once.parked) {
            self.touch(lane);
        }
    }

    /// What is said when a partition is committed up to `position`.
    pub(crate) fn commit_of(&mut self, slot: usize, position: Position) -> Option<Commit> {
        let wall = self.once.wall;
        let (partition, offsets) = self.partitions.get_beside(slot)?;
        let is_settled = offsets.in_flight(partition.assignment) == 0;
        let once = partition.once.as_deref_mut();
        let sent_since = once.and_then(|once| once.sent_since(position, is_settled, wall));
        Some(Commit { position, sent_since })
    }

    /// The same when nothing more of it is sent: the next owner need not look for what was all answered.
    pub(crate) fn last_commit_of(&mut self, slot: usize, position: Position) -> Option<Commit> {
        let commit = self.commit_of(slot, position)?;
        let partition = self.partitions.get(slot)?;
        let is_settled = self.partitions.offsets.in_flight(partition.assignment) == 0;
        let is_clean = partition.once.as_ref().is_some_and(|it| it.is_clean(position));
        Some(if is_settled && is_clean { position.into() } else { commit })
    }

    /// Whether the event of a record stands in the hub of its route already.
    pub(crate) fn is_there(&mut self, record: &Record<'_>, route: &LaneRoute) -> bool {
        if !route.to.is_once() {
            return false;
        }
        let slot = self.partitions.find(record.topic, record.partition);
        let once = slot.and_then(|slot| self.partitions.get(slot)?.once.as_deref());
        once.is_some_and(|it| it.holds(record.offset, route.hub, record.timestamp))
    }

    /// The event of a record stands in its hub: it is settled.
    pub(crate) fn pass(&mut self, slot: usize, ticket: Ticket, route: usize) {
        let Some(partition) = self.partitions.get(slot) else { return };
        let hub = partition.routes[route].hub;
        self.spare(hub, 1);
        self.partitions.offsets.settle(ticket);
        self.wake_itself(slot);
    }

    /// So many events for a hub were there already, and are not sent.
    fn spare(&mut self, hub: HubNumber, events: u64) {
        *self.once.spared.entry(hub).or_default() += events;
    }

    /// Nobody knows any more whether this member is one, or something of a partition that is given up is still under way.
    pub(crate) fn end_lease(&mut self) {
        if self.once.lease.take().is_some() {
            self.act(Action::Lease(None));
        }
    }
}

/// What a stay has to know for that, where one of its mappings asks for it.
pub(crate) fn stay(routes: &[LaneRoute], inherited: Option<i64>) -> Option<Box<Stay>> {
    let wanted = routes.iter().any(|route| route.to.is_once());
    wanted.then(|| Box::new(Stay::new(inherited)))
}
