//! Values that are too large, sent in parts: by the whole binary, from a real Kafka, to a hub that takes 1 MB, and read by Microsoft's
//! clients.

use eventhubs_local::Server;
use serde_json::{Value, json};
use stage::event::{Property, Seen};
use stage::reader::{Next, Source};
use stage::{Kafka, Out, PATIENCE, Settings, unique};

use crate::readers::{self, told};
use crate::stored::hash;

const HUB: &str = "orders";
const LARGE: usize = 3_500_000;

struct Scene {
    kafka: &'static Kafka,
    topic: String,
    group: String,
    server: Server,
    settings: Settings,
}

impl Scene {
    /// A topic with a large record between two small ones, all of one key.
    fn new() -> Self {
        let (kafka, topic, group) = (Kafka::shared(), unique("orders"), unique("g"));
        let server = Server::builder().hub(HUB, 1).start().unwrap();
        kafka.create_topic_with(&topic, 1, &[("max.message.bytes", "8000000")]);
        let record = |value: Vec<u8>| {
            let out = Out { value: Some(value), ..Out::value("").to(0) }.key("customer");
            // Kafka's own, and one that would say something else.
            let forged = out.header("kafka_parts", Some(b"7")).header("h", Some(b"v"));
            forged.header("content-type", Some(b"text/plain"))
        };
        let settings = [("message.max.bytes", "8000000")];
        kafka.produce_with(&topic, values().into_iter().map(record), &settings);
        let settings = Settings::new(kafka, &group, &server).with(&format!(
            "[[mappings]]
            topic = '{topic}'
            hub = '{HUB}'
            failure.too_large = 'split'
            [kafka.client]
            'session.timeout.ms' = 6000
            'heartbeat.interval.ms' = 1000"
        ));
        Self { kafka, topic, group, server, settings }
    }

    fn wait(&self, count: u64) {
        assert!(self.server.hub(HUB).wait_for(count, PATIENCE), "{count} events");
    }

    /// All that the hub holds, as Microsoft's client for Rust reads it.
    fn read(&self) -> Vec<Seen> {
        let source = Source {
            address: self.server.addr().to_string(),
            connection_string: self.server.connection_string(),
            hub: HUB.to_owned(),
            partition: 0,
        };
        let total = self.server.hub(HUB).total() as usize;
        let mut seen = Vec::new();
        source.read(|event| {
            seen.push(Seen::received(event));
            if seen.len() == total { Next::Enough } else { Next::More }
        });
        seen
    }

    fn id(&self, offset: usize) -> String {
        format!("{}/0/{offset}", self.topic)
    }
}

/// Bytes that no place has in common with another.
fn values() -> [Vec<u8>; 3] {
    let mut state = 7_u64;
    let byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let large = std::iter::repeat_with(byte).take(LARGE).collect();
    [b"before".to_vec(), large, b"after".to_vec()]
}

/// Which part of how many an event says that it holds.
fn part(seen: &Seen) -> Option<(i32, i32)> {
    let said = |name: &str| match seen.properties.get(name) {
        Some(Property::Int(number)) => Some(*number),
        Some(other) => panic!("{name} is {other:?}"),
        None => None,
    };
    said("kafka_part").zip(said("kafka_parts"))
}

#[test]
fn a_value_that_is_too_large_goes_in_parts_between_its_neighbours() {
    let scene = Scene::new();
    let bridge = scene.settings.start();
    scene.wait(6);
    bridge.stop();
    assert_eq!(scene.kafka.committed(&scene.group, &scene.topic, 0), Some(3));
    let seen = scene.read();
    let ids: Vec<_> = seen.iter().map(|it| it.message_id.clone()).collect();
    assert_eq!(ids, [0, 1, 1, 1, 1, 2].map(|offset| scene.id(offset)), "in order");
    let parts: Vec<_> = seen.iter().map(part).collect();
    let some = |number| Some((number, 4));
    assert_eq!(parts, [None, some(1), some(2), some(3), some(4), None]);
    let joined = seen[1..5].iter().flat_map(|it| it.body.iter().copied()).collect::<Vec<_>>();
    let [before, large, after] = values();
    assert!(joined == large, "byte by byte");
    assert_eq!((&seen[0].body, &seen[5].body), (&before, &after));
    for seen in &seen {
        assert_eq!(seen.key.as_deref(), Some("customer"));
        assert_eq!(seen.content_type.as_deref(), Some("text/plain"));
        assert_eq!(seen.properties["h"], Property::Text("v".to_owned()));
        assert_eq!(seen.properties["kafka_topic"], Property::Text(scene.topic.clone()));
    }
    // `try` shows the same, each part with its size.
    let tried = scene.settings.call(&["try"], &["--from-topic", &scene.topic, "--json"]);
    let tried = String::from_utf8(tried.stdout).unwrap();
    let tried: Vec<Value> = tried.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |it: &Value| {
        (it["properties"]["kafka_part"].clone(), it["properties"]["kafka_parts"].clone())
    };
    let expected = [None, Some(1), Some(2), Some(3), Some(4), None];
    let expected = expected.map(|it| (json!(it), json!(it.map(|_| 4))));
    assert_eq!(tried.iter().map(told).collect::<Vec<_>>(), expected);
    let size = |it: &Value| it["size"].as_u64().unwrap();
    assert!(tried[1..5].iter().all(|it| (875_000..=1_048_576).contains(&size(it))));
}

