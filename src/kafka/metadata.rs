//! What the brokers say of topics, asked before there is a group to be a member of.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;

use crate::config::{Config, Security};

use super::{Logins, advice, settings};

/// One question, one answer, or none in this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the partitions of a topic are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CountError {
    /// Kafka does not let us in.
    #[error("kafka refused the bridge: {0}")]
    Refused(String),
    /// It may be known later.
    #[error("{0}")]
    Unknown(String),
}

/// Listens for why there is no answer.
struct Refusals {
    security: Option<Security>,
    refusal: Mutex<Option<String>>,
}

impl ClientContext for Refusals {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, text: &str) {
        tracing::debug!(target: "librdkafka", facility, "{text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        let told = advice::told(code, reason, self.security.as_ref());
        if told.refused {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(told.text);
        }
    }
}

impl ConsumerContext for Refusals {}

/// How many partitions `topic` has.
pub fn partition_count(config: &Config, access: &Logins, topic: &str) -> Result<i32, CountError> {
    let refusals = Refusals { security: config.kafka.security.clone(), refusal: Mutex::default() };
    let unknown = |why: String| CountError::Unknown(why);
    let settings = settings::rereader(&config.kafka).map_err(|error| unknown(error.to_string()))?;
    let client: BaseConsumer<Refusals> = settings
        .create_with_context(refusals)
        .map_err(|error| unknown(format!("the kafka client cannot start: {error}")))?;
    let client = Arc::new(client);
    access.admit(&client);
    let metadata = client.fetch_metadata(Some(topic), PATIENCE).map_err(|error| {
        // Serves what was said meanwhile.
        while client.poll(Duration::ZERO).is_some() {}
        let refusal = &client.context().refusal;
        let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
        refusal.map_or_else(|| unknown(error.to_string()), CountError::Refused)
    })?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|topic| topic.partitions().len()) {
        Some(count) if count > 0 => Ok(i32::try_from(count).unwrap_or(i32::MAX)),
        _ => Err(unknown(format!("topic `{topic}` does not exist"))),
    }
}
