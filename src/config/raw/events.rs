//! `[events]`, which also stands in a mapping.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config;

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
    pub(in crate::config) key_type: Option<Type>,
    /// Type of the values of headers. It is the type of their properties, for all records.
    #[schemars(extend("default" = "text"))]
    pub(in crate::config) header_type: Option<Type>,
    /// Types of single headers, by name; the others have `header_type`.
    #[schemars(extend("examples" = [{ "retry_attempts": "int32" }]))]
    pub(in crate::config) header_types: BTreeMap<String, Type>,
}

/// Type of a key or header. If the number of bytes does not fit the type, the `[failure]` policy applies.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum Type {
    /// UTF-8; other bytes, and control characters, are escaped as in `\xff`.
    Text,
    /// Bytes, kept as they are.
    Binary,
    /// Bytes, written in hexadecimal.
    Hex,
    /// Bytes, written in base64.
    Base64,
    /// A signed number of 1 byte.
    Int8,
    /// A signed number of 2 bytes, big-endian.
    Int16,
    /// A signed number of 4 bytes, big-endian.
    Int32,
    /// A signed number of 8 bytes, big-endian.
    Int64,
    /// A UUID of 16 bytes.
    Uuid,
}

impl From<Type> for config::Type {
    fn from(typed: Type) -> Self {
        match typed {
            Type::Text => Self::Text,
            Type::Binary => Self::Binary,
            Type::Hex => Self::Hex,
            Type::Base64 => Self::Base64,
            Type::Int8 => Self::Int8,
            Type::Int16 => Self::Int16,
            Type::Int32 => Self::Int32,
            Type::Int64 => Self::Int64,
            Type::Uuid => Self::Uuid,
        }
    }
}
