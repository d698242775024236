//! Personal data that a mapping takes out of events: it is nowhere else either, whatever becomes of its record.

use std::collections::BTreeSet;

use eventhubs_local::{Event, Partition, Server};
use kafka_eventhubs_bridge::admin::Answer;
use kafka_eventhubs_bridge::status::document::Document;
use stage::{Kafka, Out, PATIENCE, Settings, unique};

/// Stands in keys, values and headers of all records.
const ANNA: &str = "anna-larsson-19841223";
/// What the links take.
const LIMIT: u64 = 16 << 10;

/// By the mapping below: one that goes, one that is filtered, one that goes, and the others are refused.
fn orders() -> Vec<Out> {
    let value = |text: String| Out::value(text).key(ANNA).header("x-name", Some(ANNA.as_bytes()));
    let order =
        |age: &str| format!(r#"{{"tenant":"t","age":{age},"customer":{{"name":"{ANNA}"}}}}"#);
    vec![
        value(order("20")),
        value(order("3")),
        value(order("20")),
        value(format!("{ANNA} is not JSON")),
        value(format!(r#"{{"age":20,"customer":"{ANNA}","{ANNA}":1}}"#)),
        value(order(&format!("\"{ANNA}\""))),
        value(order("20")).header("retries", Some(ANNA.as_bytes())),
        value(format!(r#"{{"tenant":"t","age":20,"note":"{}"}}"#, ANNA.repeat(1_000))),
    ]
}

#[test]
fn what_is_taken_out_is_in_no_event_dead_letter_status_or_log() {
    let kafka = Kafka::shared();
    let (topic, changes, events) = (unique("orders"), unique("changes"), unique("events"));
    let target = unique("dead");
    for name in [&topic, &changes, &events, &target] {
        kafka.create_topic(name, 1);
    }
    let server = Server::builder().hub("orders", 1).max_message_size(LIMIT).start().unwrap();
    kafka.produce(&topic, orders().into_iter().map(|out| out.to(0)));
    let other = || Out::value(format!(r#"{{"after":"{ANNA}","{ANNA}":1}}"#)).key(ANNA).to(0);
    kafka.produce(&changes, [other()]);
    let header = |name: &str| other().header(name, Some(ANNA.as_bytes()));
    kafka.produce(&events, [other(), header("ce_specversion"), header("ce_id")]);
    let settings = Settings::new(kafka, &unique("g"), &server).with(&format!(
        "[log]
        level = 'trace'
        [failure]
        policy = 'dead_letter'
        dead_letter_topic = '{target}'
        dead_letter_holds = 'place'
        [[mappings]]
        topic = '{topic}'
        hub = 'orders'
        select.expression = 'value.age >= 18'
        fields.remove = ['customer']
        key.from = '{{field:tenant}}'
        headers.drop = ['x-.*']
        events.header_types = {{ retries = 'int32' }}
        [[mappings]]
        topic = '{changes}'
        hub = 'orders'
        value.unwrap = 'debezium'
        [[mappings]]
        topic = '{events}'
        hub = 'orders'
        cloudevents.mode = 'binary'"
    ));
    let bridge = settings.start();
    // From here on all that it says and shows is searched for it.
    bridge.hush(ANNA);
    bridge.wait_metric("bridge_records_refused_total", &["dead_letter"], 9.0);
    assert!(server.hub("orders").wait_for(2, PATIENCE), "what is right goes");
    bridge.wait_metric("bridge_records_filtered_total", &["expression"], 1.0);
    drop(bridge.status::<Document>());
    drop(bridge.events::<Answer>(0));
    bridge.stop();

    let letters = kafka.records(&target, 0);
    let text = |header: &(Vec<u8>, Option<Vec<u8>>)| {
        let value = header.1.clone().expect("a value");
        (String::from_utf8(header.0.clone()).unwrap(), String::from_utf8(value).unwrap())
    };
    let mut reasons = BTreeSet::new();
    for letter in &letters {
        assert_eq!((&letter.key, &letter.value), (&None, &None));
        let headers: Vec<_> = letter.headers.iter().map(text).collect();
        assert!(headers.iter().all(|(name, _)| name.starts_with("bridge_")), "{headers:?}");
        assert!(headers.iter().all(|(_, value)| !value.contains(ANNA)), "{headers:?}");
        assert_eq!(headers.last().unwrap().1, "place");
        reasons.insert(headers[0].1.clone());
    }
    let expected = [
        "expression",
        "no_cloudevent",
        "no_envelope",
        "no_field",
        "too_large",
        "unreadable",
        "wrong_type",
    ];
    assert_eq!(reasons.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(letters.len(), 9);
    let sent: Vec<_> =
        server.hub("orders").partitions().iter().flat_map(Partition::events).collect();
    let shows =
        |event: &Event| event.raw().windows(ANNA.len()).any(|bytes| bytes == ANNA.as_bytes());
    assert!(!sent.iter().any(shows), "{sent:?}");
}
