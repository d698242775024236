//! `verify`: nothing is found where nothing is, and each planted fault is.

use std::process::{Command, Stdio};

use eventhubs_local::{Event, Server};
use serde_json::{Value, json};

use crate::said::{refused, text};
use crate::support::child::spawn;
use crate::support::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

const VERIFY: &[&str] = &["verify"];
/// Records of the scene.
const RECORDS: usize = 600;

/// A bridge has copied a topic of two partitions to a hub of three.
struct Scene {
    server: Server,
    settings: Settings,
    topic: String,
}

fn scene(mapping: &str, records: impl IntoIterator<Item = Out>) -> Scene {
    let (kafka, topic) = (Kafka::shared(), unique("orders"));
    let server = Server::builder().hub("orders", 3).start().unwrap();
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, records);
    let settings = Settings::new(kafka, &unique("g"), &server)
        .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = 'orders'\n{mapping}"));
    let bridge = settings.clone().until_caught_up().start();
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
    Scene { server, settings, topic }
}

fn record(n: usize) -> Out {
    let record = Out::value(format!(r#"{{"n":{n}}}"#)).to((n % 2) as i32);
    let record = record.at(1_767_225_600_000 + n as i64).header("type", Some(b"created"));
    if n.is_multiple_of(7) { record } else { record.key(format!("key-{}", n % 20)) }
}

impl Scene {
    fn plain() -> Self {
        scene("", (0..RECORDS).map(record))
    }

    /// What `verify` tells, and how it ends.
    fn verify(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let arguments = [&["--from", "earliest", "--json"], arguments].concat();
        let output = self.settings.call(VERIFY, &arguments);
        let said = text(&output.stdout);
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        (output.status.code(), serde_json::from_str(&said).expect(&said))
    }

    /// Another Event Hubs, with the same events as `change` has them, and a configuration for it.
    fn planted(&self, change: impl FnOnce(&mut Lanes)) -> (Server, Settings) {
        let hub = self.server.hub("orders");
        let raw = |event: Event| event.raw().to_vec();
        let mut events: Lanes =
            [0, 1, 2].map(|id| hub.partition(id).events().into_iter().map(raw).collect());
        change(&mut events);
        let server = Server::builder().hub("orders", 3).start().unwrap();
        for (id, events) in events.iter().enumerate() {
            put(&server, &format!("orders/Partitions/{id}"), events);
        }
        let string = server.connection_string();
        let settings =
            self.settings.clone().with(&format!("[eventhubs]\nconnection_string = '{string}'"));
        (server, settings)
    }
}

/// The encoded events of three partitions.
type Lanes = [Vec<Vec<u8>>; 3];

/// Sends encoded events over our own client, in one link.
fn put(server: &Server, address: &str, events: &[Vec<u8>]) {
    use amqp::client::{Answer, Login, Settings as Terms};
    use amqp::driver::{Connection, Outcome};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
        let connection =
            Connection::spawn(stream, Terms::new("localhost", "planter", Login::Anonymous), |_| {});
        connection.opened().await.unwrap();
        let session = connection.begin().await.unwrap();
        let sender = session.sender("planter", address).await.unwrap();
        for event in events {
            let sent = sender.send(event.clone().into(), 0).unwrap();
            assert_eq!(sent.await, Outcome::Answered(Answer::Accepted));
        }
        drop((sender, session));
        connection.close().await;
    });
}

fn faults(document: &Value) -> Vec<(String, u64)> {
    let faults = document["faults"].as_object().unwrap().iter();
    let counts = faults.map(|(name, count)| (name.clone(), count.as_u64().unwrap()));
    counts.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let scene = Scene::plain();
    for reader in ["microsoft", "bridge"] {
        let (code, document) = scene.verify(&["--reader", reader]);
        assert_eq!((code, &document["good"]), (Some(0), &json!(true)), "{document}");
        assert_eq!(document["read_by"], json!([reader]));
        for key in ["records", "events", "expected", "found"] {
            assert_eq!(document[key], RECORDS, "{key}: {document}");
        }
        assert_eq!(faults(&document), []);
        assert_eq!(document["examples"], json!([]));
    }
    // A part of it: the events of the rest are nobody's fault.
    let part = format!("{}:1", scene.topic);
    let (code, document) = scene.verify(&["--topic", &part, "--to", "100", "--reader", "bridge"]);
    assert_eq!((code, &document["expected"]), (Some(0), &json!(100)), "{document}");
    let said = scene.settings.call(VERIFY, &["--from", "2026-01-01", "--reader", "bridge"]);
    let said = text(&said.stdout);
    assert!(
        said.starts_with("all is there: 600 events of 600 records expected, 600 found\n"),
        "{said}"
    );
    assert!(said.contains("600 events read by the bridge's own reader"), "{said}");
}

