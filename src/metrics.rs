//! The only place that knows metric names. Everyone else says what happened.
//!
//! Labels are bounded by configuration (topics, partitions, hubs, namespaces, a closed set of causes).
//! Calls come once per batch or once per run of records, never once per record.

use std::time::Duration;

use crate::record::{Position, TopicPartition};

/// What the bridge has done and how it stands.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// Records taken from Kafka: `bridge_records_received_total{topic}`, `bridge_received_bytes_total{topic}`.
    pub fn records_received(&self, _topic: &str, _records: u64, _bytes: u64) {}
    /// A batch was sealed: `bridge_batches_sealed_total{hub,reason}` with reason `size|count|linger|drain`.
    pub fn batch_sealed(&self, _hub: &str, _reason: &'static str, _events: usize, _bytes: usize) {}
    /// Event Hubs accepted a batch: `bridge_events_sent_total{hub}`, `bridge_sent_bytes_total{hub}`,
    /// `bridge_send_duration_seconds{hub}` (hand-over to acknowledgement).
    pub fn batch_accepted(&self, _hub: &str, _events: usize, _bytes: usize, _took: Duration) {}
    /// A send has to be repeated: `bridge_send_retries_total{hub,cause}`.
    pub fn send_retried(&self, _hub: &str, _cause: &'static str) {}
    /// Time since the Kafka timestamp of the oldest record of an accepted batch: `bridge_end_to_end_seconds{hub}`.
    pub fn end_to_end(&self, _hub: &str, _age: Duration) {}
    /// A record can never be stored: `bridge_records_refused_total{topic,policy,reason}`.
    pub fn record_refused(&self, _topic: &str, _policy: &'static str, _reason: &'static str) {}
    /// Records that came back after a revoke, or were let go at a drain deadline:
    /// `bridge_records_let_go_total{reason}` with reason `revoked|lost|deadline`. Nothing is lost: they are not committed.
    pub fn records_let_go(&self, _reason: &'static str, _records: u64) {}
    /// A partition began to be read: creates its series.
    pub fn partition_assigned(&self, _partition: &TopicPartition) {}
    /// A partition is no longer read: removes its series.
    pub fn partition_removed(&self, _partition: &TopicPartition) {}
    /// State of one partition: `bridge_in_flight_records`, `bridge_oldest_in_flight_seconds`, `bridge_position`,
    /// all `{topic,partition}`; the position is the next one to commit.
    pub fn partition_state(
        &self,
        _p: &TopicPartition,
        _in_flight: u64,
        _oldest: Duration,
        _position: Option<Position>,
    ) {
    }
    /// Why a partition is not read: `bridge_partition_held{topic,partition,reason}` 0 or 1, reason `halted|hub_unavailable`.
    pub fn partition_held(&self, _p: &TopicPartition, _reason: &'static str, _held: bool) {}
    /// Records between the committed position and the end of the partition: `bridge_consumer_lag_records{topic,partition}`.
    pub fn consumer_lag(&self, _topic: &str, _partition: i32, _lag: i64) {}
    /// Bytes of batches held, and their bound: `bridge_buffered_bytes{shard}`, `bridge_buffer_limit_bytes{shard}`.
    pub fn buffered(&self, _shard: u32, _bytes: u64, _limit: u64) {}
    /// Bytes waiting in librdkafka's queue: `bridge_prefetched_bytes{shard}`.
    pub fn prefetched(&self, _shard: u32, _bytes: u64) {}
    /// A commit ended: `bridge_commits_total{outcome="ok|failed"}`.
    pub fn committed(&self, _ok: bool) {}
    /// A rebalance event: `bridge_rebalances_total{kind="assign|revoke|lost"}`, `bridge_rebalance_drain_seconds`.
    pub fn rebalanced(&self, _kind: &'static str, _took: Duration) {}
    /// An error librdkafka reported: `bridge_kafka_errors_total{code}`.
    pub fn kafka_error(&self, _code: &str) {}
    /// Records that retention deleted before they were read, an upper bound: `bridge_records_expired_total{topic}`.
    pub fn records_expired(&self, _topic: &str, _records: u64) {}
    /// Broker connections: `bridge_kafka_brokers{state="up|down"}`.
    pub fn kafka_brokers(&self, _up: u64, _down: u64) {}
    /// A connection attempt to Event Hubs ended: `bridge_eventhubs_connects_total{namespace,outcome}`.
    pub fn connect_attempted(&self, _namespace: &str, _ok: bool) {}
    /// Whether a namespace is connected: `bridge_eventhubs_connected{namespace,shard}` 0 or 1.
    pub fn connected(&self, _namespace: &str, _shard: u32, _up: bool) {}
    /// A token was put: `bridge_token_renewals_total{namespace,outcome}`.
    pub fn token_put(&self, _namespace: &str, _ok: bool) {}
    /// When the token in use expires: `bridge_token_expiry_timestamp_seconds{namespace}`.
    pub fn token_expires(&self, _namespace: &str, _unix_seconds: u64) {}
    /// A link was attached: `bridge_links_attached_total{hub}`.
    pub fn link_attached(&self, _hub: &str) {}
    /// The page Prometheus scrapes.
    pub fn render(&self) -> String {
        String::new()
    }
}
