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
//! 4. where an unclean leader election cut the log below the committed position, from the cut: what stands above it is
//!    new. A committed position that does not exist for another reason (retention overtook the group, a topic without
//!    an id was created anew) continues from the earliest record there is, so that nothing still readable is missed.
//!    What was lost is said and counted.
//!
//! Above all of it: a position that was committed for another topic of the same name says nothing, even where it
//! exists. Such a partition is read from its beginning.
//!
//! Nothing is guessed: what can not be looked up stays unresolved, and is asked for again later.

mod pin;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::Start;
use crate::kafka::context::Context;
use crate::kafka::identity::TopicId;
use crate::kafka::native::{self, IdQueue};
use crate::metrics::Metrics;
use crate::record::TopicPartition;
use pin::Fresh;

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
}

/// What is known of the partitions a start is asked for.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) starts: Vec<StartAt>,
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

/// Why a committed position is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// A fetch found it out of range.
    Range,
    /// The log was cut below it, at this offset if known.
    Cut(Option<i64>),
    /// It is of an older topic of that name.
    Recreated,
}

impl Doubt {
    /// Reads librdkafka's words, the only place where the offset of a cut is to be had.
    pub(super) fn of(detail: &str) -> Self {
        let cut = || detail.split_once("broker end offset is ")?.1.split(' ').next()?.parse().ok();
        match () {
            () if detail.contains("truncation detected") => Self::Cut(cut()),
            () if detail.contains("No epoch found") => Self::Cut(None),
            () => Self::Range,
        }
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
            context.complain("committed positions can not be read", &error.to_string());
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
        let present = present.get(&*partition.topic).copied();
        let labelled = committed.as_ref().ok().and_then(|committed| committed.as_ref()?.topic);
        let doubt = match labelled.zip(present) {
            Some((of, now)) if of != now => Some(Doubt::Recreated),
            _ => doubts.get(&partition).copied(),
        };
        let topic = match doubt {
            Some(Doubt::Recreated) => present,
            _ => present.or(labelled),
        };
        let topic = topic.or_else(|| context.identities().last(&partition.topic));
        let start = match (committed, doubt) {
            (Err(error), _) => Err(error),
            (Ok(_), Some(Doubt::Recreated)) => {
                context.made_anew(&partition.topic);
                fresh.push(Fresh { partition, topic, renewed: true });
                continue;
            }
            (Ok(Some(at)), None) => Ok((Offset::Offset(at.offset), at.epoch)),
            (Ok(Some(at)), Some(doubt)) => {
                readable(consumer, &context.metrics, &partition, at.offset, doubt)
            }
            (Ok(None), _) if context.start == Start::Earliest => Ok((Offset::Beginning, -1)),
            (Ok(None), _) => {
                fresh.push(Fresh { partition, topic, renewed: false });
                continue;
            }
        };
        match start {
            Ok((offset, epoch)) => {
                resolved.starts.push(StartAt { partition, offset, epoch, topic });
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

type Committed = Result<Option<At>, KafkaError>;

/// A committed position, its leader epoch, and the topic it says it is of.
#[derive(Debug)]
struct At {
    offset: i64,
    epoch: i32,
    topic: Option<TopicId>,
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
                Some(At { offset, epoch, topic: TopicId::of_label(native::label(&list, index)) })
            }
            _ => None,
        });
        (partition, committed)
    });
    Ok(answers.collect())
}

/// The rule for a committed position that may not exist, and what has to be said.
fn readable(
    consumer: &BaseConsumer<Context>,
    metrics: &Metrics,
    partition: &TopicPartition,
    committed: i64,
    doubt: Doubt,
) -> Result<(Offset, i32), KafkaError> {
    let (topic, number) = (&*partition.topic, partition.partition);
    let (first, end) = consumer.fetch_watermarks(topic, number, ANSWER)?;
    let start = decide(committed, first, end, doubt);
    if start > committed {
        let lost = start - committed;
        metrics.records_expired(topic, lost as u64);
        tracing::error!(
            topic,
            partition = number,
            committed,
            start,
            lost,
            "retention deleted records before they were read: offsets {committed} to {} are lost; going on at {start}",
            start - 1
        );
    } else if start < committed {
        tracing::error!(
            topic,
            partition = number,
            committed,
            start,
            end,
            ?doubt,
            "the committed position {committed} does not exist any more (log cut or topic created anew): going on at {start}"
        );
    }
    // Without an epoch: the committed one would be found cut off again.
    Ok((Offset::Offset(start), -1))
}

/// Where to go on, given what the partition holds (`first..end`).
fn decide(committed: i64, first: i64, end: i64, doubt: Doubt) -> i64 {
    match doubt {
        Doubt::Cut(Some(cut)) if cut <= end => cut.min(committed).max(first),
        Doubt::Range if (first..=end).contains(&committed) => committed,
        Doubt::Cut(_) | Doubt::Range | Doubt::Recreated => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_that_does_not_exist_misses_nothing_readable() {
        let cases = [
            // committed, first, end, doubt, start
            (50, 0, 100, Doubt::Range, 50),
            (50, 70, 100, Doubt::Range, 70),
            (100, 70, 100, Doubt::Range, 100),
            (150, 0, 100, Doubt::Range, 0),
            (150, 20, 100, Doubt::Cut(Some(90)), 90),
            (80, 20, 100, Doubt::Cut(Some(90)), 80),
            (150, 95, 100, Doubt::Cut(Some(90)), 95),
            (150, 20, 100, Doubt::Cut(Some(120)), 20),
            (150, 20, 100, Doubt::Cut(None), 20),
        ];
        for (committed, first, end, doubt, start) in cases {
            assert_eq!(
                decide(committed, first, end, doubt),
                start,
                "{committed} {first} {end} {doubt:?}"
            );
        }
    }

    #[test]
    fn the_cut_is_read_from_the_words_of_the_client() {
        let cut = "Partition log truncation detected at offset 150 (leader epoch 3): broker end offset is 90 (offset \
                   leader epoch 2). Reset to INVALID.";
        let unknown = "No epoch found less or equal to offset 5: broker end offset is -1 (offset leader epoch -1).";
        assert_eq!(Doubt::of(cut), Doubt::Cut(Some(90)));
        assert_eq!(Doubt::of(unknown), Doubt::Cut(None));
        assert_eq!(Doubt::of("fetch failed due to requested offset not available"), Doubt::Range);
    }

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
