//! How far the partitions are: what may be committed, and what the metrics hear of it.

use std::time::Instant;

use crate::offsets::Assignment;
use crate::record::{Position, TopicPartition};

use super::core::Core;
use super::partition::{Intake, Partition};

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

    /// Stays with nothing in flight: their position may skip what holds no records. Not those that drain: what the client
    /// still hands out of them is passed over, and skipping to where it stands would lose it.
    pub fn idle(&self) -> Vec<(Assignment, TopicPartition)> {
        let idle = |partition: &&Partition| {
            !matches!(partition.intake, Intake::Draining)
                && self.offsets.in_flight(partition.assignment) == 0
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::metrics::Metrics;
    use crate::record::Record;
    use crate::route::Router;

    #[test]
    fn a_partition_that_drains_skips_nothing() {
        let router = Router::new(&crate::config::sample(|_| {}));
        let mut core = Core::new(Arc::new(router), Arc::new(Metrics::default()), 1 << 20);
        let (now, name) = (Instant::now(), TopicPartition::new("unmapped", 0));
        core.assign(&name, now);
        let (topic, headers) = ("unmapped", [].as_slice());
        let record = Record {
            topic,
            partition: 0,
            offset: 6,
            timestamp: None,
            key: None,
            value: None,
            headers,
        };
        core.admit(&record, now);
        assert_eq!(core.idle().len(), 1, "it stands where a marker may follow");

        // Another partition may keep the drain from ending for long; records of this one are passed over meanwhile.
        core.drain(1, std::slice::from_ref(&name), now + Duration::from_secs(20));
        core.admit(&Record { offset: 7, ..record }, now);
        assert_eq!(core.idle(), []);
        let drained = core.finish_drains(now).remove(0);
        assert_eq!(drained.positions, [(name, Position(7))]);
    }
}
