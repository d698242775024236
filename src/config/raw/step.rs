//! `[mappings.select]`, `[mappings.headers]`, `[mappings.fields]` and `[mappings.cloudevents]`: which records, and what becomes of them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Which records a mapping applies to. All conditions must be true; other records are filtered and counted.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Select {
    /// Headers by name, each with a regular expression for the whole value: `{ type = "order.*" }`.
    pub(in crate::config) header: Option<BTreeMap<String, String>>,
    /// A regular expression for the whole key, as it is in Kafka.
    #[schemars(extend("format" = "regex"))]
    pub(in crate::config) key: Option<String>,
    /// Records without a value: `keep`, the default, `drop`, or `only`.
    pub(in crate::config) tombstones: Option<Tombstones>,
    /// Fields of the JSON value by path, each with a regular expression for the whole field: `{ "customer.country" = "SE|NO" }`.
    pub(in crate::config) field: Option<BTreeMap<String, String>>,
    /// A condition in CEL: `value.total > 100 && headers.type == 'created'`.
    pub(in crate::config) expression: Option<String>,
}

/// Changes to headers, in this order. The names of `keep` and `drop` are regular expressions for whole names.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Headers {
    /// Whether headers are as Spring writes them: `contentType` becomes `content-type`.
    pub(in crate::config) spring: Option<bool>,
    /// Headers to keep; all others are dropped.
    pub(in crate::config) keep: Option<Vec<String>>,
    /// Headers to drop.
    pub(in crate::config) drop: Option<Vec<String>>,
    /// Headers to rename: old name to new name.
    pub(in crate::config) rename: Option<BTreeMap<String, String>>,
    /// Headers to set: text with `{topic}`, `{partition}`, `{offset}`, `{timestamp}`, `{key}`, `{header:NAME}`,
    /// `{field:PATH}` and
    /// `{env:NAME}`.
    pub(in crate::config) add: Option<BTreeMap<String, String>>,
}

/// Changes to fields of the JSON value: `customer.iban`, `lines[*].price`, `"first.name"`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Fields {
    /// Fields to remove.
    pub(in crate::config) remove: Option<Vec<String>>,
    /// Fields to replace by `***`.
    pub(in crate::config) mask: Option<Vec<String>>,
    /// Fields to replace by an HMAC-SHA-256 with the secret, in hexadecimal.
    pub(in crate::config) hash: Option<Vec<String>>,
    /// The file with the secret of hashes, of 16 bytes or more.
    pub(in crate::config) hash_key_file: Option<String>,
}

/// Events are `CloudEvents`. Records that are `CloudEvents` stay so; `source` and `type` make one of any other record.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct CloudEvents {
    /// Format of the events: `binary` or `structured`; by default as the record, and `binary` for plain records.
    pub(in crate::config) mode: Option<Mode>,
    /// `source` of plain records, as `[mappings.headers]` adds text.
    pub(in crate::config) source: Option<String>,
    /// `type` of plain records.
    #[serde(rename = "type")]
    pub(in crate::config) kind: Option<String>,
    /// `id` of plain records; by default `{topic}/{partition}/{offset}`.
    pub(in crate::config) id: Option<String>,
    /// `subject` of plain records.
    pub(in crate::config) subject: Option<String>,
}

/// How records without a value are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Tombstones {
    /// Tombstones are sent.
    Keep,
    /// Tombstones are filtered.
    Drop,
    /// All other records are filtered.
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
