//! What the core says, as log lines and numbers.

use bridge_core::action::Note;
use bridge_core::event::Cause;

use crate::config::Policy;
use crate::health::{ShardHealth, Trouble};
use crate::metrics::Metrics;
use crate::record::TopicPartition;

fn trouble_of(partition: &TopicPartition) -> Trouble {
    Trouble::Partition { topic: partition.topic.clone(), partition: partition.partition }
}

/// Logs and counts `note`. What is held is said, reminded of and ended by `health`.
pub(super) fn tell(metrics: &Metrics, health: &ShardHealth, note: Note) {
    match note {
        Note::Assigned(name) => metrics.partition_assigned(&name),
        Note::Removed(name) => {
            metrics.partition_removed(&name);
            health.trouble(trouble_of(&name), None);
        }
        Note::Sealed { hub, reason, events, bytes } => {
            metrics.batch_sealed(&hub.hub, reason.as_str(), events, bytes);
        }
        Note::Accepted { hub, events, bytes, took, age } => {
            metrics.batch_accepted(&hub.hub, events, bytes, took);
            if let Some(age) = age {
                metrics.end_to_end(&hub.hub, age);
            }
        }
        Note::Held { partition, reason, held } => metrics.partition_held(&partition, reason, held),
        Note::LetGo { partition, reason, events } => {
            metrics.records_let_go(reason, events as u64);
            if reason == "deadline" {
                tracing::warn!(
                    %partition, events,
                    "let go before everything was acknowledged: these events may be delivered twice"
                );
            }
        }
        Note::Retry { .. } | Note::Refused { .. } | Note::Halted { .. } => {
            trouble(metrics, health, note);
        }
        Note::Waits { partition, detail } => health.trouble(trouble_of(&partition), Some(&detail)),
        Note::Flows { partition } => health.trouble(trouble_of(&partition), None),
        Note::Resized { hub, before, after } => {
            let (namespace, hub) = (&*hub.namespace, &*hub.hub);
            tracing::info!(
                namespace,
                hub,
                before,
                after,
                "the hub has other partitions, which are used from now on"
            );
        }
    }
}

fn trouble(metrics: &Metrics, health: &ShardHealth, note: Note) {
    match note {
        Note::Retry { hub, id, cause, detail, attempts, wait } => {
            metrics.send_retried(&hub.hub, cause.as_str());
            let (namespace, hub) = (&*hub.namespace, &*hub.hub);
            // A connection that is lost or cannot be made is told of once, not by each lane.
            if attempts == 1 && cause != Cause::Connection {
                tracing::warn!(namespace, hub, partition = &*id, %cause, detail, ?wait, "a batch is not stored, sending it again");
            } else {
                tracing::debug!(namespace, hub, partition = &*id, %cause, detail, attempts, ?wait, "still not stored");
            }
        }
        Note::Refused { partition, offset, policy, reason, detail, to } => {
            let label = match policy {
                Policy::Drop => "drop",
                Policy::DeadLetter => "dead_letter",
                Policy::Halt => "halt",
            };
            metrics.record_refused(&partition.topic, label, reason);
            match (policy, to) {
                (Policy::Drop, _) => {
                    tracing::warn!(%partition, offset, reason, detail, "record dropped, as its mapping says");
                }
                (_, Some(to)) => {
                    tracing::warn!(%partition, offset, reason, detail, to, "record goes to its dead-letter topic");
                }
                // What follows is told as `Halted`.
                _ => {}
            }
        }
        Note::Halted { partition, offset, reason, detail } => {
            metrics.partition_held(&partition, "halted", true);
            health.refused(trouble_of(&partition), &detail);
            tracing::error!(
                %partition, offset, reason, detail,
                "partition halted: this record can never be stored; mend the cause and restart, or set the mapping's \
                 `failure.policy` to `dead_letter` or `drop`"
            );
        }
        _ => {}
    }
}
