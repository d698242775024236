//! What is encoded, read back by the AMQP library: field by field, type by type.

use fe2o3_amqp_types::messaging::annotations::OwnedKey;
use fe2o3_amqp_types::messaging::message::__private::Deserializable;
use fe2o3_amqp_types::messaging::{Batch, Data, Message};
use fe2o3_amqp_types::primitives::SimpleValue;
use proptest::prelude::*;
use serde_amqp::Value;
use serde_amqp::primitives::{Binary, Symbol, Timestamp};

use super::*;
use crate::mapping::Events;
use crate::record::Header;

fn layout(change: impl FnOnce(&mut Events)) -> Layout {
    let mut events = Events::default();
    change(&mut events);
    Layout::new(&events)
}

fn record<'a>(
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header<'a>],
) -> Record<'a> {
    Record {
        topic: "orders",
        partition: 3,
        offset: 42,
        timestamp: Some(1_700_000_000_000),
        key,
        value,
        headers,
    }
}

/// The events of a batch, in order.
pub(crate) fn events(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = message;
    if let [0, SMALL_ULONG, ANNOTATIONS, MAP32, a, b, c, d, ..] = rest {
        rest = &rest[8 + u32::from_be_bytes([*a, *b, *c, *d]) as usize..];
    }
    std::iter::from_fn(move || {
        let (start, size) = match rest {
            [] => return None,
            [0, SMALL_ULONG, DATA, 0xa0, size, ..] => (5, usize::from(*size)),
            [0, SMALL_ULONG, DATA, 0xb0, a, b, c, d, ..] => {
                (8, u32::from_be_bytes([*a, *b, *c, *d]) as usize)
            }
            other => panic!("no data section: {other:?}"),
        };
        let (event, behind) = rest[start..].split_at(size);
        rest = behind;
        Some(event)
    })
}

pub(crate) fn decode(event: &[u8]) -> Message<Batch<Data>> {
    let decoded: Deserializable<Message<Batch<Data>>> = serde_amqp::from_slice(event).unwrap();
    decoded.0
}

fn read(record: &Record<'_>) -> Message<Batch<Data>> {
    read_as(record, |_| {})
}

fn read_as(record: &Record<'_>, change: impl FnOnce(&mut Events)) -> Message<Batch<Data>> {
    decode(&encode(record, &layout(change)).unwrap())
}

pub(crate) fn property(message: &Message<Batch<Data>>, name: &str) -> Option<SimpleValue> {
    message.application_properties.as_ref()?.0.get(name).cloned()
}

