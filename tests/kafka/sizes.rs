//! What the bridge steers in a running librdkafka: how much a broker may answer to a fetch. librdkafka promises nothing of
//! the kind, so it is looked at here.

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};

use crate::support::{Kafka, Out, PATIENCE, unique, wait_for};

const RECORDS: u64 = 100;
const SIZE: u64 = 10_000;

/// Bytes of records that wait in the client.
#[derive(Default)]
struct Waiting(AtomicU64);

impl ClientContext for Waiting {
    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        self.0.store(partitions.map(|partition| partition.fetchq_size).sum(), Ordering::Relaxed);
    }
}

impl ConsumerContext for Waiting {}

/// Bytes of the records that come with the first fetch of a client that was told another size when it was running.
fn first_fetch(kafka: &Kafka, topic: &str, told: Option<u64>) -> u64 {
    let mut config = kafka.config();
    config.set("group.id", unique("g")).set("statistics.interval.ms", "50");
    // The first answer is more than enough.
    config.set("queued.max.messages.kbytes", "1").set("fetch.queue.backoff.ms", "1000");
    config.set("message.max.bytes", "1000").set("fetch.max.bytes", "5000000");
    config.set("fetch.message.max.bytes", "5000000");
    let client: BaseConsumer<Waiting> = config.create_with_context(Waiting::default()).unwrap();
    let client = Arc::new(client);
    if let Some(bytes) = told {
        let bytes = CString::new(bytes.to_string()).unwrap();
        // SAFETY: as in `native::set_fetch_size`.
        let result = unsafe {
            ffi::rd_kafka_conf_set(
                ffi::rd_kafka_conf(client.client().native_ptr()).cast_mut(),
                c"fetch.max.bytes".as_ptr(),
                bytes.as_ptr(),
                ptr::null_mut(),
                0,
            )
        };
        assert_eq!(result, ffi::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK);
    }
    let _apart = client.split_partition_queue(topic, 0).expect("a queue of its own");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    client.assign(&list).unwrap();
    wait_for("a fetch is answered", PATIENCE, || {
        assert!(client.poll(Duration::from_millis(10)).is_none(), "records go elsewhere");
        let waiting = client.context().0.load(Ordering::Relaxed);
        (waiting > 0).then_some(waiting)
    })
}

#[test]
fn a_running_client_takes_another_size_of_fetches() {
    let kafka = Kafka::shared();
    let topic = unique("sizes");
    kafka.create_topic(&topic, 1);
    let record = |_| Out::value(vec![b'a'; SIZE as usize]).to(0);
    kafka.produce_with(&topic, (0..RECORDS).map(record), &[("batch.num.messages", "1")]);
    assert_eq!(first_fetch(kafka, &topic, None), RECORDS * SIZE, "all at once");
    let few = first_fetch(kafka, &topic, Some(30_000));
    assert!(few <= 3 * SIZE, "{few}");
}
