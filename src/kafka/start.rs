//! Where to begin reading a partition.
//!
//! The rule, in this order:
//! 1. the committed position, if the group has one;
//! 2. a partition that was added to a topic the group reads, or whose topic was made anew, from its beginning: everything in it
//!    is new;
//! 3. `kafka.start`.
//!
//! But for `earliest`, what 2 and 3 find is committed before the first record is read: see [`pin`].
//!
//! A position outside of what the topic holds is found out by the fetch (`auto.offset.reset=error`), not here: checking
//! would cost two round trips per partition at every rebalance. The partition then comes back here as *suspect*:
//! 4. where `kafka.out_of_range` says, or at the point where an unclean leader election cut the log: see [`gone`]. What is
//!    lost, skipped or read again is said and counted.
//!
//! Above all of it: a position that was committed for another topic of the same name says nothing, even where it
//! exists. Such a partition is read from its beginning.
//!
//! Nothing is guessed: what can not be looked up stays unresolved, and is asked for again later.

mod gone;
mod pin;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::Start;
use crate::kafka::context::Context;
use crate::kafka::identity::{Label, TopicId};
use crate::kafka::native::{self, IdQueue};
use crate::kafka::span::Span;
use crate::record::TopicPartition;
use gone::Case;
use pin::Fresh;

pub(super) use gone::{Doubt, Log, Verdict, decide};

/// How long each question to the cluster may take.
const ANSWER: Duration = Duration::from_secs(5);
/// How long all of them may take; what is not answered by then waits for the next attempt.
const ANSWERS: Duration = Duration::from_secs(10);

/// Where a partition begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StartAt {
    pub(super) partition: TopicPartition,
    pub(super) offset: Offset,
    /// Leader epoch of the committed position, -1 if unknown.
    pub(super) epoch: i32,
    /// The topic it is a position of.
    pub(super) topic: Option<TopicId>,
    /// What of it is read, if not all.
    pub(super) span: Option<Span>,
    /// Since when events beyond it may have been sent, if any were.
    pub(super) sent_since: Option<i64>,
}

/// What is known of the partitions a start is asked for.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) starts: Vec<StartAt>,
    /// Those whose position is gone, and that wait for somebody to decide: why, and what is in doubt.
    pub(super) held: Vec<(TopicPartition, String, Doubt)>,
    pub(super) unresolved: Vec<TopicPartition>,
}

/// The topics and their partition counts when this process first looked; what comes later is new. `None` until then.
#[derive(Debug, Default)]
pub(super) struct Baseline(Option<HashMap<String, i32>>);

