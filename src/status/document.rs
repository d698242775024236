//! `GET /status`: its shape. `docs/status.schema.json` is made from this.
//!
//! Every time is RFC 3339 in UTC. What is not known is null. Keys may be added without a new [`VERSION`].

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Of this shape. Another one means that a key is gone or means something else.
pub const VERSION: u32 = 1;

/// How the whole process stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// Version of this format.
    pub version: u32,
    /// Which process this is.
    pub bridge: Bridge,
    /// What it is doing.
    pub state: State,
    /// As `GET /readyz`.
    pub ready: bool,
    /// Why it is not ready.
    pub reasons: Vec<String>,
    /// The whole in a few numbers.
    pub summary: Summary,
    /// What is held in memory.
    pub memory: Memory,
    /// Its consumers.
    pub shards: Vec<Shard>,
    /// The namespaces of Event Hubs.
    pub namespaces: Vec<Namespace>,
    /// The mappings, in the order of the configuration.
    pub mappings: Vec<Mapping>,
    /// The topics of which this process reads partitions, by name.
    pub topics: Vec<Topic>,
    /// The hubs that these topics go to, by namespace and name.
    pub hubs: Vec<Hub>,
    /// What does not run while the rest does.
    pub held: Vec<Held>,
}

/// Which process this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bridge {
    /// Version of the program.
    pub version: String,
    /// Consumer group.
    pub group: String,
    /// Name of the host; of the pod, in Kubernetes.
    pub host: Option<String>,
    /// When it started.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// When this was said.
    #[schemars(with = "String")]
    pub now: Timestamp,
}

/// What the process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No consumer has joined the group yet.
    Starting,
    /// It copies.
    Running,
    /// It stops: what is under way is delivered and committed.
    Draining,
}

/// The whole in a few numbers. Rates are those of the last ten seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Records in Kafka that are not delivered; null before Kafka was asked.
    pub lag_records: Option<u64>,
    /// Age of the oldest record that is not delivered, of the partition that is furthest behind; null without partitions.
    pub lag_seconds: Option<f64>,
    /// Records taken from Kafka, a second.
    pub records_per_second: f64,
    /// Bytes of their keys and values, a second.
    pub record_bytes_per_second: f64,
    /// Events that Event Hubs accepted, a second.
    pub events_per_second: f64,
    /// Their encoded bytes, a second.
    pub event_bytes_per_second: f64,
    /// Batches accepted, a second.
    pub batches_per_second: f64,
    /// Events in an accepted batch, on average; null when there was none.
    pub events_per_batch: Option<f64>,
    /// From sending a batch to its acceptance, on average; null when there was none.
    pub send_seconds: Option<f64>,
    /// When it will have caught up at the rate of the last minute: 0 when nothing is older than ten seconds, null when it falls behind.
    pub caught_up_in_seconds: Option<f64>,
    /// Partitions that this process reads.
    pub partitions: usize,
    /// Those that are held or halted.
    pub partitions_held: usize,
    /// Records taken and not delivered yet.
    pub in_flight_records: u64,
}

/// What is held in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Batches and what belongs to them.
    pub events_bytes: u64,
    /// Records the Kafka client has fetched ahead.
    pub prefetched_bytes: u64,
    /// `limits.memory`, for both.
    pub limit_bytes: u64,
}

/// One consumer of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// Its number.
    pub shard: u32,
    /// Whether it is a member of the group.
    pub joined: bool,
    /// What stands between it and the group.
    pub kafka: Option<String>,
    /// Whether it said how it stands, within a second. If not, its partitions are missing here.
    pub answers: bool,
}

/// A namespace of Event Hubs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Namespace {
    /// Its name in the configuration.
    pub namespace: String,
    /// Its host.
    pub host: String,
    /// Whether there is a connection.
    pub connected: bool,
    /// Why not.
    pub detail: Option<String>,
    /// Connections.
    pub connections: u64,
    /// Links that are attached: hub partitions in use.
    pub links: u64,
    /// When the token used last ends.
    #[schemars(with = "Option<String>")]
    pub token_expires: Option<Timestamp>,
    /// Whether it throttles.
    pub throttled: Option<Throttled>,
}

/// How a namespace throttles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Throttled {
    /// What the batches it refused are sent at, together; 0 while it refuses everything.
    pub bytes_per_second: u64,
    /// Hub partitions that wait for their turn.
    pub waiting: u64,
}

