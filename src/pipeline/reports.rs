//! What the pump says of how things stand: positions to Kafka, numbers to the metrics.

use std::time::Instant;

use super::pump::{Pump, wall};

impl Pump {
    /// Whether there was something to commit.
    pub(super) fn commit(&mut self) -> bool {
        let mut idle = self.core.idle();
        // What waits to be read again was polled and passed over. This is asked first: were the mark taken away between the
        // two questions, the client's answer would still be from before.
        idle.retain(|(_, name)| !self.queue.is_broken(name));
        if !idle.is_empty() {
            let positions = self.consumer.positions();
            for (assignment, name) in idle {
                if let Some(position) = positions.get(&name) {
                    self.core.skip_to(assignment, *position);
                }
            }
        }
        let positions = self.core.positions_to_commit();
        if !positions.is_empty() {
            self.consumer.commit(&positions);
        }
        !positions.is_empty()
    }

    pub(super) fn count_filtered(&mut self) {
        for filtered in self.core.take_filtered() {
            self.metrics.records_filtered(&filtered);
        }
        for (hub, events) in self.core.take_spared() {
            self.metrics.events_spared(&hub, events);
        }
    }

    pub(super) fn report(&mut self, now: Instant) {
        for standing in self.core.standings(now, wall()) {
            self.metrics.partition_state(&standing);
        }
        self.carry_out();
        self.count_filtered();
        self.notes.count_up(Some(now));
        let governed: Vec<_> = self.core.governed().collect();
        for name in self.namespaces.keys() {
            let governed = governed.iter().find(|it| *it.namespace == **name);
            self.metrics.throttled(name, self.shard, governed);
        }
        self.states.look(&self.core, now, wall());
        self.metrics.buffered(self.shard, self.core.bytes() as u64, self.budget as u64);
    }
}
