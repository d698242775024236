//! With `latest` or a time, where a partition begins is settled once: no restart, second member or crash moves it past records.

use std::time::Duration;

use kafka_eventhubs_bridge::config::Start;
use stage::{Kafka, Out, unique, wait_for};

use crate::member::{Member, Sink};
use crate::shapes::{numbered, values};

const PATIENCE: Duration = Duration::from_secs(60);

fn grow(kafka: &Kafka, topic: &str) {
    kafka.add_partitions(topic, 2);
    wait_for("the new partition takes records", PATIENCE, || {
        (kafka.watermarks(topic, 1) == (0, 0)).then_some(())
    });
}

/// A topic of one partition that holds five records, and a group that has never read it.
fn five_records(kafka: &Kafka, name: &str) -> (String, String) {
    let (topic, group) = (unique(name), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, numbered(0..5));
    (topic, group)
}

/// Writes ten records to the new partition.
fn ten_more(kafka: &Kafka, topic: &str) {
    kafka.produce(topic, numbered(0..10).map(|out| out.to(1)));
}

/// All of them are read, and nothing else.
fn wait_ten(sink: &Sink) {
    sink.wait(10);
    assert_eq!(sink.places(), (0..10).map(|n| (1, n)).collect::<Vec<_>>());
}

fn latest(kafka: &Kafka, group: &str, topic: &str) -> Member {
    let mut member = Member::new(kafka, group, topic).start_at(Start::Latest);
    // It commits nothing while it runs: what is committed is what it leaves behind, however it ends.
    member.commit_every = None;
    member
}

#[test]
fn a_new_partition_is_read_from_its_beginning_by_the_next_process() {
    let kafka = Kafka::shared();
    let (topic, group) = five_records(kafka, "grown");
    let sink = Sink::default();
    let member = latest(kafka, &group, &topic).join(&sink);
    member.wait_assigned(1);
    assert_eq!(kafka.committed(&group, &topic, 0), Some(5));
    grow(kafka, &topic);
    member.wait_assigned(2);
    assert_eq!(kafka.committed(&group, &topic, 1), Some(0), "before its first record");
    member.leave();
    ten_more(kafka, &topic);
    let member = latest(kafka, &group, &topic).join(&sink);
    wait_ten(&sink);
    member.leave();
}

/// The topic grows while nobody is there.
#[test]
fn a_partition_added_while_the_group_is_away_is_read_from_its_beginning() {
    let kafka = Kafka::shared();
    let (topic, group) = five_records(kafka, "away");
    let sink = Sink::default();
    let member = latest(kafka, &group, &topic).join(&sink);
    member.wait_assigned(1);
    member.leave();
    grow(kafka, &topic);
    ten_more(kafka, &topic);
    let member = latest(kafka, &group, &topic).join(&sink);
    wait_ten(&sink);
    member.leave();
}

#[test]
fn a_second_member_that_started_after_the_growth_reads_the_new_partition_from_its_beginning() {
    let kafka = Kafka::shared();
    let (topic, group) = five_records(kafka, "second");
    let sink = Sink::default();
    let mut first = latest(kafka, &group, &topic);
    // It does not find the new partition before the second comes.
    first.kafka.discovery_interval = Duration::from_mins(5);
    let first = first.join(&sink);
    first.wait_assigned(1);
    grow(kafka, &topic);
    ten_more(kafka, &topic);
    let second = latest(kafka, &group, &topic).join(&sink);
    wait_ten(&sink);
    second.leave();
    first.leave();
}

#[test]
fn a_time_after_the_end_is_settled_once() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("time"), unique("g"));
    kafka.create_topic(&topic, 2);
    let early = |n: i32| Out::value(n.to_string()).at(1_000).to(n % 2);
    kafka.produce(&topic, (0..10).map(early));
    let member = || {
        let mut member = Member::new(kafka, &group, &topic).start_at(Start::At(5_000));
        member.commit_every = None;
        member
    };
    let sink = Sink::default();
    let first = member().join(&sink);
    first.wait_assigned(2);
    first.leave();
    // Records that are older than the time, by their producers' clocks, and younger than the start.
    kafka.produce(&topic, (10..20).map(early));
    let second = member().join(&sink);
    sink.wait(10);
    second.leave();
    let mut seen = values(&sink.all());
    seen.sort_unstable();
    assert_eq!(seen, (10..20).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// The first of them finds a group without positions, the second one with some.
#[test]
fn members_that_start_together_skip_what_was_there_before() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("both"), unique("g"));
    kafka.create_topic(&topic, 8);
    let each = |count: i32| (0..count * 8).map(|n| Out::value(n.to_string()).to(n % 8));
    kafka.produce(&topic, each(20));
    let sink = Sink::default();
    let members = [0, 1, 2].map(|_| latest(kafka, &group, &topic).join(&sink));
    wait_for("all partitions have a reader", PATIENCE, || {
        let all = members.iter().map(|member| member.assigned().len()).sum::<usize>();
        (all == 8 && members.iter().all(|member| !member.assigned().is_empty())).then_some(())
    });
    let partitions = (0..8).collect::<Vec<_>>();
    let committed = kafka.group(&group).committed(&topic, &partitions).unwrap();
    assert_eq!(committed, [Some(20); 8]);
    kafka.produce(&topic, each(1));
    sink.wait(8);
    let mut places = sink.places();
    places.sort_unstable();
    assert_eq!(places, (0..8).map(|p| (p, 20)).collect::<Vec<_>>());
    for member in members {
        member.leave();
    }
}
