//! What every client has to see, and what has to be in the server's log afterwards.

use eventhubs_local::{Event, Hub, Partition, Value};
use serde_json::{Value as Json, json};

use crate::languages::Language;
use crate::program::Seen;
use crate::seed::{HALF, HUB, KEY, PARTITION, Scene, Transport};

/// Each check must be there and have seen exactly this; what is not known here must not be there.
pub(crate) fn seen(language: &Language, scene: &Scene, seen: &Seen) {
    let mut left = seen.clone();
    let mut wrong = Vec::new();
    let mut expected = on_every_transport(scene);
    if scene.transport == Transport::Plain {
        expected.extend(on_plain_tcp(language));
        for (check, words) in language.failures {
            let saw = left.remove(check);
            if !saw.as_ref().and_then(Json::as_str).is_some_and(|text| text.contains(words)) {
                wrong.push(format!("{check}: expected `{words}`, saw {saw:?}"));
            }
        }
    }
    for (check, expected) in expected {
        let saw = left.remove(check);
        if saw.as_ref() != Some(&expected) {
            wrong.push(format!("{check}: expected {expected}, saw {saw:?}"));
        }
    }
    let name = format!("the {} client over {:?}", language.name, scene.transport);
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    assert!(left.is_empty(), "{name} did what nobody checks: {left:?}");
}

fn bodies(from: usize) -> Vec<String> {
    (from..2 * HALF).map(|n| format!("seed {n}")).collect()
}

fn on_every_transport(scene: &Scene) -> Vec<(&'static str, Json)> {
    vec![
        ("hub_properties", json!({"name": HUB, "partitions": ["0", "1", "2", "3"]})),
        (
            "partition_properties",
            json!({"id": PARTITION.to_string(), "empty": false, "first": 0, "last": 2 * HALF - 1,
                   "last_offset": scene.last_offset}),
        ),
        ("empty_partition", json!({"id": "1", "empty": true, "last": -1})),
        ("send_single", json!(1)),
        ("send_batch_with_key", json!(3)),
        ("send_batch_to_partition", json!(3)),
        ("receive_from_start", json!(bodies(0))),
        ("receive_after_offset", json!(bodies(5))),
        ("receive_from_sequence_number", json!(bodies(7))),
        ("receive_after_sequence_number", json!(bodies(8))),
        ("receive_from_time", json!(bodies(HALF))),
        (
            "read_event",
            json!({"body": "seed 3", "partition_key": KEY, "sequence_number": 3, "message_id": "id-3",
                   "correlation_id": "about-3", "content_type": "text/plain",
                   "properties": {"text": "grün", "int": -42, "long": 1_i64 << 40, "flag": true, "ratio": 0.5}}),
        ),
    ]
}

fn on_plain_tcp(language: &Language) -> Vec<(&'static str, Json)> {
    let mut expected = vec![
        // Of 100 kB each, under a limit of 256 KiB.
        ("full_batch", json!(2)),
        ("send_with_token", json!(1)),
        ("receive_from_end", json!("late")),
        // One after the other, with one checkpoint store: the second goes on after the checkpoint at the tenth.
        ("processor_partitions", json!(["0", "1", "2", "3"])),
        ("processor_first", json!(bodies(0))),
        ("processor_resumed", json!(bodies(HALF))),
    ];
    if language.buffers {
        expected.push(("send_buffered", json!(10)));
    }
    expected
}

/// What the program has sent is in the log, as it was meant.
pub(crate) fn stored(language: &Language, scene: &Scene) {
    let hub = scene.server.hub(HUB);
    let all: Vec<Event> = hub.partitions().iter().flat_map(Partition::events).collect();
    assert_eq!(of(&all, "single"), ["single"]);
    keyed(language, &hub, &all);

    let targeted = hub.partition(1).events();
    assert_eq!(of(&targeted, "targeted"), ["targeted 0", "targeted 1", "targeted 2"]);
    assert_eq!(of(&all, "targeted").len(), 3);
    let targeted = targeted.iter().filter(|event| event.body().unwrap().starts_with(b"targeted"));
    for event in targeted {
        assert_eq!(event.partition_key(), None);
    }

    assert_eq!(of(&hub.partition(PARTITION).events(), "seed").len(), 2 * HALF);
    assert!(of(&all, "refused").is_empty(), "what had to fail was stored");
    if scene.transport == Transport::Plain {
        stored_on_plain_tcp(language, &hub, &all);
    }
}

fn keyed(language: &Language, hub: &Hub, all: &[Event]) {
    // lookup3 of `customer-17` over four partitions.
    let keyed = hub.partition(3).events();
    assert_eq!(of(&keyed, "keyed"), ["keyed 0", "keyed 1", "keyed 2"]);
    assert_eq!(of(all, "keyed").len(), 3);
    let keyed = keyed.iter().filter(|event| event.body().unwrap().starts_with(b"keyed"));
    for (n, event) in keyed.enumerate() {
        assert_eq!(event.partition_key(), Some("customer-17"));
        assert_eq!(event.annotations().len(), 1, "{:?}", event.annotations());
        assert_eq!(event.data_sections(), 1);
        assert_eq!(event.message_id(), Some(format!("keyed-{n}").as_str()));
        assert_eq!(event.content_type().as_deref(), Some("text/plain"));
        assert_eq!(event.properties()[6], Value::Symbol("text/plain".into()));
        assert_eq!(event.application_property("client"), Some(Value::String(language.name.into())));
        assert_eq!(event.application_property("n"), Some((language.int)(n as i64)));
        assert_eq!(event.application_property("flag"), Some(Value::Bool(true)));
    }
}

fn stored_on_plain_tcp(language: &Language, hub: &Hub, all: &[Event]) {
    assert_eq!(of(all, "bulk"), ["bulk".repeat(25_000), "bulk".repeat(25_000)]);
    assert_eq!(of(all, "early"), ["early"]);
    assert_eq!(of(all, "late").len(), of(&hub.partition(0).events(), "late").len());
    assert_eq!(of(all, "signed"), ["signed"]);
    if language.buffers {
        // These clients hash the key themselves, and send to the partition.
        let buffered: Vec<String> = (0..10).map(|n| format!("buffered {n}")).collect();
        assert_eq!(of(&hub.partition(1).events(), "buffered"), buffered);
        assert_eq!(of(all, "buffered").len(), 10);
        let keyed = all.iter().filter(|event| event.body().unwrap().starts_with(b"buffered"));
        for event in keyed {
            assert_eq!(event.partition_key(), language.buffered_key);
        }
    }
}

/// The bodies that begin like this.
fn of(events: &[Event], prefix: &str) -> Vec<String> {
    let bodies =
        events.iter().map(|event| String::from_utf8_lossy(&event.body().unwrap()).into_owned());
    bodies.filter(|body| body.starts_with(prefix)).collect()
}
