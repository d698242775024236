//! Who reads, from where, and what is committed: members that come, go and die, and a broker that does.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use eventhubs_local::Server;
use stage::audit::{Auditor, Place};
use stage::records::record;
use stage::scene::{HUB, PARTITIONS};
use stage::{Bridge, Kafka, Out, PATIENCE, Release, Scene, Settings, unique, wait_for};

/// Waits until this member itself has taken records.
fn wait_busy(bridge: &Bridge) {
    bridge.wait_ready(200);
    bridge.wait_metric("bridge_records_received_total", &[], 500.0);
}

/// Neither a join nor a leave loses or doubles a record.
pub(crate) fn second(kafka: &Kafka) {
    let scene = Scene::new(kafka, "second");
    let first = scene.settings.start();
    wait_busy(&first);
    // How far each is behind, from a broker of that version.
    wait_for("the lag of every partition", PATIENCE, || {
        let known = first.metrics().matches("\nbridge_consumer_lag_records{").count();
        (known == PARTITIONS as usize).then_some(())
    });
    for _ in 0..2 {
        let second = scene.settings.start();
        wait_busy(&second);
        scene.wait_more(1_000);
        second.stop();
        scene.wait_more(1_000);
        assert_eq!(first.count("bridge_records_let_go_total", &[]), 0);
    }
    assert_eq!(scene.finish(&first), []);
}

/// In mid-flow: what was committed at the stop is where the next one begins.
pub(crate) fn resume(kafka: &Kafka) {
    let scene = Scene::new(kafka, "resume");
    for _ in 0..3 {
        let bridge = scene.settings.start();
        wait_busy(&bridge);
        bridge.stop();
        assert_eq!(scene.audit.uncommitted(), [], "what was sent is committed");
    }
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), []);
}

/// No more than what was in flight comes again.
pub(crate) fn killed(kafka: &Kafka) {
    // The group waits for the dead no longer than this.
    let scene = Scene::new(kafka, "killed").with("[kafka.client]\n'session.timeout.ms' = 6000");
    let bridge = scene.settings.start();
    wait_busy(&bridge);
    bridge.kill();
    scene.wait_alone();
    let again = scene.audit.uncommitted();
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), again);
}

/// Brokers before 4.0 lead no group. The client waits for them without a word; the bridge names the key.
pub(crate) fn unled(kafka: &Kafka) {
    let scene = Scene::new(kafka, "unled");
    let bridge = scene.settings.clone().led_by_broker().start();
    bridge.wait_log(&[
        "WARN",
        "not a member of the group yet",
        "needs brokers of Kafka 4.0 or later",
    ]);
    bridge.stop();
    let bridge = scene.settings.start();
    assert_eq!(scene.finish(&bridge), []);
}

/// Kafka before 2.3 knows no static members: it says so, and waits out the session of one that went, for it did not say
/// goodbye. Nothing is lost or doubled by that.
pub(crate) fn instance_id(kafka: &Kafka) {
    let scene = Scene::new(kafka, "static").with(
        "[kafka]
        instance_id = 'pod-0'
        [kafka.client]
        'session.timeout.ms' = 6000",
    );
    let bridge = scene.settings.start();
    wait_busy(&bridge);
    // The client says it once a day, and begins to count when the machine starts.
    let uptime = std::fs::read_to_string("/proc/uptime").expect("the time since the start");
    if uptime
        .split('.')
        .next()
        .and_then(|text| text.parse().ok())
        .is_some_and(|up: u64| up > 86_400)
    {
        bridge.wait_log(&["WARN", "KIP-345", "2.3.0", "will not take effect"]);
    }
    bridge.stop();
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), []);
}

