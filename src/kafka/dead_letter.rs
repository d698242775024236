//! Writes records that Event Hubs will never take to a Kafka topic.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::kafka::StartError;
use crate::metrics::Metrics;
use crate::record::TopicPartition;

/// A record to be written to its dead-letter topic, named by where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Number the pump knows it by.
    pub id: u64,
    /// Where the record was read.
    pub source: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The topic it goes to.
    pub target: Arc<str>,
    /// Why, from a closed set.
    pub reason: &'static str,
    /// Why, in words.
    pub detail: String,
}

/// Why a letter can never be delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// The record is not in its topic any more.
    #[error("the record is gone from its topic")]
    Gone,
    /// The dead-letter topic does not take it.
    #[error("the dead-letter topic refuses it: {0}")]
    Refused(String),
}

/// Called on the dead-letter thread, once per accepted letter.
pub type OnDone = Box<dyn Fn(Letter, Result<(), LetterError>) + Send + Sync>;

/// The dead-letter desk of a shard. Connects with the first letter.
pub struct DeadLetters {}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeadLetters")
    }
}

impl DeadLetters {
    /// Starts the desk.
    pub fn start(
        _kafka: &config::Kafka,
        _limits: &config::Limits,
        _shard: u32,
        _metrics: Arc<Metrics>,
        _on_done: OnDone,
    ) -> Result<Self, StartError> {
        Ok(Self {})
    }

    /// Hands a letter over; gives it back when the desk is full (try again after the next `on_done`).
    pub fn try_send(&self, _letter: Letter) -> Result<(), Letter> {
        Ok(())
    }

    /// Gives up what is not done yet (without `on_done`) and ends the thread.
    pub fn stop(&self, _timeout: Duration) {}
}
