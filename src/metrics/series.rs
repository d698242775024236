//! Series found once and kept: one look-up where a batch would need five.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use bridge_core::{HoldReason, HubName};
use prometheus::{Gauge, Histogram, IntCounter, IntGauge};

use super::families::Families;

/// Series by the name of what they belong to.
pub(super) struct ByName<N, S>(pub(super) RwLock<HashMap<N, Arc<S>>>);

impl<N, S> Default for ByName<N, S> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<N: Hash + Eq, S> ByName<N, S> {
    /// The series of `name`, made on first use.
    pub(super) fn get<Q>(&self, name: &Q, make: impl FnOnce(&Q) -> S) -> Arc<S>
    where
        N: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned: Into<N>> + ?Sized,
    {
        // A panic cannot leave the map half changed, so a poisoned lock is as good as any.
        if let Some(series) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(series);
        }
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(map.entry(name.to_owned().into()).or_insert_with(|| Arc::new(make(name))))
    }
}

/// What is counted per topic.
pub(super) struct TopicSeries {
    pub(super) records: IntCounter,
    pub(super) bytes: IntCounter,
}

impl TopicSeries {
    pub(super) fn new(families: &Families, topic: &str) -> Self {
        let label = &[topic];
        Self {
            records: families.records_received.with_label_values(label),
            bytes: families.received_bytes.with_label_values(label),
        }
    }
}

/// What is counted per hub.
pub(super) struct HubSeries {
    pub(super) batch_events: Histogram,
    pub(super) batch_bytes: Histogram,
    pub(super) events: IntCounter,
    pub(super) bytes: IntCounter,
    pub(super) duration: Histogram,
    pub(super) end_to_end: Histogram,
}

impl HubSeries {
    pub(super) fn new(families: &Families, hub: &HubName) -> Self {
        let label = &[&*hub.namespace, &*hub.hub];
        Self {
            batch_events: families.batch_events.with_label_values(label),
            batch_bytes: families.batch_bytes.with_label_values(label),
            events: families.events_sent.with_label_values(label),
            bytes: families.sent_bytes.with_label_values(label),
            duration: families.send_duration.with_label_values(label),
            end_to_end: families.end_to_end.with_label_values(label),
        }
    }
}

/// Partitions that are read now. What is said about any other is late, and must not bring its series back.
#[derive(Default)]
pub(super) struct AssignedSeries(RwLock<HashMap<Arc<str>, HashMap<i32, PartitionSeries>>>);

/// The series of one partition.
pub(super) struct PartitionSeries {
    label: String,
    pub(super) in_flight: IntGauge,
    pub(super) oldest: Gauge,
    pub(super) lag: Gauge,
    /// Shards that read it. One, except while a partition moves between shards of this process: the one that comes
    /// may speak before the one that goes.
    readers: u32,
}

impl PartitionSeries {
    /// The labels of its series.
    pub(super) fn labels<'a>(&'a self, topic: &'a str) -> [&'a str; 2] {
        [topic, &self.label]
    }
}

impl AssignedSeries {
    pub(super) fn add(&self, families: &Families, topic: &Arc<str>, partition: i32) {
        let mut topics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let partitions = topics.entry(Arc::clone(topic)).or_default();
        let series = partitions.entry(partition).or_insert_with(|| {
            let label = partition.to_string();
            // What alerts look at; the others come with their first time.
            for reason in [HoldReason::Halted, HoldReason::HubUnavailable] {
                let labels = [topic, label.as_str(), reason.as_str()];
                families.partition_held.with_label_values(&labels).set(0);
            }
            let labels: [&str; 2] = [topic, &label];
            let in_flight = families.in_flight_records.with_label_values(&labels);
            let oldest = families.oldest_in_flight.with_label_values(&labels);
            let lag = families.lag_seconds.with_label_values(&labels);
            PartitionSeries { label, in_flight, oldest, lag, readers: 0 }
        });
        series.readers += 1;
    }

    pub(super) fn remove(&self, families: &Families, topic: &str, partition: i32) {
        let mut topics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(partitions) = topics.get_mut(topic) else { return };
        let Some(series) = partitions.get_mut(&partition) else { return };
        series.readers -= 1;
        if series.readers > 0 {
            return;
        }
        families.forget(&series.labels(topic));
        partitions.remove(&partition);
        if partitions.is_empty() {
            topics.remove(topic);
        }
    }

    /// Does `set` to the series of a partition that is read now; `set` must not come back here.
    pub(super) fn with(&self, topic: &str, partition: i32, set: impl FnOnce(&PartitionSeries)) {
        // Held while setting, so that a series removed meanwhile stays removed.
        let topics = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = topics.get(topic).and_then(|it| it.get(&partition)) {
            set(series);
        }
    }
}

impl Families {
    /// Removes every series of a partition; those never set have nothing to remove.
    fn forget(&self, labels: &[&str; 2]) {
        let [topic, partition] = *labels;
        let gauges = [&self.in_flight_records, &self.position, &self.consumer_lag];
        for family in gauges {
            drop(family.remove_label_values(labels));
        }
        for family in [&self.oldest_in_flight, &self.lag_seconds] {
            drop(family.remove_label_values(labels));
        }
        for reason in HoldReason::ALL {
            let labels = [topic, partition, reason.as_str()];
            drop(self.partition_held.remove_label_values(&labels));
        }
    }
}