/// The hub stores the first part and never says so; then the bridge is killed, and another one goes on.
#[test]
fn a_bridge_that_is_killed_between_two_parts_loses_nothing_and_readers_join_what_comes_again() {
    let scene = Scene::new();
    let silence = scene.server.faults().hub(HUB).forget_ack();
    // The first batch leaves when it is full: with the first part.
    let bridge = scene.settings.clone().with("batch.linger = '5s'").start();
    scene.wait(2);
    bridge.kill();
    silence.clear();
    assert_eq!(scene.server.hub(HUB).total(), 2, "the first part and what is before it");
    let bridge = scene.settings.start();
    scene.wait(8);
    bridge.stop();
    assert_eq!(scene.kafka.committed(&scene.group, &scene.topic, 0), Some(3));
    let seen = scene.read();
    let parts: Vec<_> = seen.iter().map(|it| part(it).map_or(0, |(number, _)| number)).collect();
    assert_eq!(parts, [0, 1, 0, 1, 2, 3, 4, 0], "from the record on that was not committed");
    // What each reader has to see of it.
    let values = values();
    let value = |times: usize, offset: usize| {
        let value: &[u8] = &values[offset];
        json!({ "times": times, "id": scene.id(offset), "size": value.len(), "sha256": hash(value) })
    };
    let mut expected = Vec::new();
    for times in [1, 2] {
        let whole = |offset| std::iter::repeat_n(value(times, offset), times);
        expected.extend(whole(0).chain(whole(0)).chain([value(times, 1)]).chain(whole(2)));
        expected.push(json!({ "times": times, "open": 0 }));
    }
    let build = tempfile::tempdir().unwrap();
    for (language, reader) in readers::all(build.path()) {
        assert_eq!(told((language, reader), &scene.server, HUB), expected, "{language}");
    }
}

/// More parts than there may be: it goes the way of the policy, which the detail says with figures.
#[test]
fn a_value_of_too_many_parts_goes_the_way_of_the_policy() {
    let (kafka, topic) = (Kafka::shared(), unique("orders"));
    let server = Server::builder().hub(HUB, 1).max_message_size(20_000).start().unwrap();
    kafka.create_topic_with(&topic, 1, &[("max.message.bytes", "8000000")]);
    let record = |value: Vec<u8>| Out { value: Some(value), ..Out::value("").to(0) };
    let sizes = [1_200_000, 1_300_000, 10].map(|size| record(vec![b'v'; size]));
    kafka.produce_with(&topic, sizes, &[("message.max.bytes", "8000000")]);
    let bridge = Settings::new(kafka, &unique("g"), &server)
        .with(&format!(
            "[failure]
            policy = 'drop'
            too_large = 'split'
            [[mappings]]
            topic = '{topic}'
            hub = '{HUB}'"
        ))
        .start();
    // 1 200 000 bytes are 61 parts, 1 300 000 would be 66.
    assert!(server.hub(HUB).wait_for(62, PATIENCE));
    let line = bridge.wait_log(&["WARN", "needs 66 parts of", "more than 64"]);
    assert!(line.contains("1300000 bytes"), "{line}");
    bridge.stop();
    assert_eq!(server.hub(HUB).total(), 62);
    assert_eq!(bridge.exit_code(), Some(0));
}
