//! The positions of a group, against what its partitions hold. Asked for all partitions at once, however many there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::OutOfRange;
use crate::kafka::identity::{Label, TopicId};
use crate::kafka::native::{self, IdQueue};
use crate::kafka::start::{Doubt, GoneVerdict, LogExtent, decide};
use crate::record::TopicPartition;

use super::{Denied, Inquiry, Topic};

/// What a group has committed.
#[derive(Debug, Default)]
pub struct Positions {
    /// Partitions with a position.
    pub committed: usize,
    /// Those of them whose logs did not say what they hold.
    pub unknown: usize,
    /// Those whose position is not in the log.
    pub gone: Vec<Gone>,
    /// Topics that were made again since: they are read from their beginning.
    pub anew: BTreeSet<String>,
}

/// A position that is not in the log any more.
#[derive(Debug, Clone)]
pub struct Gone {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// What is committed.
    pub committed: i64,
    /// The first offset of the log, and its end.
    pub log: (i64, i64),
    /// Records that are gone unread, at most.
    pub lost: i64,
    /// Records that would be skipped, at most.
    pub skipped: i64,
    /// Records that would come again, at most.
    pub again: i64,
}

struct CommittedPositions {
    partition: TopicPartition,
    offset: i64,
    topic: Option<TopicId>,
    held: bool,
}

impl Inquiry {
    /// What the group has committed of `topics`, and what `policy` would make of what is gone. Blocks, no longer than `limit`.
    pub fn positions(
        &self,
        topics: &BTreeMap<String, Topic>,
        policy: OutOfRange,
        limit: Duration,
    ) -> Result<Positions, Denied> {
        let begun = Instant::now();
        let left = || limit.saturating_sub(begun.elapsed());
        let all = self.committed(topics, limit)?;
        let mut positions = Positions { committed: all.len(), ..Positions::default() };
        if all.is_empty() {
            return Ok(positions);
        }
        // A half for each, so that one that hangs leaves something for the next.
        let firsts = self.bounds(&all, Offset::Beginning, left() / 2);
        let ends = self.bounds(&all, Offset::End, left() / 2);
        let present = self.ids(&all, left() / 2);
        for CommittedPositions { partition, offset, topic, held } in all {
            if let (Some(of), Some(now)) = (topic, present.get(&*partition.topic))
                && of != *now
            {
                positions.anew.insert(partition.topic.to_string());
                continue;
            }
            let (Some(first), Some(end)) = (firsts.get(&partition), ends.get(&partition)) else {
                positions.unknown += 1;
                continue;
            };
            let (first, end) = (*first, *end);
            if !held && (first..=end).contains(&offset) {
                continue;
            }
            let doubt = if held { Doubt::Held } else { Doubt::Range };
            let GoneVerdict { lost, skipped, again, .. } =
                decide(offset, LogExtent { first, end }, doubt, policy);
            positions.gone.push(Gone {
                topic: partition.topic.to_string(),
                partition: partition.partition,
                committed: offset,
                log: (first, end),
                lost,
                skipped,
                again,
            });
        }
        Ok(positions)
    }

    fn committed(
        &self,
        topics: &BTreeMap<String, Topic>,
        limit: Duration,
    ) -> Result<Vec<CommittedPositions>, Denied> {
        let mut list = TopicPartitionList::new();
        for (name, topic) in topics {
            for partition in 0..topic.partitions {
                list.add_partition(name, partition);
            }
        }
        let answer = self.ask(limit, |slice| self.client.committed_offsets(list.clone(), slice))?;
        let elements = answer.elements();
        let known = elements.iter().enumerate().filter_map(|(index, element)| {
            let Offset::Offset(offset) = element.offset() else { return None };
            let Label { topic, held, .. } = Label::read(native::label(&answer, index));
            let partition = TopicPartition::new(element.topic(), element.partition());
            Some(CommittedPositions { partition, offset, topic, held })
        });
        Ok(known.collect())
    }

    /// The first offset, or the end, of each of these that tells.
    fn bounds(
        &self,
        of: &[CommittedPositions],
        at: Offset,
        limit: Duration,
    ) -> HashMap<TopicPartition, i64> {
        let mut list = TopicPartitionList::with_capacity(of.len());
        for CommittedPositions { partition, .. } in of {
            list.add_partition_offset(&partition.topic, partition.partition, at)
                .expect("it is a valid offset");
        }
        let answer = self.ask(limit, |slice| self.client.offsets_for_times(list.clone(), slice));
        let Ok(answer) = answer else { return HashMap::new() };
        let elements = answer.elements();
        let told = elements.iter().filter(|element| element.error().is_ok());
        told.filter_map(|element| match element.offset() {
            Offset::Offset(offset) => {
                Some((TopicPartition::new(element.topic(), element.partition()), offset))
            }
            _ => None,
        })
        .collect()
    }

    /// The ids of the topics whose positions name one.
    fn ids(&self, of: &[CommittedPositions], limit: Duration) -> HashMap<String, TopicId> {
        let labelled = of.iter().filter(|it| it.topic.is_some());
        let topics = labelled.map(|it| &*it.partition.topic).collect::<BTreeSet<_>>();
        if topics.is_empty() {
            return HashMap::new();
        }
        let ids = IdQueue::new(&*self.client);
        ids.ask(topics, limit);
        ids.take(limit).unwrap_or_default()
    }
}