/// Offsets by time, and the end that is committed before the first record is read.
pub(crate) fn start(kafka: &Kafka) {
    let topic = unique("start");
    kafka.create_topic(&topic, 1);
    // Seven milliseconds apart.
    kafka.produce(&topic, (0..10).map(|n| record(0, n)));
    let sixth = record(0, 6).timestamp.expect("a time");
    let sixth = jiff::Timestamp::from_millisecond(sixth).expect("a time");
    for start in ["earliest", "latest", &*sixth.to_string()] {
        let (group, server) = (unique("g"), Server::builder().hub(HUB, 4).start().unwrap());
        let end = kafka.watermarks(&topic, 0).1;
        let first = match start {
            "earliest" => 0,
            "latest" => end,
            _ => 6,
        };
        let audit = Auditor::of(&topic, 1).excuse(move |(_, n)| n < first);
        let audit = audit.begin(kafka, &group, &server.hub(HUB));
        let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB);
        let bridge = settings.with(&format!("[kafka]\nstart = '{start}'")).start();
        bridge.wait_log(&["partitions assigned", &topic]);
        if start == "latest" {
            assert_eq!(kafka.committed(&group, &topic, 0), Some(end), "the end is pinned");
        }
        kafka.produce(&topic, [record(0, end)]);
        audit.wait_records(1 + (end - first) as u64);
        bridge.stop();
        let report = audit.finish(&[end + 1]);
        assert_eq!((report.records, report.duplicates), (1 + (end - first) as u64, vec![]));
    }
}

/// Stopped in mid-flow, and started again. The oldest brokers have then forgotten who wrote with old timestamps, also
/// the one who writes dead letters.
pub(crate) fn outage(release: Release) {
    const LIMIT: usize = 16 << 10;
    let kafka = Kafka::of_old(release);
    let (topic, target, group) = (unique("outage"), unique("dead"), unique("g"));
    let server = Server::builder().hub(HUB, 4).max_message_size(LIMIT as u64).start().unwrap();
    let large = |(_, n): Place| n == 10 || n == 3_500;
    let written = move |partition, n| match large((partition, n)) {
        true => Out { value: Some(vec![b'x'; 2 * LIMIT]), ..record(partition, n) },
        false => small(record(partition, n), LIMIT / 2),
    };
    let write = |range: Range<i64>| {
        kafka.produce(
            &topic,
            range.flat_map(|n| (0..3).map(move |partition| written(partition, n))),
        );
    };
    kafka.create_topic(&topic, 3);
    kafka.create_topic(&target, 1);
    write(0..3_000);
    let audit = Auditor::of(&topic, 3).written(written).excuse(large);
    let audit = audit.begin(&kafka, &group, &server.hub(HUB));
    // Slow enough that the broker goes in mid-flow.
    let slow = server.faults().everywhere().delay_ack(Duration::from_millis(50));
    let bridge = Settings::new(&kafka, &group, &server)
        .mapping(&topic, HUB)
        .with("[kafka.client]\n'reconnect.backoff.max.ms' = 500")
        .with("batch.max_events = 50")
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"))
        .start();
    audit.wait_records(1_000);
    wait_for("the first letters", PATIENCE, || (kafka.watermarks(&target, 0).1 == 3).then_some(()));
    kafka.stop(1);
    bridge.wait_metric("bridge_kafka_brokers", &["state=\"down\""], 1.0);
    slow.clear();
    kafka.restart(1);
    write(3_000..4_000);
    audit.wait_records(3 * 4_000 - 6);
    wait_for("everything is committed", PATIENCE, || {
        let committed = kafka.group(&group).committed(&topic, &[0, 1, 2])?;
        (committed == [Some(4_000); 3]).then_some(())
    });
    bridge.stop();
    drop(audit.finish(&[4_000; 3]));
    // A broker that comes back may not know its topics for a moment: what was not committed then comes again.
    let letters = kafka.records(&target, 0);
    let named = |letter: &Out, name: &str| {
        let found = letter.headers.iter().find(|(header, _)| header == name.as_bytes());
        let value = found.and_then(|(_, value)| String::from_utf8(value.clone()?).ok());
        value.and_then(|text| text.parse::<i64>().ok()).expect("a number")
    };
    let place = |letter: &Out| (named(letter, "bridge_partition"), named(letter, "bridge_offset"));
    let places = letters.iter().map(place).collect::<BTreeSet<_>>();
    let expected = (0..3).flat_map(|partition| [(partition, 10), (partition, 3_500)]);
    assert_eq!(places, expected.collect());
}

/// Not over the limit by itself.
fn small(mut record: Out, limit: usize) -> Out {
    record.value = record.value.map(|mut value| {
        value.truncate(limit);
        value
    });
    record
}