fn names(message: &Message<Batch<Data>>) -> Vec<String> {
    let properties = message.application_properties.as_ref();
    properties.map(|p| p.0.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn a_trace_goes_on_under_the_name_that_readers_of_azure_look_for() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [Header { name: b"traceparent", value: Some(trace.as_bytes()) }];
    let record = record(None, Some(b"v"), &headers);
    let message = read(&record);
    for name in ["traceparent", "Diagnostic-Id"] {
        assert_eq!(property(&message, name), Some(SimpleValue::String(trace.into())), "{name}");
    }
    let without = read_as(&record, |events| events.headers = false);
    assert_eq!(property(&without, "Diagnostic-Id"), None, "no headers, no trace");
}

pub(crate) fn body(message: &Message<Batch<Data>>) -> Vec<u8> {
    let sections: Vec<_> = message.body.iter().collect();
    assert_eq!(sections.len(), 1, "exactly one data section");
    sections[0].0.to_vec()
}

fn key_annotation(message: &Message<Batch<Data>>) -> Option<Value> {
    let annotations = message.message_annotations.as_ref()?;
    let name = OwnedKey::from(Symbol::from("x-opt-partition-key"));
    annotations.0.get(&name).cloned()
}

#[test]
fn a_plain_record_carries_value_key_and_coordinates() {
    let message = read(&record(Some(b"customer-17"), Some(b"hello"), &[]));
    assert_eq!(body(&message), b"hello");
    assert_eq!(key_annotation(&message), Some(Value::String("customer-17".to_owned())));
    let properties = message.properties.as_ref().unwrap();
    assert_eq!(properties.message_id, Some("orders/3/42".to_owned().into()));
    assert_eq!(properties.content_type, None);
    assert!(message.header.is_none(), "an empty header would make the service lose the key");
    assert_eq!(property(&message, "kafka_topic"), Some("orders".into()));
    assert_eq!(property(&message, "kafka_partition"), Some(SimpleValue::Int(3)));
    assert_eq!(property(&message, "kafka_offset"), Some(SimpleValue::Long(42)));
    let timestamp = Timestamp::from_milliseconds(1_700_000_000_000);
    assert_eq!(property(&message, "kafka_timestamp"), Some(SimpleValue::Timestamp(timestamp)));
    assert_eq!(names(&message).len(), 4, "no key and no tombstone property");
}

#[test]
fn a_key_that_is_no_partition_key_travels_beside_its_stand_in_and_as_text() {
    let long = "x".repeat(129);
    for key in ["", &long, "sha256:x"] {
        let message = read(&record(Some(key.as_bytes()), Some(b"v"), &[]));
        let Some(Value::String(stand_in)) = key_annotation(&message) else { panic!("a string") };
        assert!(stand_in.starts_with("sha256:") && stand_in.len() == 71, "{stand_in}");
        assert_eq!(property(&message, "kafka_key"), Some(key.into()));
    }
    let longest = "é".repeat(128);
    for (key, shown) in [(longest.as_bytes(), &*longest), (b"\xff\0", r"\xff\x00")] {
        let message = read(&record(Some(key), Some(b"v"), &[]));
        assert_eq!(key_annotation(&message), Some(Value::String(shown.to_owned())));
        assert_eq!(property(&message, "kafka_key"), None);
    }
}

#[test]
fn a_key_of_a_declared_type_has_one_form() {
    let number = 1234_i64.to_be_bytes();
    let typed = |typed, key| {
        let message = read_as(&record(Some(key), Some(b"v"), &[]), |it| it.key_type = typed);
        (key_annotation(&message), property(&message, "kafka_key"))
    };
    let text = |text: &str| Some(Value::String(text.to_owned()));
    assert_eq!(typed(Type::Int64, &number), (text("1234"), None));
    assert_eq!(typed(Type::Hex, &number), (text("00000000000004d2"), None));
    assert_eq!(typed(Type::Base64, b"text"), (text("dGV4dA=="), None));
    for key in [&b"text"[..], &number, b""] {
        let (_, beside) = typed(Type::Binary, key);
        assert_eq!(beside, Some(SimpleValue::Binary(Binary::from(key))), "always, and as bytes");
    }
    assert_eq!(typed(Type::Binary, b"text").0, text("74657874"));
}

#[test]
fn a_value_of_another_length_than_its_type_is_told() {
    let wrong = |key: Option<&'static [u8]>, headers: &[Header<'_>]| {
        let layout = layout(|events| {
            events.key_type = Type::Int64;
            events.header_types.insert("tries".to_owned(), Type::Int32);
        });
        encode(&record(key, Some(b"v"), headers), &layout).unwrap_err().to_string()
    };
    assert_eq!(wrong(Some(b"12345"), &[]), "the key has 5 bytes, and its type `int64` needs 8");
    let tries = Header { name: b"tries", value: Some(b"") };
    assert_eq!(wrong(None, &[tries]), "header `tries` has 0 bytes, and its type `int32` needs 4");
}

#[test]
fn headers_have_the_type_they_are_declared_with() {
    let headers = [
        Header { name: b"tries", value: Some(&[0, 0, 0, 2]) },
        Header { name: b"size", value: Some(&[0xff; 8]) },
        Header { name: b"small", value: Some(&[0x80]) },
        Header { name: b"id", value: Some(&[0x11; 16]) },
        Header { name: b"none", value: None },
        Header { name: b"other", value: Some(b"text") },
    ];
    let message = read_as(&record(None, Some(b"v"), &headers), |events| {
        events.header_type = Type::Binary;
        let types = [
            ("tries", Type::Int32),
            ("size", Type::Int64),
            ("small", Type::Int8),
            ("id", Type::Uuid),
            ("none", Type::Int16),
        ];
        events.header_types = types.map(|(name, typed)| (name.to_owned(), typed)).into();
    });
    assert_eq!(property(&message, "tries"), Some(SimpleValue::Int(2)));
    assert_eq!(property(&message, "size"), Some(SimpleValue::Long(-1)));
    assert_eq!(property(&message, "small"), Some(SimpleValue::Int(-128)));
    assert_eq!(property(&message, "id"), Some("11111111-1111-1111-1111-111111111111".into()));
    assert_eq!(property(&message, "none"), Some(SimpleValue::Null));
    assert_eq!(property(&message, "other"), Some(SimpleValue::Binary(Binary::from(&b"text"[..]))));
}

#[test]
fn a_tombstone_is_not_an_empty_value() {
    let tombstone = read(&record(Some(b"k"), None, &[]));
    assert_eq!(body(&tombstone), b"");
    assert_eq!(property(&tombstone, "kafka_tombstone"), Some(SimpleValue::Bool(true)));
    let empty = read(&record(Some(b"k"), Some(b""), &[]));
    assert_eq!(body(&empty), b"");
    assert_eq!(property(&empty, "kafka_tombstone"), None);
}

