//! `[failure]`.

use schemars::JsonSchema;
use serde::Deserialize;

/// What happens to a record that Event Hubs can never store: too large, or refused for its content.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Failure {
    /// `halt` stops its partition at the record and logs why, `dead_letter` writes the record to a Kafka topic, `drop`
    /// drops and counts it.
    #[schemars(extend("default" = "halt"))]
    pub(in crate::config) policy: Option<Policy>,
    /// The Kafka topic for `dead_letter`.
    pub(in crate::config) dead_letter_topic: Option<String>,
    /// What a dead letter holds: `record`, as it is in Kafka, or only its `place` there, for confidential records.
    #[schemars(extend("default" = "record"))]
    pub(in crate::config) dead_letter_holds: Option<Holds>,
    /// What happens first to a record that is too large: `claim_check` writes its value to the container of
    /// `[claim_check]`, and the event
    /// has its address; `split` sends its value in parts, with an event for each; `policy` applies `policy`.
    #[schemars(extend("default" = "policy"))]
    pub(in crate::config) too_large: Option<TooLarge>,
}

/// What happens to a record that can never be stored.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Policy {
    /// Its partition stops at the record, and the log says why.
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
    /// The `policy` applies to it.
    Policy,
    /// Its value is written to a blob.
    ClaimCheck,
    /// Its value is sent in parts.
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