impl Baseline {
    pub(super) fn set(&mut self, partitions: HashMap<String, i32>) {
        self.0.get_or_insert(partitions);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    fn is_new(&self, partition: &TopicPartition) -> bool {
        self.0.as_ref().is_some_and(|known| {
            known.get(&*partition.topic).is_none_or(|count| partition.partition >= *count)
        })
    }
}

/// Finds the starts of `partitions`; what is in `doubts` had a position that does not exist.
pub(super) fn resolve(
    consumer: &BaseConsumer<Context>,
    context: &Context,
    partitions: &[TopicPartition],
    doubts: &HashMap<TopicPartition, Doubt>,
) -> Resolved {
    let mut resolved = Resolved::default();
    let deadline = Instant::now() + ANSWERS;
    // Asked first: if the topic is made anew in between, the next look at it tells.
    let present = identify(consumer, context, partitions);
    let committed = match committed(consumer, partitions) {
        Ok(committed) => committed,
        Err(error) => {
            context.complain("cannot read committed positions", &error.to_string());
            resolved.unresolved = partitions.to_vec();
            return resolved;
        }
    };
    let mut fresh = Vec::new();
    for (partition, committed) in committed {
        if Instant::now() >= deadline {
            resolved.unresolved.push(partition);
            continue;
        }
        if context.bounded && !committed.as_ref().is_ok_and(|at| is_to_be_read(at.as_ref())) {
            // An error is no answer, and asked for again.
            resolved.unresolved.extend(committed.is_err().then_some(partition));
            continue;
        }
        let present = present.get(&*partition.topic).copied();
        let span = committed.as_ref().ok().and_then(|committed| committed.as_ref()?.label.span);
        let sent_since =
            committed.as_ref().ok().and_then(|committed| committed.as_ref()?.label.sent_since);
        let labelled =
            committed.as_ref().ok().and_then(|committed| committed.as_ref()?.label.topic);
        let was_held =
            committed.as_ref().is_ok_and(|at| at.as_ref().is_some_and(|at| at.label.held));
        let doubt = match labelled.zip(present) {
            Some((of, now)) if of != now => Some(Doubt::Recreated),
            _ if was_held => Some(Doubt::Held),
            _ => doubts.get(&partition).copied(),
        };
        let topic = match doubt {
            Some(Doubt::Recreated) => present,
            _ => present.or(labelled),
        };
        let topic = topic.or_else(|| context.identities().last(&partition.topic));
        let start = match (committed, doubt) {
            (Err(error), _) => Err(error),
            (Ok(_), Some(Doubt::Recreated)) if context.bounded => {
                let what = format!("topic `{}` was deleted and created again", partition.topic);
                context.complain(&what, "the new topic is not read");
                continue;
            }
            (Ok(_), Some(Doubt::Recreated)) => {
                context.made_anew(&partition.topic);
                fresh.push(Fresh { partition, topic, renewed: true });
                continue;
            }
            (Ok(Some(at)), None) => Ok((Offset::Offset(at.offset), at.epoch)),
            (Ok(Some(at)), Some(doubt)) => {
                let (partition, committed) = (partition.clone(), at.offset);
                let case = Case { partition, committed, doubt, topic, span };
                match gone::readable(consumer, context, &case) {
                    // Without an epoch: the committed one would be found cut off again.
                    Ok(Ok(offset)) => Ok((Offset::Offset(offset), -1)),
                    Ok(Err(why)) => {
                        resolved.held.push((case.partition, why, doubt));
                        continue;
                    }
                    Err(error) => Err(error),
                }
            }
            (Ok(None), _) if context.start == Start::Earliest => Ok((Offset::Beginning, -1)),
            (Ok(None), _) => {
                fresh.push(Fresh { partition, topic, renewed: false });
                continue;
            }
        };
        match start {
            Ok((offset, epoch)) => {
                let start = StartAt { partition, offset, epoch, topic, span, sent_since };
                resolved.starts.push(start);
            }
            Err(error) => {
                let what = format!("no start position for `{partition}` yet");
                context.complain(&what, &error.to_string());
                resolved.unresolved.push(partition);
            }
        }
    }
    let pinned = pin::starts(consumer, context, &fresh, deadline);
    let found = pinned.iter().map(|start| &start.partition).collect::<HashSet<_>>();
    let fresh = fresh.into_iter().map(|fresh| fresh.partition);
    resolved.unresolved.extend(fresh.filter(|partition| !found.contains(partition)));
    resolved.starts.extend(pinned);
    resolved
}

/// Whether a position says that something is to be read of its partition, and is not beyond that.
fn is_to_be_read(committed: Option<&At>) -> bool {
    let open = |at: &At| at.label.span.is_some_and(|span| at.offset < span.to);
    committed.is_some_and(open)
}

type Committed = Result<Option<At>, KafkaError>;

/// A committed position, its leader epoch, and the topic it says it is of.
#[derive(Debug)]
struct At {
    offset: i64,
    epoch: i32,
    label: Label,
}

/// The ids of the topics of `partitions`, as far as they are to be had.
fn identify(
    consumer: &BaseConsumer<Context>,
    context: &Context,
    partitions: &[TopicPartition],
) -> HashMap<String, TopicId> {
    let topics = partitions.iter().map(|partition| &*partition.topic).collect::<BTreeSet<_>>();
    if topics.is_empty() {
        return HashMap::new();
    }
    let ids = IdQueue::new(consumer);
    ids.ask(topics, ANSWER);
    let answer = ids.take(ANSWER).unwrap_or_default();
    context.identities().learn(Instant::now(), answer)
}

/// Committed position and leader epoch of each partition.
fn committed(
    consumer: &BaseConsumer<Context>,
    partitions: &[TopicPartition],
) -> Result<Vec<(TopicPartition, Committed)>, KafkaError> {
    if partitions.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    let list = consumer.committed_offsets(list, ANSWER)?;
    let elements = list.elements();
    let answers = elements.iter().enumerate().map(|(index, element)| {
        let partition = TopicPartition::new(element.topic(), element.partition());
        let committed = element.error().map(|()| match element.offset() {
            Offset::Offset(offset) => {
                let epoch = native::leader_epoch(&list, index);
                Some(At { offset, epoch, label: Label::read(native::label(&list, index)) })
            }
            _ => None,
        });
        (partition, committed)
    });
    Ok(answers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_there_at_first_is_new() {
        let mut baseline = Baseline::default();
        let place = |topic: &str, partition| TopicPartition::new(topic, partition);
        assert!(!baseline.is_new(&place("a", 0)), "nothing is known yet");
        baseline.set(HashMap::from([("a".to_owned(), 2)]));
        baseline.set(HashMap::new());
        let cases = [("a", 0, false), ("a", 1, false), ("a", 2, true), ("b", 0, true)];
        for (topic, partition, new) in cases {
            assert_eq!(baseline.is_new(&place(topic, partition)), new, "{topic}/{partition}");
        }
    }
}
