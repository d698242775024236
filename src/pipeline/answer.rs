//! What the end of a send means for the records in it.

use std::time::{Duration, Instant};

use crate::eventhubs::{Envelope, SendError};
use crate::offsets::Ticket;

use super::core::Core;
use super::partition::Intake;

impl Core {
    /// A send ended. `wall` is the time of day, for the age of what was delivered.
    pub fn settled(
        &mut self,
        lane: usize,
        envelope: Envelope,
        result: Result<(), SendError>,
        jitter: f64,
        now: Instant,
        wall: i64,
    ) {
        match result {
            Ok(()) => self.accepted(lane, now, wall),
            Err(SendError::Retry { cause, after, detail }) => {
                let (attempts, wait) = self.lanes[lane].resend(envelope.events, after, jitter, now);
                self.purge_unwanted(lane);
                let hub = &*self.outlets.all[self.lane_outlet[lane]].hub;
                self.metrics.send_retried(hub, cause.as_str());
                if attempts == 1 {
                    tracing::warn!(hub, lane, %cause, detail, ?wait, "a batch is not stored, sending it again");
                } else {
                    tracing::debug!(hub, lane, %cause, detail, attempts, ?wait, "still not stored");
                }
            }
            Err(SendError::TooLarge { limit }) => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let ticket = self.lanes[lane].dissolve(envelope.events, Some(limit));
                self.refused(lane, ticket, "too_large", &format!("the link takes {limit} bytes"));
            }
            Err(SendError::Refused { condition, detail }) => {
                let ticket = self.lanes[lane].dissolve(envelope.events, None);
                self.refused(lane, ticket, "refused", &format!("{condition}: {detail}"));
            }
        }
        self.weigh();
        self.place_held(now);
    }

    fn accepted(&mut self, lane: usize, now: Instant, wall: i64) {
        let Some(arrival) = self.lanes[lane].accepted(now) else { return };
        let hub = &*self.outlets.all[self.lane_outlet[lane]].hub;
        self.metrics.batch_accepted(hub, arrival.events, arrival.bytes, arrival.took);
        if let Some(oldest) = arrival.oldest {
            let age = Duration::from_millis(wall.saturating_sub(oldest).max(0) as u64);
            self.metrics.end_to_end(hub, age);
        }
        for ticket in arrival.tickets {
            self.settle(ticket);
        }
    }

    /// One event less is out, and its record one step nearer to be committed.
    pub(super) fn settle(&mut self, ticket: Ticket) {
        let slot = ticket.assignment().slot();
        if self.offsets.settle(ticket)
            && let Some(partition) = &mut self.partitions[slot]
        {
            partition.out -= 1;
        }
    }

    /// A single event of a lane was refused for good; the ticket is `None` while a batch is still being taken apart.
    fn refused(&mut self, lane: usize, ticket: Option<Ticket>, reason: &'static str, detail: &str) {
        self.purge_unwanted(lane);
        let Some(ticket) = ticket else { return };
        let slot = ticket.assignment().slot();
        if !self.offsets.is_live(ticket.assignment()) {
            return;
        }
        let outlet = self.lane_outlet[lane];
        let Some(partition) = &mut self.partitions[slot] else { return };
        partition.out -= 1;
        let route = partition.routes.iter().position(|route| route.outlet == outlet).unwrap_or(0);
        self.refuse(slot, ticket, route, reason, detail);
    }

    /// Takes out of a lane what must not be sent any more: events of partitions that were taken away, and those behind
    /// a record at which their partition has halted.
    pub(super) fn purge_unwanted(&mut self, lane: usize) {
        let (offsets, partitions) = (&self.offsets, &self.partitions);
        let wanted = |ticket: &Ticket| {
            let halted = partitions.get(ticket.assignment().slot()).and_then(Option::as_ref).is_some_and(
                |partition| matches!(&partition.intake, Intake::Halted(at) if ticket.later_than(at)),
            );
            offsets.is_live(ticket.assignment()) && !halted
        };
        for ticket in self.lanes[lane].purge(wanted) {
            let slot = ticket.assignment().slot();
            if self.offsets.is_live(ticket.assignment())
                && let Some(partition) = &mut self.partitions[slot]
            {
                partition.out -= 1;
            }
        }
    }
}
