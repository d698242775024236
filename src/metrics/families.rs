//! Every metric by name: what it is called, which labels it has, what it means. `docs/metrics.md` says the same.

use bridge_core::LetGo;
use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};

use super::{Rebalance, Reloaded};

/// 1 to 16 384, which is more events than fit a batch.
const EVENTS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0];
/// 256 bytes to 1 MiB, the most the service takes at once.
const BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0];
/// From a send within one rack to one that only its deadline ended.
const SEND: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// From the linger alone to a group that is a day behind.
const AGE: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
    7200.0, 28800.0, 86400.0,
];
/// Up to the longest drain timeout anyone sets.
const DRAIN: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// A hub: two namespaces may have one of the same name.
pub(super) const HUB: &[&str] = &["eventhubs_namespace", "hub"];

/// One line a family: what it is in code, and how it is made.
macro_rules! families {
    ($($field:ident: $kind:ty = $make:ident($($arg:expr),+ $(,)?);)+) => {
        /// All families, registered.
        pub(super) struct Families {
            $(pub(super) $field: $kind,)+
        }

        impl Families {
            pub(super) fn new(registry: &Registry) -> Self {
                let families = Self { $($field: $make(registry, $($arg),+),)+ };
                families.start_at_zero();
                families
            }

            /// Those that have no series, by their names in code.
            #[cfg(test)]
            pub(super) fn silent(&self) -> Vec<&'static str> {
                let mut silent = Vec::new();
                $(if self.$field.collect().iter().all(|it| it.get_metric().is_empty()) {
                    silent.push(stringify!($field));
                })+
                silent
            }
        }
    };
}

