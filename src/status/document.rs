//! `GET /status`: its shape. `docs/status.schema.json` is made from this.
//!
//! Every time is RFC 3339 in UTC. What is not known is null. Keys may be added without a new [`VERSION`].

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Of this shape. Another one means that a key is gone or means something else.
pub const VERSION: u32 = 1;

/// State of the whole process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// Version of this format.
    pub version: u32,
    /// Version, group and times of this process.
    pub bridge: Bridge,
    /// State of the process.
    pub state: State,
    /// As `GET /readyz`.
    pub ready: bool,
    /// Reasons why it is not ready.
    pub reasons: Vec<String>,
    /// Summary of the whole process.
    pub summary: Summary,
    /// Memory in use for records.
    pub memory: Memory,
    /// The consumers of the process.
    pub shards: Vec<Shard>,
    /// The namespaces of Event Hubs.
    pub namespaces: Vec<Namespace>,
    /// The mappings, in the order of the configuration.
    pub mappings: Vec<Mapping>,
    /// The topics of which this process reads partitions, by name.
    pub topics: Vec<Topic>,
    /// The hubs that these topics go to, by namespace and name.
    pub hubs: Vec<Hub>,
    /// What is paused or failing, while the rest continues.
    pub held: Vec<Held>,
}

/// Version, group and times of this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bridge {
    /// Version of the program.
    pub version: String,
    /// Consumer group.
    pub group: String,
    /// Name of the host; of the pod, in Kubernetes.
    pub host: Option<String>,
    /// Time at which the process started.
    #[schemars(with = "String")]
    pub started: Timestamp,
    /// Time of this answer.
    #[schemars(with = "String")]
    pub now: Timestamp,
}

/// State of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No consumer has joined the group yet.
    Starting,
    /// It copies.
    Running,
    /// It stops: records in flight are delivered and committed.
    Draining,
}

/// Summary of the whole process. Rates are of the last ten seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Records in Kafka that are not delivered; null before Kafka was asked.
    pub lag_records: Option<u64>,
    /// Age of the oldest record that is not delivered, of the partition that is furthest behind; null without partitions.
    pub lag_seconds: Option<f64>,
    /// Records read from Kafka, per second.
    pub records_per_second: f64,
    /// Bytes of their keys and values, per second.
    pub record_bytes_per_second: f64,
    /// Events that Event Hubs accepted, per second.
    pub events_per_second: f64,
    /// Encoded bytes of these events, per second.
    pub event_bytes_per_second: f64,
    /// Accepted batches, per second.
    pub batches_per_second: f64,
    /// Events in an accepted batch, on average; null when there was none.
    pub events_per_batch: Option<f64>,
    /// From sending a batch to its acceptance, on average; null when there was none.
    pub send_seconds: Option<f64>,
    /// Seconds until it has caught up, at the rate of the last minute: 0 if no record is older than ten seconds, null if it falls behind.
    pub caught_up_in_seconds: Option<f64>,
    /// Partitions that this process reads.
    pub partitions: usize,
    /// Kafka partitions that are held or halted.
    pub partitions_held: usize,
    /// Records that were read and not delivered yet.
    pub in_flight_records: u64,
}

/// Memory in use for records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Memory {
    /// Bytes of batches, and of records in them.
    pub events_bytes: u64,
    /// Bytes of records that the Kafka client has prefetched.
    pub prefetched_bytes: u64,
    /// `limits.memory`, the limit of both together.
    pub limit_bytes: u64,
}

/// One consumer of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// Its number.
    pub shard: u32,
    /// Whether it is a member of the group.
    pub joined: bool,
    /// The reason, if it is not a member of the group.
    pub kafka: Option<String>,
    /// Whether it answered within a second. If not, its partitions are missing here.
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
    /// The reason, if there is no connection.
    pub detail: Option<String>,
    /// Number of connections.
    pub connections: u64,
    /// Number of attached links: hub partitions in use.
    pub links: u64,
    /// Time at which the current token expires.
    #[schemars(with = "Option<String>")]
    pub token_expires: Option<Timestamp>,
    /// Whether it throttles.
    pub throttled: Option<Throttled>,
}

