//! Which lanes send now: those that are due, unless their namespace throttles and it is not their turn.

use std::sync::Arc;
use std::time::Instant;

use crate::action::{Action, Note};
use crate::core::Core;
use crate::governor::weight;
use crate::lane::Departure;

/// How a namespace that throttles stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governed {
    /// By its name in the configuration.
    pub namespace: Arc<str>,
    /// Bytes a second that the lanes it refused may send together, an event as 1000 at least; none while it refuses everything.
    pub rate: u64,
    /// Lanes that are due and wait for their turn.
    pub waiting: usize,
}

impl Core {
    /// Batches that are due, as actions.
    pub fn dispatch(&mut self, now: Instant) {
        self.finish_moves(now);
        self.end_spells(now);
        self.look_for_stays(now);
        for number in self.due.until(now) {
            if !self.is_barred(number, now) && !self.waits_for_turn(number, now) {
                self.depart(number, now);
            }
        }
        for namespace in 0..self.hubs.namespaces.len() {
            while let Some(number) = self.hubs.namespaces[namespace].governor.call(now) {
                self.berths[number].seat.called();
                if !self.is_barred(number, now) {
                    self.depart(number, now);
                }
            }
        }
    }

    fn depart(&mut self, number: usize, now: Instant) {
        if let Some(departure) = self.berths[number].lane.next(now) {
            let (events, bytes) = (departure.events, departure.message.len());
            let Self { hubs, berths, .. } = self;
            let governor = hubs.governor_of(&berths[number]);
            governor.left(&mut berths[number].seat, weight(bytes, events), now);
            if let Some(reason) = departure.reason {
                let hub = self.hub_of(number);
                self.tell(Note::Sealed { hub, reason, events, bytes });
            }
            let Departure { message, origins, .. } = departure;
            self.act(Action::Send { lane: number, message, origins });
        }
        self.touch(number);
    }

    /// Puts a lane that is due into the line of its namespace, if it has to take turns. One that drains has not.
    fn waits_for_turn(&mut self, number: usize, now: Instant) -> bool {
        let Self { hubs, berths, due, .. } = self;
        let governor = hubs.governor_of(&berths[number]);
        let berth = &mut berths[number];
        let waits = governor.governs(&berth.seat) && !berth.lane.is_in_a_hurry();
        if waits {
            governor.wait(number, &mut berth.seat, now);
            due.set(number, None);
        }
        waits
    }

    /// A lane has changed: it is looked at when it is due, unless it waits for its turn.
    pub(crate) fn line_up(&mut self, number: usize) {
        let Self { hubs, berths, due, .. } = self;
        let governor = hubs.governor_of(&berths[number]);
        let berth = &mut berths[number];
        let at = berth.lane.due();
        if berth.seat.waits() {
            if at.is_some() && !berth.lane.is_in_a_hurry() {
                return;
            }
            governor.leave_line(&mut berth.seat);
        }
        due.set(number, at);
    }

    /// A batch of a lane was refused as throttled.
    pub(crate) fn throttled(&mut self, number: usize, detail: &str, now: Instant) {
        let Self { hubs, berths, .. } = self;
        let governor = hubs.governor_of(&berths[number]);
        if governor.refused(&mut berths[number].seat, now) {
            let (hub, detail) = (self.hub_of(number), detail.to_owned());
            self.tell(Note::Throttles { hub, detail });
        }
    }

    /// A batch of a lane was taken.
    pub(crate) fn taken(&mut self, number: usize, bytes: usize, events: usize, now: Instant) {
        let Self { hubs, berths, .. } = self;
        let governor = hubs.governor_of(&berths[number]);
        governor.taken(&mut berths[number].seat, weight(bytes, events), now);
    }

    /// Namespaces that were not heard to throttle for a while.
    fn end_spells(&mut self, now: Instant) {
        for namespace in 0..self.hubs.namespaces.len() {
            let it = &mut self.hubs.namespaces[namespace];
            let Some(free) = it.governor.ends(now) else { continue };
            let name = Arc::clone(&it.name);
            for number in free {
                self.berths[number].seat.called();
                self.touch(number);
            }
            self.tell(Note::ThrottlesNoMore { namespace: name });
        }
    }

    /// Namespaces that throttle.
    pub fn governed(&self) -> impl Iterator<Item = Governed> {
        self.hubs.namespaces.iter().filter_map(|it| {
            let (rate, waiting) = it.governor.standing()?;
            Some(Governed { namespace: Arc::clone(&it.name), rate, waiting })
        })
    }
}
