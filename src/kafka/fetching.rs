//! How much a broker may answer to one fetch, so that what it unpacks to fits into the memory.
//!
//! librdkafka unpacks the whole of an answer before it looks at how much is queued, so what it holds at most is its queue
//! and one answer of every broker, unpacked. It is told how large an answer may be; how many times its size comes out is
//! measured, and the size follows. Until that is known, and after each assignment, a hundredfold is taken for granted.
//!
//! What no size bounds: a broker always gives the first batch of an answer whole, and a batch is only unpacked as a whole.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::config::{Kafka, Limits};
use crate::kafka::context::Context;
use crate::kafka::native::{self, Fetch};
use crate::record::TopicPartition;

/// What is taken for granted until it is measured.
const ASSUMED: f64 = 100.0;
/// Of a shard's memory, what the answers of all brokers may unpack to: a fifth.
const UNPACKED: u64 = 5;
/// Of a shard's memory, what the answers of all brokers may have as they come, however little is made of it: a 128th. A
/// topic that begins to compress is noticed only after the fetch.
const RECEIVED: u64 = 128;
/// What one broker may always answer.
const LEAST: u64 = 4096;
/// What librdkafka needs for a record besides its bytes.
const RECORD: u64 = 400;
/// Fewer bytes received between two reports say little: most of them are not records.
const EVIDENCE: u64 = 1 << 20;
/// How much of the ratio stays from one report to the next, when less comes out.
const KEPT: f64 = 0.8;
/// Of a shard's memory, what a single batch may unpack to before it is told: a half.
const BATCH: u64 = 2;

/// How long the question for the brokers of the cluster may take.
const ANSWER: Duration = Duration::from_secs(5);
/// When it is not answered.
const UNKNOWN: u64 = 8;

/// What is said of a topic whose batches are too large.
pub(super) const LARGE: &str = "uncompressed batches of this topic are larger than `limits.memory` allows; hint: raise `memory` under `[limits]` to four times these megabytes, and the limit of the container with it. Or make batches of the producers smaller (`batch.size`)";

/// What the client says of its fetches, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fetches {
    /// Bytes as they came from the brokers.
    pub(super) received: u64,
    /// Records that were in them.
    pub(super) records: u64,
    /// Bytes of these records.
    pub(super) unpacked: u64,
    /// Brokers that are fetched from.
    pub(super) brokers: u64,
}