/// How a namespace throttles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Throttled {
    /// Bytes per second at which refused batches are sent again, all together; 0 while it refuses everything.
    pub bytes_per_second: u64,
    /// Hub partitions that wait for their turn.
    pub waiting: u64,
}

/// A mapping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mapping {
    /// Its place in the configuration, from 0.
    pub mapping: usize,
    /// The topics, if they are named.
    pub topics: Option<Vec<String>>,
    /// The pattern of the topics, if there is one.
    pub topic_pattern: Option<String>,
    /// Name of the namespace in the configuration.
    pub namespace: String,
    /// The hub, perhaps with `{topic}`; with `hubs`, how each record chooses one.
    pub hub: String,
    /// The hubs that a record may choose, where it chooses; perhaps with `{topic}`.
    pub hubs: Option<Vec<String>>,
    /// How the hub partition is chosen: `key`, `mirror`, `round_robin`, `fixed:N` or `gateway`.
    pub partitioning: String,
    /// Whether it is paused.
    pub paused: bool,
    /// Kafka partitions that this process reads for it.
    pub partitions: usize,
    /// Kafka partitions that are held or halted.
    pub partitions_held: usize,
    /// As in the summary.
    pub lag_records: Option<u64>,
    /// As in the summary.
    pub lag_seconds: Option<f64>,
    /// Records that were read and not delivered yet.
    pub in_flight_records: u64,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Topic {
    /// Its name.
    pub topic: String,
    /// The mappings that read it.
    pub mappings: Vec<usize>,
    /// Records read from it, per second.
    pub records_per_second: f64,
    /// Bytes of their keys and values, per second.
    pub record_bytes_per_second: f64,
    /// The partitions that this process reads.
    pub partitions: Vec<Partition>,
}

/// A Kafka partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Partition {
    /// Its number.
    pub partition: i32,
    /// Number of the shard that reads it.
    pub shard: u32,
    /// Whether it is read.
    pub state: Reading,
    /// The reason if it is not read: the label of `bridge_partition_held`.
    pub reason: Option<String>,
    /// Time since which it is not read.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// The reason in words, if it is not read.
    pub detail: Option<String>,
    /// The next offset to commit; null while nothing was read.
    pub position: Option<i64>,
    /// Records from there to the end of the partition.
    pub lag_records: Option<u64>,
    /// Age of the oldest record that is not delivered.
    pub lag_seconds: f64,
    /// Records that were read and not delivered yet.
    pub in_flight_records: u64,
}

/// Whether a Kafka partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It is read.
    Flowing,
    /// It is paused, and continues by itself.
    Held,
    /// It is stopped, and needs a person.
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
    /// Events that it accepted, per second.
    pub events_per_second: f64,
    /// Encoded bytes of these events, per second.
    pub event_bytes_per_second: f64,
    /// Events in an accepted batch, on average; null when there was none.
    pub events_per_batch: Option<f64>,
    /// From sending a batch to its acceptance, on average; null when there was none.
    pub send_seconds: Option<f64>,
    /// Number of its partitions; null before the hub was asked.
    pub known_partitions: Option<usize>,
    /// The partitions that the bridge sends to.
    pub partitions: Vec<HubPartition>,
}

/// A hub partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HubPartition {
    /// Its name, or `gateway` where the service chooses.
    pub partition: String,
    /// Number of the shard that sends to it.
    pub shard: u32,
    /// Its state.
    pub state: Sending,
    /// Time since which no event was accepted.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// Number of failed attempts to send the batch.
    pub attempts: u32,
    /// Seconds until the next attempt.
    pub next_try_seconds: Option<f64>,
    /// Last answer of Event Hubs.
    pub detail: Option<String>,
}

/// State of a hub partition.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// It works.
    Sending,
    /// A batch has had no answer for two seconds.
    Waiting,
    /// It takes turns with others, because its namespace throttles.
    Throttled,
    /// The last batch was not stored, and is sent again.
    Retrying,
}

/// Something that is paused or failing, while the rest continues. The present keys identify it, as in `GET /readyz`.
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
    /// The dead-letter topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<String>,
    /// The Kafka partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Time at which it began.
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// How long it has lasted, in seconds.
    pub seconds: u64,
    /// The reason, often with what to do.
    pub detail: String,
    /// The alert whose runbook has more.
    pub runbook: String,
}
