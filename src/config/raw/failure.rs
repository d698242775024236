//! `[failure]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::word::Word;
use crate::config::{Holds, Policy};

/// What happens to a record that Event Hubs can never store: too large, or refused for its content.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Failure {
    /// `halt` stops its partition at the record and logs why, `dead_letter` writes the record to a Kafka topic, `drop`
    /// drops and counts it.
    #[schemars(extend("default" = "halt"))]
    pub(in crate::config) policy: Option<Word<Policy>>,
    /// The Kafka topic for `dead_letter`.
    pub(in crate::config) dead_letter_topic: Option<String>,
    /// What a dead letter holds: `record`, as it is in Kafka, or only its `place` there, for confidential records.
    #[schemars(extend("default" = "record"))]
    pub(in crate::config) dead_letter_holds: Option<Word<Holds>>,
    /// What happens first to a record that is too large: `claim_check` writes its value to the container of
    /// `[claim_check]`, and the event
    /// has its address; `split` sends its value in parts, with an event for each; `policy` applies `policy`.
    #[schemars(extend("default" = "policy"))]
    pub(in crate::config) too_large: Option<TooLarge>,
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
