//! Records that cannot go on: waiting for room, held because a hub takes nothing, halted, or written elsewhere.
//!
//! | the lane is | and so |
//! |---|---|
//! | full, its batch in flight | everything waits: that is backpressure, and costs nothing |
//! | full, or not known, and not moving for [`super::lane::STALLED_AFTER`] | this partition is paused, the others go on |
//! | moving again | what waited is placed in order, then the partition is resumed |
//!
//! Pausing throws the Kafka client's prefetch away, so it is never used for plain backpressure.

use std::collections::VecDeque;
use std::time::Instant;

use crate::config::Policy;
use crate::offsets::Ticket;

use super::action::{Action, Letter};
use super::core::Core;
use super::outlet::Route;
use super::partition::{Intake, Placement, Waiting};

/// Letters on their way at most; beyond that, records wait.
const MAX_LETTERS: usize = 256;

impl Core {
    /// Places an event; without room it waits, and so does everything behind it.
    pub(super) fn place_or_wait(&mut self, slot: usize, placement: Placement, now: Instant) {
        let behind = self.partitions[slot].as_ref().is_some_and(|p| !p.waiting.is_empty());
        let back = if behind { Some(placement) } else { self.try_place(slot, placement, now) };
        if let Some(placement) = back {
            self.wait(slot, Waiting::Routed(placement), now);
        }
    }

    /// Gives the event back when it has to wait.
    fn try_place(&mut self, slot: usize, placement: Placement, now: Instant) -> Option<Placement> {
        if self.letters.len() >= MAX_LETTERS {
            return Some(placement);
        }
        self.place(slot, placement, now)
    }

    /// A record waits: it blocks the intake, unless its lane is stalled, in which case its partition is held.
    pub(super) fn wait(&mut self, slot: usize, waiting: Waiting, now: Instant) {
        let Some(partition) = &mut self.partitions[slot] else { return };
        partition.waiting.push_back(waiting);
        if matches!(partition.intake, Intake::Flowing) {
            if self.stalled(slot, now) {
                self.hold(slot);
            } else {
                self.blocked = Some(slot);
            }
        }
    }

    /// Whether what the first waiting record waits for does not move.
    fn stalled(&self, slot: usize, now: Instant) -> bool {
        let Some(partition) = &self.partitions[slot] else { return false };
        match partition.waiting.front() {
            Some(Waiting::Unrouted(..)) => {
                partition.routes.iter().any(|route| self.outlets.all[route.outlet].stalled(now))
            }
            Some(Waiting::Routed(placement)) => self.lanes[placement.lane].stalled(now),
            None => false,
        }
    }

    fn hold(&mut self, slot: usize) {
        let Some(partition) = &mut self.partitions[slot] else { return };
        partition.intake = Intake::Held;
        let name = partition.name.clone();
        tracing::warn!(partition = %name, "held: its hub takes nothing; the other partitions go on");
        self.metrics.partition_held(&name, "hub_unavailable", true);
        self.act(Action::Pause(name));
    }

    /// Tries again to place the record everything waits for. `true` when records may come again.
    pub fn unblock(&mut self, now: Instant) -> bool {
        let Some(slot) = self.blocked else { return true };
        self.blocked = None;
        if !self.place_waiting(slot, now) {
            if self.stalled(slot, now) {
                self.hold(slot);
            } else {
                self.blocked = Some(slot);
            }
        }
        self.blocked.is_none()
    }

    /// Whether a record holds everything up.
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Places what held partitions wait with, and resumes those that have nothing left.
    pub(super) fn place_held(&mut self, now: Instant) {
        for slot in 0..self.partitions.len() {
            let held = |p: &super::partition::Partition| matches!(p.intake, Intake::Held);
            let drains = |p: &super::partition::Partition| matches!(p.intake, Intake::Draining);
            if self.partitions[slot].as_ref().is_some_and(drains) {
                // What is left of a record that is half under way.
                self.place_waiting(slot, now);
                continue;
            }
            if !self.partitions[slot].as_ref().is_some_and(held) || !self.place_waiting(slot, now) {
                continue;
            }
            let Some(partition) = &mut self.partitions[slot] else { continue };
            if !held(partition) {
                continue;
            }
            partition.intake = Intake::Flowing;
            let name = partition.name.clone();
            tracing::info!(partition = %name, "resumed: its hub takes events again");
            self.metrics.partition_held(&name, "hub_unavailable", false);
            self.act(Action::Resume(name));
        }
    }

    /// Places the waiting records of a partition in order. `true` when none is left.
    fn place_waiting(&mut self, slot: usize, now: Instant) -> bool {
        loop {
            let Some(partition) = &mut self.partitions[slot] else { return true };
            let routes = partition.routes.clone();
            let Some(waiting) = partition.waiting.pop_front() else { return true };
            let mut rest = VecDeque::new();
            match waiting {
                Waiting::Routed(placement) => {
                    rest.extend(self.try_place(slot, placement, now).map(Waiting::Routed));
                }
                Waiting::Unrouted(record, ticket) if self.unrouted(&routes) => {
                    rest.push_back(Waiting::Unrouted(record, ticket));
                }
                Waiting::Unrouted(record, ticket) => {
                    let placements =
                        record.with(|record| self.placements(slot, record, ticket, &routes));
                    for placement in placements {
                        let back = match rest.is_empty() {
                            true => self.try_place(slot, placement, now),
                            false => Some(placement),
                        };
                        rest.extend(back.map(Waiting::Routed));
                    }
                }
            }
            if !rest.is_empty() {
                if let Some(partition) = &mut self.partitions[slot] {
                    rest.append(&mut partition.waiting);
                    partition.waiting = rest;
                }
                return false;
            }
        }
    }

