//! Asking where partitions begin and end, by the admin call that lists offsets: one request a broker, and no wait. It needs
//! no more than the right to see the topics.

use std::ffi::CStr;
use std::ops::Deref;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::OK;
use super::admin::AdminQueue;
use crate::record::{Position, TopicPartition};

/// The queue that the answers come to. `H` keeps the client alive: an `Arc`, or a reference.
pub(in crate::kafka) struct EndQueue<H>(AdminQueue<H>);

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) enum Which {
    /// Of the first record there is.
    First,
    /// After the last record that a reader gets: with `committed`, only of transactions that are.
    End { committed: bool },
    /// Of the first record at or after this time, in milliseconds since the Unix epoch.
    At(i64),
}

/// What each partition answers: an offset, `None` where no record is that late, or why not.
pub(in crate::kafka) type Offsets = Vec<(TopicPartition, Result<Option<i64>, RDKafkaErrorCode>)>;

impl<C: ConsumerContext, H: Deref<Target = BaseConsumer<C>>> EndQueue<H> {
    pub(in crate::kafka) fn new(consumer: H) -> Self {
        Self(AdminQueue::new(consumer))
    }

    /// Asks for an offset of each of `partitions`; within `timeout` there is an answer, or word that there is none.
    pub(in crate::kafka) fn ask(
        &self,
        partitions: &[TopicPartition],
        which: Which,
        timeout: Duration,
    ) {
        let spec = match which {
            Which::First => Offset::Beginning,
            Which::End { .. } => Offset::End,
            Which::At(time) => Offset::Offset(time.max(0)),
        };
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for TopicPartition { topic, partition } in partitions {
            list.add_partition_offset(topic, *partition, spec).expect("a valid offset");
        }
        let op = ffi::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let options = self.0.options(op, timeout);
        // SAFETY: client, list, options and queue are alive; librdkafka copies list and options. The isolation level is refused
        // only for other calls.
        unsafe {
            if which == (Which::End { committed: true }) {
                let level = ffi::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
                ffi::rd_kafka_AdminOptions_set_isolation_level(options.as_ptr(), level);
            }
            ffi::rd_kafka_ListOffsets(
                self.0.client(),
                list.ptr(),
                options.as_ptr(),
                self.0.as_ptr(),
            );
        }
    }

    /// The answer, if there is one by now, for the partitions of which it is known.
    pub(in crate::kafka) fn take(&self) -> Option<Vec<(TopicPartition, Position)>> {
        let answer = self.wait(Duration::ZERO)?.unwrap_or_default();
        let known = |(partition, offset): (TopicPartition, Result<Option<i64>, _>)| {
            Some((partition, Position(offset.ok()??)))
        };
        Some(answer.into_iter().filter_map(known).collect())
    }

    /// Waits up to `timeout` for the answer.
    pub(in crate::kafka) fn wait(
        &self,
        timeout: Duration,
    ) -> Option<Result<Offsets, RDKafkaErrorCode>> {
        // SAFETY: only offsets are answered to this queue.
        unsafe { self.0.take(timeout, offsets) }
    }
}

/// # Safety
/// `event` is live.
unsafe fn offsets(event: NonNull<ffi::rd_kafka_event_t>) -> Result<Offsets, RDKafkaErrorCode> {
    // SAFETY: the caller's promise; everything read here belongs to the event.
    unsafe {
        let code = ffi::rd_kafka_event_error(event.as_ptr());
        let result = ffi::rd_kafka_event_ListOffsets_result(event.as_ptr());
        if result.is_null() || code != OK {
            return Err(code.into());
        }
        let mut count = 0;
        let infos = ffi::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        if infos.is_null() || count == 0 {
            return Ok(Vec::new());
        }
        let offset = |info: &*const ffi::rd_kafka_ListOffsetsResultInfo_t| {
            let place = &*ffi::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
            let offset = match place.err {
                OK => Ok((place.offset >= 0).then_some(place.offset)),
                code => Err(code.into()),
            };
            // Kafka allows only ASCII in names.
            let topic = CStr::from_ptr(place.topic).to_string_lossy();
            (TopicPartition::new(&*topic, place.partition), offset)
        };
        Ok(std::slice::from_raw_parts(infos, count).iter().map(offset).collect())
    }
}
