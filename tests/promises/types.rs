//! One form for one topic: what a key or a header becomes is settled by its type, and not by its bytes. Read as a consumer
//! reads it, with Microsoft's client.

use std::collections::{BTreeMap, BTreeSet};

use eventhubs_local::Server;
use stage::event::{Property, Seen, partition_key, place};
use stage::reader::{Next, Source};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::refused::letters;

const HUB_PARTITIONS: u32 = 4;
const RECORDS: i64 = 300;

/// The key of the n-th record, as Java's `LongSerializer` writes it: now text, now none, by chance.
fn key(n: i64) -> [u8; 8] {
    (n % 100 * 7_919 + 40).to_be_bytes()
}

/// What Spring counts the attempts of a record with.
fn tries(n: i64) -> [u8; 4] {
    (n as i32 - 150).to_be_bytes()
}

fn written(n: i64) -> Out {
    Out::value(format!("record {n}"))
        .key(key(n))
        .to(0)
        .header("retry_topic-attempts", Some(&tries(n)))
        .header("Trace.Id", Some(b"4bf92f"))
}

/// All events of a hub by the offset of their record, with the hub partition they are in, in order.
fn read(server: &Server, hub: &str) -> Vec<(i64, u32, Seen)> {
    let mut all = Vec::new();
    for partition in 0..HUB_PARTITIONS {
        let mut left = server.hub(hub).partition(partition).len();
        if left == 0 {
            continue;
        }
        let source = Source {
            address: server.addr().to_string(),
            connection_string: server.connection_string(),
            hub: hub.to_owned(),
            partition,
        };
        source.read(|event| {
            let seen = Seen::received(event);
            let (_, _, offset) = place(&seen.message_id).expect("a place");
            all.push((offset, partition, seen));
            left -= 1;
            if left == 0 { Next::Enough } else { Next::More }
        });
    }
    all
}

#[test]
fn a_reader_meets_one_form_of_keys_and_headers() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("types"), unique("g"));
    let hubs = [
        ("by_default", "{}"),
        ("numbers", "{ key_type = 'int64', header_types = { 'retry_topic-attempts' = 'int32' } }"),
        ("bytes", "{ key_type = 'binary', header_type = 'binary' }"),
        ("written_out", "{ key_type = 'hex', header_type = 'base64' }"),
    ];
    let server = hubs.iter().fold(Server::builder(), |it, (hub, _)| it.hub(*hub, HUB_PARTITIONS));
    let server = server.start().unwrap();
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, (0..RECORDS).map(written));
    let settings = hubs.iter().fold(Settings::new(kafka, &group, &server), |it, (hub, events)| {
        it.with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = '{hub}'\nevents = {events}"))
    });
    let bridge = settings.start();
    for (hub, _) in hubs {
        assert!(server.hub(hub).wait_for(RECORDS as u64, PATIENCE), "{hub}");
    }
    bridge.stop();

    let text = |text: &str| Some(Property::Text(text.to_owned()));
    let hex =
        |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    for (hub, _) in hubs {
        let (mut places, mut last) = (BTreeMap::new(), BTreeMap::new());
        let events = read(&server, hub);
        assert_eq!(events.len(), RECORDS as usize);
        for (n, partition, event) in events {
            let number = i64::from_be_bytes(key(n));
            let property = |name: &str| event.properties.get(name).cloned();
            let [attempts, trace, beside] =
                ["retry_topic-attempts", "Trace.Id", "kafka_key"].map(property);
            let shown = event.key.clone().expect("each has a partition key");
            match hub {
                "by_default" => {
                    assert_eq!((&shown, beside), (&partition_key(&key(n)).0, None));
                    assert!(matches!(attempts, Some(Property::Text(_))), "{attempts:?}");
                    assert_eq!(trace, text("4bf92f"));
                }
                "numbers" => {
                    assert_eq!((&shown, beside), (&number.to_string(), None));
                    assert_eq!(attempts, Some(Property::Int(n as i32 - 150)));
                    assert_eq!(trace, text("4bf92f"));
                }
                "bytes" => {
                    let bytes = |bytes: &[u8]| Some(Property::Binary(bytes.to_vec()));
                    assert_eq!((&shown, beside), (&hex(&key(n)), bytes(&key(n))));
                    assert_eq!((attempts, trace), (bytes(&tries(n)), bytes(b"4bf92f")));
                }
                _ => {
                    assert_eq!((&shown, beside), (&hex(&key(n)), None));
                    assert_eq!(trace, text("NGJmOTJm"));
                }
            }
            // Each key has one place, which is that of its partition key, and its order there.
            assert_eq!(eventhubs_local::partition_of(&shown, HUB_PARTITIONS), partition);
            places.entry(number).or_insert_with(BTreeSet::new).insert(shown);
            assert!(last.insert(number, n) < Some(n), "{hub}: the order of {number}");
        }
        let shown = places.values().flatten().collect::<BTreeSet<_>>();
        assert_eq!((places.len(), shown.len()), (100, 100), "a key, a partition key");
    }
}

/// It would be of a second form otherwise, whatever was made of it.
#[test]
fn a_record_that_is_not_of_its_type_goes_the_way_of_what_cannot_be_stored() {
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("alive"), unique("dead"), unique("g"));
    let server = Server::builder().hub("kept", 2).hub("halted", 2).start().unwrap();
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    let short = Out::value("short").key("12345").to(0).at(1_700_000_000_000).header("h", None);
    kafka.produce(&topic, [written(0), short.clone(), written(2)]);
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!(
            "[[mappings]]\ntopic = '{topic}'\nhub = 'kept'\nevents = {{ key_type = 'int64' }}\n\
             failure = {{ policy = 'dead_letter', dead_letter_topic = '{target}' }}"
        ))
        .start();
    wait_for("all is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(3)).then_some(())
    });
    bridge.stop();
    assert_eq!(server.hub("kept").total(), 2);
    let letters = letters(kafka, &target, &topic);
    let (letter, reason, detail) = &letters[&(0, 1)];
    assert_eq!((letters.len(), letter, &**reason), (1, &short, "wrong_type"));
    assert_eq!(detail, "the key has 5 bytes, and its type `int64` needs 8");

    let group = unique("g");
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = 'halted'"))
        .with("[events]\nheader_types = { 'retry_topic-attempts' = 'int64' }")
        .start();
    bridge.wait_log(&[
        "ERROR",
        "halted",
        "wrong_type",
        "header `retry_topic-attempts` has 4 bytes",
    ]);
    bridge.stop();
    assert_eq!(server.hub("halted").total(), 0, "nothing is passed over");
}
