//! A batch whose answer was lost, where its events are to be stored once: it is looked for before it is sent again.

use std::time::{Duration, Instant};

use super::Lane;
use crate::offsets::Ticket;

/// The first batch may be stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneDoubt {
    /// When it was sent.
    since: Instant,
    /// It is stored by then, or never.
    until: Instant,
    /// The question that is under way.
    asked: Option<u64>,
}

impl LaneDoubt {
    /// Of a batch that was sent at `since` and may be stored until `until`.
    pub(super) fn new(since: Instant, until: Instant) -> Self {
        Self { since, until, asked: None }
    }

    /// When it is to be looked for.
    pub(super) fn due(&self) -> Option<Instant> {
        self.asked.is_none().then_some(self.until)
    }
}

impl Lane {
    /// The batch in flight, which is about to be [`Lane::resend`], may be stored within `late`.
    pub fn doubts(&mut self, late: Duration, now: Instant) {
        if let Some(flight) = &self.flight {
            self.doubt = Some(LaneDoubt::new(flight.since, now + late));
        }
    }

    /// Whether the first batch may be stored.
    pub fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// When it was sent, unless it is looked for already.
    pub(crate) fn in_doubt_since(&self) -> Option<Instant> {
        self.doubt.filter(|doubt| doubt.asked.is_none()).map(|doubt| doubt.since)
    }

    /// It is looked for with this question.
    pub(crate) fn asks(&mut self, id: u64) {
        if let Some(doubt) = &mut self.doubt {
            doubt.asked = Some(id);
        }
    }

    /// Whether that is the question.
    pub(crate) fn has_asked(&self, id: u64) -> bool {
        self.doubt.is_some_and(|doubt| doubt.asked == Some(id))
    }

    /// The question is answered: events whose tickets do not pass are there, and leave the batch. `None` when nobody waits for it.
    pub(crate) fn clears_up(
        &mut self,
        id: u64,
        keep: impl Fn(&Ticket) -> bool,
    ) -> Option<Vec<Ticket>> {
        if !self.has_asked(id) {
            return None;
        }
        self.doubt = None;
        self.retry = None;
        let Some(mut first) = self.dequeue() else { return Some(Vec::new()) };
        let there = first.batch.purge(keep);
        if first.batch.is_empty() {
            self.attempts = 0;
            self.trouble = None;
            self.calm();
        } else {
            self.enqueue_first(first.batch);
        }
        Some(there)
    }

    /// Tickets of the batch that leaves next.
    pub(crate) fn first_tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.sealed.front().into_iter().flat_map(|sealed| sealed.batch.tickets())
    }
}