/// Where the event of a record is, in what is planted.
fn place(events: &Lanes, id: &str) -> (usize, usize) {
    let is = |event: &Vec<u8>| event.windows(id.len()).any(|part| part == id.as_bytes());
    let mut lanes = events.iter().enumerate();
    let found = lanes.find_map(|(lane, events)| Some((lane, events.iter().position(is)?)));
    found.expect("it is there")
}

fn replace(bytes: &mut [u8], from: &str, to: &str) {
    let at = bytes.windows(from.len()).position(|part| part == from.as_bytes());
    let at = at.expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
}

/// The offset of the record in partition 1 that an event is of.
fn offset(event: &[u8], topic: &str) -> Option<i64> {
    let of = format!("{topic}/1/").into_bytes();
    let at = event.windows(of.len()).position(|part| part == of)? + of.len();
    let digits = event[at..].iter().take_while(|byte| byte.is_ascii_digit());
    str::from_utf8(&digits.copied().collect::<Vec<_>>()).unwrap().parse().ok()
}

type Plant<'a> = Box<dyn Fn(&mut Lanes) + 'a>;

/// One fault each, at the record `id` of partition 1: its name, what differs, and how it comes about.
fn plants<'a>(topic: &'a str, id: &'a str) -> Vec<(&'static str, Value, Plant<'a>)> {
    let at = move |events: &Lanes| place(events, id);
    let none = || json!([]);
    let before = move |events: &Lanes, lane: usize, at: usize| {
        // The one before of the same Kafka partition.
        (0..at).rev().find(|at| offset(&events[lane][*at], topic).is_some()).unwrap()
    };
    vec![
        (
            "missing",
            none(),
            Box::new(move |events| {
                let (lane, at) = at(events);
                events[lane].remove(at);
            }),
        ),
        (
            "twice",
            none(),
            Box::new(move |events| {
                let (lane, at) = at(events);
                let again = events[lane][at].clone();
                events[lane].push(again);
            }),
        ),
        (
            "altered",
            json!(["body"]),
            Box::new(move |events| {
                let (lane, at) = at(events);
                *events[lane][at].last_mut().unwrap() ^= 1;
            }),
        ),
        (
            "altered",
            json!(["headers"]),
            Box::new(move |events| {
                let (lane, at) = at(events);
                replace(&mut events[lane][at], "created", "deleted");
            }),
        ),
        (
            "altered",
            json!(["key"]),
            Box::new(move |events| {
                let (lane, at) = at(events);
                replace(&mut events[lane][at], "key-1", "kez-1");
            }),
        ),
        (
            "wrong_partition",
            none(),
            Box::new(move |events| {
                let (lane, at) = at(events);
                let moved = events[lane].remove(at);
                let other = &mut events[(lane + 1) % 3];
                // Before the first later one of the same Kafka partition, so that the order is kept.
                let later = other.iter().position(|event| offset(event, topic) > Some(250));
                other.insert(later.unwrap_or(other.len()), moved);
            }),
        ),
        (
            "out_of_order",
            none(),
            Box::new(move |events| {
                let (lane, at) = at(events);
                let before = before(events, lane, at);
                events[lane].swap(before, at);
            }),
        ),
    ]
}

