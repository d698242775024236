//! What is in the log of the broker: records of every shape and codec, holes, transactions, what retention took.

use std::collections::BTreeSet;
use std::time::Duration;

use eventhubs_local::Server;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use stage::audit::Auditor;
use stage::event::place;
use stage::records::record;
use stage::scene::HUB;
use stage::{Kafka, Out, PATIENCE, Settings, Supply, unique, wait_for};

fn server() -> Server {
    Server::builder().hub(HUB, 4).start().unwrap()
}

/// Every event compared with its record: keys, headers, tombstones, timestamps, in order and once.
pub(crate) fn copy(kafka: &Kafka) {
    let (topic, group, server) = (unique("copy"), unique("g"), server());
    let mut supply = Supply::new(kafka, &topic, 5);
    supply.write(4_000);
    let audit = Auditor::of(&topic, 5).begin(kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    supply.write(4_000);
    audit.wait_records(supply.total());
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}

/// Of many values of one key the cleaner leaves the last; what stands behind a hole is read all the same.
pub(crate) fn compacted(kafka: &Kafka) {
    const COUNT: i64 = 300;
    let (topic, group, server) = (unique("compacted"), unique("g"), server());
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "2000"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    kafka.create_topic_with(&topic, 1, &settings);
    let written =
        |n: i64| Out::value(format!("{n:060}")).key(format!("key-{}", n % 3)).at(n + 1).to(0);
    kafka.produce_with(&topic, (0..COUNT).map(written), &[("batch.num.messages", "1")]);
    wait_for("the cleaner has been there", PATIENCE, || {
        (survivors(kafka, &topic).len() < 100).then_some(())
    });
    // The last of each key must be there; of the others, what the cleaner has not come to yet.
    let audit = Auditor::of(&topic, 1)
        .written(move |_, n| written(n))
        .excuse(|(_, n)| n < COUNT - 3)
        .begin(kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    wait_for("everything is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(COUNT)).then_some(())
    });
    bridge.stop();
    let report = audit.finish(&[COUNT]);
    assert!(report.records < 100 && report.duplicates.is_empty(), "{report:?}");
    let hub = server.hub(HUB);
    let stored = hub.partitions().iter().flat_map(|partition| partition.events_from(0));
    let stored =
        stored.filter_map(|event| Some(place(event.message_id()?)?.2)).collect::<BTreeSet<_>>();
    assert!(stored.is_superset(&survivors(kafka, &topic)), "{stored:?}");
}

/// The offsets a topic of one partition still holds.
fn survivors(kafka: &Kafka, topic: &str) -> BTreeSet<i64> {
    let mut config = kafka.config();
    config.set("group.id", "survivors").set("enable.partition.eof", "true");
    let consumer: BaseConsumer = config.create().expect("a client");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).expect("an offset");
    consumer.assign(&list).expect("an assignment");
    let mut offsets = BTreeSet::new();
    wait_for("the topic is read to its end", PATIENCE, || {
        match consumer.poll(Duration::from_secs(1))? {
            Ok(record) => drop(offsets.insert(record.offset())),
            Err(KafkaError::PartitionEOF(_)) => return Some(()),
            Err(error) => panic!("`{topic}`: {error}"),
        }
        None
    });
    offsets
}

/// What was aborted is left out, and the markers at the end of the log are passed, so that no lag is left.
pub(crate) fn transactions(kafka: &Kafka) {
    let (topic, group, server) = (unique("transactions"), unique("g"), server());
    kafka.create_topic(&topic, 1);
    let producer: BaseProducer =
        kafka.config().set("transactional.id", unique("t")).create().expect("a producer");
    producer.init_transactions(PATIENCE).expect("the broker has transactions");
    let abort = |round: i64| round % 3 == 1;
    for round in 0..9 {
        producer.begin_transaction().expect("a transaction begins");
        for n in 0..10 {
            let value = format!("{round}.{n}");
            let record = BaseRecord::<(), str>::to(&topic).payload(&value).timestamp(round + 1);
            producer.send(record).expect("the producer takes it");
        }
        producer.flush(PATIENCE).expect("kafka takes the records");
        let ended = match abort(round) {
            true => producer.abort_transaction(PATIENCE),
            false => producer.commit_transaction(PATIENCE),
        };
        ended.expect("the transaction ends");
    }
    // Ten records and a marker each.
    let lost = move |offset: i64| offset % 11 == 10 || abort(offset / 11);
    let audit = Auditor::of(&topic, 1)
        .written(|_, at| Out::value(format!("{}.{}", at / 11, at % 11)).at(at / 11 + 1).to(0))
        .excuse(move |(_, offset)| lost(offset))
        .begin(kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    audit.wait_records(60);
    wait_for("the last marker is passed", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(99)).then_some(())
    });
    bridge.stop();
    let report = audit.finish(&[99]);
    assert_eq!((report.records, report.duplicates), (60, vec![]));
}

