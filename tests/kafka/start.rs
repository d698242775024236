//! Where reading begins: of a new group, of one that has committed, of a position that is gone.

use std::time::Duration;

use kafka_eventhubs_bridge::config::{OutOfRange, Start};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use stage::{Kafka, Out, unique, wait_for};

use crate::member::{Member, Sink};
use crate::shapes::{numbered, values};

const PATIENCE: Duration = Duration::from_secs(60);

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

/// What was committed along with a position.
fn label(kafka: &Kafka, group: &str, topic: &str) -> String {
    let client: BaseConsumer = kafka.config().set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    let list = client.committed_offsets(list, PATIENCE).unwrap();
    list.elements()[0].metadata().to_owned()
}

/// It stands, through restarts and whatever is written meanwhile, and keeps no other.
#[test]
fn a_position_that_is_gone_is_held_until_somebody_decides() {
    let kafka = Kafka::shared();
    for (position, first) in [(5, 12), (1000, 0)] {
        let (topic, group) = (unique("held"), unique("g"));
        kafka.create_topic(&topic, 2);
        kafka.produce(&topic, (0..40).map(|n| Out::value(n.to_string()).to(n % 2)));
        if first > 0 {
            kafka.delete_records(&topic, 0, first);
        }
        kafka.commit(&group, &topic, 0, position);
        kafka.commit(&group, &topic, 1, 0);
        let told = |policy| {
            let mut member = Member::new(kafka, &group, &topic);
            member.kafka.out_of_range = policy;
            member
        };
        let sink = Sink::default();
        let member = told(OutOfRange::Halt).join(&sink);
        sink.wait(20);
        wait_for("it is marked", PATIENCE, || {
            label(kafka, &group, &topic).starts_with("held").then_some(())
        });
        // Soon it looks as if the position were good.
        kafka.produce(&topic, (0..1100).map(|n| Out::value(n.to_string()).to(0)));
        kafka.produce(&topic, numbered(0..5).map(|out| out.to(1)));
        sink.wait(25);
        member.leave();
        assert_eq!(kafka.committed(&group, &topic, 0), Some(position));

        kafka.produce(&topic, numbered(0..5).map(|out| out.to(1)));
        let sink = Sink::default();
        let member = told(OutOfRange::Halt).join(&sink);
        sink.wait(5);
        member.leave();
        assert!(sink.places().iter().all(|(partition, _)| *partition == 1));
        assert_eq!(kafka.committed(&group, &topic, 0), Some(position));

        let sink = Sink::default();
        let member = told(OutOfRange::Earliest).join(&sink);
        let end = 20 + 1100;
        sink.wait((end - first) as usize);
        assert!(sink.places().into_iter().eq((first..end).map(|n| (0, n))));
        member.leave();
        assert_eq!(kafka.committed(&group, &topic, 0), Some(end));
        assert!(!label(kafka, &group, &topic).starts_with("held"));
    }
}

#[test]
fn a_position_that_is_gone_goes_on_at_the_end_when_told_to() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("end"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, numbered(0..20));
    kafka.delete_records(&topic, 0, 12);
    kafka.commit(&group, &topic, 0, 5);
    let mut member = Member::new(kafka, &group, &topic);
    member.kafka.out_of_range = OutOfRange::Latest;
    // Only what is pinned is committed.
    member.commit_every = None;
    let sink = Sink::default();
    let member = member.join(&sink);
    wait_for("the end is pinned", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(20)).then_some(())
    });
    kafka.produce(&topic, numbered(20..23));
    sink.wait(3);
    assert_eq!(sink.places(), [(0, 20), (0, 21), (0, 22)]);
    member.leave();
}

#[test]
fn partitions_that_break_together_are_mended_in_one_drain() {
    const COUNT: i32 = 40;
    let kafka = Kafka::shared();
    let topic = unique("together");
    kafka.create_topic(&topic, COUNT);
    let each = |count: i32| (0..count * COUNT).map(|n| Out::value(n.to_string()).to(n % COUNT));
    kafka.produce(&topic, each(5));
    let sink = Sink::default();
    let mut member = Member::new(kafka, &unique("g"), &topic);
    // What is in flight takes its time.
    member.delay = Duration::from_secs(2);
    let member = member.join(&sink);
    sink.wait(5 * COUNT as usize);
    let all = member.assigned();
    member.consumer.pause(&all);
    kafka.produce(&topic, each(20));
    for partition in 0..COUNT {
        kafka.delete_records(&topic, partition, 15);
    }
    member.consumer.resume(&all);
    sink.wait(15 * COUNT as usize);
    let revokes = member.revokes();
    assert_eq!(
        revokes.iter().sum::<usize>(),
        COUNT as usize,
        "each was assigned anew: {revokes:?}"
    );
    assert!(revokes.len() < 4, "drained together: {revokes:?}");
    assert_eq!((member.fatal(), member.assigned().len()), (None, COUNT as usize));
    let mut places = sink.places();
    places.sort_unstable();
    let expected = (0..COUNT).flat_map(|p| (0..5).chain(15..25).map(move |offset| (p, offset)));
    assert!(places.iter().copied().eq(expected), "{places:?}");
    member.leave();
}
