//! The checked configuration: one struct a table, one field a key, every default filled in.
//!
//! Whoever holds one need not check it again. How it is written in a file is `raw`, what makes it right `check`.

use std::collections::BTreeMap;
use std::time::Duration;

pub use bridge_core::mapping::{
    Batch, Container, Delivery, Events, Failure, Holds, Mapping, NoPartitioning, Partitioning,
    Pattern, Policy, TooLarge, Topics, Type, whole_name,
};
use bridge_core::words;

/// Everything the operator can say.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where records come from.
    pub kafka: Kafka,
    /// Where events go: namespaces by name; `default` is the unnamed one.
    pub eventhubs: BTreeMap<String, Namespace>,
    /// Which topic goes to which hub.
    pub mappings: Vec<Mapping>,
    /// How records are grouped into batches, unless a mapping says otherwise.
    pub batch: Batch,
    /// What an event carries besides its value and key, unless a mapping says otherwise.
    pub events: Events,
    /// What happens to a record that Event Hubs will never take, unless a mapping says otherwise.
    pub failure: Failure,
    /// Bounds of the whole process.
    pub limits: Limits,
    /// The HTTP endpoint for probes and metrics.
    pub admin: Admin,
    /// Where metrics are exported to, if they are.
    pub otlp: Option<super::Otlp>,
    /// What is written to standard error.
    pub log: Log,
    /// Where schemas are fetched from, in the order of their names.
    pub registries: Vec<super::Registry>,
    /// Where values go that are too large, if they go anywhere.
    pub claim_check: Option<super::ClaimCheck>,
    /// `[effectively_once]`
    pub once: super::EffectivelyOnce,
    /// That it is one of a replay.
    pub replay: Option<Replay>,
    /// What was taken as it is, and hardly was meant so: to be said once.
    pub warnings: Vec<super::Warning>,
}

/// What makes a run a replay. No file says it: the command does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// Records a second, at most.
    pub rate: Option<u64>,
    /// Whether it is served how the replay stands, as of a bridge.
    pub is_served: bool,
    /// Where dead letters are sent again: of each mapping, the topic whose letters it takes.
    pub letters: Option<Vec<String>>,
}

/// `[kafka]`
#[derive(Debug, Clone)]
pub struct Kafka {
    /// Bootstrap servers, comma separated.
    pub brokers: String,
    /// Consumer group.
    pub group_id: String,
    /// Static membership; unique per process (`group.instance.id`; shards add `-N`).
    pub instance_id: Option<String>,
    /// Where a group without committed offsets begins.
    pub start: Start,
    /// Where a partition goes on whose committed offset is not in the log any more.
    pub out_of_range: OutOfRange,
    /// How often positions are committed.
    pub commit_interval: Duration,
    /// How often new topics of a `topic_pattern` are looked for.
    pub discovery_interval: Duration,
    /// How the brokers let us in; `None` is plaintext, unless `client` says otherwise.
    pub security: Option<super::Security>,
    /// Passed to librdkafka; keys the bridge must own are refused.
    pub client: BTreeMap<String, ClientValue>,
}

impl Kafka {
    /// Whether the coordinator shares out the partitions (KIP-848, Kafka 4), and not the members among themselves.
    pub fn is_led_by_broker(&self) -> bool {
        let protocol = self.client.get("group.protocol");
        matches!(protocol, Some(ClientValue::Text(text)) if text.expose() == "consumer")
    }
}

/// Where a group without committed offsets begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest record there is.
    Earliest,
    /// Only what is written from now on.
    Latest,
    /// The first record at or after this time, in milliseconds since the Unix epoch.
    At(i64),
}

impl Start {
    /// Reads `earliest`, `latest` or an RFC 3339 time.
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            time => Some(Self::At(time.parse::<jiff::Timestamp>().ok()?.as_millisecond())),
        }
    }
}

words! {
    /// Where a partition continues when its committed offset is no longer in the log.
    pub enum OutOfRange {
        /// The partition stops until a position is set.
        Halt = "halt",
        /// At the first record in the log.
        Earliest = "earliest",
        /// At the end.
        Latest = "latest",
    }
}

/// A librdkafka value: number, boolean or string.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientValue {
    /// An integer.
    Integer(i64),
    /// A boolean.
    Boolean(bool),
    /// Text. May be a secret (`sasl.password`), so it is never printed.
    Text(super::Secret),
}

/// `[eventhubs]` or `[eventhubs.NAME]`
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Where it is.
    pub address: super::Address,
    /// How to log in.
    pub credential: super::Credential,
    /// How it is reached.
    pub way: super::ConnectionSettings,
    /// How long one send may take before its connection is given up.
    pub send_timeout: Duration,
    /// How long connecting, attaching and logging in may take, each.
    pub connect_timeout: Duration,
    /// The peer is taken for dead when it is silent for this long.
    pub idle_timeout: Duration,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of records the process may hold, prefetch and batches together.
    pub memory: u64,
    /// How many consumers this process runs.
    pub shards: u32,
    /// How long a stop or a revoke may wait for acknowledgements.
    pub drain_timeout: Duration,
}

impl Limits {
    /// Of `memory`, the equal part of a shard.
    pub fn of_shard(&self) -> u64 {
        self.memory / u64::from(self.shards.max(1))
    }

    /// Of that, what batches may take; the rest is for what librdkafka fetches ahead and unpacks: `docs/performance.md` has
    /// the sums.
    pub fn of_batches(&self) -> u64 {
        self.of_shard() / 8 * 3
    }
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Address of `/livez`, `/readyz`, `/metrics`, `/status` and `/events`.
    pub listen: std::net::SocketAddr,
    /// File with the token that allows changes over it.
    pub token_file: Option<std::path::PathBuf>,
}

impl Admin {
    /// Bytes a token has at least.
    pub const SHORTEST: usize = 16;
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// A `tracing` filter: `info`, or `info,kafka_eventhubs_bridge=debug`.
    pub level: String,
}

words! {
    /// Form of a log line.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// For programs, with one object in each line.
        Json = "json",
    }
}
