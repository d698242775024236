//! Partitions that stand for a while: not fetched, and read on later from a place that the pump names.
//!
//! librdkafka goes on after the last record polled. One that was polled and given back is therefore sought again before
//! the partition is resumed. Each of these calls is answered by librdkafka's main thread, which takes them in the order
//! they are made; but two that are made at once, by us and by a rebalance of its own, may reach it the other way round,
//! and then it drops the older one without a word. So nothing rests on a single call: records that come in spite of a
//! pause are passed over, a seek is repeated until it is confirmed, and a resume is said twice. What cannot be sought is
//! assigned anew from its committed position, which is never behind the record given back.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::FetchError;
use crate::kafka::context::Context;
use crate::kafka::inlet::Inlet;
use crate::record::{Position, TopicPartition};

/// How long a seek may take; it changes only what librdkafka itself remembers.
const SEEK: Duration = Duration::from_secs(5);
/// Each attempt fails only when a rebalance begins or ends in that very moment.
const ATTEMPTS: u32 = 3;

/// Stops fetching.
pub(super) fn pause(
    consumer: &BaseConsumer<Context>,
    inlet: &Inlet,
    partitions: &[TopicPartition],
) {
    inlet.set_paused(partitions, true);
    if let Err(error) = consumer.pause(&list(partitions)) {
        consumer.context().complain("cannot pause partitions", &error.to_string());
    }
}

/// Stops fetching, to go on from these positions.
pub(super) fn hold(
    consumer: &BaseConsumer<Context>,
    inlet: &Inlet,
    positions: &[(TopicPartition, Position)],
) {
    inlet.hold(positions);
    let partitions = positions.iter().map(|(partition, _)| partition.clone()).collect::<Vec<_>>();
    pause(consumer, inlet, &partitions);
}

/// Fetches again, from where each partition was held, else from the record after the last one polled. Gives back what has
/// to be assigned anew first.
pub(super) fn resume(
    consumer: &BaseConsumer<Context>,
    inlet: &Inlet,
    partitions: &[TopicPartition],
) -> Vec<FetchError> {
    if partitions.is_empty() {
        return Vec::new();
    }
    let held = inlet.held(partitions);
    let failed = go_back(consumer, &held);
    for partition in failed.iter().filter_map(|error| error.partition.as_ref()) {
        inlet.breaks(partition);
    }
    let held = held.into_iter().map(|(partition, _)| partition);
    let is_back = |partition: &TopicPartition| {
        !failed.iter().any(|error| error.partition.as_ref() == Some(partition))
    };
    inlet.let_go(&held.filter(is_back).collect::<Vec<_>>());
    inlet.set_paused(partitions, false);
    tracing::debug!(
        shard = consumer.context().shard,
        partitions = partitions.len(),
        "partitions resumed"
    );
    // The second call finds nothing to do, unless the first was dropped.
    for _ in 0..2 {
        if let Err(error) = consumer.resume(&list(partitions)) {
            consumer.context().complain("cannot resume partitions", &error.to_string());
        }
    }
    failed
}

/// Takes partitions, which do not fetch, back to where they are held.
fn go_back(
    consumer: &BaseConsumer<Context>,
    held: &[(TopicPartition, Position)],
) -> Vec<FetchError> {
    let mut left = held.to_vec();
    let mut failed = Vec::new();
    for attempt in 1..=ATTEMPTS {
        if left.is_empty() {
            break;
        }
        let fates = seek(consumer, &left);
        left.retain(|(partition, position)| {
            let error = match fates.iter().find(|(sought, _)| sought == partition) {
                Some((_, Ok(()))) => return false,
                Some((_, Err(error))) => error.clone(),
                None => KafkaError::Seek("no answer".to_owned()),
            };
            let overtaken = error.rdkafka_error_code() == Some(RDKafkaErrorCode::Outdated);
            if overtaken && attempt < ATTEMPTS {
                return true;
            }
            failed.push(FetchError::stuck(partition.clone(), *position, &error));
            false
        });
    }
    failed
}

type Fate = (TopicPartition, Result<(), KafkaError>);

fn seek(consumer: &BaseConsumer<Context>, held: &[(TopicPartition, Position)]) -> Vec<Fate> {
    let mut list = TopicPartitionList::with_capacity(held.len());
    for (partition, position) in held {
        let at = Offset::Offset(position.0);
        list.add_partition_offset(&partition.topic, partition.partition, at)
            .expect("a position is a valid offset");
    }
    match consumer.seek_partitions(list, SEEK) {
        Ok(list) => {
            let fate = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
                let partition = TopicPartition::new(element.topic(), element.partition());
                (partition, element.error())
            };
            list.elements().iter().map(fate).collect()
        }
        Err(error) => held.iter().map(|(place, _)| (place.clone(), Err(error.clone()))).collect(),
    }
}

pub(super) fn list(partitions: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}
