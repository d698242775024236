//! How far the partitions are: what may be committed, and what the metrics hear of it.

use std::time::Instant;

use crate::offsets::Assignment;
use crate::record::{Position, TopicPartition};

use super::core::Core;
use super::partition::Partition;

impl Core {
    /// Positions that moved since they were last asked for.
    pub fn positions_to_commit(&mut self) -> Vec<(TopicPartition, Position)> {
        let mut moved = Vec::new();
        for partition in self.partitions.iter_mut().flatten() {
            let position = self.offsets.position(partition.assignment);
            if position.is_some() && position != partition.committed {
                partition.committed = position;
                moved.extend(position.map(|position| (partition.name.clone(), position)));
            }
        }
        moved
    }

    /// Stays with nothing in flight: their position may skip what holds no records.
    pub fn idle(&self) -> Vec<(Assignment, TopicPartition)> {
        let idle = |partition: &&Partition| {
            self.offsets.in_flight(partition.assignment) == 0
                && self.offsets.position(partition.assignment).is_some()
        };
        let all = self.partitions.iter().flatten().filter(idle);
        all.map(|partition| (partition.assignment, partition.name.clone())).collect()
    }

    /// The Kafka client itself stands at `position`, past markers that are no records.
    pub fn skip_to(&mut self, assignment: Assignment, position: Position) {
        self.offsets.skip_to(assignment, position);
    }

    /// Tells the metrics how every partition stands.
    pub fn report(&mut self, now: Instant) {
        for partition in self.partitions.iter_mut().flatten() {
            let position = self.offsets.position(partition.assignment);
            let in_flight = self.offsets.in_flight(partition.assignment);
            if partition.standing.0 != position || in_flight == 0 {
                partition.standing = (position, now);
            }
            let oldest = now.saturating_duration_since(partition.standing.1);
            self.metrics.partition_state(&partition.name, in_flight as u64, oldest, position);
        }
    }
}
