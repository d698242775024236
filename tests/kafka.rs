//! The Kafka side of the bridge against a real Kafka: what is read, from where, by whom, and what is committed.

#[path = "support/member.rs"]
mod member;
#[path = "support/kafka.rs"]
mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_eventhubs_bridge::config::{ClientValue, Start, Topics};
use kafka_eventhubs_bridge::kafka::{DeadLetters, Fatal, Letter, LetterError};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::{Position, TopicPartition};
use member::{Member, Seen, Sink};
use support::{Kafka, Out, unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

fn numbered(range: std::ops::Range<u32>) -> impl Iterator<Item = Out> {
    range.map(|n| Out::value(n.to_string()))
}

fn values(seen: &[Seen]) -> Vec<String> {
    let text = |seen: &Seen| String::from_utf8(seen.value.clone().unwrap()).unwrap();
    seen.iter().map(text).collect()
}

/// Records in all shapes Kafka knows.
fn shapes() -> Vec<Out> {
    vec![
        Out::value("plain").key("k").at(1_700_000_000_000),
        Out::value([0, 159, 146, 150]).key([0xff, 0x00, 0xfe]).at(1),
        Out { key: None, value: None, ..Out::default() }.at(5),
        Out::value("").key("").at(6),
        Out { key: Some(b"tombstone".to_vec()), ..Out::default() }.at(7),
        Out::value("headers")
            .header("a", Some(b"1"))
            .header("a", Some(b"2"))
            .header("null", None)
            .header("empty", Some(b""))
            .header("", Some(b"nameless"))
            .header([0xc3, 0x28, b'x'], Some(&[0xff, 0]))
            .header("z", Some(b"last"))
            .at(1_700_000_000_123),
        Out::value(vec![b'x'; 900_000]).key("large").at(9),
    ]
}

fn assert_same(seen: &Seen, out: &Out) {
    assert_eq!(seen.key, out.key);
    assert_eq!(seen.value, out.value);
    assert_eq!(seen.headers, out.headers);
    assert_eq!(seen.timestamp, out.timestamp);
}

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
fn a_new_group_starts_where_it_is_told() {
    let kafka = Kafka::shared();
    let topic = unique("start");
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, (0..10).map(|n| Out::value(n.to_string()).at(1_000 * (n + 1))));
    let cases = [
        (Start::Earliest, 0),
        (Start::At(3_000), 2),
        (Start::At(3_001), 3),
        (Start::At(0), 0),
        (Start::At(10_001), 10),
        (Start::Latest, 10),
    ];
    let members = cases.map(|(start, first)| {
        let (group, sink) = (unique("g"), Sink::default());
        let mut member = Member::new(kafka, &group, &topic).start_at(start);
        member.commit_every = None;
        let member = member.join(&sink);
        member.wait_assigned(1);
        if start == Start::Latest {
            // The end is pinned before anything is read: a crash now must not move it.
            assert_eq!(kafka.committed(&group, &topic, 0), Some(10));
        }
        (member, sink, start, first)
    });
    kafka.produce(&topic, [Out::value("10").at(20_000)]);
    for (member, sink, start, first) in members {
        let expected = (first..11).map(|n| n.to_string()).collect::<Vec<_>>();
        let seen = sink.wait(expected.len());
        assert_eq!(values(&seen), expected, "{start:?}");
        member.leave();
    }
}

#[test]
fn with_latest_new_partitions_are_read_from_their_beginning() {
    let kafka = Kafka::shared();
    let topic = unique("grow");
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, numbered(0..5));
    let sink = Sink::default();
    let member = Member::new(kafka, &unique("g"), &topic).start_at(Start::Latest).join(&sink);
    member.wait_assigned(1);
    kafka.add_partitions(&topic, 2);
    wait_for("the new partition takes records", PATIENCE, || {
        (kafka.watermarks(&topic, 1) == (0, 0)).then_some(())
    });
    kafka.produce(&topic, numbered(0..3).map(|out| out.to(1)));
    member.wait_assigned(2);
    sink.wait(3);
    assert_eq!(sink.places(), [(1, 0), (1, 1), (1, 2)]);
    member.leave();
}

#[test]
fn a_group_resumes_where_it_committed() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("resume"), unique("g"));
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, (0..20).map(|n| Out::value(n.to_string()).to(n % 2)));
    let sink = Sink::default();
    let member = Member::new(kafka, &group, &topic).join(&sink);
    sink.wait(20);
    // The asynchronous commit arrives while the member lives.
    wait_for("the commit", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(10)).then_some(())
    });
    // What is not assigned is not committed.
    let foreign = TopicPartition::new(topic.as_str(), 7);
    assert_eq!(member.consumer.commit_sync(&[(foreign, Position(3))], PATIENCE), Ok(()));
    let place = TopicPartition::new(topic.as_str(), 0);
    assert_eq!(member.consumer.commit_sync(&[(place, Position(10))], PATIENCE), Ok(()));
    kafka.produce(&topic, (20..30).map(|n| Out::value(n.to_string()).to(n % 2)));
    sink.wait(30);
    member.leave();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(15), "committed on leaving");
    assert_eq!(kafka.committed(&group, &topic, 1), Some(15), "committed on leaving");

    kafka.produce(&topic, (30..34).map(|n| Out::value(n.to_string()).to(n % 2)));
    let sink = Sink::default();
    let member = Member::new(kafka, &group, &topic).join(&sink);
    sink.wait(4);
    let mut places = sink.places();
    places.sort_unstable();
    assert_eq!(places, [(0, 15), (0, 16), (1, 15), (1, 16)]);
    member.leave();
}

