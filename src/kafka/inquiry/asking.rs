//! What is asked for many partitions at once: what is committed, offsets of their logs, and which topics they are of. A broker that does
//! not answer hides its own partitions, and nothing else.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::identity::{self, TopicId};
use crate::kafka::native::{self, EndQueue, IdQueue, Which};
use crate::record::TopicPartition;

use super::{Denied, Inquiry};

/// What a broker did not answer is asked for so often: its leader may have changed.
const ATTEMPTS: usize = 2;

/// What is committed of a partition.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Committed {
    /// Kafka does not say.
    #[default]
    Unknown,
    Nothing,
    At(At),
}

/// A committed position, as it says itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) offset: i64,
    pub(super) topic: Option<TopicId>,
    pub(super) held: bool,
}

impl Inquiry {
    /// What is committed.
    pub(super) fn all_committed(
        &self,
        all: &[TopicPartition],
        limit: Duration,
    ) -> Result<HashMap<TopicPartition, Committed>, Denied> {
        let mut list = TopicPartitionList::with_capacity(all.len());
        for partition in all {
            list.add_partition(&partition.topic, partition.partition);
        }
        let answer = self.ask(limit, |slice| self.client.committed_offsets(list.clone(), slice))?;
        let elements = answer.elements();
        let known = elements.iter().enumerate().map(|(index, element)| {
            let committed = match (element.error(), element.offset()) {
                (Err(_), _) => Committed::Unknown,
                (Ok(()), Offset::Offset(offset)) => {
                    let (topic, held) = identity::read_label(native::label(&answer, index));
                    Committed::At(At { offset, topic, held })
                }
                (Ok(()), _) => Committed::Nothing,
            };
            (TopicPartition::new(element.topic(), element.partition()), committed)
        });
        Ok(known.collect())
    }

    /// The first record at or after `time` in each of these, `None` where none is that late; a partition that does not tell is left
    /// out. Blocks, no longer than `limit`.
    pub fn at_time(
        &self,
        of: &[TopicPartition],
        time: i64,
        limit: Duration,
    ) -> HashMap<TopicPartition, Option<i64>> {
        self.offsets(of, Which::At(time), limit)
    }

    /// The end of a log, as far as this client may read.
    pub(super) fn end(&self) -> Which {
        let committed = self.settings.get("isolation.level") != Some("read_uncommitted");
        Which::End { committed }
    }

    /// An offset of each of these; those that do not tell are left out, and `None` is as late as no record is.
    pub(super) fn offsets(
        &self,
        of: &[TopicPartition],
        which: Which,
        limit: Duration,
    ) -> HashMap<TopicPartition, Option<i64>> {
        let begun = Instant::now();
        let (mut open, mut told) = (of.to_vec(), HashMap::with_capacity(of.len()));
        for _ in 0..ATTEMPTS {
            let left = limit.saturating_sub(begun.elapsed());
            if open.is_empty() || left.is_zero() {
                break;
            }
            let queue = EndQueue::new(&*self.client);
            // What others have answered comes when the last one has, or has had its time: before nobody waits any more.
            queue.ask(&open, which, left / 2);
            let Some(Ok(answer)) = queue.wait(left * 3 / 4) else { continue };
            let answers = answer.into_iter().filter_map(|(place, told)| Some((place, told.ok()?)));
            told.extend(answers);
            open.retain(|partition| !told.contains_key(partition));
        }
        told
    }

    /// The ids of `topics`, where brokers give them any. Without an answer nothing is told: a position could be of another topic.
    pub(super) fn identities<'a>(
        &self,
        topics: impl Iterator<Item = &'a str> + Clone,
        limit: Duration,
    ) -> Result<HashMap<String, TopicId>, Denied> {
        use RDKafkaErrorCode as Code;
        let begun = Instant::now();
        for _ in 0..ATTEMPTS {
            let left = limit.saturating_sub(begun.elapsed());
            let ids = IdQueue::new(&*self.client);
            ids.ask(topics.clone(), left / 2);
            match ids.wait(left * 3 / 4) {
                Some(Ok(ids)) => return Ok(ids),
                None
                | Some(Err(
                    Code::OperationTimedOut
                    | Code::RequestTimedOut
                    | Code::BrokerTransportFailure
                    | Code::AllBrokersDown,
                )) => {}
                // So old that they do not understand.
                Some(Err(_)) => return Ok(HashMap::new()),
            }
        }
        Err(Denied::Unanswered(format!("no answer within {limit:.1?}, which topics these are")))
    }
}
