//! `[failure]`.

use schemars::JsonSchema;
use serde::Deserialize;

/// What happens to a record that Event Hubs can never store: too large, or refused for its content.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Failure {
    /// `halt` stops its partition there and says why, `dead_letter` writes it to a Kafka topic, `drop` counts it.
    #[schemars(extend("default" = "halt"))]
    pub(in crate::config) policy: Option<Policy>,
    /// The Kafka topic for `dead_letter`.
    pub(in crate::config) dead_letter_topic: Option<String>,
    /// What a dead letter holds: `record`, as it is in Kafka, or only its `place` there, for records that nobody else may see.
    #[schemars(extend("default" = "record"))]
    pub(in crate::config) dead_letter_holds: Option<Holds>,
    /// What happens first to a record that is too large: `claim_check` puts its value where `[claim_check]` says, and the event
    /// carries the address; `split` sends its value in parts, an event each; `policy` is as `policy` says.
    #[schemars(extend("default" = "policy"))]
    pub(in crate::config) too_large: Option<TooLarge>,
}

/// What happens to a record that can never be stored.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Policy {
    /// Its partition stops there and says why.
    Halt,
    /// It is written to a Kafka topic, with the reason.
    DeadLetter,
    /// It is dropped and counted.
    Drop,
}

/// What a dead letter holds of its record.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Holds {
    /// All of it, as it is in Kafka.
    Record,
    /// Where it is in Kafka: no key, no value, no header of it.
    Place,
}

impl From<Holds> for crate::config::Holds {
    fn from(holds: Holds) -> Self {
        match holds {
            Holds::Record => Self::Record,
            Holds::Place => Self::Place,
        }
    }
}

/// What happens first to a record that is too large.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum TooLarge {
    /// What happens to all others.
    Policy,
    /// Its value goes to a blob.
    ClaimCheck,
    /// Its value goes in parts.
    Split,
}

impl From<Policy> for crate::config::Policy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Halt => Self::Halt,
            Policy::DeadLetter => Self::DeadLetter,
            Policy::Drop => Self::Drop,
        }
    }
}