#[test]
fn members_come_and_go_and_each_record_is_read_once() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("rebalance"), unique("g"));
    kafka.create_topic(&topic, 6);
    let sink = Sink::default();
    let member = || {
        let mut member = Member::new(kafka, &group, &topic);
        member.delay = Duration::from_millis(150);
        member
    };
    let first = member().join(&sink);
    first.wait_assigned(6);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut count = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let batch = (0..600).map(|n| Out::value(n.to_string()).to(n % 6));
                count += kafka.produce(&topic, batch).len();
            }
            count
        });
        for _ in 0..2 {
            let second = member().join(&sink);
            second.wait_assigned(3);
            first.wait_assigned(3);
            let before = sink.len();
            sink.wait(before + 1000);
            second.leave();
            first.wait_assigned(6);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        producer.join().unwrap()
    });
    sink.wait(written);
    first.leave();
    let mut places = sink.places();
    places.sort_unstable();
    let per_partition = (written / 6) as i64;
    let expected = (0..6).flat_map(|p| (0..per_partition).map(move |offset| (p, offset)));
    assert!(places.iter().copied().eq(expected), "lost or doubled among {written}");
}

#[test]
fn a_pattern_takes_topics_that_come_later() {
    let kafka = Kafka::shared();
    let prefix = unique("pattern");
    let name = |end: &str| format!("{prefix}.{end}");
    kafka.create_topic(&name("one"), 1);
    kafka.create_topic(&name("dead"), 1);
    let sink = Sink::default();
    let mut member = Member::new(kafka, &unique("g"), "");
    let pattern = format!("^{}\\.[a-z]+", regex::escape(&prefix));
    member.topics = vec![Topics::Pattern(regex::Regex::new(&pattern).unwrap())];
    member.excluded = vec![name("dead")];
    let member = member.join(&sink);
    member.wait_assigned(1);
    for end in ["two", "TWO", "two.three"] {
        kafka.create_topic(&name(end), 1);
    }
    for end in ["one", "two", "TWO", "two.three", "dead"] {
        kafka.produce(&name(end), [Out::value(end)]);
    }
    member.wait_assigned(2);
    sink.wait(2);
    let mut seen = values(&sink.all());
    seen.sort_unstable();
    assert_eq!(seen, ["one", "two"]);
    kafka.delete_topic(&name("two"));
    member.wait_assigned(1);
    member.leave();
}

#[test]
fn a_position_that_is_gone_continues_at_the_first_record_there_is() {
    let kafka = Kafka::shared();
    let topic = unique("range");
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, (0..40).map(|n| Out::value(n.to_string()).to(n % 2)));
    kafka.delete_records(&topic, 0, 12);
    let group = unique("g");
    // Retention overtook partition 0; partition 1 was committed by the group of an older topic of that name.
    kafka.commit(&group, &topic, 0, 5);
    kafka.commit(&group, &topic, 1, 1000);
    let sink = Sink::default();
    let member = Member::new(kafka, &group, &topic).join(&sink);
    sink.wait(28);
    let mut places = sink.places();
    places.sort_unstable();
    let expected = (12..20).map(|n| (0, n)).chain((0..20).map(|n| (1, n))).collect::<Vec<_>>();
    assert_eq!(places, expected);
    member.leave();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(20));
    assert_eq!(kafka.committed(&group, &topic, 1), Some(20));
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
fn a_second_process_with_the_same_instance_id_fences_the_first() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("fence"), unique("g"));
    kafka.create_topic(&topic, 1);
    let member = || {
        let mut member = Member::new(kafka, &group, &topic);
        member.kafka.instance_id = Some("pod-0".to_owned());
        let timeout = ("session.timeout.ms".to_owned(), ClientValue::Integer(6_000));
        member.kafka.client.extend([timeout]);
        member
    };
    let sink = Sink::default();
    let first = member().join(&sink);
    first.wait_assigned(1);
    let second = member().join(&sink);
    let fatal = wait_for("the first is fenced", PATIENCE, || first.fatal());
    assert!(matches!(&fatal, Fatal::Refused { code, .. } if code == "FencedInstanceId"), "{fatal}");
    assert!(first.assigned().is_empty(), "everything was taken from the pump");
    first.leave();
    second.wait_assigned(1);
    kafka.produce(&topic, [Out::value("x")]);
    sink.wait(1);
    second.leave();
}