    /// Whether a hub of these routes is not known yet.
    pub(super) fn unrouted(&self, routes: &[Route]) -> bool {
        routes.iter().any(|route| self.outlets.all[route.outlet].lanes.is_none())
    }

    /// A record can never be stored: what its mapping says is done.
    pub(super) fn refuse(
        &mut self,
        slot: usize,
        ticket: Ticket,
        route: usize,
        reason: &'static str,
        detail: &str,
    ) {
        let Some(partition) = &mut self.partitions[slot] else { return };
        let name = partition.name.clone();
        let failure = partition.routes[route].to.failure.clone();
        let offset = self.offsets.offset(&ticket).unwrap_or(-1);
        match (failure.policy, failure.dead_letter_topic) {
            (Policy::Drop, _) => {
                self.metrics.record_refused(&name.topic, "drop", reason);
                tracing::warn!(partition = %name, offset, reason, detail, "record dropped, as its mapping says");
                self.offsets.settle(ticket);
            }
            (Policy::DeadLetter, Some(topic)) => {
                self.metrics.record_refused(&name.topic, "dead_letter", reason);
                tracing::warn!(partition = %name, offset, reason, detail, to = topic, "record goes to its dead-letter topic");
                partition.out += 1;
                let id = self.new_letter();
                self.letters.insert(id, ticket);
                let detail = detail.to_owned();
                self.act(Action::DeadLetter(Letter {
                    id,
                    source: name,
                    offset,
                    topic,
                    reason,
                    detail,
                }));
            }
            (Policy::Halt, _) | (Policy::DeadLetter, None) => {
                self.metrics.record_refused(&name.topic, "halt", reason);
                self.halt(slot, ticket, reason, detail);
            }
        }
    }

    /// A dead letter is written, or can never be.
    pub fn letter_done(&mut self, id: u64, result: Result<(), String>, now: Instant) {
        let Some(ticket) = self.letters.remove(&id) else { return };
        let slot = ticket.assignment().slot();
        match result {
            Ok(()) => self.settle(ticket),
            Err(detail) => {
                if let Some(partition) = &mut self.partitions[slot] {
                    partition.out -= 1;
                }
                self.halt(slot, ticket, "dead_letter_failed", &detail);
            }
        }
        self.place_held(now);
    }

    /// The partition stops at this record: nothing behind it is sent, and its position stays.
    fn halt(&mut self, slot: usize, ticket: Ticket, reason: &'static str, detail: &str) {
        let offset = self.offsets.offset(&ticket).unwrap_or(-1);
        let Some(partition) = &mut self.partitions[slot] else { return };
        let name = partition.name.clone();
        if let Intake::Halted(at) = &partition.intake
            && ticket.later_than(at)
        {
            return;
        }
        tracing::error!(
            partition = %name, offset, reason, detail,
            "partition halted: this record can never be stored; mend the cause and restart, or set the mapping's \
             `failure.policy` to `dead_letter` or `drop`"
        );
        let before = std::mem::replace(&mut partition.intake, Intake::Halted(ticket));
        partition.waiting.clear();
        if self.blocked == Some(slot) {
            self.blocked = None;
        }
        self.metrics.partition_held(&name, "halted", true);
        match before {
            Intake::Flowing => self.act(Action::Pause(name)),
            Intake::Held => self.metrics.partition_held(&name, "hub_unavailable", false),
            Intake::Halted(_) | Intake::Draining => {}
        }
        for lane in 0..self.lanes.len() {
            self.purge_unwanted(lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::core::Admitted;
    use super::super::lane::STALLED_AFTER;
    use super::*;
    use crate::metrics::Metrics;
    use crate::record::{Record, TopicPartition};
    use crate::route::Router;

    fn record(offset: i64) -> Record<'static> {
        let (key, value) = (Some(b"k".as_slice()), Some(b"v".as_slice()));
        Record { topic: "orders", partition: 0, offset, timestamp: None, key, value, headers: &[] }
    }

    fn pauses(core: &mut Core) -> usize {
        let is_pause = |action: &Action| matches!(action, Action::Pause(_));
        core.take_actions().iter().filter(|action| is_pause(action)).count()
    }

    #[test]
    fn a_hub_not_known_yet_is_waited_for_before_the_prefetch_is_thrown_away() {
        let router = Router::new(&crate::config::sample(|_| {}));
        let mut core = Core::new(Arc::new(router), Arc::new(Metrics::default()), 1 << 20);
        let began = Instant::now();
        core.assign(&TopicPartition::new("orders", 0), began);
        assert_eq!(core.admit(&record(0), began), Admitted::Blocked);
        let shortly_before = began + STALLED_AFTER - Duration::from_millis(1);
        assert!(!core.unblock(shortly_before));
        assert_eq!(pauses(&mut core), 0);

        assert!(core.unblock(began + STALLED_AFTER), "the others go on");
        assert_eq!(pauses(&mut core), 1);
    }
}
