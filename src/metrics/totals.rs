//! What was counted so far, and how gauges stand, for who shows them otherwise than Prometheus.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use bridge_core::HubName;
use prometheus::core::Collector;

use super::Metrics;

/// What was counted since the start.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// By topic.
    pub topics: HashMap<Box<str>, TakenTotals>,
    /// By hub.
    pub hubs: HashMap<HubName, SentTotals>,
    /// Records in Kafka that are not delivered, of all partitions that are read; none while nothing is known of them.
    pub behind: Option<u64>,
}

/// Taken from a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TakenTotals {
    /// Records.
    pub records: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// Accepted by a hub.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SentTotals {
    /// Events.
    pub events: u64,
    /// Encoded bytes.
    pub bytes: u64,
    /// Batches.
    pub batches: u64,
    /// How long they took, together.
    pub seconds: f64,
}

/// How a shard, or a namespace, stands.
type ByLabel = BTreeMap<String, u64>;

impl Metrics {
    /// What was counted so far.
    pub fn totals(&self) -> Totals {
        let topics = self.topics.0.read().unwrap_or_else(PoisonError::into_inner);
        let taken = |topic: &super::TopicSeries| TakenTotals {
            records: topic.records.get(),
            bytes: topic.bytes.get(),
        };
        let hubs = self.hubs.0.read().unwrap_or_else(PoisonError::into_inner);
        let sent = |hub: &super::HubSeries| SentTotals {
            events: hub.events.get(),
            bytes: hub.bytes.get(),
            batches: hub.duration.get_sample_count(),
            seconds: hub.duration.get_sample_sum(),
        };
        let behind = sums(&self.families.consumer_lag, "topic");
        Totals {
            topics: topics.iter().map(|(name, it)| (name.clone(), taken(it))).collect(),
            hubs: hubs.iter().map(|(name, it)| (name.clone(), sent(it))).collect(),
            behind: (!behind.is_empty()).then(|| behind.into_values().sum()),
        }
    }

    /// Bytes waiting in the Kafka clients' queues.
    pub fn all_prefetched(&self) -> u64 {
        sums(&self.families.prefetched, "shard").into_values().sum()
    }

    /// By namespace: its connections, its links, and when the token used last ends, in seconds since the Unix epoch.
    pub fn namespaces(&self) -> [ByLabel; 3] {
        let Self { families, .. } = self;
        [&families.connections, &families.links, &families.token_expiry]
            .map(|family| sums(family, "eventhubs_namespace"))
    }
}

/// The sums of a family of gauges by one of its labels.
fn sums(family: &impl Collector, label: &str) -> ByLabel {
    let mut sums = ByLabel::new();
    let collected = family.collect();
    for metric in collected.iter().flat_map(prometheus::proto::MetricFamily::get_metric) {
        let Some(name) = metric.get_label().iter().find(|it| it.name() == label) else { continue };
        *sums.entry(name.value().to_owned()).or_default() += metric.get_gauge().get_value() as u64;
    }
    sums
}
