//! How it begins, and how it ends when it cannot: the exit code, and a line that names the thing and the way out.

use std::net::TcpListener;

use eventhubs_local::{Rights, Server};
use stage::audit::Auditor;
use stage::records::record;
use stage::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};

/// Shown nowhere.
const SECRET: &str = "bm9ib2R5IG11c3QgZXZlciBzZWUgdGhpcw==";

fn server() -> Server {
    Server::builder().hub("orders", 2).key("bridge", SECRET).start().unwrap()
}

/// Of a bridge that will not come as far as Kafka.
fn without_kafka(connection_string: &str, hub: &str) -> Settings {
    Settings::only(&format!(
        "[kafka]
        brokers = '127.0.0.1:1'
        group_id = 'g'
        [eventhubs]
        connection_string = '{connection_string}'
        [admin]
        listen = '127.0.0.1:0'
        [[mappings]]
        topic = 'orders'
        hub = '{hub}'"
    ))
}

/// Wants the end with that code, and one line with all of `words`.
#[track_caller]
fn assert_ends(bridge: &Bridge, code: i32, words: &[&str]) {
    assert_eq!(bridge.wait_exit(PATIENCE), code, "{}", bridge.log());
    bridge.wait_log(words);
    assert_eq!(bridge.logged("retrying"), 0, "it does not:\n{}", bridge.log());
    assert_secret(bridge);
}

/// Neither the key nor a signature made with it was said.
#[track_caller]
fn assert_secret(bridge: &Bridge) {
    let log = bridge.log();
    for secret in [SECRET, "sig=", "SharedAccessKey="] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

#[test]
fn a_hub_that_does_not_exist_ends_it_with_69() {
    let server = server();
    let bridge = without_kafka(&server.connection_string(), "oders").start();
    assert_ends(&bridge, 69, &["ERROR", "no such hub", "`oders`", "hint: create it", "`hub`"]);
}

#[test]
fn a_wrong_key_ends_it_with_69() {
    let server = server();
    let right = server.connection_string();
    let wrong = [right.replace("=bridge;", "=nobody;"), right.replace(SECRET, "d3Jvbmc=")];
    for connection_string in wrong {
        assert_ne!(connection_string, right);
        let bridge = without_kafka(&connection_string, "orders").start();
        let way_out =
            ["hint: check", "`SharedAccessKeyName`", "`SharedAccessKey`", "was it regenerated?"];
        assert_ends(&bridge, 69, &way_out);
        bridge.wait_log(&["ERROR", "not authorized", "namespace `default`", "`orders`"]);
        assert!(!bridge.log().contains("d3Jvbmc="), "{}", bridge.log());
    }
}

#[test]
fn a_key_that_may_only_read_ends_it_with_69() {
    let server = Server::builder()
        .hub("orders", 2)
        .key("bridge", "b3RoZXI=")
        .limited_key(Some("orders"), "reader", SECRET, Rights::LISTEN)
        .start()
        .unwrap();
    let connection_string =
        server.connection_string().replace("=bridge;", "=reader;").replace("b3RoZXI=", SECRET);
    let bridge = without_kafka(&connection_string, "orders").start();
    assert_ends(
        &bridge,
        69,
        &["ERROR", "namespace `default`", "`orders`", "hint: give the key `reader`", "`Send`"],
    );
}

#[test]
fn a_hub_that_is_too_small_ends_it_with_69() {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("small"), unique("g"), server());
    kafka.create_topic(&topic, 3);
    for (partitioning, what) in
        [("mirror", "kafka partition 2 has no mirror"), ("fixed:2", "there is no partition 2")]
    {
        let bridge = Settings::new(kafka, &group, &server)
            .with(&format!(
                "[[mappings]]\ntopic = '{topic}'\nhub = 'orders'\npartitioning = '{partitioning}'"
            ))
            .start();
        let topic = format!("`{topic}`");
        let words = ["ERROR", &topic, "`orders` has 2 partitions", what, "hint:", "`partitioning`"];
        assert_ends(&bridge, 69, &words);
    }
}

#[test]
fn a_wrong_file_ends_it_with_78_and_every_problem() {
    let server = server();
    let bridge = without_kafka(&server.connection_string(), "orders")
        .with("[batch]\nlinger = 'soon'\n[limits]\nshard = 2\n[failure]\npolicy = 'dead_letter'")
        .start();
    assert_ends(&bridge, 78, &["error:", "linger"]);
    bridge.wait_log(&["error:", "`limits.shard`"]);
    bridge.wait_log(&["error:", "dead_letter_topic"]);
    assert_eq!((bridge.logged("error:"), bridge.logged("hint:")), (3, 3), "{}", bridge.log());
    assert_eq!(server.connections_opened(), 0);
}

#[test]
fn a_connection_string_file_that_cannot_be_read_ends_it_with_78() {
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("broken");
    std::fs::write(&broken, format!("Endpoint=sb://h;SharedAccessKey={SECRET}")).unwrap();
    for file in [dir.path(), &dir.path().join("missing"), &broken] {
        let file = file.display().to_string();
        let bridge = Settings::only(&format!(
            "[kafka]
            brokers = '127.0.0.1:1'
            group_id = 'g'
            [eventhubs]
            connection_string_file = '{file}'
            [[mappings]]
            topic = 'orders'
            hub = 'orders'"
        ))
        .start();
        assert_ends(&bridge, 78, &["hint:"]);
        bridge.wait_log(&["error:", "`eventhubs.connection_string_file`"]);
    }
}

