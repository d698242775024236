//! What every client has to see, and what has to be in the server's log afterwards.

use eventhubs_local::{Event, Server, Value};
use serde_json::{Value as Json, json};

use crate::program::Seen;
use crate::seed::{HALF, HUB, KEY, PARTITION, Seeded};

/// The words in which a client reports each error.
pub(crate) struct Errors {
    pub(crate) wrong_key: &'static str,
    pub(crate) unknown_hub: &'static str,
    pub(crate) unknown_partition: &'static str,
    pub(crate) oversize_event: &'static str,
    pub(crate) stolen: &'static str,
}

/// Each check must be there and have seen exactly this; what is not known here must not be there.
pub(crate) fn seen(language: &str, seen: &Seen, seeded: &Seeded, errors: Errors) {
    let mut left = seen.clone();
    let mut wrong = Vec::new();
    for (check, expected) in observations(seeded) {
        let saw = left.remove(check);
        if saw.as_ref() != Some(&expected) {
            wrong.push(format!("{check}: expected {expected}, saw {saw:?}"));
        }
    }
    for (check, words) in [
        ("wrong_key", errors.wrong_key),
        ("unknown_hub", errors.unknown_hub),
        ("unknown_partition", errors.unknown_partition),
        ("oversize_event", errors.oversize_event),
        ("stolen_by_a_higher_epoch", errors.stolen),
    ] {
        let saw = left.remove(check);
        if !saw.as_ref().and_then(Json::as_str).is_some_and(|text| text.contains(words)) {
            wrong.push(format!("{check}: expected `{words}`, saw {saw:?}"));
        }
    }
    assert!(wrong.is_empty(), "the {language} client:\n{}", wrong.join("\n"));
    assert!(left.is_empty(), "the {language} client did what nobody checks: {left:?}");
}

fn observations(seeded: &Seeded) -> Vec<(&'static str, Json)> {
    let bodies = |from: usize| (from..2 * HALF).map(|n| format!("seed {n}")).collect::<Vec<_>>();
    vec![
        ("hub_properties", json!({"name": HUB, "partitions": ["0", "1", "2", "3"]})),
        (
            "partition_properties",
            json!({"id": PARTITION.to_string(), "empty": false, "first": 0, "last": 2 * HALF - 1,
                   "last_offset": seeded.last_offset}),
        ),
        ("empty_partition", json!({"id": "1", "empty": true, "last": -1})),
        ("send_single", json!(1)),
        ("send_batch_with_key", json!(3)),
        ("send_batch_to_partition", json!(3)),
        // Of 100 kB each, under a limit of 256 KiB.
        ("full_batch", json!(2)),
        ("receive_from_start", json!(bodies(0))),
        ("receive_after_offset", json!(bodies(5))),
        ("receive_from_sequence_number", json!(bodies(7))),
        ("receive_after_sequence_number", json!(bodies(8))),
        ("receive_from_time", json!(bodies(HALF))),
        ("receive_from_end", json!("late")),
        (
            "read_event",
            json!({"body": "seed 3", "partition_key": KEY, "sequence_number": 3, "message_id": "id-3",
                   "correlation_id": "about-3", "content_type": "text/plain",
                   "properties": {"text": "grün", "int": -42, "long": 1_i64 << 40, "flag": true, "ratio": 0.5}}),
        ),
    ]
}

/// What the program has sent is in the log, as it was meant.
pub(crate) fn stored(language: &str, server: &Server, int: fn(i64) -> Value) {
    let hub = server.hub(HUB);
    let all: Vec<Event> =
        hub.partitions().iter().flat_map(eventhubs_local::Partition::events).collect();
    let of = |events: &[Event], prefix: &str| -> Vec<String> {
        let bodies =
            events.iter().map(|event| String::from_utf8_lossy(&event.body().unwrap()).into_owned());
        bodies.filter(|body| body.starts_with(prefix)).collect()
    };
    assert_eq!(of(&all, "single"), ["single"]);
    assert_eq!(of(&all, "bulk"), ["bulk".repeat(25_000), "bulk".repeat(25_000)]);
    assert_eq!(of(&all, "early"), ["early"]);
    assert!(of(&all, "late").len() <= of(&hub.partition(0).events(), "late").len());

    // lookup3 of `customer-17` over four partitions.
    let keyed = hub.partition(3).events();
    assert_eq!(of(&keyed, "keyed"), ["keyed 0", "keyed 1", "keyed 2"]);
    assert_eq!(of(&all, "keyed").len(), 3);
    let keyed = keyed.iter().filter(|event| event.body().unwrap().starts_with(b"keyed"));
    for (n, event) in keyed.enumerate() {
        assert_eq!(event.partition_key(), Some("customer-17"));
        assert_eq!(event.annotations().len(), 1, "{:?}", event.annotations());
        assert_eq!(event.data_sections(), 1);
        assert_eq!(event.message_id(), Some(format!("keyed-{n}").as_str()));
        assert_eq!(event.content_type().as_deref(), Some("text/plain"));
        assert_eq!(event.properties()[6], Value::Symbol("text/plain".into()));
        assert_eq!(event.application_property("client"), Some(Value::String(language.into())));
        assert_eq!(event.application_property("n"), Some(int(n as i64)));
        assert_eq!(event.application_property("flag"), Some(Value::Bool(true)));
    }

    let targeted = hub.partition(1).events();
    assert_eq!(of(&targeted, "targeted"), ["targeted 0", "targeted 1", "targeted 2"]);
    assert_eq!(of(&all, "targeted").len(), 3);
    assert!(targeted.iter().all(|event| event.partition_key().is_none()));

    assert_eq!(of(&hub.partition(PARTITION).events(), "seed").len(), 2 * HALF);
    assert!(of(&all, "refused").is_empty(), "what had to fail was stored");
}
