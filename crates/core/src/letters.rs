//! Records that can never be stored: dropped, written elsewhere, or the end of their partition.

use std::sync::Arc;
use std::time::Instant;

use crate::action::{Action, DEAD_LETTER_FAILED, Note, RefusedRecord};
use crate::core::Core;
use crate::fork::Branch;
use crate::hubs::{HubName, LaneRoute};
use crate::mapping::Policy;
use crate::offsets::Ticket;
use crate::partitions::Intake;

impl Core {
    /// A record can never be stored: what its mapping says is done.
    pub(crate) fn refuse(
        &mut self,
        slot: usize,
        ticket: Ticket,
        way: Branch,
        reason: &'static str,
        detail: &str,
        now: Instant,
    ) {
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        let name = partition.name.clone();
        let routes = Arc::clone(&partition.routes);
        let failure = routes[way.route].to.failure.clone();
        let offset = self.partitions.offsets.offset(&ticket).unwrap_or(-1);
        let (policy, to) = match (failure.policy, failure.dead_letter_topic) {
            (Policy::DeadLetter, Some(topic)) => (Policy::DeadLetter, Some(topic)),
            (Policy::Drop, _) => (Policy::Drop, None),
            (Policy::Halt, _) | (Policy::DeadLetter, None) => (Policy::Halt, None),
        };
        self.tell(Note::Refused {
            partition: name.clone(),
            offset,
            policy,
            reason,
            detail: detail.to_owned(),
            to: to.clone(),
        });
        match (policy, to) {
            (Policy::DeadLetter, Some(topic)) => {
                if let Some(partition) = self.partitions.get_mut(slot) {
                    partition.out += 1;
                    partition.letters += 1;
                }
                let id = self.new_letter();
                self.letters.insert(id, ticket);
                let detail = detail.to_owned();
                let hub = self.meant(&routes[way.route], way);
                let holds = failure.dead_letter_holds;
                let letter =
                    RefusedRecord { id, source: name, offset, topic, holds, hub, reason, detail };
                self.act(Action::DeadLetter(letter));
            }
            (Policy::Drop, _) => {
                self.partitions.offsets.settle(ticket);
                self.wake_itself(slot);
            }
            (Policy::Halt | Policy::DeadLetter, _) => self.halt(slot, ticket, reason, detail, now),
        }
    }

    /// The hub that a record was for; where it has chosen none, as its mapping says it.
    fn meant(&self, route: &LaneRoute, way: Branch) -> HubName {
        match &route.to.fork {
            Some(fork) if way.is_open => HubName {
                namespace: Arc::clone(&route.to.namespace),
                hub: Arc::clone(fork.template()),
            },
            _ => self.hubs.all[route.hub].name.clone(),
        }
    }

    /// A dead letter is written, or can never be.
    pub fn letter_done(&mut self, id: u64, result: Result<(), String>, now: Instant) {
        let Some(ticket) = self.letters.remove(&id) else { return };
        let slot = ticket.assignment().slot();
        if let Some(partition) = self.partitions.get_mut(slot) {
            partition.letters -= 1;
        }
        match result {
            Ok(()) => drop(self.partitions.settle(ticket)),
            Err(detail) => {
                self.partitions.take_back(slot);
                self.halt(slot, ticket, DEAD_LETTER_FAILED, &detail, now);
            }
        }
        self.wake_itself(slot);
    }

    /// The partition stops at this record: nothing behind it is sent, and its position stays.
    fn halt(
        &mut self,
        slot: usize,
        ticket: Ticket,
        reason: &'static str,
        detail: &str,
        now: Instant,
    ) {
        let offset = self.partitions.offsets.offset(&ticket).unwrap_or(-1);
        let Some(partition) = self.partitions.get_mut(slot) else { return };
        if let Intake::Halted(at) = &partition.intake
            && ticket.later_than(at)
        {
            return;
        }
        let (name, stay) = (partition.name.clone(), partition.assignment);
        let routes = partition.routes.clone();
        let before = std::mem::replace(&mut partition.intake, Intake::Halted(ticket));
        self.tell(Note::Halted { partition: name.clone(), offset, reason, detail: detail.into() });
        match before {
            Intake::Flowing => self.act(Action::Pause(name)),
            Intake::Held(held) => {
                self.forget_held(stay, &held);
                let reason = held.reason;
                self.tell(Note::Held { partition: name, reason, held: false });
            }
            Intake::Halted(_) | Intake::Draining => {}
        }
        let lanes = routes.iter().flat_map(|route| &self.hubs.outlets[route.outlet].lanes);
        for lane in lanes.copied().collect::<Vec<_>>() {
            if !self.berths[lane].lane.is_empty() {
                self.purge_unwanted(lane);
                self.moved(lane, now);
            }
        }
    }
}
