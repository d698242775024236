//! One member of the consumer group.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config;
use crate::kafka::{Intake, Queue, Waker};
use crate::metrics::Metrics;
use crate::record::{Position, TopicPartition};

/// What a consumer is made of.
pub struct Setup<'a> {
    /// `[kafka]`
    pub kafka: &'a config::Kafka,
    /// `[limits]`
    pub limits: &'a config::Limits,
    /// Number of the shard, from 0.
    pub shard: u32,
    /// The topics of all mappings.
    pub topics: Vec<config::Topics>,
    /// Topics that a pattern never takes: where dead letters go.
    pub excluded: Vec<String>,
    /// Where numbers go.
    pub metrics: Arc<Metrics>,
    /// Called at most once, on the event thread, when this consumer can not go on.
    pub on_fatal: Box<dyn Fn(Fatal) + Send + Sync>,
}

impl fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("shard", &self.shard).finish_non_exhaustive()
    }
}

/// Why a consumer can not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// librdkafka does not take a setting.
    #[error("`kafka.client.\"{key}\"` {problem}")]
    Setting {
        /// The librdkafka key.
        key: String,
        /// What is wrong with it; never the value.
        problem: String,
    },
    /// librdkafka does not start with these settings.
    #[error("kafka client: {0}")]
    Client(String),
}

/// Why a consumer can not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// Kafka refuses this client for good: credentials, group authorization, a fenced instance id.
    #[error("kafka refuses the consumer: {code}: {detail}")]
    Refused {
        /// The error code.
        code: String,
        /// What librdkafka says.
        detail: String,
    },
    /// librdkafka is in a state it can not leave.
    #[error("the kafka consumer is broken: {code}: {detail}")]
    Broken {
        /// The error code.
        code: String,
        /// What librdkafka says.
        detail: String,
    },
}

/// Why positions are not known to be committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// No answer in time.
    #[error("no answer to the commit within {0:?}")]
    TimedOut(Duration),
    /// Kafka refused.
    #[error("commit refused: {0}")]
    Refused(String),
}

/// Why a consumer did not leave cleanly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// It took too long.
    #[error("the consumer did not leave its group within {0:?}")]
    TimedOut(Duration),
}

/// Tells when the event thread last polled; it stands still while a revoke drains.
#[derive(Debug, Clone)]
pub struct Heartbeat {}

impl Heartbeat {
    /// When the event thread last polled.
    pub fn last_polled(&self) -> Instant {
        Instant::now()
    }
}

/// One member of the consumer group: cheap to clone, usable from any thread.
#[derive(Debug, Clone)]
pub struct Consumer {}

impl Consumer {
    /// Joins the group. `intake` is built with the waker of the pump's queue, before the first callback.
    pub fn start(
        setup: Setup<'_>,
        intake: impl FnOnce(Waker) -> Arc<dyn Intake>,
    ) -> Result<(Self, Queue), StartError> {
        let _ = (setup, intake);
        Err(StartError::Client(String::new()))
    }

    /// Commits without waiting. A failed commit is counted and repeated by the event thread until it succeeds or the
    /// partition is let go; partitions that are not assigned (any more) are left out.
    pub fn commit(&self, _positions: &[(TopicPartition, Position)]) {}

    /// Commits and waits for the answer.
    pub fn commit_sync(
        &self,
        _positions: &[(TopicPartition, Position)],
        _timeout: Duration,
    ) -> Result<(), CommitError> {
        Ok(())
    }

    /// Stops fetching. It throws the partitions' prefetch away, so it is only for partitions that will stand for long.
    pub fn pause(&self, _partitions: &[TopicPartition]) {}

    /// Fetches again, from the record after the last one polled.
    pub fn resume(&self, _partitions: &[TopicPartition]) {}

    /// Leaves the group: every partition is revoked through the [`Intake`] (so it drains), committed, and let go.
    /// The pump has to go on polling meanwhile. Idempotent.
    pub fn stop(&self, _timeout: Duration) -> Result<(), StopError> {
        Ok(())
    }

    /// s
    pub fn position(&self, _p: &TopicPartition) -> Option<Position> {
        None
    }
    /// The sign of life of the event thread.
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat {}
    }
}
