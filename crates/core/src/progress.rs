//! How far the partitions are: what may be committed, and how each stands.

use std::time::{Duration, Instant};

use crate::core::Core;
use crate::offsets::Assignment;
use crate::partitions::{Intake, Partition};
use crate::record::{Position, TopicPartition};

/// How one partition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The partition.
    pub name: TopicPartition,
    /// Records from the oldest unsettled one on.
    pub in_flight: usize,
    /// How long the oldest unsettled one has been held.
    pub oldest: Duration,
    /// The next offset to commit; `None` when nothing was read yet.
    pub position: Option<Position>,
}

impl Core {
    /// Positions that moved since they were last asked for. Where a stay began is none: to commit it would gain nothing, and
    /// whoever waits for a first commit would take it for one.
    pub fn positions_to_commit(&mut self) -> Vec<(TopicPartition, Position)> {
        let mut moved = Vec::new();
        let (partitions, offsets) = self.partitions.all_mut();
        for partition in partitions {
            let stay = partition.assignment;
            let position = offsets.position(stay).filter(|_| offsets.has_moved(stay));
            if position.is_some() && position != partition.committed {
                partition.committed = position;
                moved.extend(position.map(|position| (partition.name.clone(), position)));
            }
        }
        moved
    }

    /// Stays with nothing in flight that are read on: their position may skip what holds no records. Not those that drain,
    /// are held, were held until just now, or have halted: what the client has handed out of them was passed over or given
    /// back, and skipping to where it stands would lose it.
    pub fn idle(&self) -> Vec<(Assignment, TopicPartition)> {
        let offsets = &self.partitions.offsets;
        let idle = |partition: &&Partition| {
            matches!(partition.intake, Intake::Flowing)
                && !partition.given_back
                && offsets.in_flight(partition.assignment) == 0
                && offsets.position(partition.assignment).is_some()
        };
        let all = self.partitions.iter().filter(idle);
        all.map(|partition| (partition.assignment, partition.name.clone())).collect()
    }

    /// The Kafka client itself stands at `position`, past markers that are no records.
    pub fn skip_to(&mut self, assignment: Assignment, position: Position) {
        self.partitions.offsets.skip_to(assignment, position);
    }

    /// How every partition stands; also says which have waited for long. To be asked every second or so.
    pub fn standings(&mut self, now: Instant) -> Vec<Standing> {
        self.say_held(now);
        let (partitions, offsets) = self.partitions.all_mut();
        let standing = |partition: &mut Partition| {
            let position = offsets.position(partition.assignment);
            let in_flight = offsets.in_flight(partition.assignment);
            if partition.standing.0 != position || in_flight == 0 {
                partition.standing = (position, now);
            }
            let oldest = now.saturating_duration_since(partition.standing.1);
            Standing { name: partition.name.clone(), in_flight, oldest, position }
        };
        partitions.map(standing).collect()
    }

    /// Partitions that wait, and for what, in words.
    pub fn held(&self, now: Instant) -> Vec<(TopicPartition, String)> {
        let held = |partition: &Partition| match &partition.intake {
            Intake::Held(held) => Some((partition.name.clone(), self.describe(&held.why, now))),
            _ => None,
        };
        self.partitions.iter().filter_map(held).collect()
    }
}
