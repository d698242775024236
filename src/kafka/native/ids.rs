//! Asking for the ids of topics, by the admin call that describes them. It makes no topic, and needs no more than the
//! right to see them. librdkafka knows the ids itself and keeps them to itself.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::ops::Deref;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;

use super::OK;
use super::admin::AdminQueue;
use crate::kafka::identity::TopicId;

/// The queue that the answers come to. `H` keeps the client alive: an `Arc`, or a reference.
pub(in crate::kafka) struct IdQueue<H>(AdminQueue<H>);

impl<C: ConsumerContext, H: Deref<Target = BaseConsumer<C>>> IdQueue<H> {
    pub(in crate::kafka) fn new(consumer: H) -> Self {
        Self(AdminQueue::new(consumer))
    }

    /// Asks for the ids of `topics`, each named once; within `timeout` there is an answer, or word that there is none.
    pub(in crate::kafka) fn ask<'a>(
        &self,
        topics: impl IntoIterator<Item = &'a str>,
        timeout: Duration,
    ) {
        let names = topics.into_iter().filter_map(|topic| CString::new(topic).ok());
        let names = names.filter(|name| !name.is_empty()).collect::<Vec<_>>();
        let mut pointers = names.iter().map(|name| name.as_ptr()).collect::<Vec<_>>();
        let op = ffi::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = self.0.options(op, timeout);
        // SAFETY: client, names, options and queue are alive; librdkafka copies the names and the options.
        unsafe {
            let topics =
                ffi::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            ffi::rd_kafka_DescribeTopics(
                self.0.client(),
                topics,
                options.as_ptr(),
                self.0.as_ptr(),
            );
            ffi::rd_kafka_TopicCollection_destroy(topics);
        }
    }

    /// Waits up to `timeout` for an answer: the topics that have an id. None of them when the question failed.
    pub(in crate::kafka) fn take(&self, timeout: Duration) -> Option<HashMap<String, TopicId>> {
        Some(self.wait(timeout)?.unwrap_or_default())
    }

    /// The same, or why the question failed.
    pub(in crate::kafka) fn wait(
        &self,
        timeout: Duration,
    ) -> Option<Result<HashMap<String, TopicId>, RDKafkaErrorCode>> {
        // SAFETY: only descriptions are answered to this queue.
        unsafe { self.0.take(timeout, ids) }
    }
}

/// # Safety
/// `event` is live.
unsafe fn ids(
    event: NonNull<ffi::rd_kafka_event_t>,
) -> Result<HashMap<String, TopicId>, RDKafkaErrorCode> {
    // SAFETY: the caller's promise; everything read here belongs to the event.
    unsafe {
        let result = ffi::rd_kafka_event_DescribeTopics_result(event.as_ptr());
        let code = ffi::rd_kafka_event_error(event.as_ptr());
        if result.is_null() || code != OK {
            return Err(code.into());
        }
        let mut count = 0;
        let topics = ffi::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Ok(HashMap::new());
        }
        let id = |topic: &*const ffi::rd_kafka_TopicDescription_t| {
            let id = ffi::rd_kafka_TopicDescription_topic_id(*topic);
            if id.is_null() {
                return None;
            }
            // Zero for a topic that does not exist, too.
            let id = TopicId::new(
                ffi::rd_kafka_Uuid_most_significant_bits(id),
                ffi::rd_kafka_Uuid_least_significant_bits(id),
            )?;
            let name = CStr::from_ptr(ffi::rd_kafka_TopicDescription_name(*topic));
            // Kafka allows only ASCII in names.
            Some((name.to_string_lossy().into_owned(), id))
        };
        Ok(std::slice::from_raw_parts(topics, count).iter().filter_map(id).collect())
    }
}