#[test]
fn a_taken_port_ends_it_with_78() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let server = server();
    let bridge = without_kafka(&server.connection_string(), "orders")
        .with(&format!("[admin]\nlisten = '{address}'"))
        .start();
    let words = ["ERROR", &format!("`{address}`"), "`admin.listen`", "in use", "hint:"];
    assert_ends(&bridge, 78, &words);
}

#[test]
fn kafka_is_waited_for() {
    let kafka = Kafka::start(1);
    let server = Server::builder().hub("plain", 2).hub("mirror", 2).start().unwrap();
    let topic = unique("late");
    let mut supply = Supply::new(&kafka, &topic, 2);
    supply.write(100);
    kafka.stop(1);
    // The second one has to ask Kafka for the partitions before it knows that each has its place.
    let bridges = [("plain", "key"), ("mirror", "mirror")].map(|(hub, partitioning)| {
        let group = unique("g");
        let bridge = Settings::new(&kafka, &group, &server)
            .with(&format!(
                "[[mappings]]\ntopic = '{topic}'\nhub = '{hub}'\npartitioning = '{partitioning}'"
            ))
            .start();
        (bridge, group, server.hub(hub))
    });
    for (bridge, _, _) in &bridges {
        bridge.wait_log(&["subscribing"]);
        bridge.wait_unready(&["not a member of its consumer group"]);
    }
    kafka.restart(1);
    for (bridge, group, hub) in &bridges {
        let audit = Auditor::of(&topic, 2).begin(&kafka, group, hub);
        audit.wait_records(supply.total());
        bridge.wait_ready(200);
        bridge.stop();
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}

#[test]
fn topics_that_do_not_exist_are_named_and_read_once_they_do() {
    let kafka = Kafka::shared();
    let server = Server::builder().hub("early", 2).hub("late", 2).start().unwrap();
    let group = unique("g");
    let [early, late, never, pattern] = ["early", "late", "never", "pattern"].map(unique);
    let supply = |topic: &str| {
        let mut supply = Supply::new(kafka, topic, 2);
        supply.write(100);
        supply
    };
    let audit =
        |topic: &str, hub: &str| Auditor::of(topic, 2).begin(kafka, &group, &server.hub(hub));
    let mut supplies = vec![supply(&early)];
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&early, "early")
        .mapping(&late, "late")
        .mapping(&never, "late")
        .with(&format!("[[mappings]]\ntopic_pattern = '{pattern}.+'\nhub = 'late'"))
        .start();
    for topic in [&late, &never] {
        bridge.wait_log(&["WARN", topic, "hint: create the topic"]);
    }
    bridge.wait_log(&["WARN", "no topic matches", &pattern]);
    let audits = [audit(&early, "early"), audit(&late, "late")];
    audits[0].wait_records(supplies[0].total());
    supplies.push(supply(&late));
    audits[1].wait_records(supplies[1].total());
    bridge.stop();
    for (audit, supply) in audits.into_iter().zip(&supplies) {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}

#[test]
fn a_new_group_begins_at_the_end_when_told_so() {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("latest"), unique("g"), server());
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(50);
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let bridge = settings.with("kafka.start = 'latest'").start();
    // The end as it was is pinned before anything is read.
    wait_for("the end is committed", PATIENCE, || {
        [0, 1]
            .map(|partition| kafka.committed(&group, &topic, partition))
            .eq(&[Some(50); 2])
            .then_some(())
    });
    supply.write(50);
    let audit = Auditor::of(&topic, 2).excuse(|(_, offset)| offset < 50).begin(
        kafka,
        &group,
        &server.hub("orders"),
    );
    audit.wait_records(100);
    bridge.stop();
    let report = audit.finish(supply.ends());
    assert_eq!((report.records, report.duplicates), (100, vec![]));
}

#[test]
fn a_new_group_begins_at_a_time_when_told_so() {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("time"), unique("g"), server());
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(100);
    // Of the record before, 2023-11-14T22:13:20.343Z in partition 0 and a millisecond later in partition 1.
    let time = "2023-11-14T22:13:20.350Z";
    let first = [0, 1].map(|partition| {
        let late = |n: &i64| record(partition, *n).timestamp >= Some(1_700_000_000_350);
        (0..100).find(late).expect("half of them")
    });
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let bridge = settings.with(&format!("kafka.start = '{time}'")).start();
    let audit = Auditor::of(&topic, 2)
        .excuse(move |(partition, offset)| offset < first[partition as usize])
        .begin(kafka, &group, &server.hub("orders"));
    let count = first.iter().map(|first| 100 - first).sum::<i64>() as u64;
    assert!((90..=100).contains(&count), "{first:?}");
    audit.wait_records(count);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).records, count);
}

#[test]
fn a_json_log_is_one_object_a_line_and_tells_no_secret() {
    let kafka = Kafka::shared();
    let (topic, group, server) = (unique("json"), unique("g"), server());
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("connection-string");
    std::fs::write(&file, server.connection_string() + "\n").unwrap();
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(50);
    let settings = Settings::only(&format!(
        "[kafka]
        brokers = '{}'
        group_id = '{group}'
        [eventhubs]
        connection_string_file = '{}'
        [[mappings]]
        topic = '{topic}'
        hub = 'orders'
        [admin]
        listen = '127.0.0.1:0'
        [log]
        format = 'json'
        level = 'trace'",
        kafka.bootstrap(),
        file.display()
    ));
    let audit = Auditor::of(&topic, 2).begin(kafka, &group, &server.hub("orders"));
    let bridge = settings.start();
    audit.wait_records(supply.total());
    bridge.stop();
    drop(audit.finish(supply.ends()));
    assert_secret(&bridge);
    let log = bridge.log();
    assert!(log.lines().count() > 20, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "{field} in {line}");
        }
    }
}
