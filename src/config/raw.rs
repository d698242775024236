//! The file as serde sees it: one struct a table, one field a key, everything optional.
//!
//! The documentation of a field is what editors show, by way of the JSON Schema. Text that has a form of its
//! own (durations, sizes) is only known to be text here; [`super::check`] reads it, where it can say what is
//! wrong in full. Nothing here is `Debug`: it holds secrets in the clear.

mod claim_check;
mod connection;
mod credential;
mod events;
mod failure;
mod namespace;
mod once;
mod otlp;
pub(super) mod part;
mod registry;
mod security;
mod step;
mod word;

use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::shape::ClientValue;
use super::{Delivery, LogFormat, OutOfRange, Partitioning as Way, Secret};

pub(super) use claim_check::ClaimCheck;
pub(super) use connection::{Connection, Transport};
pub(super) use credential::{Credential, Kind};
pub(super) use events::Events;
pub(super) use failure::{Failure, TooLarge};
pub(super) use namespace::{EventHubs, Namespace};
pub(super) use once::EffectivelyOnce;
pub(super) use otlp::Otlp;
pub(super) use part::Part;
pub(super) use registry::Registry;
pub(super) use security::{Mechanism, Security, Token, TokenKind};
pub(super) use step::{CloudEvents, Fields, Headers, Mode, Select, Tombstones};
pub(super) use word::Word;

/// Configuration of kafka-eventhubs-bridge: Kafka topics into Azure Event Hubs.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "kafka-eventhubs-bridge")]
pub(super) struct File {
    pub(super) kafka: Kafka,
    pub(super) eventhubs: EventHubs,
    /// Which topic goes to which hub. A topic may go to several hubs, and several topics to one hub.
    pub(super) mappings: Vec<Mapping>,
    pub(super) batch: Batch,
    pub(super) events: Events,
    pub(super) failure: Failure,
    pub(super) limits: Limits,
    pub(super) admin: Admin,
    pub(super) otlp: Otlp,
    /// Where schemas are fetched from, by name.
    pub(super) registries: BTreeMap<String, Registry>,
    pub(super) claim_check: ClaimCheck,
    pub(super) effectively_once: EffectivelyOnce,
    pub(super) log: Log,
}

/// Where records come from.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Kafka {
    /// Bootstrap servers, `host:port`, comma separated. Required.
    #[schemars(extend("examples" = ["127.0.0.1:9092", "kafka-0:9092,kafka-1:9092"]))]
    pub(super) brokers: Option<String>,
    /// Consumer group. Members of one group share the partitions. Required.
    pub(super) group_id: Option<String>,
    /// Static membership: a name that only this process has and keeps over a restart, which then causes no rebalance.
    pub(super) instance_id: Option<String>,
    /// Where a group without committed offsets begins: `earliest`, `latest` or an RFC 3339 time.
    #[schemars(extend("default" = "earliest"))]
    pub(super) start: Option<Start>,
    /// Where a partition continues when its committed offset is no longer in the log: `earliest`, `latest`, or `halt`, which
    /// stops the partition until a position is set.
    #[schemars(extend("default" = "earliest"))]
    pub(super) out_of_range: Option<Word<OutOfRange>>,
    /// Shortest interval between commits of positions, 50ms to 5m. After a crash the bridge sends again what it sent
    /// since the last commit.
    #[schemars(extend("default" = "1s"))]
    pub(super) commit_interval: Option<Duration>,
    /// How often the bridge looks for new topics and partitions, 100ms to 1h.
    #[schemars(extend("default" = "30s"))]
    pub(super) discovery_interval: Option<Duration>,
    /// How the bridge authenticates to the brokers.
    pub(super) security: Option<Security>,
    /// Properties of librdkafka, names in quotes: `"client.rack" = "west"`. Those that the bridge sets itself are refused, and
    /// so are those that `[kafka.security]` already sets.
    pub(super) client: BTreeMap<String, ClientValue>,
}

/// Sends topics to a hub. Needs exactly one of `topic`, `topics`, `topic_pattern`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mapping {
    /// The topic.
    pub(super) topic: Option<String>,
    /// Several topics.
    pub(super) topics: Option<Vec<String>>,
    /// All topics whose whole name matches this regular expression; new ones are picked up.
    #[schemars(extend("format" = "regex"))]
    pub(super) topic_pattern: Option<String>,
    /// Topics that `topic_pattern` does not include: names, or regular expressions for whole names.
    #[schemars(extend("examples" = [["_schemas", ".*\\.internal"]]))]
    pub(super) topic_exclude: Option<Vec<String>>,
    /// The hub, or a template: `{topic}` stands for the name of the topic. By default the one hub that the connection
    /// string of the namespace is for (`EntityPath`).
    /// With `{header:NAME}`, `{field:PATH}` or `{key}` each record chooses one of `hubs`.
    pub(super) hub: Option<String>,
    /// The hubs that a record may choose, at most 100. A record that chooses another hub is refused.
    #[schemars(extend("minItems" = 1, "maxItems" = 100, "examples" = [["tenant-a", "tenant-b"]]))]
    pub(super) hubs: Option<Vec<String>>,
    /// Name of the namespace, as in `[eventhubs.NAME]`; by default `[eventhubs]` itself.
    pub(super) namespace: Option<String>,
    /// How the hub partition is chosen: `key` (Event Hubs' own hash of the Kafka key), `mirror` (Kafka
    /// partition n to hub partition n), `round_robin` (keeps no order), `fixed:N` (all to partition N),
    /// `gateway` (the service hashes; one key for each batch).
    #[schemars(extend("default" = "key"))]
    pub(super) partitioning: Option<Partitioning>,
    /// How often the event of a record may be stored in its hub: `at_least_once` may send it again after a crash or a
    /// lost answer,
    /// `effectively_once` reads the hub before it sends an event that may be there. It needs the right to read the hub.
    #[schemars(extend("default" = "at_least_once"))]
    pub(super) delivery: Option<Word<Delivery>>,
    /// Whether the mapping starts paused: its topics are not read until it is resumed. A topic that another mapping also reads
    /// waits too.
    #[schemars(extend("default" = false))]
    pub(super) paused: Option<bool>,
    /// Which records the mapping applies to; the others are filtered.
    pub(super) select: Select,
    /// How keys are decoded and changed.
    pub(super) key: Part,
    /// How values are decoded.
    pub(super) value: Part,
    /// Changes to fields of the value.
    pub(super) fields: Fields,
    /// Changes to headers.
    pub(super) headers: Headers,
    /// Whether events are `CloudEvents`.
    pub(super) cloudevents: Option<CloudEvents>,
    /// Overrides keys of `[batch]`.
    pub(super) batch: Batch,
    /// Overrides keys of `[events]`.
    pub(super) events: Events,
    /// Overrides keys of `[failure]`.
    pub(super) failure: Failure,
}