/// The idempotent producer writes it, headers and all.
pub(crate) fn letters(kafka: &Kafka) {
    const LIMIT: u64 = 16 << 10;
    let (topic, target, group) = (unique("alive"), unique("dead"), unique("g"));
    let server = Server::builder().hub(HUB, 4).max_message_size(LIMIT).start().unwrap();
    let large = |n: i64| n == 7;
    let written = move |n: i64| match large(n) {
        true => Out { value: Some(vec![b'x'; 2 * LIMIT as usize]), ..record(0, n) },
        false => record(0, n),
    };
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, (0..100).map(written));
    let audit = Auditor::of(&topic, 1).excuse(move |(_, n)| large(n)).begin(
        kafka,
        &group,
        &server.hub(HUB),
    );
    let settings = Settings::new(kafka, &group, &server)
        .mapping(&topic, HUB)
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"));
    let bridge = settings.start();
    audit.wait_records(99);
    wait_for("the letter is written", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(100)).then_some(())
    });
    bridge.stop();
    assert_eq!(audit.finish(&[100]).duplicates, []);
    let mut letters = kafka.records(&target, 0);
    let mut letter = letters.pop().expect("a letter");
    assert!(letters.is_empty(), "one record, one letter");
    let added = letter.headers.split_off(letter.headers.len() - 7);
    assert_eq!(letter, written(7), "to the byte");
    let named = |name: &str| {
        let found = added.iter().find(|(header, _)| header == name.as_bytes());
        found.and_then(|(_, value)| String::from_utf8(value.clone()?).ok())
    };
    assert_eq!(named("bridge_reason").as_deref(), Some("too_large"));
    assert_eq!(named("bridge_offset").as_deref(), Some("7"));
    super::commands::listed_and_purged(&settings, kafka, &target);
}

/// Writes `count` records to each partition of a topic in an older format.
fn write_old(kafka: &Kafka, version: &str, count: i64) -> String {
    let topic = unique("old");
    kafka.create_topic_with(&topic, 3, &[("message.format.version", version)]);
    for (partition, codec) in [(0, "none"), (1, "gzip"), (2, "lz4")] {
        let settings = [("enable.idempotence", "false"), ("compression.type", codec)];
        kafka.produce_with(&topic, (0..count).map(|n| old(partition, n)), &settings);
    }
    topic
}

/// No headers, and neither a key nor a value is missing.
fn old(partition: i32, n: i64) -> Out {
    let record = record(partition, n);
    let value = record.value.or_else(|| Some(Vec::new()));
    Out { headers: Vec::new(), value, ..record }
}

/// What a topic has kept since before Kafka 0.11 has no headers, and since before 0.10 no times.
pub(crate) fn old_format(kafka: &Kafka) {
    const COUNT: i64 = 2_000;
    for (version, timed) in [("0.9.0", false), ("0.10.2", true)] {
        let (group, server) = (unique("g"), server());
        let topic = write_old(kafka, version, COUNT);
        let written = move |partition, n| {
            let record = old(partition, n);
            Out { timestamp: record.timestamp.filter(|_| timed), ..record }
        };
        let audit = Auditor::of(&topic, 3).written(written);
        let audit = audit.begin(kafka, &group, &server.hub(HUB));
        let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
        audit.wait_records(3 * COUNT as u64);
        bridge.stop();
        assert_eq!(audit.finish(&[COUNT; 3]).duplicates, []);
    }
}

