//! Writes one record and waits for the broker's word.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

use super::{Failure, LetterError};
use crate::config;
use crate::kafka::{Access, StartError, native, settings};
use crate::record::{Header, Record};

/// Longer than `message.timeout.ms`, after which the client itself gives an answer.
const ANSWER: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);

/// Takes delivery reports.
#[derive(Debug, Default)]
struct Reports(Mutex<Vec<(usize, Result<(), RDKafkaErrorCode>)>>);

impl Reports {
    fn take(&self, number: usize) -> Option<Result<(), RDKafkaErrorCode>> {
        let mut reports = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Only the last attempt is waited for; the reports of those before it say nothing any more.
        reports.drain(..).find(|(reported, _)| *reported == number).map(|(_, result)| result)
    }
}

impl ClientContext for Reports {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(target: "librdkafka", facility, "{text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let result = result
            .as_ref()
            .map(|_| ())
            .map_err(|(error, _)| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown));
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((number, result));
    }
}

pub(super) struct Writer {
    producer: Arc<BaseProducer<Reports>>,
    attempts: usize,
}

impl Writer {
    pub(super) fn new(kafka: &config::Kafka, access: &Access) -> Result<Self, StartError> {
        let producer: BaseProducer<_> = settings::producer(kafka)?
            .create_with_context(Reports::default())
            .map_err(|error| StartError::Client(error.to_string()))?;
        let producer = Arc::new(producer);
        access.admit(&producer);
        Ok(Self { producer, attempts: 0 })
    }

    /// Whether only a new producer can go on (a broken idempotent session).
    pub(super) fn is_broken(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    /// Writes `record` with `extra` headers to `target`; its timestamp is kept.
    pub(super) fn write(
        &mut self,
        target: &str,
        record: &Record<'_>,
        extra: &[Header<'_>],
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), Failure> {
        self.attempts += 1;
        native::produce(self.producer.client(), target, record, extra, self.attempts)
            .map_err(classify)?;
        let deadline = Instant::now() + ANSWER;
        while Instant::now() < deadline && !stopped() {
            self.producer.poll(POLL);
            if let Some(result) = self.producer.context().take(self.attempts) {
                return result.map_err(classify);
            }
        }
        Err(Failure::Passing("no answer from kafka".to_owned()))
    }
}

fn classify(code: RDKafkaErrorCode) -> Failure {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge
        | RDKafkaErrorCode::InvalidRecord
        | RDKafkaErrorCode::InvalidTopic
        | RDKafkaErrorCode::PolicyViolation => {
            Failure::Final(LetterError::Refused(code.to_string()))
        }
        RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::UnknownPartition
        | RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed
        // Of a topic in the format before Kafka 0.11, which has no place for headers.
        | RDKafkaErrorCode::UnsupportedForMessageFormat => Failure::Refused(code.to_string()),
        _ => Failure::Passing(code.to_string()),
    }
}
