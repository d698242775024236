//! `tail`: what it shows is what is in the hub.

use eventhubs_local::{Rights, Server};
use serde_json::{Value, json};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::said::{refused, text};

const TAIL: &[&str] = &["tail"];

fn lines(output: &[u8]) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// A hub of three partitions with so many events of a bridge, from two partitions of Kafka.
fn filled(records: usize) -> (Server, Settings, String) {
    let (kafka, topic) = (Kafka::shared(), unique("orders"));
    let server = Server::builder().hub("orders", 3).hub("bills", 1).start().unwrap();
    kafka.create_topic(&topic, 2);
    let record = |n: usize| {
        let record = Out::value(format!(r#"{{"n":{n}.10}}"#)).key(format!("key-{}", n % 20));
        record.to((n % 2) as i32).at(1_767_225_600_000)
    };
    kafka.produce(&topic, (0..records).map(record));
    let settings = Settings::new(kafka, &unique("g"), &server).mapping(&topic, "orders");
    let bridge = settings.clone().until_caught_up().start();
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
    (server, settings, topic)
}

/// What the hub holds, as it is to be told.
fn stored(server: &Server) -> Vec<Value> {
    let hub = server.hub("orders");
    let mut all = Vec::new();
    for partition in hub.partitions() {
        for event in partition.events() {
            let body: Value = serde_json::from_slice(&event.body().unwrap()).unwrap();
            let offset = event.application_property("kafka_offset").unwrap();
            all.push(json!({
                "hub_partition": partition.id().to_string(),
                "sequence": event.sequence(),
                "offset": event.offset(),
                "partition_key": event.partition_key(),
                "message_id": event.message_id(),
                "kafka_offset": format!("{offset:?}"),
                "body": body,
            }));
        }
    }
    all
}

/// The same keys of what was told, in the order of the partitions.
fn told(lines: &[Value]) -> Vec<Value> {
    let mut all: Vec<Value> = lines
        .iter()
        .map(|line| {
            let keys =
                ["hub_partition", "sequence", "offset", "partition_key", "message_id", "body"];
            let mut told: serde_json::Map<String, Value> =
                keys.iter().map(|key| ((*key).to_owned(), line[*key].clone())).collect();
            let offset = &line["properties"]["kafka_offset"];
            told.insert("kafka_offset".to_owned(), json!(format!("Long({offset})")));
            told.into()
        })
        .collect();
    // Between partitions there is no order.
    all.sort_by_key(|line| line["hub_partition"].as_str().unwrap().to_owned());
    all
}

#[test]
fn both_readers_show_what_is_in_the_hub_in_its_order() {
    let (server, settings, _) = filled(900);
    let stored = stored(&server);
    assert_eq!(stored.len(), 900);
    for (reader, says) in [
        ("microsoft", "read by Microsoft's own client"),
        ("bridge", "read by the bridge's own reader: as asked for"),
    ] {
        let arguments = ["orders", "--from", "earliest", "--json", "--reader", reader];
        let output = settings.call(TAIL, &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let lines = lines(&output.stdout);
        assert_eq!(told(&lines), stored, "{reader}");
        assert!(lines.iter().all(|line| line["read_by"] == *reader));
        let shown = settings.call(TAIL, &["orders", "--partition", "1", "--reader", reader]);
        let said = text(&shown.stdout);
        assert_eq!(text(&shown.stderr).trim_end(), says);
        assert_eq!(said.matches("default/orders, partition 1, event ").count(), 10, "{said}");
        assert_eq!(said.matches("\n  kafka_partition: ").count(), 10, "{said}");
    }
}

#[test]
fn what_is_shown_can_be_chosen() {
    let (server, settings, _) = filled(400);
    let stored = stored(&server);
    let shown = |arguments: &[&str]| {
        let output = settings.call(TAIL, &[&["orders", "--json"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        lines(&output.stdout)
    };
    let from = ["--partition", "2", "--from", "sequence:5"];
    let expected: Vec<_> = stored
        .iter()
        .filter(|it| it["hub_partition"] == "2" && it["sequence"].as_i64() >= Some(5))
        .cloned()
        .collect();
    assert_eq!(told(&shown(&from)), expected);
    let key = shown(&["--from", "earliest", "--key", "key-7"]);
    assert_eq!(key.len(), 20);
    assert!(key.iter().all(|line| line["partition_key"] == "key-7"));
    assert_eq!(shown(&["--from", "earliest", "--events", "3"]).len(), 3);
    assert_eq!(shown(&["--from", "2026-01-01"]).len(), 400, "all were stored later");
    assert_eq!(shown(&["--from", "2200-01-01T00:00:00Z"]).len(), 0);
    assert_eq!(shown(&["--from", "latest"]).len(), 0);
    assert_eq!(shown(&[]).len(), 30, "the last ten of each partition");
    let other = settings.call(TAIL, &["default/bills", "--from", "earliest"]);
    assert_eq!((other.status.code(), text(&other.stdout)), (Some(0), String::new()));
}

#[test]
fn following_goes_on_until_it_is_told_to_stop() {
    let (_server, settings, topic) = filled(10);
    for reader in ["microsoft", "bridge"] {
        let follow = ["orders", "--from", "latest", "--follow", "--json", "--reader", reader];
        let following = settings.begin(TAIL, &follow);
        let bridge = settings.clone().until_caught_up();
        // What is stored before it has looked where the hub ends is not shown.
        let seen = wait_for("an event is shown", PATIENCE, || {
            Kafka::shared().produce(&topic, [Out::value("1").to(0)]);
            assert_eq!(bridge.start().wait_exit(PATIENCE), 0);
            following.said.lines(&[]).pop()
        });
        let seen: Value = serde_json::from_str(&seen.text).unwrap();
        assert_eq!((&seen["body"], &seen["read_by"]), (&json!(1), &json!(reader)));
        assert_eq!(following.end(libc::SIGTERM), Some(0), "{reader}");
    }
}

#[test]
fn what_cannot_be_shown_is_told_with_the_way_out() {
    let server = Server::builder()
        .hub("orders", 2)
        .key("RootManageSharedAccessKey", "right")
        .limited_key(None, "sender", "key", Rights::SEND)
        .start()
        .unwrap();
    let string = server.connection_string();
    let settings = |string: &str| {
        Settings::only(&format!(
            "[kafka]
            brokers = '127.0.0.1:1'
            group_id = 'g'
            [eventhubs]
            connection_string = '{string}'
            [[mappings]]
            topic = 'orders'
            hub = 'orders'"
        ))
    };
    let good = settings(&string);
    refused(&good, TAIL, &["other/orders"], 64, &["not a hub in a namespace", "`default`"]);
    refused(
        &good,
        TAIL,
        &["orders", "--partition", "7"],
        64,
        &["no partition `7`", "its partitions are 0, 1"],
    );
    refused(&good, TAIL, &["nowhere"], 69, &["hub `default/nowhere`", "no such hub"]);
    let sender = string.replace("RootManageSharedAccessKey", "sender").replace("right", "key");
    let output = settings(&sender)
        .call(TAIL, &["orders", "--from", "earliest", "--follow", "--reader", "bridge"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("give the key `sender` the `Listen` right on"), "{said}");
}