#[test]
fn a_waker_interrupts_a_poll() {
    let kafka = Kafka::shared();
    let topic = unique("wake");
    kafka.create_topic(&topic, 1);
    let member = Member::new(kafka, &unique("g"), &topic);
    let setup = kafka_eventhubs_bridge::kafka::Setup {
        kafka: &member.kafka,
        limits: &kafka_eventhubs_bridge::config::Limits {
            memory: 1 << 24,
            shards: 1,
            drain_timeout: Duration::from_secs(1),
        },
        shard: 0,
        topics: Vec::new(),
        excluded: Vec::new(),
        metrics: Arc::new(Metrics::default()),
        on_fatal: Box::new(|_| {}),
    };
    struct Nobody;
    impl kafka_eventhubs_bridge::kafka::Intake for Nobody {
        fn assigned(&self, _: &[TopicPartition]) {}
        fn revoke(&self, _: &[TopicPartition]) -> Vec<(TopicPartition, Position)> {
            Vec::new()
        }
        fn lost(&self, _: &[TopicPartition]) {}
    }
    let (consumer, mut queue) =
        kafka_eventhubs_bridge::kafka::Consumer::start(setup, |_| Arc::new(Nobody)).unwrap();
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

type Answers = Arc<Mutex<Vec<(Letter, Result<(), LetterError>)>>>;

fn letter(topic: &str, offset: i64, target: &str) -> Letter {
    Letter {
        id: 0,
        source: TopicPartition::new(topic, 0),
        offset,
        target: target.into(),
        reason: "too_large",
        detail: "larger than the 1048576 bytes the link takes".to_owned(),
    }
}

fn desk(kafka: &Kafka, group: &str) -> (DeadLetters, Answers) {
    let answers = Answers::default();
    let told = Arc::clone(&answers);
    let config = Member::new(kafka, group, "").kafka;
    let on_done = Box::new(move |letter, result| told.lock().unwrap().push((letter, result)));
    let desk = DeadLetters::start(&config, 0, Arc::new(Metrics::default()), on_done).unwrap();
    (desk, answers)
}

fn wait_answers(answers: &Answers, count: usize) -> Vec<(Letter, Result<(), LetterError>)> {
    wait_for(&format!("{count} answers"), Duration::from_secs(120), || {
        let answers = answers.lock().unwrap();
        (answers.len() >= count).then(|| answers.clone())
    })
}

#[test]
fn a_dead_letter_is_the_record_and_the_reason() {
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("alive"), unique("dead"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, shapes());
    let (desk, answers) = desk(kafka, &group);
    let count = shapes().len() as i64;
    for offset in 0..count {
        desk.try_send(letter(&topic, offset, &target)).unwrap();
    }
    let answered = wait_answers(&answers, count as usize);
    for (offset, (letter, result)) in answered.iter().enumerate() {
        assert_eq!((letter.offset, result), (offset as i64, &Ok(())));
    }
    let sink = Sink::default();
    let member = Member::new(kafka, &unique("g"), &target).join(&sink);
    for (offset, (seen, mut out)) in sink.wait(count as usize).iter().zip(shapes()).enumerate() {
        let offset = offset.to_string();
        for (name, value) in [
            ("bridge_reason", "too_large"),
            ("bridge_detail", "larger than the 1048576 bytes the link takes"),
            ("bridge_topic", &topic),
            ("bridge_partition", "0"),
            ("bridge_offset", &offset),
        ] {
            out = out.header(name, Some(value.as_bytes()));
        }
        assert_same(seen, &out);
    }
    member.leave();
    drop(desk);
    assert_eq!(kafka.committed(&group, &topic, 0), None, "the desk commits nothing");
}

#[test]
fn a_dead_letter_that_can_never_be_written_says_why() {
    let kafka = Kafka::shared();
    let (topic, target, small) = (unique("alive"), unique("dead"), unique("small"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    kafka.create_topic_with(&small, 1, &[("max.message.bytes", "1000")]);
    kafka.produce(&topic, [Out::value("a"), Out::value(vec![b'x'; 5000]), Out::value("c")]);
    kafka.delete_records(&topic, 0, 1);
    let (desk, answers) = desk(kafka, &unique("g"));
    desk.try_send(letter(&topic, 0, &target)).unwrap();
    desk.try_send(letter(&topic, 1, &small)).unwrap();
    desk.try_send(letter(&topic, 2, &small)).unwrap();
    let answers = wait_answers(&answers, 3);
    assert_eq!(answers[0].1, Err(LetterError::Gone));
    assert!(matches!(answers[1].1, Err(LetterError::Refused(_))), "{:?}", answers[1].1);
    assert_eq!(answers[2].1, Ok(()));
    assert_eq!(kafka.watermarks(&small, 0), (0, 1));
    drop(desk);
}