families! {
    records_received: IntCounterVec = counter("records_received_total", &["topic"],
        "Records read from Kafka.");
    received_bytes: IntCounterVec = counter("received_bytes_total", &["topic"],
        "Bytes of keys and values read from Kafka.");
    records_refused: IntCounterVec = counter("records_refused_total", &["topic", "policy", "reason"],
        "Records that can never be stored, by the policy applied.");
    records_filtered: IntCounterVec = counter("records_filtered_total", &["mapping", "reason"],
        "Records that their mapping filters, so that no event is sent.");
    events_spared: IntCounterVec = counter("events_already_stored_total", HUB,
        "Events that were not sent because their hub already had them, for mappings with effectively-once delivery.");
    looked_at: IntCounterVec = counter("lookup_events_read_total", HUB,
        "Events that were read to find out which had been sent before.");
    records_let_go: IntCounterVec = counter("records_let_go_total", &["reason"],
        "Records released without an acknowledgement and not committed; they are read again.");

    batches_sealed: IntCounterVec = counter("batches_sealed_total", &["eventhubs_namespace", "hub", "reason"],
        "Batches closed, by reason.");
    batch_events: HistogramVec = histogram("batch_events", HUB, EVENTS,
        "Events in a sealed batch.");
    batch_bytes: HistogramVec = histogram("batch_bytes", HUB, BYTES,
        "Encoded bytes of a sealed batch.");
    events_sent: IntCounterVec = counter("events_sent_total", HUB,
        "Events that Event Hubs accepted.");
    sent_bytes: IntCounterVec = counter("sent_bytes_total", HUB,
        "Encoded bytes that Event Hubs accepted.");
    send_duration: HistogramVec = histogram("send_duration_seconds", HUB, SEND,
        "Time from sending a batch to its acceptance.");
    send_retries: IntCounterVec = counter("send_retries_total", &["eventhubs_namespace", "hub", "cause"],
        "Sends that were retried, by cause.");
    end_to_end: HistogramVec = histogram("end_to_end_seconds", HUB, AGE,
        "Time from the Kafka timestamp of the oldest record of a batch to its acceptance.");

    in_flight_records: IntGaugeVec = gauge("in_flight_records", &["topic", "partition"],
        "Records read from Kafka and not yet settled.");
    oldest_in_flight: GaugeVec = seconds("oldest_in_flight_seconds", &["topic", "partition"],
        "Time since the oldest unsettled record was read.");
    lag_seconds: GaugeVec = seconds("lag_seconds", &["topic", "partition"],
        "Age of the oldest record that is not settled.");
    position: IntGaugeVec = gauge("position", &["topic", "partition"],
        "The next offset to commit.");
    partition_held: IntGaugeVec = gauge("partition_held", &["topic", "partition", "reason"],
        "1 while a partition is not read for this reason.");
    consumer_lag: IntGaugeVec = gauge("consumer_lag_records", &["topic", "partition"],
        "Records between the position and the end of the partition.");

    buffered: IntGaugeVec = gauge("buffered_bytes", &["shard"],
        "Bytes of records in memory: batches, blobs on their way, dead letters, records in flight.");
    buffer_limit: IntGaugeVec = gauge("buffer_limit_bytes", &["shard"],
        "Limit of the bytes of records in memory.");
    prefetched: IntGaugeVec = gauge("prefetched_bytes", &["shard"],
        "Bytes waiting in the Kafka client's queue.");

    commits: IntCounterVec = counter("commits_total", &["outcome"],
        "Commits that completed, by outcome.");
    rebalances: IntCounterVec = counter("rebalances_total", &["kind"],
        "Rebalance events, by kind.");
    rebalance_drain: HistogramVec = histogram("rebalance_drain_seconds", &[], DRAIN,
        "Time that a revoke waited for acknowledgements.");
    kafka_errors: IntCounterVec = counter("kafka_errors_total", &["code"],
        "Errors that the Kafka client reported, by code.");
    records_expired: IntCounterVec = counter("records_expired_total", &["topic"],
        "Records that retention deleted before they were read (at most).");
    position_gone: IntCounterVec = counter("position_gone_records_total", &["topic", "fate"],
        "Records that were skipped, or may be sent again, because a committed position was no longer in the log (at most).");
    kafka_brokers: IntGaugeVec = gauge("kafka_brokers", &["state"],
        "Known brokers, by state of their connection.");

    reloads: IntCounterVec = counter("config_reloads_total", &["outcome"],
        "Reloads of the configuration, by outcome.");
    reload_successful: IntGaugeVec = gauge("config_reload_successful", &[],
        "1 while the bridge runs with the configuration that it read last.");

    connects: IntCounterVec = counter("eventhubs_connects_total", &["eventhubs_namespace", "outcome"],
        "Connection attempts to Event Hubs, by outcome.");
    connected: IntGaugeVec = gauge("eventhubs_connected", &["eventhubs_namespace", "shard"],
        "1 while a shard is connected to a namespace.");
    connections: IntGaugeVec = gauge("eventhubs_connections", &["eventhubs_namespace", "shard"],
        "Connections of a shard to a namespace.");
    links: IntGaugeVec = gauge("eventhubs_links", &["eventhubs_namespace", "shard"],
        "Links of a shard that are attached to hubs of a namespace and their partitions.");
    throttled_rate: IntGaugeVec = gauge("throttled_bytes_per_second", &["eventhubs_namespace", "shard"],
        "Bytes per second that all throttled lanes of a namespace may send together.");
    throttled_waiting: IntGaugeVec = gauge("throttled_lanes_waiting", &["eventhubs_namespace", "shard"],
        "Lanes with a batch that wait for their turn while their namespace throttles.");
    hub_partition_state: IntGaugeVec = gauge("hub_partition_state_timestamp_seconds",
        &["eventhubs_namespace", "hub", "hub_partition", "shard", "state"],
        "Time at which a hub partition changed to its state, in seconds since the Unix epoch.");
    hub_unavailable: IntGaugeVec = gauge("hub_unavailable", &["eventhubs_namespace", "hub"],
        "1 while a hub cannot be reached, or refuses the bridge.");
    topic_unavailable: IntGaugeVec = gauge("topic_unavailable", &["topic"],
        "1 while a topic is missing, or some of its partitions have no hub partition to go to.");
    topics_left_out: IntGaugeVec = gauge("topics_left_out", &["reason"],
        "Topics that match a pattern, but are not read.");
    token_renewals: IntCounterVec = counter("token_renewals_total", &["eventhubs_namespace", "outcome"],
        "Tokens sent to Event Hubs, by outcome.");
    token_expiry: IntGaugeVec = gauge("token_expiry_timestamp_seconds", &["eventhubs_namespace"],
        "Time at which the current token expires, in seconds since the Unix epoch.");
    links_attached: IntCounterVec = counter("links_attached_total", HUB,
        "Links attached to hubs and their partitions.");

    claim_checks: IntCounterVec = counter("claim_check_uploads_total", &["outcome"],
        "Uploads of values that are too large for their hub.");
    claim_check_bytes: IntCounterVec = counter("claim_check_bytes_total", &[],
        "Bytes of values that were written to blobs, because they are too large for their hub.");
    registry_requests: IntCounterVec = counter("registry_requests_total", &["registry", "outcome"],
        "Requests for a schema and its references, by outcome.");

    otlp_exports: IntCounterVec = counter("otlp_exports_total", &["signal", "outcome"],
        "Requests to a collector of OpenTelemetry, by signal and outcome.");
    otlp_spans_dropped: IntCounterVec = counter("otlp_spans_dropped_total", &["reason"],
        "Spans that no collector received, by reason.");
}

