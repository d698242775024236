//! `[mappings.select]`, `[mappings.headers]`, `[mappings.fields]` and `[mappings.cloudevents]`: which records, and what becomes of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Which records a mapping is for. All that is said must hold; others are filtered and counted.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Select {
    /// Headers by name, each a regular expression for the whole value: `{ type = "order.*" }`.
    pub(in crate::config) header: Option<BTreeMap<String, String>>,
    /// A regular expression for the whole key, as it is in Kafka.
    #[schemars(extend("format" = "regex"))]
    pub(in crate::config) key: Option<String>,
    /// Records without a value: `keep`, the default, `drop`, or `only`.
    pub(in crate::config) tombstones: Option<Tombstones>,
    /// Fields of the JSON value by path, each a regular expression for the whole of it: `{ "customer.country" = "SE|NO" }`.
    pub(in crate::config) field: Option<BTreeMap<String, String>>,
    /// A condition in CEL: `value.total > 100 && headers.type == 'created'`.
    pub(in crate::config) expression: Option<String>,
}

/// What becomes of headers, in this order. The names of `keep` and `drop` are regular expressions for whole names.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Headers {
    /// Whether they are as Spring writes them: `contentType` becomes `content-type`.
    pub(in crate::config) spring: Option<bool>,
    /// Only these stay.
    pub(in crate::config) keep: Option<Vec<String>>,
    /// These go.
    pub(in crate::config) drop: Option<Vec<String>>,
    /// From one name to another.
    pub(in crate::config) rename: Option<BTreeMap<String, String>>,
    /// These are set: text with `{topic}`, `{partition}`, `{offset}`, `{timestamp}`, `{key}`, `{header:NAME}`, `{field:PATH}` and
    /// `{env:NAME}`.
    pub(in crate::config) add: Option<BTreeMap<String, String>>,
}

/// What becomes of fields of the JSON value: `customer.iban`, `lines[*].price`, `"first.name"`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Fields {
    /// They go.
    pub(in crate::config) remove: Option<Vec<String>>,
    /// Their values become `***`.
    pub(in crate::config) mask: Option<Vec<String>>,
    /// Their values become an HMAC-SHA-256 with the secret, in hexadecimal.
    pub(in crate::config) hash: Option<Vec<String>>,
    /// The file with the secret of hashes, of 16 bytes or more.
    pub(in crate::config) hash_key_file: Option<String>,
}

/// Events are `CloudEvents`. Records that are `CloudEvents` are carried over; `source` and `type` make one of any other record.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct CloudEvents {
    /// How events are written: `binary` or `structured`. Without it as the record is, and `binary` for plain records.
    pub(in crate::config) mode: Option<Mode>,
    /// `source` of plain records, as `[mappings.headers]` adds text.
    pub(in crate::config) source: Option<String>,
    /// `type` of plain records.
    #[serde(rename = "type")]
    pub(in crate::config) kind: Option<String>,
    /// `id` of plain records; without it `{topic}/{partition}/{offset}`.
    pub(in crate::config) id: Option<String>,
    /// `subject` of plain records.
    pub(in crate::config) subject: Option<String>,
}

/// What becomes of records without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Tombstones {
    /// They go on.
    Keep,
    /// They are filtered.
    Drop,
    /// All others are.
    Only,
}

/// How `CloudEvents` are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Mode {
    /// Attributes are properties.
    Binary,
    /// The body is JSON with all of it.
    Structured,
}
