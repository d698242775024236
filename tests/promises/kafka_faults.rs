//! Kafka fails, or changes under the bridge: brokers go and come, topics grow, vanish and lose records.

use std::collections::BTreeSet;

use eventhubs_local::{Hub, Server};
use stage::audit::Auditor;
use stage::event::place;
use stage::records::record;
use stage::{Kafka, PATIENCE, Settings, Supply, unique, wait_for};

fn server() -> Server {
    Server::builder().hub("orders", 4).start().unwrap()
}

/// Does not wait ten seconds to see that a broker is back.
const IMPATIENT: &str = "[kafka.client]\n'reconnect.backoff.max.ms' = 500";

fn wait_committed(kafka: &Kafka, group: &str, topic: &str, ends: &[i64]) {
    let client = kafka.group(group);
    let partitions = (0..ends.len() as i32).collect::<Vec<_>>();
    wait_for("everything is committed", PATIENCE, || {
        let committed = client.committed(topic, &partitions)?;
        committed.iter().zip(ends).all(|(at, end)| *at == Some(*end)).then_some(())
    });
}

#[test]
fn a_broker_that_is_gone_for_a_while_costs_nothing() {
    let kafka = Kafka::start(1);
    let (topic, group, server) = (unique("outage"), unique("g"), server());
    let mut supply = Supply::new(&kafka, &topic, 3);
    supply.write(3000);
    let audit = Auditor::of(&topic, 3).begin(&kafka, &group, &server.hub("orders"));
    // Slow enough that the broker goes in mid-flow.
    let slow = server.faults().everywhere().delay_ack(std::time::Duration::from_millis(50));
    let bridge = Settings::new(&kafka, &group, &server)
        .mapping(&topic, "orders")
        .with(IMPATIENT)
        .with("batch.max_events = 50")
        .start();
    audit.wait_records(1000);
    kafka.stop(1);
    bridge.wait_metric("bridge_kafka_brokers", &["state=\"down\""], 1.0);
    slow.clear();
    kafka.restart(1);
    supply.write(1000);
    audit.wait_records(supply.total());
    bridge.wait_ready(200);
    // By itself, not only when it stops.
    wait_committed(&kafka, &group, &topic, supply.ends());
    bridge.wait_metric("bridge_commits_total", &["outcome=\"ok\""], 1.0);
    bridge.wait_log(&["connected to kafka again"]);
    assert_eq!(bridge.logged("use TLS"), 0, "advice for somebody who never came in");
    bridge.stop();
    drop(audit.finish(supply.ends()));
}

#[test]
fn a_dead_leader_under_load_costs_nothing() {
    let kafka = Kafka::start(3);
    let (topic, group, server) = (unique("leader"), unique("g"), server());
    let mut supply = Supply::new(&kafka, &topic, 6);
    supply.write(200);
    let audit = Auditor::of(&topic, 6).begin(&kafka, &group, &server.hub("orders"));
    let settings = Settings::new(&kafka, &group, &server).mapping(&topic, "orders");
    let bridge = settings.with(IMPATIENT).start();
    audit.wait_records(1000);
    let pour = supply.pour();
    // Each node leads two of the partitions.
    kafka.kill(1);
    let before = audit.records();
    audit.wait_records(before + 5000);
    kafka.restart(1);
    kafka.kill(2);
    let before = audit.records();
    audit.wait_records(before + 5000);
    let supply = pour.stop();
    audit.wait_records(supply.total());
    wait_committed(&kafka, &group, &topic, supply.ends());
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}

/// Worse than dead: its connections stay open, and it says nothing on them.
#[test]
fn a_frozen_broker_is_left_for_the_next_one() {
    let kafka = Kafka::start(3);
    let (topic, group, server) = (unique("frozen"), unique("g"), server());
    let mut supply = Supply::new(&kafka, &topic, 6);
    // More than the bridge may hold, so that most of it has yet to be fetched.
    supply.write(40_000);
    let hub = server.hub("orders");
    let audit = Auditor::of(&topic, 6).begin(&kafka, &group, &hub);
    let slow = server.faults().everywhere().delay_ack(std::time::Duration::from_millis(50));
    let bridge = Settings::new(&kafka, &group, &server)
        .mapping(&topic, "orders")
        .with("limits.memory = '16MiB'\nbatch.max_events = 50")
        .start();
    audit.wait_records(1000);
    // It leads two of the partitions, too.
    let node = kafka.coordinator(&group);
    kafka.freeze(node);
    assert!(hub.total() < supply.total() / 2, "it is too late");
    slow.clear();
    wait_for("all is there", PATIENCE, || (hub.total() >= supply.total()).then_some(()));
    bridge.wait_ready(200);
    kafka.thaw(node);
    wait_committed(&kafka, &group, &topic, supply.ends());
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}

