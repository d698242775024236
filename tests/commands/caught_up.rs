//! `run --until-caught-up`: the bridge ends by itself once its group has settled what was there at the start.

use eventhubs_local::Server;
use rdkafka::producer::Producer as _;
use stage::{Bridge, Kafka, Out, PATIENCE, Settings, Supply, unique, wait_for};

const WORDS: [&str; 2] =
    ["INFO", "caught up: all records that were there at the start are settled"];

#[track_caller]
fn assert_ends(bridge: &Bridge, words: &[&str]) {
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
    bridge.wait_log(&[&WORDS, words].concat());
}

fn scene(name: &str, partitions: i32) -> (&'static Kafka, String, String, Server, Settings) {
    let kafka = Kafka::shared();
    let (topic, group) = (unique(name), unique("g"));
    let server = Server::builder().hub("orders", 4).start().unwrap();
    kafka.create_topic(&topic, partitions);
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    (kafka, topic, group, server, settings)
}

/// What is written meanwhile is nothing it waits for.
#[test]
fn it_ends_though_records_go_on_being_written_and_with_several_shards() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("flow"), unique("g"));
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let mut supply = Supply::new(kafka, &topic, 6);
    supply.write(2_000);
    let there = supply.ends().to_vec();
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let settings = settings.with("[limits]\nshards = 2").until_caught_up();
    let pour = supply.pour();
    let bridge = settings.start();
    assert_ends(&bridge, &["partitions=6"]);
    pour.stop();
    for (partition, end) in (0..).zip(there) {
        let committed = kafka.committed(&group, &topic, partition).unwrap();
        assert!(committed >= end, "{partition}: {committed} of {end}");
    }
}

/// Each waits for the whole group, so for partitions that the other has, too.
#[test]
fn two_members_end_together() {
    let (kafka, topic, group, server, settings) = scene("two", 4);
    kafka.produce(&topic, (0..4).flat_map(|p| (0..500).map(move |_| Out::value("x").to(p))));
    let settings = settings.until_caught_up();
    let members = [settings.start(), settings.start()];
    for member in &members {
        assert_ends(member, &["partitions=4"]);
    }
    assert!(server.hub("orders").total() >= 2_000);
    assert_eq!(kafka.committed(&group, &topic, 3), Some(500));
}

/// Markers at the end, an empty partition, and nothing at all.
#[test]
fn what_is_no_record_is_not_waited_for() {
    let (kafka, topic, group, server, settings) = scene("marked", 2);
    let settings = settings.until_caught_up();
    let mut writer = kafka.writer(&[("transactional.id", &unique("t"))]);
    writer.producer().init_transactions(PATIENCE).unwrap();
    writer.producer().begin_transaction().unwrap();
    (0..5).for_each(|_| writer.write(&topic, &Out::value("x").to(0)));
    writer.finish();
    writer.producer().commit_transaction(PATIENCE).unwrap();
    wait_for("the marker is there", PATIENCE, || {
        (kafka.watermarks(&topic, 0) == (0, 6)).then_some(())
    });
    assert_ends(&settings.start(), &["records=6", "partitions=2"]);
    assert_eq!(server.hub("orders").total(), 5);
    assert_ends(&settings.start(), &["partitions=2"]);
    // Where it begins is fixed before it ends.
    let latest = settings.with(&format!("[kafka]\ngroup_id = '{group}-2'\nstart = 'latest'"));
    assert_ends(&latest.start(), &["records=0"]);
    assert_eq!(kafka.committed(&format!("{group}-2"), &topic, 0), Some(6));
    assert_eq!(server.hub("orders").total(), 5);
}

#[test]
fn one_that_is_stopped_before_says_so() {
    let (kafka, topic, _, _server, settings) = scene("stopped", 1);
    kafka.produce(&topic, [Out::value("x")]);
    // There is no such hub, so its topic waits; the other mapping runs.
    let other = unique("other");
    kafka.create_topic(&other, 1);
    let settings = settings.without("mappings").mapping(&topic, "absent").mapping(&other, "orders");
    let bridge = settings.until_caught_up().start();
    bridge.wait_ready(200);
    bridge.terminate();
    assert_eq!(bridge.wait_exit(PATIENCE), 75);
    bridge.wait_log(&["WARN", "stopped before the group was caught up"]);
    assert_eq!(bridge.logged("caught up: all"), 0);
}
