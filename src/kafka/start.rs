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
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::{self, OutOfRange, Start};
use crate::kafka::committer::Committer;
use crate::kafka::context::Context;
use crate::kafka::identity::{Identities, Label, TopicId};
use crate::kafka::native::{self, IdQueue};
use crate::kafka::pump_link::PumpLink;
use crate::kafka::span::Span;
use crate::record::{Position, TopicPartition};
use gone::GoneCase;
use pin::Fresh;

pub(super) use gone::{Doubt, GoneVerdict, LogExtent, decide};

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

impl StartAt {
    /// Where that is, as far as it is a number.
    pub(super) fn position(&self) -> Option<Position> {
        match self.offset {
            Offset::Offset(offset) => Some(Position(offset)),
            _ => None,
        }
    }
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

/// Finds where partitions begin. The event thread's.
pub(super) struct Starts {
    consumer: Arc<BaseConsumer<Context>>,
    committer: Arc<Committer>,
    /// `kafka.start`
    start: Start,
    /// `kafka.out_of_range`
    out_of_range: OutOfRange,
    /// Whether only that is read whose position says how much of it.
    bounded: bool,
    pub(super) baseline: Baseline,
    identities: Identities,
}

/// What became of the question for one start.
enum Resolution {
    Start(StartAt),
    /// It has no position that counts.
    Fresh(Fresh),
    /// See [`Resolved::held`].
    Held(TopicPartition, String, Doubt),
    /// Nothing of it is to be read.
    Nothing,
}

impl Starts {
    pub(super) fn new(
        consumer: &Arc<BaseConsumer<Context>>,
        committer: &Arc<Committer>,
        kafka: &config::Kafka,
        bounded: bool,
    ) -> Self {
        Self {
            consumer: Arc::clone(consumer),
            committer: Arc::clone(committer),
            start: kafka.start,
            out_of_range: kafka.out_of_range,
            bounded,
            baseline: Baseline::default(),
            identities: Identities::default(),
        }
    }

    fn context(&self) -> &Context {
        self.consumer.context()
    }

    /// Whether what exists when this process first looks has to be known.
    pub(super) fn needs_baseline(&self) -> bool {
        self.start == Start::Latest && !self.baseline.is_set()
    }

