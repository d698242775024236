//! What is asked for many partitions at once: what is committed, offsets of their logs, and which topics they are of. A broker that does
//! not answer hides its own partitions, and nothing else.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::identity::{Label, TopicId};
use crate::kafka::native::{self, EndQueue, IdQueue, Which};
use crate::record::TopicPartition;

use super::{Denied, Inquiry};

/// What a broker did not answer is asked for so often: its leader may have changed.
const ATTEMPTS: usize = 2;
/// How many brokers are asked what topics there are, one after the other.
const CONTROLLERS: u32 = 4;

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
    pub(super) label: Label,
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
                    Committed::At(At { offset, label: Label::read(native::label(&answer, index)) })
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

    /// The first offset of each log, and its end for a reader; a partition that does not tell is left out. Blocks, no longer than
    /// `limit`.
    pub fn logs(
        &self,
        of: &[TopicPartition],
        limit: Duration,
    ) -> HashMap<TopicPartition, (i64, i64)> {
        let begun = Instant::now();
        let firsts = self.offsets(of, Which::First, limit / 2);
        let ends = self.offsets(of, self.end(), limit.saturating_sub(begun.elapsed()));
        let both = firsts.into_iter().filter_map(|(place, first)| {
            let end = ends.get(&place).copied().flatten()?;
            Some((place, (first?, end)))
        });
        both.collect()
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

    /// The ids of `topics`, where brokers give them any; `None` when there is no answer.
    ///
    /// The client asks the broker that it was told is the controller. That may be any of them (`KRaft`), and one that is silent: so
    /// it is made to hear of another.
    pub(super) fn identities<'a>(
        &self,
        topics: impl Iterator<Item = &'a str> + Clone,
        limit: Duration,
    ) -> Option<HashMap<String, TopicId>> {
        use RDKafkaErrorCode as Code;
        let share = limit / CONTROLLERS;
        for _ in 0..CONTROLLERS {
            let ids = IdQueue::new(&*self.client);
            ids.ask(topics.clone(), share / 2);
            match ids.wait(share * 3 / 4) {
                Some(Ok(ids)) => return Some(ids),
                None
                | Some(Err(
                    Code::OperationTimedOut
                    | Code::RequestTimedOut
                    | Code::BrokerTransportFailure
                    | Code::AllBrokersDown,
                )) => drop(self.client.fetch_metadata(None, share / 4)),
                // So old that they do not understand.
                Some(Err(_)) => return Some(HashMap::new()),
            }
        }
        None
    }
}
