//! Order events that Confluent's serializers wrote, through a registry that fails in every way, to what reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use eventhubs_local::Server;
use serde_json::Value;
use stage::{Bridge, Kafka, Out, PATIENCE, Settings, unique};

use crate::apicurio::Apicurio;
use crate::front::{Front, Way};
use crate::own;
use crate::readers::{in_javascript, in_python, interpreter, lines, told};

const KINDS: [&str; 3] = ["avro", "protobuf", "json"];
/// How long the bridge waits for an answer of the registry.
const LIMIT: Duration = Duration::from_millis(700);

/// A value as its serializer wrote it, and what its reader is to see.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    kind: usize,
    version: u64,
    key: String,
    bytes: Vec<u8>,
    json: Value,
}

impl Written {
    fn new(line: &Value) -> Self {
        let text = |name: &str| line[name].as_str().unwrap();
        let digits = text("bytes").as_bytes().chunks(2);
        let byte = |it: &[u8]| u8::from_str_radix(str::from_utf8(it).unwrap(), 16).unwrap();
        Self {
            kind: KINDS.iter().position(|it| *it == text("kind")).unwrap(),
            version: line["version"].as_u64().unwrap(),
            key: text("key").to_owned(),
            bytes: digits.map(byte).collect(),
            json: line["json"].clone(),
        }
    }

    /// The id in its frame.
    fn id(&self) -> u32 {
        u32::from_be_bytes(self.bytes[1..5].try_into().unwrap())
    }
}

struct Scene {
    kafka: &'static Kafka,
    topics: [String; 3],
    server: Server,
    /// By the id of its event.
    sent: BTreeMap<String, Written>,
}

impl Scene {
    fn new() -> Self {
        let (kafka, topics) = (Kafka::shared(), KINDS.map(unique));
        for topic in &topics {
            kafka.create_topic(topic, 2);
        }
        let server = KINDS.iter().fold(Server::builder(), |it, kind| it.hub(*kind, 2));
        Self { kafka, topics, server: server.start().unwrap(), sent: BTreeMap::new() }
    }

    fn settings(&self, registry: &str) -> Settings {
        let settings = Settings::new(self.kafka, &unique("g"), &self.server).with(registry);
        KINDS.iter().zip(&self.topics).fold(settings, |settings, (kind, topic)| {
            settings.with(&format!(
                "[[mappings]]
                topic = '{topic}'
                hub = '{kind}'
                value.decode = 'confluent'"
            ))
        })
    }

    fn write<'a>(&mut self, values: impl Iterator<Item = &'a Written>) {
        let mut by_kind: [Vec<&Written>; 3] = Default::default();
        for value in values {
            by_kind[value.kind].push(value);
        }
        for (topic, values) in self.topics.iter().zip(by_kind) {
            let out = values.iter().map(|it| Out::value(it.bytes.clone()).key(it.key.clone()));
            let places = self.kafka.produce(topic, out);
            for (value, (partition, offset)) in values.into_iter().zip(places) {
                self.sent.insert(format!("{topic}/{partition}/{offset}"), value.clone());
            }
        }
    }

    /// How many events there are, and how many there have to be in the end.
    fn count(&self) -> (u64, u64) {
        let there = KINDS.iter().map(|kind| self.server.hub(kind).total()).sum();
        (there, self.sent.len() as u64)
    }

    fn wait_all(&self) {
        for (at, kind) in KINDS.iter().enumerate() {
            let count = self.sent.values().filter(|it| it.kind == at).count() as u64;
            assert!(self.server.hub(kind).wait_for(count, PATIENCE), "{count} events of {kind}");
        }
        let (there, sent) = self.count();
        assert_eq!(there, sent, "each once");
    }

    /// What a reader has printed is what was written, value by value; `as_read` is what it can tell apart.
    fn assert_read(&self, read: &[Value], kinds: &[&str], as_read: fn(&Value) -> Value) {
        let mut left = self.sent.clone();
        left.retain(|_, it| kinds.contains(&KINDS[it.kind]));
        for event in read {
            let written = left.remove(event["id"].as_str().unwrap());
            let written =
                written.unwrap_or_else(|| panic!("nobody wrote it, or it is twice: {event}"));
            assert_eq!(event["key"], *written.key, "{event}");
            assert_eq!(event["content_type"], "application/json", "{event}");
            let value = match &event["value"] {
                Value::String(text) => serde_json::from_str(text).expect(text),
                parsed => parsed.clone(),
            };
            assert_eq!(as_read(&value), as_read(&written.json), "{event}");
        }
        assert!(left.is_empty(), "{} were not read", left.len());
    }
}

