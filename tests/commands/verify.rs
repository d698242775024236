//! `verify`: nothing is found where nothing is, and each planted fault is.

use eventhubs_local::Server;
use serde_json::{Value, json};
use stage::plant::{self, Lanes, plants, record};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::said::{refused, text};

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
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, records);
    copied(topic, mapping)
}

fn copied(topic: String, mapping: &str) -> Scene {
    let server = Server::builder().hub("orders", 3).start().unwrap();
    let settings = Settings::new(Kafka::shared(), &unique("g"), &server)
        .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = 'orders'\n{mapping}"));
    let bridge = settings.clone().until_caught_up().start();
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
    Scene { server, settings, topic }
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
        let mut lanes = plant::lanes(&hub);
        change(&mut lanes);
        let server = Server::builder().hub("orders", 3).start().unwrap();
        plant::put(server.addr(), "orders", &lanes);
        let string = server.connection_string();
        let settings =
            self.settings.clone().with(&format!("[eventhubs]\nconnection_string = '{string}'"));
        (server, settings)
    }
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
        said.starts_with(
            "every event is in its hub: 600 events of 600 records expected, 600 found\n"
        ),
        "{said}"
    );
    assert!(said.contains("600 events read by the bridge's own reader"), "{said}");
}

#[test]
fn each_planted_fault_is_found_in_its_place() {
    let scene = Scene::plain();
    for (offset, plant) in plants(&scene.topic, 200) {
        let id = format!("{}/1/{offset}", scene.topic);
        let (_server, settings) = scene.planted(plant.change);
        let (fault, differs) = (plant.fault, plant.differs);
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

/// A value that goes to its hub in parts is there when all of them are.
#[test]
fn a_value_in_parts_is_there_when_each_part_is() {
    let (kafka, topic) = (Kafka::shared(), unique("orders"));
    kafka.create_topic_with(&topic, 2, &[("max.message.bytes", "4000000")]);
    let large = |n: usize| Out { value: Some(vec![b'a' + n as u8; 2_500_000]), ..record(n) };
    let records = (0..40).map(|n| if n % 10 == 5 { large(n) } else { record(n) });
    kafka.produce_with(&topic, records, &[("message.max.bytes", "4000000")]);
    let scene = copied(topic, "failure.too_large = 'split'");
    let (code, document) = scene.verify(&["--reader", "bridge"]);
    assert_eq!((code, &document["good"]), (Some(0), &json!(true)), "{document}");
    let parts = document["events"].as_u64().unwrap() - 36;
    assert_eq!(parts, 4 * 3, "each of four in three: {document}");
    // The last of the parts of one is lost, and a byte of another's first is not what it was.
    let (_server, settings) = scene.planted(|lanes| {
        let is_of = |event: &Vec<u8>, n: u8| event.ends_with(&[b'a' + n; 1000]);
        for lane in lanes {
            if let Some(last) = lane.iter().rposition(|event| is_of(event, 5)) {
                lane.remove(last);
            }
            if let Some(event) = lane.iter_mut().find(|event| is_of(event, 15)) {
                *event.last_mut().unwrap() ^= 1;
            }
        }
    });
    let output = settings.call(VERIFY, &["--from", "earliest", "--json", "--reader", "bridge"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = faults(&document);
    assert_eq!(found, [("altered".to_owned(), 1), ("missing".to_owned(), 1)], "{document}");
    let examples = document["examples"].as_array().unwrap();
    let mut told: Vec<_> = examples.iter().map(|it| (&it["fault"], &it["record"])).collect();
    told.sort_by_key(|(fault, _)| fault.as_str());
    let id = |n: usize| json!(format!("{}/{}/{}", scene.topic, n % 2, n / 2));
    assert_eq!(told, [(&json!("altered"), &id(15)), (&json!("missing"), &id(5))]);
}

#[test]
fn one_that_is_killed_or_stopped_goes_on_with_the_same_result() {
    let scene = Scene::plain();
    let (_, missing) = plants(&scene.topic, 250).swap_remove(0);
    let (server, settings) = scene.planted(missing.change);
    let folder = tempfile::tempdir().unwrap();
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
        let verify = settings.begin(VERIFY, &arguments);
        wait_for("all records are read", PATIENCE, || {
            let all = state()?["counts"]["records"] == RECORDS;
            (all && busy.fired() > 0).then_some(())
        });
        assert_eq!(verify.end(signal), code);
        busy.clear();
    }
    let output = settings.call(VERIFY, &arguments);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(76), "{document}");
    assert_eq!(faults(&document), [("missing".to_owned(), 1)], "{document}");
    let counts = ["records", "events"].map(|key| document[key].as_u64().unwrap() as usize);
    assert_eq!(counts, [RECORDS, RECORDS - 1], "each once");
    let other = ["--from", "2026-01-01", "--work-dir", work];
    refused(&settings, VERIFY, &other, 64, &["belongs to a comparison with other arguments"]);
}
