//! Writes records and hears the broker's word.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};

use super::WriteFailure;
use crate::config;
use crate::kafka::native::{self, ReportQueue};
use crate::kafka::{ClientError, Logins, settings};
use crate::record::{Header, Record};

const POLL: Duration = Duration::from_millis(50);

pub(super) struct Writer {
    reports: ReportQueue<DefaultProducerContext>,
    attempts: usize,
}

impl Writer {
    pub(super) fn new(kafka: &config::Kafka, access: &Logins) -> Result<Self, ClientError> {
        let producer: BaseProducer = settings::producer(kafka)?
            .create()
            .map_err(|error| ClientError::Client(error.to_string()))?;
        let producer = Arc::new(producer);
        access.admit(&producer);
        Ok(Self { reports: ReportQueue::new(producer), attempts: 0 })
    }

    /// Whether only a new producer can go on (a broken idempotent session).
    pub(super) fn is_broken(&self) -> bool {
        self.reports.producer().client().fatal_error().is_some()
    }

    /// Hands over `record` with `extra` headers for `target`; its timestamp is kept. Gives the number of its report.
    pub(super) fn write(
        &mut self,
        target: &str,
        record: &Record<'_>,
        extra: &[Header<'_>],
    ) -> Result<usize, WriteFailure> {
        self.attempts += 1;
        native::produce(self.reports.producer().client(), target, record, extra, self.attempts)
            .map_err(classify)?;
        Ok(self.attempts)
    }

    /// Waits a moment for the broker's word, and gives what has come. Those of attempts that nobody waits for any more are
    /// among them.
    pub(super) fn poll(&mut self) -> HashMap<usize, Result<(), WriteFailure>> {
        let reports = self.reports.wait(POLL).into_iter();
        reports.map(|(number, result)| (number, result.map_err(classify))).collect()
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
