//! The only place that knows metric names. Everyone else says what happened.
//!
//! Labels are bounded by configuration (topics, partitions, hubs, namespaces, a closed set of causes).
//! Calls come once per batch or once per run of records, never once per record.

mod families;
mod labels;
mod otlp;
mod series;
mod totals;
mod verified;

use std::fmt;
use std::time::{Duration, SystemTime};

use bridge_core::event::Cause;
use bridge_core::lane::Seal;
use bridge_core::mapping::Policy;
use bridge_core::{Filtered, Governed, HubName, LaneState, PartitionStatus};
use prometheus::{Registry, TextEncoder};

use crate::record::{Position, TopicPartition};
use families::{Families, process};
use series::{AssignedSeries, ByName, HubSeries, TopicSeries};

pub use bridge_core::{HoldReason, LetGo};
pub use labels::{
    OtlpSignal, PositionGone, Rebalance, RegistryAnswer, Reloaded, RoundOutcome, SpansDropped,
    Upload,
};
pub use totals::{SentTotals, TakenTotals, Totals};
pub use verified::Verified;

/// What the bridge has done and how it stands.
pub struct Metrics {
    registry: Registry,
    /// Since when is counted.
    began: SystemTime,
    families: Families,
    topics: ByName<Box<str>, TopicSeries>,
    hubs: ByName<HubName, HubSeries>,
    partitions: AssignedSeries,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let families = Families::new(&registry);
        process(&registry);
        Self {
            registry,
            began: SystemTime::now(),
            families,
            topics: ByName::default(),
            hubs: ByName::default(),
            partitions: AssignedSeries::default(),
        }
    }
}

fn outcome(ok: bool) -> &'static str {
    if ok { "ok" } else { "failed" }
}