    /// Finds the starts of `partitions`; what is in `doubts` had a position that does not exist.
    pub(super) fn resolve(
        &mut self,
        pump: &mut PumpLink,
        partitions: &[TopicPartition],
        doubts: &HashMap<TopicPartition, Doubt>,
    ) -> Resolved {
        let mut resolved = Resolved::default();
        let deadline = Instant::now() + ANSWERS;
        // Asked first: if the topic is made anew in between, the next look at it tells.
        let present = self.identify(partitions);
        let committed = match committed(&self.consumer, partitions) {
            Ok(committed) => committed,
            Err(error) => {
                self.context().complain("cannot read committed positions", &error.to_string());
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
            let doubt = doubts.get(&partition).copied();
            let present = present.get(&*partition.topic).copied();
            match committed.and_then(|at| self.find(pump, &partition, at, present, doubt)) {
                Ok(Resolution::Start(start)) => resolved.starts.push(start),
                Ok(Resolution::Fresh(found)) => fresh.push(found),
                Ok(Resolution::Held(partition, why, doubt)) => {
                    resolved.held.push((partition, why, doubt));
                }
                Ok(Resolution::Nothing) => {}
                Err(error) => {
                    let what = format!("no start position for `{partition}` yet");
                    self.context().complain(&what, &error.to_string());
                    resolved.unresolved.push(partition);
                }
            }
        }
        let pinned = self.pin(pump, &fresh, deadline);
        let found = pinned.iter().map(|start| &start.partition).collect::<HashSet<_>>();
        let fresh = fresh.into_iter().map(|fresh| fresh.partition);
        resolved.unresolved.extend(fresh.filter(|partition| !found.contains(partition)));
        resolved.starts.extend(pinned);
        resolved
    }

    /// Where `partition` begins, of which the group has `committed` a position and the cluster has the topic `present`.
    fn find(
        &self,
        pump: &mut PumpLink,
        partition: &TopicPartition,
        committed: Option<StartPoint>,
        present: Option<TopicId>,
        doubt: Option<Doubt>,
    ) -> Result<Resolution, KafkaError> {
        if self.bounded && !is_to_be_read(committed.as_ref()) {
            return Ok(Resolution::Nothing);
        }
        let partition = partition.clone();
        let Label { topic: labelled, held, span, sent_since } =
            committed.as_ref().map(|at| at.label).unwrap_or_default();
        let doubt = match labelled.zip(present) {
            Some((of, now)) if of != now => Some(Doubt::Recreated),
            _ if held => Some(Doubt::Held),
            _ => doubt,
        };
        let topic = match doubt {
            Some(Doubt::Recreated) => present,
            _ => present.or(labelled),
        };
        let topic = topic.or_else(|| self.identities.last(&partition.topic));
        let (offset, epoch) = match (committed, doubt) {
            (_, Some(Doubt::Recreated)) if self.bounded => {
                let what = format!("topic `{}` was deleted and created again", partition.topic);
                self.context().complain(&what, "the new topic is not read");
                return Ok(Resolution::Nothing);
            }
            (_, Some(Doubt::Recreated)) => {
                self.say_recreated(&partition.topic);
                return Ok(Resolution::Fresh(Fresh { partition, topic, renewed: true }));
            }
            (Some(at), None) => (Offset::Offset(at.offset), at.epoch),
            (Some(at), Some(doubt)) => {
                let case = GoneCase { partition, committed: at.offset, doubt, topic, span };
                return Ok(match self.readable(pump, &case)? {
                    // Without an epoch: the committed one would be found cut off again.
                    Ok(offset) => Resolution::Start(StartAt {
                        partition: case.partition,
                        offset: Offset::Offset(offset),
                        epoch: -1,
                        topic,
                        span,
                        sent_since,
                    }),
                    Err(why) => Resolution::Held(case.partition, why, doubt),
                });
            }
            (None, _) if self.start == Start::Earliest => (Offset::Beginning, -1),
            (None, _) => return Ok(Resolution::Fresh(Fresh { partition, topic, renewed: false })),
        };
        Ok(Resolution::Start(StartAt { partition, offset, epoch, topic, span, sent_since }))
    }

    /// The ids of the topics of `partitions`, as far as they are to be had.
    fn identify(&mut self, partitions: &[TopicPartition]) -> HashMap<String, TopicId> {
        let topics = partitions.iter().map(|partition| &*partition.topic).collect::<BTreeSet<_>>();
        if topics.is_empty() {
            return HashMap::new();
        }
        let ids = IdQueue::new(Arc::clone(&self.consumer));
        ids.ask(topics, ANSWER);
        self.learn(ids.take(ANSWER).unwrap_or_default())
    }

    /// Takes in which topics there are, and gives that back with what is outdated in it corrected.
    pub(super) fn learn(&mut self, answer: HashMap<String, TopicId>) -> HashMap<String, TopicId> {
        self.identities.learn(Instant::now(), answer)
    }

    /// Says that a topic is not the one any more that it was; once, though each partition is found out by itself.
    pub(super) fn say_recreated(&self, topic: &str) {
        let what = format!("topic `{topic}` was deleted and created again");
        self.context().complain(&what, "reading the topic from its beginning");
    }
}

/// Whether a position says that something is to be read of its partition, and is not beyond that.
fn is_to_be_read(committed: Option<&StartPoint>) -> bool {
    let open = |at: &StartPoint| at.label.span.is_some_and(|span| at.offset < span.to);
    committed.is_some_and(open)
}

type Committed = Result<Option<StartPoint>, KafkaError>;

/// A committed position, its leader epoch, and the topic it says it is of.
#[derive(Debug)]
struct StartPoint {
    offset: i64,
    epoch: i32,
    label: Label,
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
                Some(StartPoint { offset, epoch, label: Label::read(native::label(&list, index)) })
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
