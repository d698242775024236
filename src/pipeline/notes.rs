//! What the core says, as log lines and numbers.
//!
//! Records are refused by the hundred, each for the same reason: the log names the first of a partition in a minute, and then how
//! many more there were. The metric counts every one, and a dead letter holds its own reason.

use std::sync::Arc;
use std::time::Instant;

use bridge_core::action::{DEAD_LETTER_FAILED, Note};
use bridge_core::event::Cause;

use crate::config::Policy;
use crate::health::{ShardHealth, Trouble};
use crate::metrics::{HoldReason, LetGo, Metrics};
use crate::record::TopicPartition;
use crate::repeats::Repeats;

/// More kinds of refusal at a time are told one by one.
const KINDS: usize = 1024;

/// What is the same about records that become dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct LetterGroup {
    partition: TopicPartition,
    reason: &'static str,
    /// The dead-letter topic.
    to: String,
}

/// Where the core's notes go.
#[derive(Debug)]
pub(super) struct Notes {
    metrics: Arc<Metrics>,
    health: ShardHealth,
    refusals: Repeats<LetterGroup, KINDS>,
    /// Topics of which a partition waits.
    waits: Repeats<Arc<str>, KINDS>,
}

impl Notes {
    pub(super) fn new(metrics: Arc<Metrics>, health: ShardHealth) -> Self {
        Self { metrics, health, refusals: Repeats::default(), waits: Repeats::default() }
    }

    /// Logs and counts `note`. What is held is said, reminded of and ended by `health`.
    pub(super) fn tell(&mut self, note: Note) {
        let (metrics, health) = (&*self.metrics, &self.health);
        match note {
            Note::Assigned(name) => metrics.partition_assigned(&name),
            Note::Removed(name) => {
                metrics.partition_removed(&name);
                health.trouble(Trouble::partition(&name.topic, name.partition), None);
            }
            Note::Sealed { hub, reason, events, bytes } => {
                metrics.batch_sealed(&hub, reason, events, bytes);
            }
            Note::Accepted { hub, events, bytes, took, age } => {
                metrics.batch_accepted(&hub, events, bytes, took);
                if let Some(age) = age {
                    metrics.end_to_end(&hub, age);
                }
            }
            Note::Held { partition, reason, held } => {
                metrics.partition_held(&partition, reason, held);
            }
            Note::LetGo { partition, reason, events } => {
                metrics.records_let_go(reason, events as u64);
                if reason == LetGo::Deadline {
                    tracing::warn!(
                        name: "drain_incomplete",
                        %partition, events,
                        "partition released before all its events were acknowledged; these events may be delivered twice"
                    );
                } else if reason == LetGo::Reload {
                    tracing::warn!(
                        name: "drain_incomplete",
                        %partition, events,
                        "the mappings of the partition have changed, and some events were not acknowledged in time; the partition is read again from its committed position, with the new mappings"
                    );
                }
            }
            Note::Refused { partition, offset, policy, reason, detail, to } => {
                metrics.record_refused(&partition.topic, policy, reason);
                match (policy, to) {
                    // Each by itself: this is all that is left of it.
                    (Policy::Drop, _) => {
                        tracing::warn!(name: "record_dropped", %partition, offset, reason, detail, "record dropped by the `failure.policy` of its mapping");
                    }
                    (_, Some(to)) => {
                        self.letter(LetterGroup { partition, reason, to }, offset, &detail);
                    }
                    // What follows is told as `Halted`.
                    _ => {}
                }
            }
            Note::Retry { .. }
            | Note::Halted { .. }
            | Note::Throttles { .. }
            | Note::ThrottlesNoMore { .. } => trouble(metrics, health, note),
            Note::Waits { partition, detail } => {
                health.trouble(
                    Trouble::partition(&partition.topic, partition.partition),
                    Some(&detail),
                );
                // `/readyz` lists them all.
                if self.waits.may_say(&partition.topic, Instant::now()).is_some() {
                    tracing::warn!(name: "partition_held", %partition, detail, "partition paused (held): its hub accepts no events; records for other hubs continue");
                }
            }
            Note::Flows { partition } => {
                health.trouble(Trouble::partition(&partition.topic, partition.partition), None);
            }
            Note::Resized { hub, before, after } => {
                let (namespace, hub) = (&*hub.namespace, &*hub.hub);
                tracing::info!(
                    name: "hub_resized",
                    namespace,
                    hub,
                    before,
                    after,
                    "the hub has new partitions; the bridge uses them from now on"
                );
            }
        }
    }

    /// A record is to be written to a dead-letter topic.
    fn letter(&mut self, refusal: LetterGroup, offset: i64, detail: &str) {
        let may_say = self.refusals.may_say(&refusal, Instant::now());
        let LetterGroup { partition, reason, to } = refusal;
        if let Some(unsaid) = may_say {
            tracing::warn!(
                name: "dead_letter",
                %partition, offset, reason, detail, to,
                before = (unsaid > 0).then_some(unsaid),
                "record written to its dead-letter topic"
            );
        } else {
            tracing::debug!(
                %partition, offset, reason, detail, to, "another record written to its dead-letter topic"
            );
        }
    }

    /// Says how many went unsaid, where the minute is over; of all when there is no `now`, because nothing more is told.
    pub(super) fn count_up(&mut self, now: Option<Instant>) {
        for (LetterGroup { partition, reason, to }, more) in self.refusals.overdue(now) {
            tracing::warn!(
                name: "dead_letter",
                %partition, reason, to, more,
                "more records were written to their dead-letter topics in the last minute"
            );
        }
    }
}

fn trouble(metrics: &Metrics, health: &ShardHealth, note: Note) {
    match note {
        Note::Retry { hub, partition, cause, detail, attempts, wait } => {
            metrics.send_retried(&hub, cause);
            let (namespace, hub) = (&*hub.namespace, &*hub.hub);
            // A connection that is lost or cannot be made, and a throttle, are told of once, not by each lane. What lasts is said
            // by `health`.
            let once = matches!(cause, Cause::Connection | Cause::Throttled);
            if attempts == 1 && !once {
                tracing::warn!(name: "batch_retried", namespace, hub, partition = &*partition, %cause, detail, ?wait, "a batch was not stored; the bridge sends it again");
            } else {
                tracing::debug!(namespace, hub, partition = &*partition, %cause, detail, attempts, ?wait, "a batch is still not stored; the bridge sends it again");
            }
        }
        Note::Throttles { hub, detail } => {
            let detail = format!("hub `{}`: {detail}", hub.hub);
            health.trouble(Trouble::Throttled(hub.namespace), Some(&detail));
        }
        Note::ThrottlesNoMore { namespace } => {
            health.trouble(Trouble::Throttled(namespace), None);
        }
        Note::Halted { partition, offset, reason, detail } => {
            metrics.partition_held(&partition, HoldReason::Halted, true);
            health.refused(Trouble::partition(&partition.topic, partition.partition), &detail);
            if reason == DEAD_LETTER_FAILED {
                tracing::error!(
                    name: "partition_halted",
                    %partition, offset, reason, detail,
                    "partition halted: this record should become a dead letter, but the dead letter cannot be written"
                );
            } else {
                tracing::error!(
                    name: "partition_halted",
                    %partition, offset, reason, detail,
                    "partition halted: this record can never be stored. Fix the cause and restart, or set the mapping's `failure.policy` to `dead_letter` or `drop`"
                );
            }
        }
        _ => {}
    }
}
