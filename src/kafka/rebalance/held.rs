//! Partitions of this member that are not read because their position is gone, until somebody decides.
//!
//! They wait as those do whose start can not be found: their topic may be found to be made anew.

use std::time::Instant;

use super::Rebalancer;
use crate::health::Trouble;
use crate::kafka::start::Doubt;
use crate::metrics::HoldReason;
use crate::record::TopicPartition;

impl Rebalancer {
    /// These are held, after so many attempts each. All are in `/readyz`; the log names the first of a topic in a minute.
    pub(super) fn hold(
        &mut self,
        held: Vec<(TopicPartition, String, Doubt)>,
        attempts: impl Fn(&TopicPartition) -> u32,
    ) {
        for (partition, why, doubt) in held {
            self.membership.wait(partition.clone(), attempts(&partition), Some(doubt));
            let is_new = !self.membership.held.contains_key(&partition);
            let since = *self.membership.held.entry(partition.clone()).or_insert_with(Instant::now);
            let context = self.context();
            if is_new {
                context.metrics.partition_assigned(&partition);
                context.metrics.partition_held(&partition, HoldReason::Halted, true);
            }
            context.metrics.partition_behind(&partition, since.elapsed());
            if let Some(health) = &self.health {
                health.refused(Trouble::partition(&partition.topic, partition.partition), &why);
            }
            if let Some(suppressed) = context.may_say(&format!("held {}", partition.topic)) {
                let repeated = (suppressed > 0).then_some(suppressed);
                tracing::error!(
                    name: "partition_halted",
                    shard = context.shard, %partition, repeated, detail = why,
                    "partition halted: its committed position is no longer in the log; other partitions continue"
                );
            }
        }
    }

    /// These are not held any more: they are read, or belong to another member.
    pub(super) fn end_hold(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            if self.membership.held.remove(partition).is_some() {
                self.context().metrics.partition_removed(partition);
                if let Some(health) = &self.health {
                    health.trouble(Trouble::partition(&partition.topic, partition.partition), None);
                }
            }
        }
    }
}
