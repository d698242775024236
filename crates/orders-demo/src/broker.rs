//! The embedded Kafka: librdkafka's mock cluster, which speaks Kafka's protocol on a real socket.
//!
//! It keeps 5 MiB a partition and forgets the oldest; the order service never runs further ahead than that. Asked
//! about offsets it is asked as any Kafka is, through a consumer.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{Offset, TopicPartitionList};

use crate::TOPIC;

/// Partitions of the topic.
pub(crate) const PARTITIONS: usize = 4;

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A Kafka of one node. Gone when dropped.
pub(crate) struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

/// Where a partition ends, and where its group has got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) end: u64,
    /// 0 when nothing was ever committed.
    pub(crate) committed: u64,
}

impl Broker {
    /// Starts it, with its one topic.
    pub(crate) fn start() -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(1)?;
        cluster.create_topic(TOPIC, PARTITIONS as i32, 1)?;
        Ok(Self { cluster })
    }

    /// Where clients find it.
    pub(crate) fn bootstrap(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// The ends of all partitions, and what `group` has committed.
    pub(crate) fn offsets(&self, group: &str) -> Result<Vec<Offsets>, KafkaError> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap())
            .set("group.id", group)
            .create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_range(TOPIC, 0, PARTITIONS as i32 - 1);
        let committed = consumer.committed_offsets(list, LIMIT)?;
        (0..PARTITIONS as i32)
            .map(|partition| {
                let (_, end) = consumer.fetch_watermarks(TOPIC, partition, LIMIT)?;
                let committed = match committed.find_partition(TOPIC, partition) {
                    Some(found) => match found.offset() {
                        Offset::Offset(offset) => offset,
                        _ => 0,
                    },
                    None => 0,
                };
                Ok(Offsets { end: end as u64, committed: committed as u64 })
            })
            .collect()
    }
}