/// What a gauge can hold of `n`.
fn clamp(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Metrics {
    /// Records taken from Kafka: `bridge_records_received_total{topic}`, `bridge_received_bytes_total{topic}`.
    pub fn records_received(&self, topic: &str, records: u64, bytes: u64) {
        let series = self.topics.get(topic, |topic| TopicSeries::new(&self.families, topic));
        series.records.inc_by(records);
        series.bytes.inc_by(bytes);
    }

    fn hub(&self, hub: &HubName) -> std::sync::Arc<HubSeries> {
        self.hubs.get(hub, |hub| HubSeries::new(&self.families, hub))
    }

    /// A batch was sealed: `bridge_batches_sealed_total{eventhubs_namespace,hub,reason}` with reason `full|linger|drain`,
    /// `bridge_batch_events{eventhubs_namespace,hub}`, `bridge_batch_bytes{eventhubs_namespace,hub}`.
    pub fn batch_sealed(&self, hub: &HubName, reason: Seal, events: usize, bytes: usize) {
        let labels = [&*hub.namespace, &hub.hub, reason.as_str()];
        self.families.batches_sealed.with_label_values(&labels).inc();
        let series = self.hub(hub);
        series.batch_events.observe(events as f64);
        series.batch_bytes.observe(bytes as f64);
    }

    /// Event Hubs accepted a batch: `bridge_events_sent_total{eventhubs_namespace,hub}`, `bridge_sent_bytes_total{eventhubs_namespace,hub}`,
    /// `bridge_send_duration_seconds{eventhubs_namespace,hub}` (hand-over to acknowledgement).
    pub fn batch_accepted(&self, hub: &HubName, events: usize, bytes: usize, took: Duration) {
        let series = self.hub(hub);
        series.events.inc_by(events as u64);
        series.bytes.inc_by(bytes as u64);
        series.duration.observe(took.as_secs_f64());
    }

    /// A send has to be repeated: `bridge_send_retries_total{eventhubs_namespace,hub,cause}`.
    pub fn send_retried(&self, hub: &HubName, cause: Cause) {
        let labels = [&*hub.namespace, &hub.hub, cause.as_str()];
        self.families.send_retries.with_label_values(&labels).inc();
    }

    /// Time since the Kafka timestamp of the oldest record of an accepted batch: `bridge_end_to_end_seconds{eventhubs_namespace,hub}`.
    pub fn end_to_end(&self, hub: &HubName, age: Duration) {
        self.hub(hub).end_to_end.observe(age.as_secs_f64());
    }

    /// A record can never be stored: `bridge_records_refused_total{topic,policy,reason}`.
    pub fn record_refused(&self, topic: &str, policy: Policy, reason: &'static str) {
        self.families.records_refused.with_label_values(&[topic, policy.as_str(), reason]).inc();
    }

    /// Records of which no event is made: `bridge_records_filtered_total{mapping,reason}`.
    pub fn records_filtered(&self, filtered: &Filtered) {
        let Filtered { mapping, reason, records } = filtered;
        self.families.records_filtered.with_label_values(&[&**mapping, *reason]).inc_by(*records);
    }

    /// Events that were not sent because their hub had them: `bridge_events_already_stored_total{namespace,hub}`.
    pub fn events_spared(&self, hub: &HubName, events: u64) {
        let labels = [&*hub.namespace, &*hub.hub];
        self.families.events_spared.with_label_values(&labels).inc_by(events);
    }

    /// Events that were read to find those: `bridge_lookup_events_read_total{namespace,hub}`.
    pub fn looked_at(&self, hub: &HubName, events: u64) {
        let labels = [&*hub.namespace, &*hub.hub];
        self.families.looked_at.with_label_values(&labels).inc_by(events);
    }

    /// The configuration was to be reloaded: `bridge_config_reloads_total{outcome}` with outcome `applied|refused`.
    pub fn reloaded(&self, outcome: Reloaded) {
        self.families.reloads.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Whether what was read last runs: `bridge_config_reload_successful`.
    pub fn reload_succeeded(&self, succeeded: bool) {
        self.families.reload_successful.with_label_values::<&str>(&[]).set(i64::from(succeeded));
    }

    /// Records that came back after a revoke, or were let go at a deadline of a drain or a reload:
    /// `bridge_records_let_go_total{reason}` with reason `revoked|lost|deadline|reload`. Nothing is lost: they are not committed.
    pub fn records_let_go(&self, reason: LetGo, records: u64) {
        self.families.records_let_go.with_label_values(&[reason.as_str()]).inc_by(records);
    }

    /// A partition began to be read: creates its series. Called once for each assignment.
    pub fn partition_assigned(&self, partition: &TopicPartition) {
        self.partitions.add(&self.families, &partition.topic, partition.partition);
    }

    /// A partition is no longer read: removes its series. What is said about it later is ignored.
    pub fn partition_removed(&self, partition: &TopicPartition) {
        self.partitions.remove(&self.families, &partition.topic, partition.partition);
    }

    /// State of one partition: `bridge_in_flight_records`, `bridge_oldest_in_flight_seconds`, `bridge_lag_seconds`,
    /// `bridge_position`, all `{topic,partition}`; the position is the next one to commit.
    pub fn partition_state(&self, standing: &PartitionStatus) {
        let PartitionStatus { name, in_flight, oldest, lag, position, .. } = standing;
        self.partitions.with(&name.topic, name.partition, |series| {
            series.in_flight.set(clamp(*in_flight as u64));
            series.oldest.set(oldest.as_secs_f64());
            series.lag.set(lag.as_secs_f64());
            if let Some(Position(position)) = position {
                self.families
                    .position
                    .with_label_values(&series.labels(&name.topic))
                    .set(*position);
            }
        });
    }

    /// A partition that is not read at all has been behind for so long: `bridge_lag_seconds{topic,partition}`.
    pub fn partition_behind(&self, p: &TopicPartition, lag: Duration) {
        self.partitions.with(&p.topic, p.partition, |series| series.lag.set(lag.as_secs_f64()));
    }

    /// Why a partition is not read: `bridge_partition_held{topic,partition,reason}` 0 or 1, by reason.
    pub fn partition_held(&self, p: &TopicPartition, reason: HoldReason, held: bool) {
        self.partitions.with(&p.topic, p.partition, |series| {
            let [topic, partition] = series.labels(&p.topic);
            let labels = &[topic, partition, reason.as_str()];
            self.families.partition_held.with_label_values(labels).set(held.into());
        });
    }

    /// Records between the position and the end of the partition: `bridge_consumer_lag_records{topic,partition}`.
    pub fn consumer_lag(&self, p: &TopicPartition, lag: u64) {
        self.partitions.with(&p.topic, p.partition, |series| {
            self.families.consumer_lag.with_label_values(&series.labels(&p.topic)).set(clamp(lag));
        });
    }

    /// Bytes of batches held, and their bound: `bridge_buffered_bytes{shard}`, `bridge_buffer_limit_bytes{shard}`.
    pub fn buffered(&self, shard: u32, bytes: u64, limit: u64) {
        let label = &[shard.to_string()];
        self.families.buffered.with_label_values(label).set(clamp(bytes));
        self.families.buffer_limit.with_label_values(label).set(clamp(limit));
    }

    /// Bytes waiting in librdkafka's queue: `bridge_prefetched_bytes{shard}`.
    pub fn prefetched(&self, shard: u32, bytes: u64) {
        self.families.prefetched.with_label_values(&[shard.to_string()]).set(clamp(bytes));
    }

    /// A commit ended: `bridge_commits_total{outcome="ok|failed"}`.
    pub fn committed(&self, ok: bool) {
        self.families.commits.with_label_values(&[outcome(ok)]).inc();
    }

    /// A rebalance event: `bridge_rebalances_total{kind="assign|revoke|lost"}`, `bridge_rebalance_drain_seconds`
    /// (only a revoke drains).
    pub fn rebalanced(&self, kind: Rebalance, took: Duration) {
        self.families.rebalances.with_label_values(&[kind.as_str()]).inc();
        if kind == Rebalance::Revoke {
            self.families
                .rebalance_drain
                .with_label_values::<&str>(&[])
                .observe(took.as_secs_f64());
        }
    }

    /// An error librdkafka reported: `bridge_kafka_errors_total{code}`.
    pub fn kafka_error(&self, code: &str) {
        self.families.kafka_errors.with_label_values(&[code]).inc();
    }

    /// Records that retention deleted before they were read, an upper bound: `bridge_records_expired_total{topic}`.
    pub fn records_expired(&self, topic: &str, records: u64) {
        self.families.records_expired.with_label_values(&[topic]).inc_by(records);
    }

    /// Records that were `skipped`, or may come `again`, because a committed position was gone, an upper bound:
    /// `bridge_position_gone_records_total{topic,fate}`.
    pub fn position_gone(&self, topic: &str, fate: PositionGone, records: u64) {
        self.families.position_gone.with_label_values(&[topic, fate.as_str()]).inc_by(records);
    }

    /// Broker connections: `bridge_kafka_brokers{state="up|down"}`.
    pub fn kafka_brokers(&self, up: u64, down: u64) {
        self.families.kafka_brokers.with_label_values(&["up"]).set(clamp(up));
        self.families.kafka_brokers.with_label_values(&["down"]).set(clamp(down));
    }

    /// A connection attempt to Event Hubs ended: `bridge_eventhubs_connects_total{eventhubs_namespace,outcome}`.
    pub fn connect_attempted(&self, namespace: &str, ok: bool) {
        self.families.connects.with_label_values(&[namespace, outcome(ok)]).inc();
    }

    /// Whether a namespace is connected: `bridge_eventhubs_connected{eventhubs_namespace,shard}` 0 or 1.
    pub fn connected(&self, namespace: &str, shard: u32, up: bool) {
        let shard = shard.to_string();
        self.families.connected.with_label_values(&[namespace, &shard]).set(up.into());
    }

    /// Connections of a shard to a namespace: `bridge_eventhubs_connections{eventhubs_namespace,shard}`.
    pub fn connections(&self, namespace: &str, shard: u32, count: usize) {
        let shard = shard.to_string();
        self.families.connections.with_label_values(&[namespace, &shard]).set(clamp(count as u64));
    }

    /// So many more links are attached, or less: `bridge_eventhubs_links{eventhubs_namespace,shard}`.
    pub fn links(&self, namespace: &str, shard: u32, more: i64) {
        let shard = shard.to_string();
        self.families.links.with_label_values(&[namespace, &shard]).add(more);
    }

    /// How a namespace throttles, if it does: `bridge_throttled_bytes_per_second{eventhubs_namespace,shard}`,
    /// `bridge_throttled_lanes_waiting{eventhubs_namespace,shard}`, which are there only while it does.
    pub fn throttled(&self, namespace: &str, shard: u32, governed: Option<&Governed>) {
        let labels = [namespace, &shard.to_string()];
        let Families { throttled_rate, throttled_waiting, .. } = &self.families;
        if let Some(Governed { rate, waiting, .. }) = governed {
            throttled_rate.with_label_values(&labels).set(clamp(*rate));
            throttled_waiting.with_label_values(&labels).set(clamp(*waiting as u64));
        } else {
            drop(throttled_rate.remove_label_values(&labels));
            drop(throttled_waiting.remove_label_values(&labels));
        }
    }

    /// A hub partition is in this state since then, or not any more:
    /// `bridge_hub_partition_state_timestamp_seconds{eventhubs_namespace,hub,hub_partition,shard,state}`.
    pub fn hub_partition_state(
        &self,
        (hub, partition): (&HubName, &str),
        shard: u32,
        state: LaneState,
        unix_seconds: Option<u64>,
    ) {
        let (family, shard) = (&self.families.hub_partition_state, shard.to_string());
        let labels = [&*hub.namespace, &hub.hub, partition, &shard, state.as_str()];
        match unix_seconds {
            Some(since) => family.with_label_values(&labels).set(clamp(since)),
            None => drop(family.remove_label_values(&labels)),
        }
    }

    /// Whether a hub cannot be reached or refuses: `bridge_hub_unavailable{eventhubs_namespace,hub}` 0 or 1.
    pub fn hub_unavailable(&self, namespace: &str, hub: &str, unavailable: bool) {
        self.families.hub_unavailable.with_label_values(&[namespace, hub]).set(unavailable.into());
    }

    /// Whether a topic that is named is missing, or has no place: `bridge_topic_unavailable{topic}` 0 or 1.
    pub fn topic_unavailable(&self, topic: &str, unavailable: bool) {
        self.families.topic_unavailable.with_label_values(&[topic]).set(unavailable.into());
    }

    /// How many topics of patterns are left out because no hub could have their name: `bridge_topics_left_out{reason}`.
    pub fn topics_left_out(&self, count: usize) {
        self.families.topics_left_out.with_label_values(&["hub_name"]).set(clamp(count as u64));
    }

    /// A token was put: `bridge_token_renewals_total{eventhubs_namespace,outcome}`.
    pub fn token_put(&self, namespace: &str, ok: bool) {
        self.families.token_renewals.with_label_values(&[namespace, outcome(ok)]).inc();
    }

    /// When the token in use expires: `bridge_token_expiry_timestamp_seconds{eventhubs_namespace}`.
    pub fn token_expires(&self, namespace: &str, unix_seconds: u64) {
        self.families.token_expiry.with_label_values(&[namespace]).set(clamp(unix_seconds));
    }

    /// A link was attached: `bridge_links_attached_total{eventhubs_namespace,hub}`.
    pub fn link_attached(&self, hub: &HubName) {
        self.families.links_attached.with_label_values(&[&*hub.namespace, &hub.hub]).inc();
    }

    /// A registry may be asked from now on: creates its series, so that a rate has a zero to rise from.
    pub fn asks(&self, registry: &str) {
        for outcome in RegistryAnswer::ALL {
            self.families.registry_requests.with_label_values(&[registry, outcome.as_str()]);
        }
    }

    /// A registry was asked for a schema: `bridge_registry_requests_total{registry,outcome}` with outcome
    /// `ok|unknown|unauthorized|failed|unusable`.
    pub fn registry_asked(&self, registry: &str, outcome: RegistryAnswer) {
        self.families.registry_requests.with_label_values(&[registry, outcome.as_str()]).inc();
    }

    /// Values may be put into blobs from now on: creates the series, so that a rate has a zero to rise from.
    pub fn stores(&self) {
        for outcome in Upload::ALL {
            self.families.claim_checks.with_label_values(&[outcome.as_str()]);
        }
        self.families.claim_check_bytes.with_label_values::<&str>(&[]);
    }

    /// A value was put into a blob: `bridge_claim_check_uploads_total{outcome="ok"}`, `bridge_claim_check_bytes_total`.
    pub fn stored(&self, bytes: u64) {
        self.families.claim_checks.with_label_values(&[Upload::Ok.as_str()]).inc();
        self.families.claim_check_bytes.with_label_values::<&str>(&[]).inc_by(bytes);
    }

    /// A value could not be put into a blob: `bridge_claim_check_uploads_total{outcome}` with outcome `unauthorized|failed`.
    pub fn not_stored(&self, outcome: Upload) {
        self.families.claim_checks.with_label_values(&[outcome.as_str()]).inc();
    }

    /// A signal is exported by OTLP from now on: creates its series, so that a rate has a zero to rise from.
    pub fn exports(&self, signal: OtlpSignal) {
        for ok in [true, false] {
            self.families.otlp_exports.with_label_values(&[signal.as_str(), outcome(ok)]);
        }
    }

    /// A request to a collector ended: `bridge_otlp_exports_total{signal,outcome}`.
    pub fn exported(&self, signal: OtlpSignal, ok: bool) {
        self.families.otlp_exports.with_label_values(&[signal.as_str(), outcome(ok)]).inc();
    }

    /// Spans that no collector has: `bridge_otlp_spans_dropped_total{reason}` with reason `queue_full|not_delivered|rejected`.
    pub fn spans_dropped(&self, reason: SpansDropped, spans: u64) {
        self.families.otlp_spans_dropped.with_label_values(&[reason.as_str()]).inc_by(spans);
    }

    /// The page Prometheus scrapes.
    pub fn render(&self) -> String {
        // The encoder only refuses a family without a name or without series, and gathers neither.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