#[test]
fn headers_are_text_and_never_hide_ours() {
    let headers = [
        Header { name: b"text", value: Some("naïve".as_bytes()) },
        Header { name: b"bytes", value: Some(b"\xff\xfe") },
        Header { name: b"null", value: None },
        Header { name: b"twice", value: Some(b"first") },
        Header { name: b"twice", value: Some(b"last") },
        Header { name: b"kafka_offset", value: Some(b"forged") },
        Header { name: b"bad\xffname", value: Some(b"kept") },
        Header { name: b"content-type", value: Some(b"application/json") },
    ];
    let message = read(&record(None, Some(b"v"), &headers));
    assert_eq!(property(&message, "text"), Some("naïve".into()));
    assert_eq!(property(&message, "bytes"), Some(r"\xff\xfe".into()), "never of another type");
    assert_eq!(property(&message, "null"), Some(SimpleValue::Null));
    assert_eq!(property(&message, "twice"), Some("last".into()), "the last one wins");
    assert_eq!(property(&message, "kafka_offset"), Some(SimpleValue::Long(42)));
    assert_eq!(property(&message, "bad%FFname"), Some("kept".into()));
    assert_eq!(property(&message, "content-type"), None);
    let content_type = message.properties.unwrap().content_type;
    assert_eq!(content_type, Some(Symbol::from("application/json")));
    let unique = names(&read(&record(None, Some(b"v"), &headers)));
    assert_eq!(unique.iter().filter(|name| *name == "twice").count(), 1);
}

#[test]
fn a_content_type_that_is_no_symbol_stays_a_property() {
    let headers = [Header { name: b"content-type", value: Some("täxt".as_bytes()) }];
    let message = read(&record(None, Some(b"v"), &headers));
    assert_eq!(property(&message, "content-type"), Some("täxt".into()));
    assert_eq!(message.properties.unwrap().content_type, None);
}

#[test]
fn content_type_and_encoding_are_properties_each_by_itself() {
    let [of_type, encoding] = [("content-type", "text/csv"), ("content-encoding", "gzip")]
        .map(|(name, value)| Header { name: name.as_bytes(), value: Some(value.as_bytes()) });
    for headers in [&[of_type][..], &[encoding], &[encoding, of_type], &[]] {
        let message = read(&record(None, Some(b"v"), headers));
        let of = |header: &Header<'_>| headers.contains(header);
        let properties = message.properties.as_ref().unwrap();
        let (read_type, read_encoding) = (&properties.content_type, &properties.content_encoding);
        assert_eq!(*read_type, of(&of_type).then(|| Symbol::from("text/csv")));
        assert_eq!(*read_encoding, of(&encoding).then(|| Symbol::from("gzip")));
        assert_eq!(property(&message, "content-encoding"), None);
        assert_eq!(body(&message), b"v");
    }
}

#[test]
fn all_of_it_can_be_switched_off_or_renamed() {
    let headers = [
        Header { name: b"h", value: Some(b"1") },
        Header { name: b"kafka_topic", value: Some(b"theirs") },
    ];
    let record = record(Some(b""), None, &headers);
    let bare = read_as(&record, |e| (e.source_properties, e.headers) = (false, false));
    assert!(bare.application_properties.is_none());
    assert_eq!(bare.properties.as_ref().unwrap().message_id, Some("orders/3/42".to_owned().into()));
    let theirs = read_as(&record, |e| e.source_properties = false);
    assert_eq!(names(&theirs), ["h", "kafka_topic"]);
    let renamed = read_as(&record, |e| e.prefix = "src.".to_owned());
    assert!(names(&renamed).contains(&"src.tombstone".to_owned()));
    assert_eq!(property(&renamed, "kafka_topic"), Some("theirs".into()));
}

/// Readers can tell by it only if nothing else can say so.
#[test]
fn a_replay_marks_its_events_and_no_header_can() {
    let headers = [Header { name: b"kafka_replayed", value: Some(b"theirs") }];
    let record = record(Some(b"k"), Some(b"v"), &headers);
    let mark = |change: fn(&mut Events)| property(&read_as(&record, change), "kafka_replayed");
    assert_eq!(mark(|_| {}), None);
    assert_eq!(mark(|e| e.replayed = true), Some(true.into()));
    assert_eq!(mark(|e| (e.replayed, e.source_properties) = (true, false)), Some(true.into()));
    let renamed = read_as(&record, |e| (e.replayed, e.prefix) = (true, "src.".to_owned()));
    assert_eq!(property(&renamed, "src.replayed"), Some(true.into()));
    assert_eq!(property(&renamed, "kafka_replayed"), Some("theirs".into()));
    // The rest is what it was.
    let (once, again) = (read(&record), read_as(&record, |e| e.replayed = true));
    let others = names(&again).into_iter().filter(|name| name != "kafka_replayed");
    assert_eq!(names(&once), others.collect::<Vec<_>>());
    assert_eq!(once.properties, again.properties);
}