/// As a reader has it that counts in doubles, and writes no sign of a zero.
fn in_doubles(value: &Value) -> Value {
    match value {
        Value::Number(number) => (number.as_f64().unwrap() + 0.0).into(),
        Value::Array(items) => items.iter().map(in_doubles).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, it)| (name.clone(), in_doubles(it))).collect()
        }
        other => other.clone(),
    }
}

/// All values, written with schemas that this registry is given.
fn written(interpreter: &std::path::Path, apicurio: &Apicurio) -> Vec<Written> {
    let mut program = in_python(interpreter, "write.py");
    program.arg(apicurio.address());
    lines(program).iter().map(Written::new).collect()
}

/// While schemas that it does not have yet cannot be had, nothing comes; afterwards all does.
fn outlast(scene: &mut Scene, front: &Front, values: &[Written], version: u64, way: Way) {
    front.turn(way);
    let before = scene.count().0;
    scene.write(values.iter().filter(|it| it.version == version));
    let status = match way {
        Way::Refused(status) => status,
        _ => StatusCode::REQUEST_TIMEOUT,
    };
    front.wait_denied(KINDS.len(), status);
    assert_eq!(scene.count().0, before, "{way:?}");
    front.turn(Way::Open);
    scene.wait_all();
}

/// A bridge that has to ask for everything while the registry is dead, and then has nothing.
fn rebuilt(
    scene: &mut Scene,
    apicurio: &mut Apicurio,
    front: &Front,
    values: &[Written],
    settings: &Settings,
) -> Bridge {
    apicurio.kill();
    let bridge = settings.start();
    scene.write(values.iter().filter(|it| it.version == 4 || it.version == 0));
    front.turn(Way::Open);
    front.wait_denied(1, StatusCode::BAD_GATEWAY);
    apicurio.start();
    front.wait_denied(1, StatusCode::NOT_FOUND);
    bridge
}

#[test]
fn order_events_arrive_as_json_value_by_value_whatever_becomes_of_the_registry() {
    let (Some(mut apicurio), Some(interpreter)) = (own(), interpreter()) else { return };
    apicurio.start();
    let values = written(&interpreter, &apicurio);
    assert_eq!(values.len(), 600);
    let front = Front::new(apicurio.address().replace("/apis/ccompat/v7", ""), LIMIT);
    let mut scene = Scene::new();
    let settings = scene.settings(&front.settings(LIMIT));
    let bridge = settings.start();
    scene.write(values.iter().filter(|it| it.version == 0));
    scene.wait_all();
    let ways = [
        Way::Refused(StatusCode::UNAUTHORIZED),
        Way::Refused(StatusCode::SERVICE_UNAVAILABLE),
        Way::Slow,
    ];
    for (version, way) in (1..).zip(ways) {
        outlast(&mut scene, &front, &values, version, way);
    }
    bridge.stop();

    let bridge = rebuilt(&mut scene, &mut apicurio, &front, &values, &settings);
    let again = written(&interpreter, &apicurio);
    // Maps of Protobuf are written in any order, so other bytes may be the same.
    assert!(values.iter().map(Written::id).eq(again.iter().map(Written::id)), "the same ids");
    scene.wait_all();
    bridge.stop();
    assert_eq!(scene.count().0, scene.count().1, "each once");

    let (read, in_javascript) = std::thread::scope(|scope| {
        let kinds = &KINDS[..2];
        let other = in_javascript("read.cjs");
        let other = other.map(|it| scope.spawn(|| told(it, &scene.server, kinds)));
        let read = told(in_python(&interpreter, "read.py"), &scene.server, &KINDS);
        (read, other.map(|it| it.join().unwrap()))
    });
    scene.assert_read(&read, &KINDS, Value::clone);
    for event in &read {
        let written = &scene.sent[event["id"].as_str().unwrap()];
        assert_eq!(event["headers"]["schema-id"], *written.id().to_string(), "{event}");
        if KINDS[written.kind] == "json" {
            let payload = str::from_utf8(&written.bytes[5..]).unwrap();
            assert_eq!(event["value"], *payload, "it passes byte for byte");
        }
    }
    // It counts in doubles, and yet no digit is lost of what was decoded.
    if let Some(read) = in_javascript {
        scene.assert_read(&read, &KINDS[..2], in_doubles);
    }
}