/// How records are grouped into batches. A batch is sent when it is full or old enough.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Batch {
    /// How long a record may wait for others in its batch, up to 60s.
    #[schemars(extend("default" = "10ms"))]
    pub(super) linger: Option<Duration>,
    /// Largest batch, 1KiB to 20MiB; by default what Event Hubs allows.
    pub(super) max_bytes: Option<Size>,
    /// Most events in a batch; by default as many as fit.
    #[schemars(range(min = 1))]
    pub(super) max_events: Option<u32>,
}

/// Bounds of the whole process.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// Memory for records, prefetch and batches together; at least 16MiB for each shard.
    #[schemars(extend("default" = "64MiB"))]
    pub(super) memory: Option<Size>,
    /// How many consumers this process runs.
    #[schemars(extend("default" = 1), range(min = 1, max = 64))]
    pub(super) shards: Option<u32>,
    /// How long a stop or a rebalance waits for acknowledgements, at least 100ms; below `max.poll.interval.ms`.
    #[schemars(extend("default" = "20s"))]
    pub(super) drain_timeout: Option<Duration>,
}

/// The HTTP endpoint for probes and metrics.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Admin {
    /// Address of `/livez`, `/readyz`, `/metrics`, `/status` and `/events`. In a container: `0.0.0.0:9400`.
    #[schemars(extend("default" = "127.0.0.1:9400"))]
    pub(super) listen: Option<String>,
    /// File with the token that allows changes over this address: `pause`, `resume`, `drain`, `log-level`. It is read at each
    /// change. Without it, changes are only accepted from this machine, of the same user.
    pub(super) token_file: Option<String>,
}

/// What is written to standard error.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// `text` for people, `json` for programs, with one object in each line.
    #[schemars(extend("default" = "text"))]
    pub(super) format: Option<Word<LogFormat>>,
    /// `error`, `warn`, `info`, `debug`, `trace` or `off`; also by module: `info,kafka_eventhubs_bridge=debug`.
    #[schemars(extend("default" = "info"))]
    pub(super) level: Option<String>,
}

/// Text of a form serde does not look into: what to call it in an error, and its schema.
macro_rules! text {
    ($($name:ident, $wanted:literal, $schema:tt;)*) => {$(
        pub(super) struct $name(pub(super) String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = String;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($wanted)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
                        Ok(text.to_owned())
                    }
                }
                deserializer.deserialize_str(Text).map(Self)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

text! {
    Duration, "a duration", {
        "type": "string",
        "pattern": "^\\s*(\\d+(\\.\\d+)?\\s*[a-zµ]+[\\s,]*)+$",
        "examples": ["10ms", "5s", "1m30s"]
    };
    Size, "a size", {
        "type": "string",
        "pattern": "^\\d+(\\.\\d+)?\\s*([kKmMgG]([iI]?[bB])?|[bB])?$",
        "examples": ["512KiB", "8MiB"]
    };
    Start, "a place to start", {
        "type": "string",
        "anyOf": [{ "enum": ["earliest", "latest"] }, { "format": "date-time" }]
    };
    Partitioning, "a way to choose a partition", {
        "type": "string",
        "anyOf": [{ "enum": partitioning() }, { "pattern": "^fixed:[0-9]+$" }]
    };
}

/// The ways to choose a partition that are a word alone.
fn partitioning() -> Vec<&'static str> {
    let alone = |it: &Way| !matches!(it, Way::Fixed(_));
    Way::ALL.into_iter().filter(alone).map(Way::form).collect()
}

/// A part of a whole.
pub(super) struct Ratio(pub(super) f64);

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = f64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1")
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<f64, E> {
                Ok(number as f64)
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<f64, E> {
                Ok(number)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<f64, E> {
                // A variable or a flag.
                let wrong = |_| E::invalid_type(de::Unexpected::Str(text), &self);
                text.trim().parse().map_err(wrong)
            }
        }
        deserializer.deserialize_any(Number).map(Self)
    }
}

impl JsonSchema for Ratio {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ratio".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

impl<'de> Deserialize<'de> for ClientValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = ClientValue;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, a boolean or text")
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<ClientValue, E> {
                Ok(ClientValue::Integer(value))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<ClientValue, E> {
                Ok(ClientValue::Boolean(value))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<ClientValue, E> {
                Ok(ClientValue::Text(Secret::new(value)))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

impl JsonSchema for ClientValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClientValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "boolean", "string"] })
    }
}
