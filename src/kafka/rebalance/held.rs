//! Partitions of this member that are not read because their position is gone, until somebody decides.
//!
//! They wait as those do whose start can not be found: their topic may be found to be made anew.

use std::time::Instant;

use crate::health::Trouble;
use crate::kafka::context::Context;
use crate::kafka::start::Doubt;
use crate::record::TopicPartition;

/// These are held, after so many attempts each. All are in `/readyz`; the log names the first of a topic in a minute.
pub(super) fn begin(
    context: &Context,
    held: Vec<(TopicPartition, String, Doubt)>,
    attempts: impl Fn(&TopicPartition) -> u32,
) {
    for (partition, why, doubt) in held {
        let attempts = attempts(&partition);
        let (is_new, since) = {
            let mut assignment = context.assignment();
            assignment.wait(partition.clone(), attempts, Some(doubt));
            let is_new = !assignment.held.contains_key(&partition);
            (is_new, *assignment.held.entry(partition.clone()).or_insert_with(Instant::now))
        };
        if is_new {
            context.metrics.partition_assigned(&partition);
            context.metrics.partition_held(&partition, "halted", true);
        }
        context.metrics.partition_behind(&partition, since.elapsed());
        if let Some(health) = context.health() {
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
pub(super) fn end(context: &Context, partitions: &[TopicPartition]) {
    for partition in partitions {
        if context.assignment().held.remove(partition).is_some() {
            context.metrics.partition_removed(partition);
            if let Some(health) = context.health() {
                health.trouble(Trouble::partition(&partition.topic, partition.partition), None);
            }
        }
    }
}