#[test]
fn a_batch_is_a_section_for_each_event_behind_their_key() {
    let sizes = [0, 1, 200, 5000];
    for key in [None, Some("customer-17"), Some(&*"k".repeat(300))] {
        let mut batch = Vec::new();
        write_envelope(key, &mut batch);
        assert_eq!(batch.len(), envelope_size(key));
        let mut expected = Vec::new();
        for size in sizes {
            let (value, layout) = (vec![7; size], layout(|_| {}));
            let record = record(None, Some(&value), &[]);
            let (plan, before) = (EventPlan::new(&record, &layout).unwrap(), batch.len());
            plan.write_section(&mut batch);
            assert_eq!(batch.len() - before, plan.weight());
            expected.push(encode(&record, &layout).unwrap());
        }
        assert_eq!(events(&batch).collect::<Vec<_>>(), expected);
        let message = decode(&batch);
        let read: Vec<_> = message.body.iter().map(|data| data.0.to_vec()).collect();
        assert_eq!(read, expected, "as others read it");
        assert_eq!(key_annotation(&message), key.map(|key| Value::String(key.to_owned())));
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), ".{0,300}".prop_map(String::into_bytes),]
}

proptest! {
    #[test]
    fn any_record_can_be_read_back(
        key in prop::option::of(bytes()), value in prop::option::of(bytes()),
        headers in prop::collection::vec((bytes(), prop::option::of(bytes())), 0..6),
        partition in 0..i32::MAX, offset in 0..i64::MAX, timestamp in prop::option::of(any::<i64>()),
        header_type in prop::sample::select(&[Type::Text, Type::Binary, Type::Hex, Type::Base64][..]),
    ) {
        let headers: Vec<Header<'_>> =
            headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        let record = Record {
            topic: "a.topic", partition, offset, timestamp,
            key: key.as_deref(), value: value.as_deref(), headers: &headers,
        };
        let message = read_as(&record, |events| events.header_type = header_type);
        prop_assert_eq!(body(&message), value.clone().unwrap_or_default());
        let id = format!("a.topic/{partition}/{offset}");
        prop_assert_eq!(message.properties.as_ref().unwrap().message_id.clone(), Some(id.into()));
        let annotated = key_annotation(&message).map(|key| match key {
            Value::String(key) => key,
            other => panic!("the key is a string, not {other:?}"),
        });
        let beside = property(&message, "kafka_key").map(|key| match key {
            SimpleValue::String(key) => key,
            other => panic!("the key is a string, not {other:?}"),
        });
        let undone = beside.or(annotated).map(|text| crate::typed::tests::undone(&text));
        prop_assert_eq!(undone, key.clone(), "the key can be had back");
        for header in &headers {
            if header.name != b"content-type" && !header.name.starts_with(b"kafka_") {
                let name = String::from_utf8(name_of(header.name).into_owned()).unwrap();
                prop_assert!(property(&message, &name).is_some(), "header {} is there", name);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_event_outgrows_its_record_by_more_than_the_overhead(
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..600)),
        text in proptest::bool::ANY,
        value in proptest::collection::vec(any::<u8>(), 0..600),
        position in (0..i32::MAX, 0..i64::MAX, proptest::option::of(0..i64::MAX)),
        source in proptest::bool::ANY,
    ) {
        // Half of the keys are text, the others bytes.
        let layout = Layout::new(&Events {
            source_properties: source,
            key_type: if text { Type::Text } else { Type::Binary },
            ..Events::default()
        });
        let letter = |byte: &u8| b'a' + byte % 26;
        let key = key.map(|key| if text { key.iter().map(letter).collect() } else { key });
        let (partition, offset, timestamp) = position;
        let record = Record {
            partition,
            offset,
            timestamp,
            ..record(key.as_deref(), Some(&value), &[])
        };
        let content = key.as_ref().map_or(0, Vec::len) + value.len();
        let size = EventPlan::new(&record, &layout).unwrap().weight();
        prop_assert!(size <= content + overhead(record.topic, &layout));
    }
}
