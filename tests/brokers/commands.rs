//! Commands that ask brokers of that version, or change what they keep.

use eventhubs_local::Server;
use serde_json::Value;
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

#[track_caller]
fn json(settings: &Settings, command: &[&str], arguments: &[&str], code: i32) -> Value {
    let output = settings.call(command, &[arguments, &["--json"]].concat());
    let document = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{document}");
    document
}

/// Without topic ids, and by older requests.
pub(crate) fn placed(kafka: &Kafka) {
    const SET: &[&str] = &["offsets", "set"];
    let (topic, group) = (unique("placed"), unique("g"));
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let hub = server.hub("orders");
    kafka.create_topic(&topic, 2);
    let record = |n: i64| move |partition| Out::value("x").to(partition).at(1_000 * (n + 1));
    kafka.produce(&topic, (0..10).flat_map(|n| (0..2).map(record(n))));
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let lag = json(&settings, &["lag"], &[], 0);
    assert_eq!((&lag["state"], &lag["behind"]), (&"absent".into(), &20.into()), "{lag}");
    assert_eq!(lag["partitions"][0]["oldest"], "1970-01-01T00:00:01Z", "{lag}");
    let bridge = settings.start();
    assert!(hub.wait_for(20, PATIENCE), "it copies");
    let error = json(&settings, SET, &["--to", "earliest", "--yes"], 75);
    let what = error["error"]["what"].as_str().unwrap();
    assert!(what.contains("kafka-eventhubs-bridge at 127.0.0.1"), "{what}");
    bridge.stop();
    wait_for("it is gone", PATIENCE, || {
        (json(&settings, &["lag"], &[], 0)["state"] == "empty").then_some(())
    });
    json(&settings, SET, &["--to", "1970-01-01T00:00:08Z", "--yes"], 0);
    assert_eq!(kafka.committed(&group, &topic, 0), Some(7));
    let bridge = settings.start();
    assert!(hub.wait_for(26, PATIENCE), "three of each come again");
    bridge.stop();
    assert_eq!(hub.total(), 26);
}

/// One letter of the record at 7, which is the whole of its topic.
pub(crate) fn listed_and_purged(settings: &Settings, kafka: &Kafka, target: &str) {
    let list = json(settings, &["dead-letters", "list"], &["--each"], 0);
    let entry = &list["entries"][0];
    assert_eq!((&list["letters"], &entry["offset"]), (&1.into(), &7.into()), "{list}");
    let place = entry["letter"].as_str().unwrap();
    let shown = json(settings, &["dead-letters", "show"], &[place], 0);
    assert_eq!(shown["reason"], "too_large", "{shown}");
    json(settings, &["dead-letters", "purge"], &["--before", "2100-01-01", "--yes"], 64);
    let one = format!("{target}:0");
    let all = ["--before", "1", "--topic", &one, "--yes"];
    let purged = json(settings, &["dead-letters", "purge"], &all, 0);
    assert_eq!(purged["goes"], 1, "{purged}");
    assert_eq!(kafka.watermarks(target, 0), (1, 1));
}
