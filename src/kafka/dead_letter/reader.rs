//! Reads one record again, by its coordinates.
//!
//! The consumer names the bridge's group, because librdkafka demands a name, but never joins it and never commits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::WriteFailure;
use crate::config;
use crate::kafka::{
    ClientError, Delivered, FetchError, Fetched, HeaderBuffer, Logins, Queue, settings,
};
use crate::record::TopicPartition;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);
const WATERMARKS: Duration = Duration::from_secs(5);
/// A record this close behind the last one is reached by reading on.
const NEAR: i64 = 500;

/// Leaves telling to the desk, which says what failed and why.
#[derive(Debug)]
pub(super) struct SilentContext;

impl ClientContext for SilentContext {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(target: "librdkafka", facility, "{text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ConsumerContext for SilentContext {}

pub(super) struct Reader {
    consumer: Arc<BaseConsumer<SilentContext>>,
    queue: Queue,
    headers: HeaderBuffer,
    /// The partition that is assigned, and the offset all records before which have been polled.
    at: Option<(TopicPartition, i64)>,
}

impl Reader {
    pub(super) fn new(kafka: &config::Kafka, access: &Logins) -> Result<Self, ClientError> {
        let consumer: BaseConsumer<SilentContext> = settings::rereader(kafka)?
            .create_with_context(SilentContext)
            .map_err(|error| ClientError::Client(error.to_string()))?;
        let consumer = Arc::new(consumer);
        access.admit(&consumer);
        let queue = Queue::new(&consumer, None);
        Ok(Self { consumer, queue, headers: HeaderBuffer::new(), at: None })
    }

    /// The record at `offset` of `place`, with memory for its headers.
    pub(super) fn read(
        &mut self,
        place: &TopicPartition,
        offset: i64,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(Fetched, &mut HeaderBuffer), WriteFailure> {
        let near = self.at.take().is_some_and(|(assigned, next)| {
            assigned == *place && next <= offset && offset - next <= NEAR
        });
        if !near {
            self.go(place, offset)?;
        }
        let deadline = Instant::now() + ATTEMPT;
        while Instant::now() < deadline && !stopped() {
            // Serves errors and token refreshes; the records come by the queue.
            drop(self.consumer.poll(Duration::ZERO));
            match self.queue.poll(POLL) {
                Some(Delivered::Record(fetched)) if is_of(&fetched, place) => {
                    if fetched.offset() == offset {
                        self.at = Some((place.clone(), offset + 1));
                        return Ok((fetched, &mut self.headers));
                    }
                    if fetched.offset() > offset {
                        return Err(WriteFailure::Gone);
                    }
                }
                Some(Delivered::Error(error)) if error.partition.as_ref() == Some(place) => {
                    if let Some(failure) = self.judge(place, offset, &error) {
                        return Err(failure);
                    }
                }
                _ => {}
            }
        }
        Err(WriteFailure::Passing("the record cannot be read again".to_owned()))
    }

    fn go(&self, place: &TopicPartition, offset: i64) -> Result<(), WriteFailure> {
        let passing = |error: KafkaError| WriteFailure::Passing(error.to_string());
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&place.topic, place.partition, Offset::Offset(offset))
            .map_err(passing)?;
        self.consumer.unassign().map_err(passing)?;
        self.queue.inlet().forward(place);
        self.consumer.assign(&list).map_err(passing)?;
        // Stopping, which comes some time after `unassign` but before `assign` returns, ends the forwarding. Before: so
        // that no record goes to the consumer's own queue; after: for a partition that was the one assigned.
        self.queue.inlet().forward(place);
        Ok(())
    }

    /// What an error says of the record at `offset`; `None` when it says nothing, and the record may still come.
    fn judge(
        &self,
        place: &TopicPartition,
        offset: i64,
        error: &FetchError,
    ) -> Option<WriteFailure> {
        let at_end = error.code == RDKafkaErrorCode::PartitionEOF;
        if !at_end && error.code != RDKafkaErrorCode::AutoOffsetReset {
            return Some(WriteFailure::Passing(format!("{}: {}", error.code(), error.detail)));
        }
        if at_end && error.offset.is_some_and(|end| end < offset) {
            // An end of earlier, when the client had read ahead to it. There is more since.
            return None;
        }
        let bounds = self.consumer.fetch_watermarks(&place.topic, place.partition, WATERMARKS);
        match bounds {
            // Kafka itself says that it starts later, or the client has come by and found nothing.
            Ok((first, _)) if first > offset => Some(WriteFailure::Gone),
            Ok(_) if at_end && error.offset.is_some_and(|end| end > offset) => {
                Some(WriteFailure::Gone)
            }
            // It was the end when the client came there.
            Ok((_, end)) if at_end && end > offset => None,
            // The log was cut, or a new leader has not caught up yet.
            Ok(_) => {
                let detail = "the record is past the end of its partition";
                Some(WriteFailure::Refused(
                    detail.to_owned(),
                    "find out why the log is shorter than before",
                ))
            }
            Err(error) => Some(WriteFailure::Passing(error.to_string())),
        }
    }
}

fn is_of(fetched: &Fetched, place: &TopicPartition) -> bool {
    fetched.partition() == place.partition && fetched.topic() == &*place.topic
}
