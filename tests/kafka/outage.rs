//! The Kafka side of the bridge while brokers go away and come back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use stage::{Kafka, Out, unique, wait_for};

use crate::member::{Member, Sink};
use kafka_eventhubs_bridge::config::Holds;
use kafka_eventhubs_bridge::kafka::{DeadLetter, DeadLetters, Logins};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::TopicPartition;

#[test]
fn reading_goes_on_when_the_broker_is_back() {
    let kafka = Kafka::start(1);
    let (topic, group) = (unique("outage"), unique("g"));
    kafka.create_topic(&topic, 2);
    kafka.create_topic("dead", 1);
    let record = |n: i32| Out::value(n.to_string()).to(n % 2);
    kafka.produce(&topic, (0..100).map(record));
    let sink = Sink::default();
    let member = Member::new(&kafka, &group, &topic).join(&sink);
    sink.wait(100);
    kafka.stop(1);
    // A letter handed over while Kafka is away is written when it is back.
    let answers = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&answers);
    let on_done = Box::new(move |letter: DeadLetter, result| {
        told.lock().unwrap().push((letter.offset, result));
    });
    let config = Member::new(&kafka, &group, "").kafka;
    let desk = DeadLetters::start(
        &config,
        0,
        Logins::open(&config).unwrap(),
        Arc::new(Metrics::default()),
        None,
        on_done,
    )
    .unwrap();
    let letter = DeadLetter {
        id: 0,
        source: TopicPartition::new(topic.as_str(), 0),
        offset: 3,
        holds: Holds::Record,
        target: "dead".into(),
        hub: "orders".into(),
        namespace: "default".into(),
        reason: "refused",
        detail: "".into(),
    };
    desk.try_send(letter).unwrap();
    kafka.restart(1);
    kafka.produce(&topic, (100..200).map(record));
    sink.wait(200);
    wait_for("the letter", Duration::from_secs(120), || {
        answers.lock().unwrap().first().map(|answer| assert_eq!(*answer, (3, Ok(()))))
    });
    member.leave();
    let mut places = sink.places();
    places.sort_unstable();
    let expected = (0..2).flat_map(|p| (0..100).map(move |offset| (p, offset)));
    assert!(places.iter().copied().eq(expected), "lost or doubled: {places:?}");
    assert_eq!(kafka.committed(&group, &topic, 0), Some(100));
    assert_eq!(kafka.committed(&group, &topic, 1), Some(100));
}

#[test]
fn a_dead_leader_costs_nothing() {
    let kafka = Kafka::start(3);
    let (topic, group) = (unique("leader"), unique("g"));
    kafka.create_topic(&topic, 3);
    let record = |n: i32| Out::value(n.to_string()).to(n % 3);
    kafka.produce(&topic, (0..300).map(record));
    let sink = Sink::default();
    let member = Member::new(&kafka, &group, &topic).join(&sink);
    sink.wait(300);
    for id in 1..=3 {
        kafka.kill(id);
        let base = 300 * id as i32;
        kafka.produce(&topic, (base..base + 300).map(record));
        sink.wait(300 + base as usize);
        kafka.restart(id);
    }
    member.leave();
    let mut places = sink.places();
    places.sort_unstable();
    let expected = (0..3).flat_map(|p| (0..400).map(move |offset| (p, offset)));
    assert!(places.iter().copied().eq(expected), "lost or doubled");
    for partition in 0..3 {
        assert_eq!(kafka.committed(&group, &topic, partition), Some(400));
    }
}