impl Families {
    /// Series whose labels are known beforehand exist from the start: a rate needs a zero to rise from.
    fn start_at_zero(&self) {
        for outcome in ["ok", "failed"] {
            self.commits.with_label_values(&[outcome]);
        }
        for kind in Rebalance::ALL {
            self.rebalances.with_label_values(&[kind.as_str()]);
        }
        for reason in LetGo::ALL {
            self.records_let_go.with_label_values(&[reason.as_str()]);
        }
        for outcome in Reloaded::ALL {
            self.reloads.with_label_values(&[outcome.as_str()]);
        }
        // What was read at the start runs.
        self.reload_successful.with_label_values::<&str>(&[]).set(1);
        self.rebalance_drain.with_label_values::<&str>(&[]);
    }
}

/// Names are fixed in this file, and the tests make every one of them.
const VALID: &str = "every name is valid and used once";

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("bridge")
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, family: C) -> C {
    registry.register(Box::new(family.clone())).expect(VALID);
    family
}

pub(super) fn counter(
    registry: &Registry,
    name: &str,
    labels: &[&str],
    help: &str,
) -> IntCounterVec {
    register(registry, IntCounterVec::new(opts(name, help), labels).expect(VALID))
}

pub(super) fn gauge(registry: &Registry, name: &str, labels: &[&str], help: &str) -> IntGaugeVec {
    register(registry, IntGaugeVec::new(opts(name, help), labels).expect(VALID))
}

pub(super) fn seconds(registry: &Registry, name: &str, labels: &[&str], help: &str) -> GaugeVec {
    register(registry, GaugeVec::new(opts(name, help), labels).expect(VALID))
}

fn histogram(
    registry: &Registry,
    name: &str,
    labels: &[&str],
    buckets: &[f64],
    help: &str,
) -> HistogramVec {
    let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
    register(registry, HistogramVec::new(opts, labels).expect(VALID))
}

/// What every process tells of itself.
pub(super) fn process(registry: &Registry) {
    register_build(registry);
    #[cfg(target_os = "linux")]
    registry
        .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
        .expect("process metrics have names of their own");
}

/// `bridge_build_info{version,commit}`; whoever builds a release sets `BRIDGE_COMMIT`.
fn register_build(registry: &Registry) {
    let opts = Opts::new("bridge_build_info", "Always 1; the labels hold the version.");
    let info = IntGaugeVec::new(opts, &["version", "commit"]).expect("a valid name");
    let commit = option_env!("BRIDGE_COMMIT").unwrap_or("unknown");
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), commit]).set(1);
    registry.register(Box::new(info)).expect("a name of its own");
}
