//! A topic that is deleted and made again under its name, with more in it than the old one had: the old position exists
//! in it, and everything below would be missed.

use std::time::Duration;

use kafka_eventhubs_bridge::config::Start;
use kafka_eventhubs_bridge::record::TopicPartition;
use stage::{Kafka, Out, unique, wait_for};

use crate::member::{Member, Running, Seen, Sink};

const PATIENCE: Duration = Duration::from_secs(60);
const OLD: i64 = 500;
const NEW: i64 = 1500;

fn records(kind: &str, count: i64) -> Vec<Out> {
    (0..count).map(|n| Out::value(format!("{kind} {n}"))).collect()
}

/// The offsets of the new topic's records, in the order in which each came first.
fn new_ones(seen: &[Seen]) -> Vec<i64> {
    let mut offsets = Vec::new();
    for one in seen {
        if *one.value.as_ref().unwrap() == format!("new {}", one.offset).into_bytes()
            && !offsets.contains(&one.offset)
        {
            offsets.push(one.offset);
        }
    }
    offsets
}

#[track_caller]
fn wait_all_new(sinks: &[&Sink]) {
    wait_for("everything of the new topic", PATIENCE, || {
        let seen = sinks.iter().flat_map(|sink| sink.all()).collect::<Vec<_>>();
        (new_ones(&seen).len() as i64 == NEW).then_some(())
    });
}

#[track_caller]
fn wait_committed(kafka: &Kafka, group: &str, topic: &str, position: i64) {
    wait_for(&format!("{position} is committed"), PATIENCE, || {
        (kafka.committed(group, topic, 0) == Some(position)).then_some(())
    });
}

/// A member that has read the old topic, and finds the new one when it has been filled.
fn swap(kafka: &Kafka, member: Member, sink: &Sink, group: &str, topic: &str) -> Running {
    kafka.create_topic(topic, 1);
    kafka.produce(topic, records("old", OLD));
    // Committed beforehand, for members that start with what is new.
    kafka.commit(group, topic, 0, 0);
    let member = member.join(sink);
    sink.wait(OLD as usize);
    wait_committed(kafka, group, topic, OLD);
    let place = [TopicPartition::new(topic, 0)];
    member.consumer.pause(&place);
    kafka.delete_topic(topic);
    kafka.create_topic(topic, 1);
    wait_for("the new topic is there", PATIENCE, || {
        (kafka.watermarks(topic, 0) == (0, 0)).then_some(())
    });
    kafka.produce(topic, records("new", NEW));
    member.consumer.resume(&place);
    member
}

#[test]
fn a_topic_made_anew_is_read_from_its_beginning() {
    let kafka = Kafka::shared();
    for start in [Start::Earliest, Start::Latest] {
        let (topic, group) = (unique("anew"), unique("g"));
        let mut member = Member::new(kafka, &group, &topic).start_at(start);
        member.kafka.discovery_interval = Duration::from_millis(500);
        let sink = Sink::default();
        let member = swap(kafka, member, &sink, &group, &topic);
        wait_all_new(&[&sink]);
        let tail = sink.all().split_off(OLD as usize);
        // Reading went on at the old position until it was noticed.
        let ahead = tail.iter().take_while(|seen| seen.offset != 0).map(|seen| seen.offset);
        let ahead = ahead.collect::<Vec<_>>();
        assert!(ahead.iter().copied().eq((OLD..).take(ahead.len())), "{ahead:?}");
        assert_eq!(new_ones(&tail[ahead.len()..]), (0..NEW).collect::<Vec<_>>(), "{start:?}");
        wait_committed(kafka, &group, &topic, NEW);
        member.leave();
        assert_eq!(kafka.committed(&group, &topic, 0), Some(NEW));

        // What was committed is now of the new topic: nothing of it comes again.
        kafka.produce(&topic, records("more", 10));
        let sink = Sink::default();
        let member = Member::new(kafka, &group, &topic).start_at(start).join(&sink);
        sink.wait(10);
        assert_eq!(sink.places(), (NEW..NEW + 10).map(|n| (0, n)).collect::<Vec<_>>());
        member.leave();
    }
}

#[test]
fn an_old_position_committed_for_the_new_topic_is_not_trusted_by_the_next_process() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("anew"), unique("g"));
    let mut member = Member::new(kafka, &group, &topic);
    // It never notices.
    member.kafka.discovery_interval = Duration::from_hours(1);
    let sink = Sink::default();
    let member = swap(kafka, member, &sink, &group, &topic);
    wait_committed(kafka, &group, &topic, NEW);
    member.leave();
    // This is what it leaves behind, however it ends.
    assert_eq!(kafka.committed(&group, &topic, 0), Some(NEW));
    let next = Sink::default();
    let member = Member::new(kafka, &group, &topic).join(&next);
    wait_all_new(&[&sink, &next]);
    member.leave();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(NEW));
}
