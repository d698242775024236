//! What the bridge steers in a running librdkafka: how much a broker may answer to a fetch, and what it waits for before. librdkafka
//! promises nothing of the kind, so it is looked at here.

use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use stage::{Kafka, Out, PATIENCE, unique, wait_for};

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

/// Changes a setting of a running client.
fn tell(client: &BaseConsumer<Waiting>, key: &CStr, value: u64) {
    let value = CString::new(value.to_string()).unwrap();
    // SAFETY: as in `native::set_live`.
    let result = unsafe {
        ffi::rd_kafka_conf_set(
            ffi::rd_kafka_conf(client.client().native_ptr()).cast_mut(),
            key.as_ptr(),
            value.as_ptr(),
            ptr::null_mut(),
            0,
        )
    };
    assert_eq!(result, ffi::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK);
}

/// A client that was told another value of these settings when it was running.
fn reader(kafka: &Kafka, told: &[(&CStr, u64)]) -> Arc<BaseConsumer<Waiting>> {
    let mut config = kafka.config();
    config.set("group.id", unique("g")).set("statistics.interval.ms", "50");
    // The first answer is more than enough.
    config.set("queued.max.messages.kbytes", "1").set("fetch.queue.backoff.ms", "1000");
    config.set("message.max.bytes", "1000").set("fetch.max.bytes", "5000000");
    config.set("fetch.message.max.bytes", "5000000");
    let client: BaseConsumer<Waiting> = config.create_with_context(Waiting::default()).unwrap();
    let client = Arc::new(client);
    for (key, value) in told {
        tell(&client, key, *value);
    }
    client
}

/// Bytes of the records that come with its first fetch; `meanwhile` is done when it reads.
fn first_fetch(client: &Arc<BaseConsumer<Waiting>>, topic: &str, meanwhile: impl FnOnce()) -> u64 {
    let _apart = client.split_partition_queue(topic, 0).expect("a queue of its own");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    client.assign(&list).unwrap();
    meanwhile();
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
    let all = first_fetch(&reader(kafka, &[]), &topic, || {});
    assert_eq!(all, RECORDS * SIZE, "all at once");
    let few = reader(kafka, &[(c"fetch.max.bytes", 30_000)]);
    let few = first_fetch(&few, &topic, || {});
    assert!(few <= 3 * SIZE, "{few}");
}

#[test]
fn a_running_client_has_a_broker_wait_for_more() {
    let kafka = Kafka::shared();
    let topic = unique("gathered");
    kafka.create_topic(&topic, 1);
    let record = || Out::value(vec![b'a'; SIZE as usize]).to(0);
    // Longer than this test waits for anything, so that nothing but enough records ends it.
    let told = [(c"fetch.wait.max.ms", 300_000), (c"fetch.min.bytes", 3 * SIZE)];
    let client = reader(kafka, &told);
    let first = first_fetch(&client, &topic, || {
        for _ in 0..4 {
            kafka.produce(&topic, [record()]);
        }
    });
    assert!(first >= 3 * SIZE, "{first}");
}
