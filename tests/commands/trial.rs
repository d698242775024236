//! `try`: what it says is what the bridge does.

use eventhubs_local::Server;
use serde_json::{Value, json};
use stage::{Kafka, Out, PATIENCE, Settings, unique};

use crate::said::{refused, text};

const TRY: &[&str] = &["try"];

/// For records of a file: nobody listens where it points to, and its secret is not there.
fn offline(mapping: &str) -> Settings {
    Settings::only(&format!(
        "[kafka]
        brokers = '127.0.0.1:1'
        group_id = 'g'
        [eventhubs]
        connection_string_file = '/not/there'
        [[mappings]]
        topic = 'orders'
        hub = 'orders'
        {mapping}"
    ))
}

fn lines(output: &[u8]) -> Vec<Value> {
    text(output).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Writes the records where the command can read them.
fn written(records: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), records).unwrap();
    file
}

#[test]
fn what_is_tried_is_what_is_sent() {
    let (kafka, topic) = (Kafka::shared(), unique("orders"));
    let server = Server::builder().hub("orders", 4).max_message_size(1 << 20).start().unwrap();
    kafka.create_topic(&topic, 2);
    let record = |n: i32| {
        let record = Out::value(format!(r#"{{"n": {n}.10}}"#)).key(format!("key-{n}")).to(n % 2);
        record.at(1_767_225_600_000).header("type", Some(b"created")).header("none", None)
    };
    let tombstone = Out { value: None, ..record(8) };
    let bytes = Out { value: Some(vec![0, 255]), key: Some(vec![254]), ..record(9) };
    kafka.produce(&topic, (0..8).map(record).chain([tombstone, bytes]));
    let settings = Settings::new(kafka, &unique("g"), &server).mapping(&topic, "orders");
    let bridge = settings.clone().until_caught_up().start();
    assert_eq!(bridge.wait_exit(PATIENCE), 0);

    let arguments = ["--from-topic", &topic, "--count", "100", "--partitions", "4", "--json"];
    let output = settings.call(TRY, &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let tried = lines(&output.stdout);
    assert_eq!(tried.len(), 10);
    for tried in tried {
        assert_eq!(tried["outcome"], "sent", "{tried}");
        let place = tried["hub_partition"].as_u64().unwrap() as usize;
        let events = server.hub("orders").partitions()[place].events();
        let id = tried["message_id"].as_str();
        let sent = events.iter().find(|it| it.message_id() == id).expect("it was sent there");
        assert_eq!(sent.partition_key(), tried["partition_key"].as_str());
        let body = sent.body().unwrap_or_default();
        match (&tried["body"], &tried["body_base64"]) {
            (Value::Null, Value::Null) => assert_eq!(body, ""),
            (Value::Null, base64) => assert_eq!((base64, &*body), (&json!("AP8="), &[0, 255][..])),
            (value, _) => assert_eq!(*value, serde_json::from_slice::<Value>(&body).unwrap()),
        }
        let names: Vec<_> = sent.application_properties().into_iter().map(|it| it.0).collect();
        let shown = tried["properties"].as_object().unwrap();
        assert!(names.iter().all(|name| shown.contains_key(name)), "{names:?} {tried}");
        assert_eq!(
            (names.len(), &shown["kafka_timestamp"]),
            (shown.len(), &json!("2026-01-01T00:00:00Z"))
        );
    }
    let last =
        settings.call(TRY, &["--from-topic", &format!("{topic}:1"), "--count", "1", "--json"]);
    let last = lines(&last.stdout);
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["record"], format!("{topic}/1/4"));
    let none = ["--from-topic", "not-there"];
    refused(&settings, TRY, &none, 64, &["there is no topic `not-there`"]);
}

#[test]
fn records_of_a_file_are_tried_without_kafka() {
    let settings = offline("");
    let file = written(concat!(
        r#"{"key": "k1", "value": {"id": 1.50}, "headers": {"type": "a"}}"#,
        "\n\n",
        r#"{"topic": "other", "value": null}"#,
        "\n",
    ));
    let output = settings.call(TRY, &[file.path().to_str().unwrap(), "--partitions", "4"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(65), "one goes nowhere: {said}");
    assert!(said.contains("orders/0/0 → default/orders, partition 0, key k1, "), "{said}");
    assert!(said.contains("\n  type: \"a\"\n  | {\"id\": 1.50}\n"), "{said}");
    assert!(said.contains("other/0/2 goes nowhere: no mapping reads its topic"), "{said}");
}

#[test]
fn what_would_be_refused_is_told_with_its_reason() {
    let settings = offline("failure.policy = 'drop'\nevents.key_type = 'int32'");
    let large = "x".repeat(1 << 20);
    let file = written(&format!(
        "{{\"value\": \"{large}\"}}\n{{\"key\": \"not four\", \"value\": 1}}\n{{\"key\": \"four\", \"value\": 1}}"
    ));
    let output = settings.call(TRY, &[file.path().to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(65));
    let tried = lines(&output.stdout);
    let outcomes: Vec<_> =
        tried.iter().map(|it| (&it["outcome"], &it["reason"], &it["policy"])).collect();
    let [refused, sent] = ["refused", "sent"].map(|it| json!(it));
    let [large, typed, drop] = ["too_large", "wrong_type", "drop"].map(|it| json!(it));
    let none = Value::Null;
    let expected = [(&refused, &large, &drop), (&refused, &typed, &drop), (&sent, &none, &none)];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_wrong_line_is_named() {
    let settings = offline("");
    for (records, says) in
        [("{}", "has no `value`"), ("{\"value\": 1}\n{\"valu\": 1}", ":2: unknown field `valu`")]
    {
        let file = written(records);
        let name = file.path().to_str().unwrap();
        let output = settings.call(TRY, &[name, "--json"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(name) && said.contains(says) && said.contains("hint:"), "{said}");
    }
    refused(&settings, TRY, &["/not/there"], 64, &["/not/there: No such file"]);
    refused(
        &settings,
        TRY,
        &["--mapping", "bills"],
        64,
        &["no mapping has the name `bills`", "0 (orders)"],
    );
}
