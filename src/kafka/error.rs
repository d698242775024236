//! What can go wrong on the Kafka side, grouped by what the caller must do.

use std::time::Duration;

/// Why a consumer can not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A librdkafka setting is wrong. Never shows the value, which may be a secret.
    #[error("`kafka.client.\"{key}\"` {problem}")]
    Setting {
        /// The librdkafka key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of `[kafka.security]` cannot be used. Never shows what it holds.
    #[error("`{key}` {problem}")]
    File {
        /// Its key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// librdkafka does not start with these settings.
    #[error("the kafka client cannot start: {0}")]
    Client(String),
}

/// Why a consumer can not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// Kafka refuses this client for good: credentials, group authorization, a fenced instance id.
    #[error("kafka refused the consumer: {code}: {detail}")]
    Refused {
        /// The error code.
        code: String,
        /// What librdkafka says.
        detail: String,
    },
    /// A static member has shut itself out: its session ended, it joined again, and Kafka took a commit it had sent under its
    /// old name for another member's. Nobody else has its place, so a new consumer can go on.
    #[error("kafka fenced the static member after its session had timed out: {code}: {detail}")]
    Outrun {
        /// The error code.
        code: String,
        /// What librdkafka says.
        detail: String,
    },
    /// The coordinator was away for longer than a session, so others may have our partitions: librdkafka would read on, where the
    /// brokers lead the group. A new consumer can go on.
    #[error(
        "the group coordinator did not answer for {} s, longer than the session timeout: other members may have the partitions",
        .0.as_secs()
    )]
    ShutOut(Duration),
    /// librdkafka is in a state it can not leave.
    #[error("the kafka consumer failed: {code}: {detail}")]
    Broken {
        /// The error code.
        code: String,
        /// What librdkafka says.
        detail: String,
    },
    /// The pump does not answer. Going on could commit past records that it takes for those of another assignment.
    #[error(transparent)]
    Unheard(#[from] Silent),
}

/// The pump took no note of a rebalance in time, so records of one assignment can not be told from those of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pump did not handle a rebalance within {0:?}")]
pub struct Silent(pub Duration);

/// Why a consumer did not leave cleanly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// It took too long; the group takes the partitions back when the session times out.
    #[error("the consumer did not leave its group within {0:?}")]
    TimedOut(Duration),
}
