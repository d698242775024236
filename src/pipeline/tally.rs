//! What a run took, so that the metrics are touched once a run and topic, not once a record.

use crate::metrics::Metrics;
use crate::record::Record;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) records: usize,
    topic: String,
    of_topic: u64,
    bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, record: &Record<'_>, metrics: &Metrics) {
        if self.topic != record.topic {
            self.report(metrics);
            record.topic.clone_into(&mut self.topic);
        }
        self.records += 1;
        self.of_topic += 1;
        self.bytes +=
            (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
    }

    pub(super) fn report(&mut self, metrics: &Metrics) {
        if self.of_topic > 0 {
            metrics.records_received(&self.topic, self.of_topic, self.bytes);
            self.of_topic = 0;
            self.bytes = 0;
        }
    }
}
