//! `CloudEvents` that the bridge makes and carries over, as the SDKs of `CloudEvents` for Python and Go read them over AMQP.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eventhubs_local::Server;
use serde_json::{Value, json};
use stage::{Kafka, Out, PATIENCE, Settings, unique};

use crate::readers::{in_go, in_python, interpreter, lines, page};

/// A hub for each thing that becomes of them: its name, and the mapping's `[mappings.cloudevents]`.
const HUBS: [(&str, &str); 3] = [
    ("kept", "{ source = '/shop/{topic}', type = 'order.{header:type}', subject = '{key}' }"),
    (
        "binary",
        "{ mode = 'binary', source = '/shop/{topic}', type = 'order.{header:type}', subject = '{key}' }",
    ),
    (
        "structured",
        "{ mode = 'structured', source = '/shop/{topic}', type = 'order.{header:type}', subject = '{key}' }",
    ),
];
const TIME: &str = "2026-01-01T00:00:00Z";
const JSON: &str = "application/json";
/// With a number that no double holds.
const ORDER: &[u8] = br#"{"id": 9007199254740993, "city": "Malm\u00f6", "note": null}"#;

/// A record, how it is written, and the event that it is: its attributes and its data.
struct Given {
    record: Out,
    mode: &'static str,
    attributes: Value,
    data: Option<&'static [u8]>,
}

/// In the binding of Kafka.
fn binary(id: &str, content_type: Option<&str>, data: Option<&'static [u8]>) -> Given {
    let mut attributes = json!({
        "specversion": "1.0", "id": id, "source": "/shop/k%C3%B6ln?a=b", "type": "order.paid", "time": TIME,
        "subject": "Größe 1", "tenant": "north",
    });
    let mut record = Out { value: data.map(<[u8]>::to_vec), ..Out::default() };
    for (name, value) in attributes.as_object().unwrap() {
        record = record.header(format!("ce_{name}"), Some(value.as_str().unwrap().as_bytes()));
    }
    if let Some(content_type) = content_type {
        record = record.header("content-type", Some(content_type.as_bytes()));
        attributes["datacontenttype"] = json!(content_type);
    }
    Given { record, mode: "binary", attributes, data }
}

/// The same, as one JSON object.
fn structured(id: &str, more: Value, data: Option<&'static [u8]>) -> Given {
    let mut attributes = json!({
        "specversion": "1.0", "id": id, "source": "/shop", "type": "order.paid", "time": TIME, "tenant": "south",
    });
    attributes["datacontenttype"] = more["datacontenttype"].clone();
    let mut whole = attributes.clone();
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let said = "application/cloudevents+json; charset=UTF-8";
    let record = Out::value(whole.to_string()).header("content-type", Some(said.as_bytes()));
    Given { record, mode: "structured", attributes, data }
}

/// No event yet; `offset` says which id it gets.
fn plain(topic: &str, offset: usize, content_type: Option<&str>, data: &'static [u8]) -> Given {
    let mut attributes = json!({
        "specversion": "1.0", "id": format!("{topic}/0/{offset}"), "source": format!("/shop/{topic}"),
        "type": "order.created", "subject": "ORD-1", "time": TIME,
    });
    let mut record = Out::value(data).key("ORD-1").at(1_767_225_600_000);
    record = record.header("type", Some(b"created"));
    if let Some(content_type) = content_type {
        record = record.header("content-type", Some(content_type.as_bytes()));
        attributes["datacontenttype"] = json!(content_type);
    }
    Given { record, mode: "binary", attributes, data: Some(data) }
}

fn given(topic: &str) -> Vec<Given> {
    let order: Value = serde_json::from_slice(ORDER).unwrap();
    let in_json = json!({ "datacontenttype": JSON, "data": order });
    let in_base64 =
        json!({ "datacontenttype": "image/png", "data_base64": STANDARD.encode(b"\xff\x00\x01") });
    vec![
        plain(topic, 0, Some(JSON), ORDER),
        plain(topic, 1, Some("text/plain"), "hej, Malmö".as_bytes()),
        plain(topic, 2, Some("image/png"), b"\xff\x00\x01"),
        binary("1", Some(JSON), Some(ORDER)),
        binary("2", Some("text/plain"), Some(b"hej")),
        binary("3", Some("image/png"), Some(b"\xff\x00")),
        binary("4", None, None),
        structured("5", in_json, Some(ORDER)),
        structured("6", in_base64, Some(b"\xff\x00\x01")),
    ]
}

/// Of data in JSON what it says; of any other its bytes.
fn comparable(data: &[u8], content_type: &Value) -> Value {
    match content_type.as_str() {
        Some(JSON) => serde_json::from_slice(data).unwrap(),
        _ => json!(STANDARD.encode(data)),
    }
}

/// What an SDK has to read of a hub.
fn expected(given: &Given, hub: &str) -> Value {
    let mode = if hub == "kept" { given.mode } else { hub };
    let data = given.data.map(|data| comparable(data, &given.attributes["datacontenttype"]));
    json!({ "mode": mode, "attributes": given.attributes, "data": data })
}

fn assert_read(reader: Command, hub: &str, given: &[Given]) {
    let what = format!("{reader:?}");
    let read = lines(reader);
    assert_eq!(read.len(), given.len(), "{what}");
    for (mut event, given) in read.into_iter().zip(given) {
        let bytes = event["data"].as_str().map(|it| STANDARD.decode(it).unwrap());
        let bytes = bytes.filter(|it| !it.is_empty());
        let data = bytes.map(|it| comparable(&it, &event["attributes"]["datacontenttype"]));
        event["data"] = json!(data);
        assert_eq!(event, expected(given, hub), "{what}");
    }
}

#[test]
fn cloud_events_are_read_by_the_sdks_of_two_languages() {
    let (kafka, topic) = (Kafka::shared(), unique("events"));
    kafka.create_topic(&topic, 1);
    let server = HUBS.iter().fold(Server::builder(), |it, (hub, _)| it.hub(*hub, 1));
    let server = server.start().unwrap();
    let given = given(&topic);
    kafka.produce(&topic, given.iter().map(|it| it.record.clone().to(0)));
    let settings = Settings::new(kafka, &unique("g"), &server);
    let settings = HUBS.iter().fold(settings, |settings, (hub, asked)| {
        let mapping = format!("topic = '{topic}'\nhub = '{hub}'\ncloudevents = {asked}");
        settings.with(&format!("[[mappings]]\n{mapping}"))
    });
    let bridge = settings.until_caught_up().start();
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
    let (python, go) = (interpreter(), in_go());
    for (hub, _) in HUBS {
        assert_eq!(server.hub(hub).total(), given.len() as u64);
        let count = given.len().to_string();
        if let Some(interpreter) = &python {
            let mut reader = in_python(interpreter, "cloud_events.py");
            reader.arg(server.connection_string()).arg(page("decoded.md")).args([hub, &count]);
            assert_read(reader, hub, &given);
        }
        if let Some(program) = &go {
            let whole = server.connection_string();
            let part = |name: &str| whole.split(name).nth(1).unwrap().split(';').next().unwrap();
            let (name, key) = (part("SharedAccessKeyName="), part("SharedAccessKey="));
            let mut reader = Command::new(program);
            reader.args([&server.addr().to_string(), name, key, hub, &count]);
            assert_read(reader, hub, &given);
        }
    }
}