impl Fetches {
    /// What the records took in memory.
    fn cost(&self) -> u64 {
        self.unpacked + self.records * RECORD
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Fetching {
    /// Memory of the shard.
    memory: u64,
    /// `None` until there was enough to measure.
    ratio: Option<f64>,
    brokers: u64,
    seen: Fetches,
    /// What the client was told last.
    told: u64,
    /// The operator has said how large an answer may be.
    fixed: bool,
    /// Topics whose batches were told to be too large.
    large: BTreeSet<String>,
}

impl Fetching {
    pub(super) fn new(kafka: &Kafka, limits: &Limits) -> Self {
        let memory = limits.of_shard();
        let mut new = Self {
            memory,
            ratio: None,
            brokers: 1,
            seen: Fetches::default(),
            told: 0,
            fixed: kafka.client.contains_key("fetch.max.bytes"),
            large: BTreeSet::new(),
        };
        new.told = new.size();
        new
    }

    /// Bytes that each broker may answer.
    pub(super) fn size(&self) -> u64 {
        let ratio = self.ratio.unwrap_or(ASSUMED).max(1.0);
        let all = (self.memory / UNPACKED) as f64 / ratio;
        ((all as u64).min(self.memory / RECEIVED) / self.brokers).max(LEAST)
    }

    /// How many brokers are fetched from, as far as is known.
    pub(super) fn brokers(&self) -> u64 {
        self.brokers
    }

    /// `partitions` are about to be read: whatever is in them, the first answers fit.
    pub(super) fn begin(
        &mut self,
        consumer: &BaseConsumer<Context>,
        partitions: &[TopicPartition],
    ) {
        let Some(any) = partitions.first() else { return };
        let metadata = consumer.fetch_metadata(Some(&any.topic), ANSWER);
        self.forget(metadata.map_or(UNKNOWN, |metadata| metadata.brokers().len() as u64));
        self.steer(consumer);
    }

    /// Tells the client what has changed.
    pub(super) fn steer(&mut self, consumer: &BaseConsumer<Context>) {
        let Some(bytes) = self.change() else { return };
        let context = consumer.context();
        tracing::debug!(shard = context.shard, bytes, "the size of fetches is set");
        if !native::set_live(consumer.client(), Fetch::Size, bytes) {
            context.complain("fetches", "librdkafka rejected the new size of fetches");
        }
    }

    /// Partitions are about to be read from these many brokers at most, and it is not known what is in them.
    fn forget(&mut self, brokers: u64) {
        self.ratio = None;
        self.brokers = brokers.max(1);
    }

    /// Learns from a report.
    pub(super) fn learn(&mut self, fetches: Fetches) {
        let received = fetches.received.saturating_sub(self.seen.received);
        let cost = fetches.cost().saturating_sub(self.seen.cost());
        self.seen = fetches;
        self.brokers = fetches.brokers.max(1);
        if received == 0 {
            return;
        }
        let measured = cost as f64 / received as f64;
        if measured > self.ratio.unwrap_or(ASSUMED) {
            self.ratio = Some(measured);
        } else if received >= EVIDENCE {
            self.ratio = Some(self.ratio.map_or(measured, |ratio| measured.max(ratio * KEPT)));
        }
    }

    /// The size the client is to be told, if it is another one than the last.
    fn change(&mut self) -> Option<u64> {
        let size = self.size();
        (std::mem::replace(&mut self.told, size) != size && !self.fixed).then_some(size)
    }

    /// Whether `bytes` of `topic`, unpacked at once, are more than any size of fetches can prevent, and it was not said yet.
    pub(super) fn is_new_and_large(&mut self, topic: &str, bytes: u64) -> bool {
        bytes > self.memory / BATCH && self.large.insert(topic.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sample;

    const MEMORY: u64 = 64 << 20;

    fn fetching() -> Fetching {
        let config = sample(|_| {});
        Fetching::new(&config.kafka, &Limits { memory: MEMORY, ..config.limits })
    }

    /// After another report, of records of 10 kB that compress so well.
    fn after(fetching: &mut Fetching, received: u64, ratio: u64) -> u64 {
        let seen = fetching.seen;
        fetching.learn(Fetches {
            received: seen.received + received,
            records: seen.records,
            unpacked: seen.unpacked + received * ratio,
            brokers: 1,
        });
        fetching.size()
    }

    #[test]
    fn what_a_hundredfold_unpacks_to_fits_before_anything_is_known() {
        let mut fetching = fetching();
        assert!(fetching.size() * 100 <= MEMORY / 5);
        fetching.forget(6);
        assert!(fetching.size() * 100 * 6 <= MEMORY / 5);
        assert_eq!(fetching.change(), Some(fetching.size()));
        assert_eq!(fetching.change(), None);
    }

    #[test]
    fn the_size_follows_what_comes_out_down_at_once_and_up_slowly() {
        let mut fetching = fetching();
        let start = fetching.size();
        assert_eq!(after(&mut fetching, 10_000, 1), start, "too little to tell");
        assert_eq!(after(&mut fetching, 10 << 20, 1), MEMORY / 128);
        let down = after(&mut fetching, 10_000, 1000);
        assert!(down * 1000 <= MEMORY / 5 && down * 1100 > MEMORY / 5, "{down}");
        let up = after(&mut fetching, 10 << 20, 1);
        assert!(down < up && up < down * 2, "{down} {up}");
        let reports = (0..40).take_while(|_| after(&mut fetching, 10 << 20, 1) < MEMORY / 128);
        assert!((5..30).contains(&reports.count()));
        fetching.forget(1);
        assert_eq!(fetching.size(), start);
    }

    #[test]
    fn small_records_count_for_what_they_cost() {
        let mut fetching = fetching();
        let received = 10 << 20;
        let records = received * 20 / 50;
        fetching.learn(Fetches { received, records, unpacked: received * 20, brokers: 1 });
        assert!(fetching.size() * 20 * 9 <= MEMORY / 5, "50 bytes take 450");
    }

    #[test]
    fn a_client_that_forgets_what_it_counted_is_no_reason_to_change() {
        let mut fetching = fetching();
        after(&mut fetching, 10 << 20, 50);
        let size = fetching.size();
        fetching.learn(Fetches { brokers: 1, ..Fetches::default() });
        assert_eq!(fetching.size(), size);
    }

    #[test]
    fn a_batch_that_is_too_large_is_told_once_for_each_topic() {
        let mut fetching = fetching();
        assert!(!fetching.is_new_and_large("a", MEMORY / 2));
        assert!(fetching.is_new_and_large("a", MEMORY / 2 + 1));
        assert!(!fetching.is_new_and_large("a", MEMORY));
        assert!(fetching.is_new_and_large("b", MEMORY));
    }
}
