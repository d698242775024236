//! What the end of a send means for the records in it.

use std::time::{Duration, Instant};

use crate::action::{Action, Note};
use crate::core::Core;
use crate::event::{Cause, SendError};
use crate::fork::Branch;
use crate::lane::Setback;
use crate::offsets::Ticket;
use crate::partitions::Partition;

impl Core {
    /// A send ended. `wall` is the time of day, for the age of what was delivered.
    pub fn settled(
        &mut self,
        lane: usize,
        result: Result<(), SendError>,
        jitter: f64,
        now: Instant,
        wall: i64,
    ) {
        match result {
            Ok(()) => self.accepted(lane, now, wall),
            Err(SendError::Retry { cause, after, detail, doubtful }) => {
                let connection = cause == Cause::Connection;
                let setback = Setback { asked: after, connection, jitter };
                let late = self.once.terms().late;
                let berth = &mut self.berths[lane];
                if doubtful && berth.once {
                    berth.lane.doubts(late, now);
                }
                let (attempts, wait) = berth.lane.resend(setback, now);
                berth.failed(cause, &detail);
                let partition = berth.name.clone();
                if cause == Cause::Throttled {
                    self.throttled(lane, &detail, now);
                }
                self.purge_unwanted(lane);
                let hub = self.hub_of(lane);
                if cause == Cause::NotFound {
                    // It may have been deleted, or have other partitions.
                    self.act(Action::ResolveHub(hub.clone()));
                }
                self.tell(Note::Retry { hub, partition, cause, detail, attempts, wait });
            }
            Err(SendError::TooLarge { limit }) => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let ticket = self.berths[lane].lane.dissolve(Some(limit));
                let detail = format!("the link accepts {limit} bytes");
                self.refused(lane, ticket, "too_large", &detail, now);
            }
            Err(SendError::Refused { condition, detail }) => {
                let ticket = self.berths[lane].lane.dissolve(None);
                self.refused(lane, ticket, "refused", &format!("{condition}: {detail}"), now);
            }
        }
        if self.leads_nowhere(lane) {
            self.take_out(lane);
        }
        self.moved(lane, now);
    }

    /// A lane has been answered, or emptied.
    pub(crate) fn moved(&mut self, lane: usize, now: Instant) {
        self.touch(lane);
        self.wake(lane, now);
        self.resize(self.berths[lane].hub, now);
    }

    fn accepted(&mut self, lane: usize, now: Instant, wall: i64) {
        let Some(arrival) = self.berths[lane].lane.accepted(now) else { return };
        self.taken(lane, arrival.bytes, arrival.events, now);
        let age = arrival
            .oldest
            .map(|oldest| Duration::from_millis(wall.saturating_sub(oldest).max(0) as u64));
        let (hub, events, bytes, took) =
            (self.hub_of(lane), arrival.events, arrival.bytes, arrival.took);
        self.tell(Note::Accepted { hub, events, bytes, took, age });
        let mut last = None;
        for ticket in arrival.tickets {
            let slot = self.partitions.settle(ticket);
            if slot != last {
                // Events of one partition mostly come together.
                if let Some(before) = std::mem::replace(&mut last, slot) {
                    self.wake_itself(before);
                }
            }
        }
        if let Some(last) = last {
            self.wake_itself(last);
        }
    }

    /// A single event of a lane was refused for good; the ticket is `None` while a batch is still being taken apart.
    fn refused(
        &mut self,
        lane: usize,
        ticket: Option<Ticket>,
        reason: &'static str,
        detail: &str,
        now: Instant,
    ) {
        self.purge_unwanted(lane);
        let Some(ticket) = ticket else { return };
        // Without this part of its value the others are of no use, and one dead letter is enough.
        for part in self.berths[lane].lane.purge(|other| !other.same_record(&ticket)) {
            self.partitions.settle(part);
        }
        let outlet = self.berths[lane].outlet;
        let slot = ticket.assignment().slot();
        let Some(partition) = self.partitions.of(ticket.assignment()) else { return };
        let route = partition.routes.iter().position(|route| route.outlet == outlet).unwrap_or(0);
        self.partitions.take_back(slot);
        self.refuse(slot, ticket, Branch::by(route), reason, detail, now);
    }

    /// Takes out of the lanes of `partitions` what must not be sent any more.
    pub(crate) fn purge<'a>(
        &mut self,
        partitions: impl Iterator<Item = &'a Partition>,
        now: Instant,
    ) {
        let mut outlets: Vec<usize> =
            partitions.flat_map(|it| it.routes.iter().map(|route| route.outlet)).collect();
        outlets.sort_unstable();
        outlets.dedup();
        for number in 0..self.berths.len() {
            let berth = &self.berths[number];
            if !berth.lane.is_empty() && outlets.binary_search(&berth.outlet).is_ok() {
                self.purge_unwanted(number);
                self.moved(number, now);
            }
        }
    }

    /// Takes out of a lane events of partitions that were taken away, and those behind a record at which their partition
    /// has halted.
    pub(crate) fn purge_unwanted(&mut self, lane: usize) {
        let partitions = &self.partitions;
        for ticket in self.berths[lane].lane.purge(|ticket| partitions.wants(ticket)) {
            // Of a halted partition, whose position does not move.
            if self.partitions.of(ticket.assignment()).is_some() {
                self.partitions.take_back(ticket.assignment().slot());
            }
        }
    }
}
