//! What the pipeline knows of one assigned Kafka partition.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::batch::Item;
use crate::eventhubs::Event;
use crate::offsets::{Assignment, Ticket};
use crate::record::{OwnedRecord, Position, TopicPartition};

use super::outlet::Route;

/// One stay of a partition.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) name: TopicPartition,
    pub(super) assignment: Assignment,
    pub(super) routes: Arc<[Route]>,
    /// Whether its records flow, and if not, why.
    pub(super) intake: Intake,
    /// Read, but not yet in a lane: in order, all before anything that is still to be read.
    pub(super) waiting: VecDeque<Waiting>,
    /// Events in lanes or on their way to a dead-letter topic.
    pub(super) out: usize,
    /// Last position handed to a commit.
    pub(super) committed: Option<Position>,
    /// The position last looked at and since when it has not moved, for the age of the oldest record in flight.
    pub(super) standing: (Option<Position>, Instant),
}

impl Partition {
    /// Of what waits, keeps only what is left of a record that is under way to another of its hubs already.
    pub(super) fn keep_halves(&mut self) {
        let Some(Waiting::Routed(first)) = self.waiting.front() else {
            return self.waiting.clear();
        };
        let of_first = |waiting: &Waiting| match waiting {
            Waiting::Routed(placement) => placement.item.ticket.same_record(&first.item.ticket),
            Waiting::Unrouted(..) => false,
        };
        let count = self.waiting.iter().take_while(|waiting| of_first(waiting)).count();
        self.waiting.truncate(if count < self.routes.len() { count } else { 0 });
    }
}

/// Whether the records of a partition flow.
#[derive(Debug)]
pub(super) enum Intake {
    /// They do.
    Flowing,
    /// The Kafka client was told to pause it, because a hub it feeds takes nothing.
    Held,
    /// Stopped at a record that can never be stored. The ticket holds the position there.
    Halted(Ticket),
    /// It goes to another member: nothing more is taken, what is in a lane is being sent.
    Draining,
}

/// A record that could not be placed at once.
#[derive(Debug)]
pub(super) enum Waiting {
    /// An event of it, and its lane.
    Routed(Placement),
    /// A hub it goes to is not known yet.
    Unrouted(OwnedRecord, Ticket),
}

/// One event and the lane it goes to.
#[derive(Debug)]
pub(super) struct Placement {
    pub(super) lane: usize,
    pub(super) item: Item<Event>,
    pub(super) key: Option<String>,
    pub(super) timestamp: Option<i64>,
    /// Index into the partition's routes, for the failure policy.
    pub(super) route: usize,
}