/// A mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mapping {
    /// Its place in the configuration, from 0.
    pub mapping: usize,
    /// The topics it names.
    pub topics: Option<Vec<String>>,
    /// Or the pattern of their names.
    pub topic_pattern: Option<String>,
    /// Name of the namespace in the configuration.
    pub namespace: String,
    /// The hub, perhaps with `{topic}`; with `hubs`, how each record chooses one.
    pub hub: String,
    /// The hubs that a record may choose, where it chooses; perhaps with `{topic}`.
    pub hubs: Option<Vec<String>>,
    /// How the hub partition is chosen: `key`, `mirror`, `round_robin`, `fixed:N` or `gateway`.
    pub partitioning: String,
    /// Whether somebody has paused it.
    pub paused: bool,
    /// Kafka partitions that this process reads for it.
    pub partitions: usize,
    /// Those that are held or halted.
    pub partitions_held: usize,
    /// As in the summary.
    pub lag_records: Option<u64>,
    /// As in the summary.
    pub lag_seconds: Option<f64>,
    /// Records taken and not delivered yet.
    pub in_flight_records: u64,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Topic {
    /// Its name.
    pub topic: String,
    /// The mappings that take it.
    pub mappings: Vec<usize>,
    /// Records taken from it, a second.
    pub records_per_second: f64,
    /// Bytes of their keys and values, a second.
    pub record_bytes_per_second: f64,
    /// The partitions that this process reads.
    pub partitions: Vec<Partition>,
}

/// A Kafka partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Partition {
    /// Its number.
    pub partition: i32,
    /// Who reads it.
    pub shard: u32,
    /// Whether it is read.
    pub state: Reading,
    /// Why not: the label of `bridge_partition_held`.
    pub reason: Option<String>,
    /// Since when not.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Why not, in words.
    pub detail: Option<String>,
    /// The next offset to commit; null while nothing was read.
    pub position: Option<i64>,
    /// Records from there to the end of the partition.
    pub lag_records: Option<u64>,
    /// Age of the oldest record that is not delivered.
    pub lag_seconds: f64,
    /// Records taken and not delivered yet.
    pub in_flight_records: u64,
}

/// Whether a Kafka partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It is.
    Flowing,
    /// It waits, and goes on by itself.
    Held,
    /// It waits until somebody acts.
    Halted,
    /// It goes to another member of the group.
    Draining,
}

/// A hub.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hub {
    /// Name of the namespace in the configuration.
    pub namespace: String,
    /// Its name.
    pub hub: String,
    /// Events it accepted, a second.
    pub events_per_second: f64,
    /// Their encoded bytes, a second.
    pub event_bytes_per_second: f64,
    /// Events in an accepted batch, on average; null when there was none.
    pub events_per_batch: Option<f64>,
    /// From sending a batch to its acceptance, on average; null when there was none.
    pub send_seconds: Option<f64>,
    /// How many partitions it has; null before it was asked.
    pub known_partitions: Option<usize>,
    /// Those that were sent to.
    pub partitions: Vec<HubPartition>,
}

/// A hub partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HubPartition {
    /// Its name, or `gateway` where the service chooses.
    pub partition: String,
    /// Who sends to it.
    pub shard: u32,
    /// How it stands.
    pub state: Sending,
    /// Since when nothing was accepted.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// How often the batch was tried in vain.
    pub attempts: u32,
    /// When it is tried again.
    pub next_try_seconds: Option<f64>,
    /// What Event Hubs said last.
    pub detail: Option<String>,
}

/// How a hub partition stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// Nothing stands against it.
    Sending,
    /// A batch has had no answer for two seconds.
    Waiting,
    /// It takes turns with others, because its namespace throttles.
    Throttled,
    /// The last batch was not stored, and is sent again.
    Retrying,
}

/// Something that does not run while the rest does. The keys that are there say what it is, as in `GET /readyz`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// `hub`, `delivery`, `token`, `throttled`, `topic`, `dead_letters`, `place` or `partition`.
    pub kind: String,
    /// Name of the namespace in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// The topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The topic for dead letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<String>,
    /// The Kafka partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Since when.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// For how long.
    pub seconds: u64,
    /// Why, and often what to do.
    pub detail: String,
    /// The alert whose runbook says more.
    pub runbook: String,
}