/// The client sends again what it had sent under the name of before, and Kafka takes that for somebody else.
#[test]
fn a_static_member_outlives_an_outage_longer_than_its_session() {
    let kafka = Kafka::start(1);
    let (topic, group, server) = (unique("session"), unique("g"), server());
    let mut supply = Supply::new(&kafka, &topic, 4);
    supply.write(100);
    let audit = Auditor::of(&topic, 4).begin(&kafka, &group, &server.hub("orders"));
    let settings = Settings::new(&kafka, &group, &server).mapping(&topic, "orders");
    let settings = settings.with(IMPATIENT).with(
        "kafka.instance_id = 'pod-0'
        kafka.commit_interval = '50ms'
        [kafka.client]
        'session.timeout.ms' = 4000
        'heartbeat.interval.ms' = 500",
    );
    let slow = server.faults().everywhere().delay_ack(std::time::Duration::from_millis(100));
    let bridge = settings.start();
    audit.wait_records(supply.total());
    for _ in 0..3 {
        // Something is on its way, so that there are commits when nobody takes them.
        let before = audit.records();
        supply.write(300);
        audit.wait_records(before + 10);
        bridge.wait_ready(200);
        let lost = bridge.logged("partitions lost");
        kafka.stop(1);
        wait_for("a session ends", PATIENCE, || {
            (bridge.logged("partitions lost") > lost).then_some(())
        });
        kafka.restart(1);
        audit.wait_records(supply.total());
    }
    slow.clear();
    bridge.wait_ready(200);
    wait_committed(&kafka, &group, &topic, supply.ends());
    bridge.stop();
    drop(audit.finish(supply.ends()));
}

/// It has nothing that Kafka could take from it, and must know all the same that it would not take over.
#[test]
fn a_member_without_partitions_is_unready_while_kafka_is_away() {
    let kafka = Kafka::start(1);
    let (topic, group, server) = (unique("idle"), unique("g"), server());
    let mut supply = Supply::new(&kafka, &topic, 1);
    supply.write(100);
    let audit = Auditor::of(&topic, 1).begin(&kafka, &group, &server.hub("orders"));
    let settings = Settings::new(&kafka, &group, &server).mapping(&topic, "orders");
    let settings = settings.with(IMPATIENT).with(
        "[kafka.client]
        'session.timeout.ms' = 6000
        'heartbeat.interval.ms' = 500",
    );
    let busy = settings.start();
    audit.wait_records(100);
    let idle = settings.start();
    idle.wait_ready(200);
    kafka.stop(1);
    let because = ["not a member of its consumer group: ", "Connection refused"];
    for member in [&idle, &busy] {
        member.wait_unready(&because);
    }
    idle.wait_log(&[
        "WARN",
        "the group coordinator has not answered",
        "longer than the session timeout",
    ]);
    kafka.restart(1);
    for member in [&idle, &busy] {
        member.wait_ready(200);
    }
    supply.write(100);
    audit.wait_records(200);
    // Whoever has the partition now: the other takes it over.
    let busy_has_it = busy
        .metrics()
        .lines()
        .any(|line| line.starts_with("bridge_in_flight_records{") && line.contains(&topic));
    let (first, last) = if busy_has_it { (busy, idle) } else { (idle, busy) };
    first.stop();
    supply.write(100);
    audit.wait_records(300);
    last.stop();
    drop(audit.finish(supply.ends()));
}

#[test]
fn partitions_added_under_load_are_read_from_their_beginning() {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("grow"), unique("g"), server());
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(500);
    let audit = Auditor::of(&topic, 5).begin(kafka, &group, &server.hub("orders"));
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    // Also for a group that begins at the end: what is in a new partition is new.
    let bridge = settings.start();
    audit.wait_records(500);
    let pour = supply.pour();
    kafka.add_partitions(&topic, 5);
    kafka.wait_partitions(&topic, 5);
    let new = (0..300).flat_map(|n| (2..5).map(move |partition| record(partition, n)));
    kafka.produce(&topic, new);
    bridge.wait_log(&["partitions assigned", &format!("{topic}/4")]);
    let supply = pour.stop();
    audit.wait_records(supply.total() + 3 * 300);
    bridge.stop();
    let ends = [supply.ends(), &[300; 3]].concat();
    assert_eq!(audit.finish(&ends).duplicates, []);
}