/// What is read wrongly from a newer broker looks the same, and is not passed over here either.
pub(crate) fn bare_in_old_format(kafka: &Kafka) {
    let (topic, group, server) = (unique("bare"), unique("g"), server());
    kafka.create_topic_with(&topic, 1, &[("message.format.version", "0.10.2")]);
    let written = |n: i64| match n {
        5 => Out { key: None, value: None, headers: Vec::new(), ..record(0, n) },
        _ => old(0, n),
    };
    kafka.produce_with(&topic, (0..10).map(written), &[("enable.idempotence", "false")]);
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    bridge.wait_log(&["WARN", &format!("cannot read `{topic}/0`"), "offset 5"]);
    bridge.stop();
    assert!(kafka.committed(&group, &topic, 0).unwrap_or(0) <= 5, "it is not passed over");
    assert!(server.hub(HUB).total() <= 5);
}

/// From brokers since 2.7 the client reads such records wrongly: better none than a wrong one. Compressed, it does not read
/// them at all, and says nothing.
pub(crate) fn old_format_misread(kafka: &Kafka) {
    for version in ["0.9.0", "0.10.2"] {
        let (group, server) = (unique("g"), server());
        let (old, new) = (write_old(kafka, version, 100), unique("new"));
        let mut supply = Supply::new(kafka, &new, 2);
        supply.write(100);
        let audit = Auditor::of(&new, 2).begin(kafka, &group, &server.hub(HUB));
        let settings = Settings::new(kafka, &group, &server).mapping(&old, HUB).mapping(&new, HUB);
        let bridge = settings.start();
        let words = ["the message format before kafka 0.11", "hint: copy the records"];
        let line = bridge.wait_log(&["WARN", &format!("cannot read `{old}/0`")]);
        bridge.wait_metric("bridge_kafka_errors_total", &["code=\"NotImplemented\""], 1.0);
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
        // What stands does not hold up the rest.
        audit.wait_records(supply.total());
        bridge.stop();
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
        assert_eq!(server.hub(HUB).total(), supply.total(), "nothing was made up");
        let committed = kafka.group(&group).committed(&old, &[0, 1, 2]).expect("kafka answers");
        assert_eq!(committed, [None; 3], "nothing was passed over");
    }
}

/// A dead-letter topic of that time takes no headers: nothing is lost, and it is said.
pub(crate) fn letters_in_old_format(kafka: &Kafka) {
    const LIMIT: u64 = 16 << 10;
    let (topic, target, group) = (unique("alive"), unique("dead"), unique("g"));
    let server = Server::builder().hub(HUB, 4).max_message_size(LIMIT).start().unwrap();
    kafka.create_topic(&topic, 1);
    kafka.create_topic_with(&target, 1, &[("message.format.version", "0.10.2")]);
    kafka.produce(&topic, [Out::value(vec![b'x'; 2 * LIMIT as usize])]);
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, HUB)
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"))
        .start();
    let line = bridge.wait_log(&["WARN", "a dead letter cannot be written yet", &target]);
    assert!(line.contains("UnsupportedForMessageFormat"), "{line}");
    bridge.stop();
    assert_eq!(kafka.committed(&group, &topic, 0).unwrap_or(0), 0, "it stands at the record");
}

/// Retention overtakes a group that does not read.
pub(crate) fn deleted(kafka: &Kafka) {
    let (topic, group, server) = (unique("expired"), unique("g"), server());
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(100);
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB);
    let audit = Auditor::of(&topic, 2)
        .excuse(|(partition, offset)| partition == 0 && (100..150).contains(&offset))
        .begin(kafka, &group, &server.hub(HUB));
    let bridge = settings.start();
    audit.wait_records(200);
    bridge.stop();
    supply.write(100);
    kafka.delete_records(&topic, 0, 150);
    let bridge = settings.start();
    audit.wait_records(supply.total() - 50);
    bridge.wait_metric("bridge_records_expired_total", &[], 50.0);
    bridge.wait_log(&["ERROR", "retention deleted", &topic, "100 to 149 are lost"]);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}
