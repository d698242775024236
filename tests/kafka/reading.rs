//! What is read of a partition: every record as it was written, and none that does not count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_eventhubs_bridge::config::{LeftOut, Limits};
use kafka_eventhubs_bridge::kafka::{Begun, Consumer, Logins, RebalanceListener, Setup, Silent};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::{Commit, TopicPartition};
use stage::{Kafka, Out, unique};

use crate::member::{Member, Sink};
use crate::shapes::{assert_same, shapes, values};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_record_arrives_as_it_was_written() {
    let kafka = Kafka::shared();
    let topic = unique("content");
    kafka.create_topic(&topic, 1);
    for codec in ["none", "gzip", "zstd", "lz4", "snappy"] {
        kafka.produce_with(&topic, shapes(), &[("compression.type", codec)]);
    }
    let sink = Sink::default();
    let member = Member::new(kafka, &unique("g"), &topic).join(&sink);
    let seen = sink.wait(shapes().len() * 5);
    for (round, chunk) in seen.chunks(shapes().len()).enumerate() {
        for (index, (seen, out)) in chunk.iter().zip(shapes()).enumerate() {
            assert_same(seen, &out);
            assert_eq!(seen.topic, topic);
            assert_eq!(seen.offset, (round * shapes().len() + index) as i64);
        }
    }
    member.leave();
}

#[test]
fn aborted_transactions_are_not_read() {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
    let kafka = Kafka::shared();
    let topic = unique("transactions");
    kafka.create_topic(&topic, 1);
    let producer: BaseProducer =
        kafka.config().set("transactional.id", unique("t")).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    for (round, committed) in [true, false, true].into_iter().enumerate() {
        producer.begin_transaction().unwrap();
        for n in 0..3 {
            let value = format!("{round}.{n}");
            producer.send(BaseRecord::<(), str>::to(&topic).payload(&value)).unwrap();
        }
        if committed {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.flush(PATIENCE).unwrap();
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
    let sink = Sink::default();
    let member = Member::new(kafka, &unique("g"), &topic).join(&sink);
    let seen = sink.wait(6);
    assert_eq!(values(&seen), ["0.0", "0.1", "0.2", "2.0", "2.1", "2.2"]);
    let offsets = seen.iter().map(|seen| seen.offset).collect::<Vec<_>>();
    assert_eq!(offsets, [0, 1, 2, 8, 9, 10], "markers and aborted records leave holes");
    member.leave();
}

#[test]
fn a_paused_partition_stands_still_and_misses_nothing() {
    let kafka = Kafka::shared();
    let topic = unique("pause");
    kafka.create_topic(&topic, 2);
    let sink = Sink::default();
    let member = Member::new(kafka, &unique("g"), &topic).join(&sink);
    member.wait_assigned(2);
    let place = [TopicPartition::new(topic.as_str(), 0)];
    member.consumer.pause(&place);
    kafka.produce(&topic, (0..200).map(|n| Out::value(n.to_string()).to(n % 2)));
    sink.wait(100);
    assert!(sink.all().iter().all(|seen| seen.partition == 1));
    member.consumer.resume(&place);
    sink.wait(200);
    let zero = sink.places().into_iter().filter(|(p, _)| *p == 0).map(|(_, offset)| offset);
    assert_eq!(zero.collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    member.leave();
}

#[test]
fn a_waker_interrupts_a_poll() {
    let kafka = Kafka::shared();
    let topic = unique("wake");
    kafka.create_topic(&topic, 1);
    let member = Member::new(kafka, &unique("g"), &topic);
    let setup = Setup {
        kafka: &member.kafka,
        limits: &Limits { memory: 1 << 24, shards: 1, drain_timeout: Duration::from_secs(1) },
        shard: 0,
        linger: Duration::ZERO,
        topics: Vec::new(),
        left_out: LeftOut::default(),
        access: Logins::open(&member.kafka).unwrap(),
        bounded: false,
        metrics: Arc::new(Metrics::default()),
        health: None,
        on_fatal: Box::new(|_| {}),
    };
    let (consumer, mut queue) = Consumer::start(setup, |_| Arc::new(Nobody)).unwrap();
    let waker = queue.waker();
    let began = Instant::now();
    std::thread::scope(|scope| {
        // Woken again and again: whether the poll has begun can not be seen from here.
        let polled = scope.spawn(move || queue.poll(Duration::from_secs(120)).is_none());
        while !polled.is_finished() {
            waker.wake();
            std::thread::yield_now();
        }
        assert!(polled.join().unwrap());
    });
    assert!(began.elapsed() < PATIENCE);
    waker.wake();
    consumer.stop(PATIENCE).unwrap();
}

/// No pump.
struct Nobody;

impl RebalanceListener for Nobody {
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
