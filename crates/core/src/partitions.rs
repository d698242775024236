//! The assigned Kafka partitions: their slots, their stays, how far each is, and how much of each is out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::again::Again;
use crate::hold::HoldCause;
use crate::hubs::LaneRoute;
use crate::labels::HoldReason;
use crate::offsets::{Assignment, Offsets, Ticket};
use crate::once::Stay;
use crate::record::{Position, TopicPartition};

/// One stay of a partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) name: TopicPartition,
    pub(crate) assignment: Assignment,
    pub(crate) routes: Arc<[LaneRoute]>,
    /// Whether its records flow, and if not, why.
    pub(crate) intake: Intake,
    /// Since when one of its mappings is paused.
    pub(crate) paused: Option<Instant>,
    /// Where its records go once nothing of it is under way.
    pub(crate) next: Option<Next>,
    /// The last record polled, if it was given back and has not come again: until then the client stands behind it.
    pub(crate) given_back: Option<GivenBack>,
    /// Events in lanes or on their way to a dead-letter topic.
    pub(crate) out: usize,
    /// Those on their way to a dead-letter topic.
    pub(crate) letters: usize,
    /// Events whose records are to be read again.
    pub(crate) again: Again,
    /// What has to be known where its events are to stand in their hubs once.
    pub(crate) once: Option<Box<Stay>>,
    /// Last position handed to a commit.
    pub(crate) committed: Option<Position>,
    /// The position last looked at and since when it has not moved, for the age of the oldest record in flight.
    pub(crate) standing: (Option<Position>, Instant),
    /// Since when Kafka has had more than was read, at this position, though nothing is in hand.
    pub(crate) unread: Option<(Option<Position>, Instant)>,
    /// Where it was begun to be read, if that is known, and its end when Kafka was last asked.
    pub(crate) end: Option<(Option<Position>, Position)>,
}

/// Routes that replace those of now.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) routes: Arc<[LaneRoute]>,
    /// How long it is waited for what is under way.
    pub(crate) until: Instant,
}

/// A record that had no room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GivenBack {
    pub(crate) since: Instant,
    /// As it says.
    pub(crate) written: Option<i64>,
}

/// Whether the records of a partition flow.
#[derive(Debug)]
pub(crate) enum Intake {
    /// They do.
    Flowing,
    /// The Kafka client holds it at a record that has no room.
    Held(HeldPartition),
    /// Stopped at a record that can never be stored. The ticket holds the position there.
    Halted(Ticket),
    /// It goes to another member: nothing more is taken, what is in a lane is being sent.
    Draining,
}

/// A partition that waits.
#[derive(Debug, Clone)]
pub(crate) struct HeldPartition {
    pub(crate) why: HoldCause,
    /// The metric label.
    pub(crate) reason: HoldReason,
    pub(crate) since: Instant,
    /// Whether it has been said.
    pub(crate) said: bool,
}

/// All partitions by their slot, and the tickets of their records.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    slots: Vec<Option<Partition>>,
    by_topic: HashMap<Arc<str>, Vec<Option<usize>>>,
    last: usize,
    pub(crate) offsets: Offsets,
}

impl Partitions {
    /// Begins a stay.
    pub(crate) fn assign(
        &mut self,
        name: &TopicPartition,
        routes: Arc<[LaneRoute]>,
        paused: Option<Instant>,
        once: Option<Box<Stay>>,
        now: Instant,
    ) {
        let assignment = self.offsets.assign();
        let slot = assignment.slot();
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(Partition {
            name: name.clone(),
            assignment,
            routes,
            intake: Intake::Flowing,
            paused,
            next: None,
            given_back: None,
            out: 0,
            letters: 0,
            again: Again::default(),
            once,
            committed: None,
            standing: (None, now),
            unread: None,
            end: None,
        });
        let of_topic = self.by_topic.entry(Arc::clone(&name.topic)).or_default();
        let index = name.partition.unsigned_abs() as usize;
        if of_topic.len() <= index {
            of_topic.resize(index + 1, None);
        }
        of_topic[index] = Some(slot);
    }

    /// Ends a stay.
    pub(crate) fn release(&mut self, slot: usize) -> Option<Partition> {
        let partition = self.slots.get_mut(slot)?.take()?;
        self.offsets.release(partition.assignment);
        let topic = &partition.name.topic;
        if let Some(of_topic) = self.by_topic.get_mut(topic) {
            of_topic[partition.name.partition.unsigned_abs() as usize] = None;
            if of_topic.iter().all(Option::is_none) {
                self.by_topic.remove(topic);
            }
        }
        self.last = usize::MAX;
        Some(partition)
    }

    /// The slot of a partition. Records come in runs of one partition, so the last one found is tried first.
    pub(crate) fn find(&mut self, topic: &str, partition: i32) -> Option<usize> {
        if let Some(Some(last)) = self.slots.get(self.last)
            && last.name.partition == partition
            && *last.name.topic == *topic
        {
            return Some(self.last);
        }
        let slot = (*self.by_topic.get(topic)?.get(partition.unsigned_abs() as usize)?)?;
        self.last = slot;
        Some(slot)
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Partition> {
        self.slots.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Partition> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Where the records of a topic go by the mappings of now, if a partition of it is here: all of them share that.
    pub(crate) fn routes_of(&self, topic: &str) -> Option<Arc<[LaneRoute]>> {
        let slot = self.by_topic.get(topic)?.iter().find_map(|slot| *slot)?;
        let partition = self.get(slot)?;
        let routes = partition.next.as_ref().map_or(&partition.routes, |next| &next.routes);
        Some(Arc::clone(routes))
    }

    /// The partition of a stay that has not ended.
    pub(crate) fn of(&self, stay: Assignment) -> Option<&Partition> {
        self.get(stay.slot()).filter(|partition| partition.assignment == stay)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.slots.iter().flatten()
    }

    /// One of them, and the offsets beside.
    pub(crate) fn get_beside(&mut self, slot: usize) -> Option<(&mut Partition, &Offsets)> {
        Some((self.slots.get_mut(slot)?.as_mut()?, &self.offsets))
    }

    /// All of them, and the offsets beside.
    pub(crate) fn all_mut(&mut self) -> (impl Iterator<Item = &mut Partition>, &Offsets) {
        (self.slots.iter_mut().flatten(), &self.offsets)
    }

    /// An event is out no more, and its record one step nearer to be committed. Gives its partition, unless it is gone.
    pub(crate) fn settle(&mut self, ticket: Ticket) -> Option<usize> {
        let slot = ticket.assignment().slot();
        if !self.offsets.settle(ticket) {
            return None;
        }
        self.take_back(slot);
        Some(slot)
    }

    /// An event is out no more, and its record no nearer to be committed.
    pub(crate) fn take_back(&mut self, slot: usize) {
        if let Some(partition) = self.get_mut(slot) {
            partition.out -= 1;
        }
    }

    /// Whether an event may still be sent: its partition is here, and has not halted before it.
    pub(crate) fn wants(&self, ticket: &Ticket) -> bool {
        self.of(ticket.assignment()).is_some_and(|partition| match &partition.intake {
            Intake::Halted(at) => !ticket.later_than(at),
            _ => true,
        })
    }
}
