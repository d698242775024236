//! What the brokers say of topics, asked before there is a group to be a member of.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::config::Config;

use super::StartError;
use super::settings;

/// One question, one answer, or none in this time.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many partitions `topic` has.
pub fn partition_count(config: &Config, topic: &str) -> Result<i32, StartError> {
    let client: BaseConsumer = settings::rereader(&config.kafka)?
        .create()
        .map_err(|error| StartError::Client(error.to_string()))?;
    let answer = client.fetch_metadata(Some(topic), PATIENCE);
    let metadata = answer.map_err(|error| StartError::Client(error.to_string()))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    match found.map(|topic| topic.partitions().len()) {
        Some(count) if count > 0 => Ok(i32::try_from(count).unwrap_or(i32::MAX)),
        _ => Err(StartError::Client(format!("topic `{topic}` does not exist"))),
    }
}
