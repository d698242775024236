//! `[events]`, which also stands in a mapping.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::word::Word;
use crate::config::Type;

/// What an event contains besides value and key.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Events {
    /// Whether topic, partition, offset and timestamp of the record become application properties.
    #[schemars(extend("default" = true))]
    pub(in crate::config) source_properties: Option<bool>,
    /// Prefix of the names of these properties.
    #[schemars(extend("default" = "kafka_"))]
    pub(in crate::config) prefix: Option<String>,
    /// Whether record headers become application properties.
    #[schemars(extend("default" = true))]
    pub(in crate::config) headers: Option<bool>,
    /// Type of the keys. It decides the form of the partition key, for all records.
    #[schemars(extend("default" = "text"))]
    pub(in crate::config) key_type: Option<Word<Type>>,
    /// What the values of headers are. It settles the type of their properties, for all records alike.
    #[schemars(extend("default" = "text"))]
    pub(in crate::config) header_type: Option<Word<Type>>,
    /// What the values of single headers are, by name; the others are what `header_type` says.
    #[schemars(extend("examples" = [{ "retry_attempts": "int32" }]))]
    pub(in crate::config) header_types: BTreeMap<String, Word<Type>>,
}