#[test]
fn records_deleted_before_they_were_read_are_counted_and_the_rest_arrives() {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("expired"), unique("g"), server());
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(100);
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let audit = Auditor::of(&topic, 2)
        .excuse(|(partition, offset)| partition == 0 && (100..150).contains(&offset))
        .begin(kafka, &group, &server.hub("orders"));
    let bridge = settings.start();
    audit.wait_records(200);
    bridge.stop();
    // While nobody reads, retention overtakes the group.
    supply.write(100);
    kafka.delete_records(&topic, 0, 150);
    let bridge = settings.start();
    audit.wait_records(supply.total() - 50);
    let topic_label = format!("topic=\"{topic}\"");
    bridge.wait_metric("bridge_records_expired_total", &[&topic_label], 50.0);
    assert_eq!(bridge.count("bridge_records_expired_total", &[]), 50);
    let words =
        ["ERROR", "retention deleted", &topic, "100 to 149 are lost", "reading continues at 150"];
    bridge.wait_log(&words);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}

#[test]
fn a_topic_deleted_and_made_again_is_read_from_its_beginning() {
    made_again(true);
}

/// The bridge may not even notice that it was gone, only that its position is beyond the end.
#[test]
fn a_topic_made_again_at_once_is_read_from_its_beginning() {
    made_again(false);
}

fn made_again(noticed: bool) {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("again"), unique("g"), server());
    let hub = server.hub("orders");
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(100);
    let audit = Auditor::of(&topic, 2).begin(kafka, &group, &hub);
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, "orders").start();
    audit.wait_records(supply.total());
    wait_committed(kafka, &group, &topic, supply.ends());
    drop(audit.finish(supply.ends()));
    let is_read = || {
        let metrics = bridge.metrics();
        let mut series = metrics.lines().filter(|l| l.starts_with("bridge_in_flight_records{"));
        series.any(|line| line.contains(&topic))
    };
    assert!(is_read());
    kafka.delete_topic(&topic);
    if noticed {
        wait_for("the topic is let go", PATIENCE, || (!is_read()).then_some(()));
        wait_for("its positions are forgotten", PATIENCE, || {
            (kafka.group(&group).committed(&topic, &[0, 1])? == [None, None]).then_some(())
        });
    }
    // Where the old positions may still stand, they say nothing of the new records.
    let positions = if noticed { group.clone() } else { unique("nobody") };
    let audit = Auditor::of(&topic, 2).only_new().begin(kafka, &positions, &hub);
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(40);
    audit.wait_records(supply.total());
    wait_committed(kafka, &group, &topic, supply.ends());
    bridge.stop();
    let report = if noticed { audit.finish(supply.ends()) } else { audit.stop() };
    assert_eq!((report.records, report.duplicates), (supply.total(), vec![]));
}

#[test]
fn a_topic_made_again_that_holds_more_is_read_whole() {
    holds_more(false);
}

/// It has not been noticed, and a position of the old topic is committed for the new one: only the next process finds
/// what is missing.
#[test]
fn a_topic_made_again_that_holds_more_is_read_whole_even_after_a_crash() {
    holds_more(true);
}

/// The old position exists in the new topic, so nothing fails: it is read on from there.
fn holds_more(crash: bool) {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("more"), unique("g"), server());
    let hub = server.hub("orders");
    let mut supply = Supply::new(kafka, &topic, 1);
    supply.write(500);
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders").with(
        "[kafka.client]
        'session.timeout.ms' = 15000
        'heartbeat.interval.ms' = 1000",
    );
    let first = match crash {
        true => settings.clone().with("[kafka]\ndiscovery_interval = '1h'"),
        false => settings.clone(),
    };
    let mut bridge = first.start();
    wait_committed(kafka, &group, &topic, supply.ends());
    let before = hub.partitions().iter().map(eventhubs_local::Partition::next_sequence);
    let before = before.collect::<Vec<_>>();
    // It stands still for a moment, or it would see that its position is beyond the end of the new topic.
    bridge.signal(libc::SIGSTOP);
    kafka.delete_topic(&topic);
    let mut supply = Supply::new(kafka, &topic, 1);
    supply.write(1500);
    bridge.signal(libc::SIGCONT);
    wait_committed(kafka, &group, &topic, supply.ends());
    if crash {
        bridge.kill();
        assert!(offsets_since(&hub, &before).iter().all(|offset| *offset >= 500), "it noticed");
        bridge = settings.start();
    }
    wait_for("everything of the new topic", PATIENCE, || {
        (offsets_since(&hub, &before).len() == 1500).then_some(())
    });
    bridge.wait_log(&["WARN", &topic, "deleted and created again"]);
    wait_committed(kafka, &group, &topic, supply.ends());
    bridge.stop();
}

/// The offsets of the events that came after `before`.
fn offsets_since(hub: &Hub, before: &[i64]) -> BTreeSet<i64> {
    let new = hub.partitions().iter().zip(before);
    let new = new.flat_map(|(partition, before)| partition.events_from(*before));
    new.map(|event| place(event.message_id().expect("an id")).expect("a place").2).collect()
}