#[test]
fn each_planted_fault_is_found_in_its_place() {
    let scene = Scene::plain();
    let id = format!("{}/1/250", scene.topic);
    for (fault, differs, plant) in plants(&scene.topic, &id) {
        let (_server, settings) = scene.planted(plant);
        let arguments = ["--from", "earliest", "--json", "--reader", "bridge"];
        let output = settings.call(VERIFY, &arguments);
        let said = text(&output.stdout);
        let document: Value = serde_json::from_str(&said).expect(&said);
        assert_eq!(output.status.code(), Some(76), "{document}");
        assert_eq!(faults(&document), [(fault.to_owned(), 1)], "{document}");
        let example = &document["examples"][0];
        assert_eq!((&example["fault"], &example["record"]), (&json!(fault), &json!(id)));
        assert_eq!(example.get("differs").cloned().unwrap_or(json!([])), differs);
        assert_eq!(example["sequence"].is_i64(), fault != "missing", "{example}");
        assert_eq!(example.get("should_be_in").is_some(), fault == "wrong_partition");
    }
}

#[test]
fn what_cannot_be_proven_and_what_must_not_be_there_are_told() {
    let letters = unique("refused");
    Kafka::shared().create_topic(&letters, 1);
    // A key of four bytes is a number; the others are refused.
    let mapping = format!(
        "failure = {{ policy = 'dead_letter', dead_letter_topic = '{letters}' }}\nevents = {{ key_type = 'int32' }}"
    );
    let record = |n: usize| {
        let record = Out::value("v").to(0).at(1_767_225_600_000);
        if n < 10 { record.key("four") } else { record.key("not four") }
    };
    let scene = scene(&mapping, (0..15).map(record).chain([Out { value: None, ..record(0) }]));
    let (code, document) = scene.verify(&["--reader", "bridge"]);
    assert_eq!((code, &document["good"]), (Some(0), &json!(true)), "{document}");
    assert_eq!((&document["expected"], &document["dead_lettered"]), (&json!(11), &json!(5)));
    // Retention takes records whose events are still there.
    Kafka::shared().delete_records(&scene.topic, 0, 4);
    let (code, document) = scene.verify(&["--reader", "bridge"]);
    assert_eq!((code, &document["not_provable"]["no_record"]), (Some(0), &json!(4)), "{document}");
    let trimmed = json!([format!("{}/0", scene.topic)]);
    assert_eq!(document["not_provable"]["trimmed_in_kafka"], trimmed);
    // And their letters.
    Kafka::shared().delete_records(&letters, 0, 2);
    let (code, document) = scene.verify(&["--reader", "bridge"]);
    assert_eq!((code, &document["letters_missing"]), (Some(76), &json!(2)), "{document}");
}

#[test]
fn one_that_is_killed_or_stopped_goes_on_with_the_same_result() {
    let scene = Scene::plain();
    let id = format!("{}/1/250", scene.topic);
    let plants = plants(&scene.topic, &id);
    let (server, settings) = scene.planted(&plants[0].2);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    std::fs::write(&file, settings.to_toml()).unwrap();
    let work = folder.path().join("work");
    let work = work.to_str().unwrap();
    let arguments = ["--from", "earliest", "--json", "--reader", "bridge", "--work-dir", work];
    let state = || -> Option<Value> {
        serde_json::from_slice(&std::fs::read(format!("{work}/verify.json")).ok()?).ok()
    };
    for (signal, code) in [(libc::SIGKILL, None), (libc::SIGTERM, Some(75))] {
        // One partition is busy, so that there is time to stop it in the middle.
        let orders = server.faults().hub("orders");
        let busy = orders.partition(1).refuse_attach("com.microsoft:server-busy");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kafka-eventhubs-bridge"));
        command.arg("verify").args(arguments).arg("--config").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = spawn(command, "it is built by `cargo test`");
        wait_for("all records are read", PATIENCE, || {
            let all = state()?["counts"]["records"] == RECORDS;
            (all && busy.fired() > 0).then_some(())
        });
        // SAFETY: sends a signal to a child that has not been waited for, so the id is still its own.
        assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
        let status = wait_for("it ends", PATIENCE, || child.try_wait().unwrap());
        assert_eq!(status.code(), code);
        busy.clear();
    }
    let output = settings.call(VERIFY, &arguments);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(76), "{document}");
    assert_eq!(faults(&document), [("missing".to_owned(), 1)], "{document}");
    let counts = ["records", "events"].map(|key| document[key].as_u64().unwrap() as usize);
    assert_eq!(counts, [RECORDS, RECORDS - 1], "each once");
    let other = ["--from", "2026-01-01", "--work-dir", work];
    refused(&settings, VERIFY, &other, 64, &["belongs to another question"]);
}
