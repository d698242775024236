//! The edge to Kafka: the bridge's own consumer, and a made-up cluster in this process.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use kafka_eventhubs_bridge::config::{Config, LeftOut, Topics};
use kafka_eventhubs_bridge::kafka::{
    self, Begun, Consumer, Delivered, Fetched, HeaderBuffer, Logins, Queue, RebalanceListener,
    Setup, Silent,
};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::{Commit, TopicPartition};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};

use crate::counted;
use crate::made::{Made, TOPIC};

/// Records, all of one batch: so all of them are in the queue when one is.
const MANY: usize = 66;
const PATIENCE: Duration = Duration::from_secs(60);

/// Says yes to everything.
struct Quiet;

impl RebalanceListener for Quiet {
    fn assigned(&self, _: &[Begun]) -> Result<(), Silent> {
        Ok(())
    }
    fn revoke(&self, _: &[TopicPartition]) -> Result<Vec<(TopicPartition, Commit)>, Silent> {
        Ok(Vec::new())
    }
    fn lost(&self, _: &[TopicPartition]) -> Result<(), Silent> {
        Ok(())
    }
}

/// A queue with records in it.
struct Reading {
    queue: Queue,
    consumer: Consumer,
    _cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Reading {
    fn start(size: usize) -> Self {
        let cluster = MockCluster::new(1).expect("a cluster");
        cluster.create_topic(TOPIC, 1, 1).expect("a topic");
        produce(&cluster.bootstrap_servers(), size);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("bridge.toml");
        let text = format!(
            "[kafka]\nbrokers = \"{}\"\ngroup_id = \"g\"\n[eventhubs]\nconnection_string = \
             \"Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=azE=\"\n[[mappings]]\ntopic = \"{TOPIC}\"\n\
             hub = \"{TOPIC}\"\n",
            cluster.bootstrap_servers(),
        );
        std::fs::write(&path, text).expect("a writable directory");
        let config = Config::load(&path, [], &[], kafka::objection).expect("a configuration");
        let setup = Setup {
            kafka: &config.kafka,
            limits: &config.limits,
            shard: 0,
            linger: Duration::ZERO,
            topics: vec![Topics::Named(vec![TOPIC.to_owned()])],
            left_out: LeftOut::default(),
            access: Logins::open(&config.kafka).expect("no secrets"),
            bounded: false,
            metrics: Arc::new(Metrics::default()),
            health: None,
            on_fatal: Box::new(|fatal| panic!("the consumer ended: {fatal}")),
        };
        let started = Consumer::start(setup, |_| Arc::new(Quiet));
        let (consumer, queue) = started.expect("the consumer starts");
        Self { queue, consumer, _cluster: cluster }
    }

    fn next(&mut self, patience: Duration) -> Fetched {
        match self.queue.poll(patience) {
            Some(Delivered::Record(fetched)) => fetched,
            other => panic!("all records are there: {other:?}"),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.consumer.stop(PATIENCE).ok();
    }
}

fn produce(brokers: &str, size: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "10000")
        .set("batch.size", "1000000")
        .create()
        .expect("a producer");
    for number in 0..MANY {
        let made = Made::new(number, size);
        let headers = made.headers().into_iter().fold(
            rdkafka::message::OwnedHeaders::new(),
            |headers, header| {
                let key = std::str::from_utf8(header.name).expect("a name");
                headers.insert(rdkafka::message::Header { key, value: header.value })
            },
        );
        let record = BaseRecord::to(TOPIC).key(&made.key).payload(&made.value).headers(headers);
        producer.send(record).expect("the queue has room");
    }
    producer.flush(PATIENCE).expect("the cluster takes it");
}

pub(crate) fn take(size: usize) -> usize {
    let mut reading = Reading::start(size);
    drop(reading.next(PATIENCE));
    // Not the last, whose end is that of the whole answer.
    let times = MANY - 2;
    counted(&mut || {
        for _ in 0..times {
            drop(black_box(reading.next(Duration::ZERO)));
        }
    });
    times
}

pub(crate) fn headers(size: usize) -> usize {
    let mut reading = Reading::start(size);
    let first = reading.next(PATIENCE);
    let all: Vec<_> = (1..MANY).map(|_| reading.next(Duration::ZERO)).collect();
    let mut memory = HeaderBuffer::new();
    assert_eq!(first.record(&mut memory).headers.len(), 2, "all of them");
    counted(&mut || {
        for fetched in &all {
            black_box(fetched.record(&mut memory));
        }
    });
    all.len()
}
