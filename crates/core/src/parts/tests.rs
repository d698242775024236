use proptest::prelude::*;

use super::*;
use crate::encode::tests::{body, decode, property};
use crate::encode::{envelope_size, section_size};
use crate::mapping::{Events, Type};

fn record<'a>(key: Option<&'a [u8]>, value: &'a [u8], headers: &'a [Header<'a>]) -> Record<'a> {
    let (topic, partition, offset, timestamp) = ("orders", 3, 42, Some(5));
    Record { topic, partition, offset, timestamp, key, value: Some(value), headers }
}

/// Bytes that tell where they stand.
fn value(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// The messages of a record that is split.
fn messages(record: &Record<'_>, layout: &Layout, limit: usize) -> Result<Vec<Vec<u8>>, String> {
    let split = Split::of(record, layout, false, limit)?;
    let mut messages = Vec::new();
    let push = |event: &EventPlan<'_>| {
        assert!(event.weight() <= split.size().1, "no event is larger than it was said");
        messages.push(event.message());
    };
    split.events(record, layout, push).unwrap();
    assert_eq!(messages.len(), split.size().0);
    Ok(messages)
}

/// What a reader makes of them: it puts the parts together, and they say how many they are.
fn joined(messages: &[Vec<u8>], prefix: &str) -> Vec<u8> {
    let mut whole = Vec::new();
    for (number, message) in (1..).zip(messages) {
        let message_of = decode(message);
        let said = |name: &str| property(&message_of, &format!("{prefix}{name}")).unwrap();
        assert_eq!(said("part"), number.into());
        assert_eq!(said("parts"), i32::try_from(messages.len()).unwrap().into());
        whole.extend(body(&message_of));
    }
    whole
}

/// All lengths around the places at which another part is needed.
#[test]
fn parts_are_as_few_as_fit_and_join_to_the_value() {
    let (layout, limit) = (Layout::new(&Events::default()), 1_500);
    let room = (0..limit).rfind(|length| weight_of_part(*length) <= limit).unwrap();
    assert!((1_024..1_500).contains(&room), "{room}");
    for count in [2, 3, 5, 63, 64] {
        for length in [room * (count - 1) + 1, room * count - 1, room * count] {
            let value = value(length);
            let record = record(Some(b"k"), &value, &[]);
            let messages = messages(&record, &layout, limit).unwrap();
            assert_eq!(messages.len(), count, "{length}");
            assert!(joined(&messages, "kafka_") == value, "{length}");
            let weights = messages.iter().map(|message| section_size(message.len()));
            assert!(weights.clone().all(|weight| weight <= limit), "{length}");
            if length == room * count {
                assert!(weights.into_iter().all(|weight| weight == limit), "it is used up");
            }
        }
    }
}

/// Bytes that the event of a part takes in a batch.
fn weight(record: &Record<'_>, layout: &Layout, part: &[u8]) -> usize {
    let of = PartNumber { number: 1, of: 1 };
    event(record, layout, (of, part), |event| event.message().len()).map(section_size).unwrap()
}

fn weight_of_part(length: usize) -> usize {
    let (layout, value) = (Layout::new(&Events::default()), value(length));
    weight(&record(Some(b"k"), &value, &[]), &layout, &value)
}

#[test]
fn what_needs_too_many_parts_or_leaves_no_room_for_one_is_told_with_figures() {
    let layout = Layout::new(&Events::default());
    let room = 1_500 - (weight_of_part(1_024) - 1_024);
    let long = value(room * MOST + 1);
    let told = Split::of(&record(Some(b"k"), &long, &[]), &layout, false, 1_500).unwrap_err();
    let said = format!("its value of {} bytes needs 65 parts of {room}, more than 64", long.len());
    assert!(told.ends_with(&said), "{told}");
    let (text, short) = ([b'h'; 300], value(3_000));
    let headers = [Header { name: b"h", value: Some(&text) }];
    for (value, limit) in [(&short[..], 1_500), (&short[..], 100), (b"", 100), (&short[..100], 300)]
    {
        let told =
            Split::of(&record(Some(b"k"), value, &headers), &layout, false, limit).unwrap_err();
        let left = told.split("leave ").nth(1).and_then(|it| it.split(' ').next()).unwrap();
        assert!(left.parse::<usize>().unwrap() < LEAST, "{told}");
        assert!(told.ends_with("less than 1024"), "{told}");
    }
}

/// The service places each batch without a key as it likes.
#[test]
fn what_has_no_key_is_not_split_where_the_service_places_it() {
    let (layout, value) = (Layout::new(&Events::default()), value(3_000));
    let told = Split::of(&record(None, &value, &[]), &layout, true, 1_500).unwrap_err();
    assert!(told.contains("it has no key"), "{told}");
    assert!(Split::of(&record(None, &value, &[]), &layout, false, 1_500).is_ok());
    assert!(Split::of(&record(Some(b"k"), &value, &[]), &layout, true, 1_500).is_ok());
}

/// Without source properties no name is kept for us, and still there is one of each.
#[test]
fn no_header_takes_the_names_of_a_part() {
    let value = value(3_000);
    let header = |name, value| Header { name, value: Some(value) };
    let headers = [
        header(&b"kafka_part"[..], &b"forged"[..]),
        header(b"kafka_parts", b"forged"),
        header(b"content-type", b"text/plain"),
        header(b"h", b"v"),
    ];
    for source_properties in [true, false] {
        let layout = Layout::new(&Events { source_properties, ..Events::default() });
        let record = record(Some(b"k"), &value, &headers);
        let messages = messages(&record, &layout, 1_500).unwrap();
        assert!(joined(&messages, "kafka_") == value);
        for message in &messages {
            let read = decode(message);
            let properties = read.properties.as_ref().unwrap();
            assert_eq!(properties.message_id, Some("orders/3/42".to_owned().into()));
            assert_eq!(properties.content_type, Some("text/plain".into()));
            assert_eq!(property(&read, "h"), Some("v".into()));
            assert_eq!(property(&read, "kafka_offset").is_some(), source_properties);
            assert!(!message.windows(6).any(|it| it == b"forged"));
        }
        // In an event that is whole they may stand where nothing else of ours does.
        let whole = decode(&EventPlan::new(&record, &layout).unwrap().message());
        assert_eq!(property(&whole, "kafka_part").is_none(), source_properties);
    }
}

proptest! {
    /// The oracle tries numbers of parts one after the other, and measures every event.
    #[test]
    fn as_many_parts_as_an_oracle_finds_by_trying(
        length in 1_024..30_000usize, limit in 1_100..5_000usize, key in 0..300usize, header in 0..400usize,
        source_properties in any::<bool>(), binary in any::<bool>(), by_key in any::<bool>(),
    ) {
        let events = Events {
            source_properties,
            prefix: "of_".to_owned(),
            key_type: if binary { Type::Binary } else { Type::Text },
            ..Events::default()
        };
        let (layout, value) = (Layout::new(&events), value(length));
        let (key, text) = (vec![b'k'; key], vec![b'h'; header]);
        let headers = [Header { name: b"h", value: Some(&text) }];
        let record = record(Some(&key), &value, &headers);
        let whole = EventPlan::new(&record, &layout).unwrap();
        let overhead = if by_key { envelope_size(whole.partition_key()) } else { 0 };
        prop_assume!(whole.weight() + overhead > limit);
        let fits = |part: &[u8]| weight(&record, &layout, part) + overhead <= limit;
        let found = (2..=MOST).find(|count| value.chunks(length.div_ceil(*count)).all(fits));
        let found = found.filter(|_| fits(&value[..LEAST]));
        let split = Split::of(&record, &layout, by_key, limit);
        prop_assert_eq!(split.as_ref().ok().map(|split| split.size().0), found);
        let Ok(split) = split else { return Ok(()) };
        let (mut messages, mut largest) = (Vec::new(), 0);
        split.events(&record, &layout, |event| {
            largest = largest.max(event.weight());
            messages.push(event.message());
        }).unwrap();
        prop_assert_eq!((largest, overhead), (split.size().1, split.overhead()));
        prop_assert!(largest + overhead <= limit);
        prop_assert!(joined(&messages, "of_") == value);
    }
}
