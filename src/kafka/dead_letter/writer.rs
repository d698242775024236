//! Writes records and hears the broker's word.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

use super::WriteFailure;
use crate::config;
use crate::kafka::{ClientError, Logins, native, settings};
use crate::record::{Header, Record};

const POLL: Duration = Duration::from_millis(50);

/// Takes delivery reports.
#[derive(Debug, Default)]
struct DeliveryReports(Mutex<Vec<(usize, Result<(), RDKafkaErrorCode>)>>);

impl ClientContext for DeliveryReports {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(target: "librdkafka", facility, "{text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ProducerContext for DeliveryReports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let result = result
            .as_ref()
            .map(|_| ())
            .map_err(|(error, _)| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
    }
}

pub(super) struct Writer {
    producer: Arc<BaseProducer<DeliveryReports>>,
    attempts: usize,
}

impl Writer {
    pub(super) fn new(kafka: &config::Kafka, access: &Logins) -> Result<Self, ClientError> {
        let producer: BaseProducer<_> = settings::producer(kafka)?
            .create_with_context(DeliveryReports::default())
            .map_err(|error| ClientError::Client(error.to_string()))?;
        let producer = Arc::new(producer);
        access.admit(&producer);
        Ok(Self { producer, attempts: 0 })
    }

    /// Whether only a new producer can go on (a broken idempotent session).
    pub(super) fn is_broken(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    /// Hands over `record` with `extra` headers for `target`; its timestamp is kept. Gives the number of its report.
    pub(super) fn write(
        &mut self,
        target: &str,
        record: &Record<'_>,
        extra: &[Header<'_>],
    ) -> Result<usize, WriteFailure> {
        self.attempts += 1;
        native::produce(self.producer.client(), target, record, extra, self.attempts)
            .map_err(classify)?;
        Ok(self.attempts)
    }

    /// Waits a moment for the broker's word, and gives what has come. Those of attempts that nobody waits for any more are
    /// among them.
    pub(super) fn poll(&mut self) -> HashMap<usize, Result<(), WriteFailure>> {
        self.producer.poll(POLL);
        let reports = &self.producer.context().0;
        let reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
        reports.into_iter().map(|(number, result)| (number, result.map_err(classify))).collect()
    }
}

/// What an answer means, and what lifts a refusal.
fn classify(code: RDKafkaErrorCode) -> WriteFailure {
    use RDKafkaErrorCode as Code;
    let refused = |hint| WriteFailure::Refused(code.to_string(), hint);
    let last = |hint| WriteFailure::Last(code.to_string(), hint);
    match code {
        Code::MessageSizeTooLarge => WriteFailure::TooLarge,
        Code::InvalidRecord => last(
            "a compacted topic accepts no record without a key: set its `cleanup.policy` to `delete`",
        ),
        Code::InvalidTimestamp => last(
            "let the topic accept the timestamp of the record (`message.timestamp.before.max.ms`, `message.timestamp.after.max.ms`)",
        ),
        Code::InvalidTopic => last("correct `failure.dead_letter_topic`"),
        Code::PolicyViolation => last("check the policies of the cluster for the topic"),
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
            refused("create the topic")
        }
        Code::TopicAuthorizationFailed => refused("grant the operation `Write` on the topic"),
        Code::ClusterAuthorizationFailed => {
            refused("grant the operation `IdempotentWrite` on the cluster")
        }
        // Of a topic in the format before Kafka 0.11, which has no place for headers.
        Code::UnsupportedForMessageFormat => refused("raise `message.format.version` of the topic"),
        _ => WriteFailure::Passing(code.to_string()),
    }
}
