//! What is written is read back; what is not AMQP is refused without harm.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::frame::{self, Kind};
use crate::performative;
use crate::read::Reader;
use crate::sections::{self, Sections, lookup};
use crate::value::Value;
use crate::{DecodeError, write};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zé😀]{0,12}", "[a-z]{250,260}"]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![vec(any::<u8>(), 0..12), vec(any::<u8>(), 250..260)].prop_map(Bytes::from)
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u8>().prop_map(Value::Ubyte),
        any::<u16>().prop_map(Value::Ushort),
        prop_oneof![0u32..300, any::<u32>()].prop_map(Value::Uint),
        prop_oneof![0u64..300, any::<u64>()].prop_map(Value::Ulong),
        any::<i8>().prop_map(Value::Byte),
        any::<i16>().prop_map(Value::Short),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        any::<f32>().prop_filter("comparable", |n| !n.is_nan()).prop_map(Value::Float),
        any::<f64>().prop_filter("comparable", |n| !n.is_nan()).prop_map(Value::Double),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        any::<[u8; 4]>().prop_map(Value::Decimal32),
        any::<[u8; 8]>().prop_map(Value::Decimal64),
        any::<[u8; 16]>().prop_map(Value::Decimal128),
        any::<u32>().prop_map(Value::Char),
        any::<i64>().prop_map(Value::Timestamp),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        bytes().prop_map(Value::Binary),
        text().prop_map(Value::String),
        text().prop_map(Value::Symbol),
    ]
}

/// Arrays hold one type.
fn array() -> impl Strategy<Value = Value> {
    prop_oneof![
        vec(text().prop_map(Value::String), 0..4),
        vec(bytes().prop_map(Value::Binary), 0..4),
        vec(any::<bool>().prop_map(Value::Bool), 0..4),
        vec(any::<u64>().prop_map(Value::Ulong), 0..4),
        vec(any::<i32>().prop_map(Value::Int), 0..4),
    ]
    .prop_map(Value::Array)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![scalar(), array()].prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
            (inner.clone(), inner)
                .prop_map(|(by, value)| Value::Described(Box::new(by), Box::new(value))),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_is_read_back_and_skipped_to_its_end(value in value(), after in any::<u8>()) {
        let mut out = Vec::new();
        write::value(&mut out, &value);
        let length = out.len();
        out.push(after);
        let mut reader = Reader::new(&out);
        prop_assert_eq!(reader.clone().raw().unwrap().len(), length);
        prop_assert_eq!(reader.value().unwrap(), value);
        prop_assert_eq!(reader.rest(), &[after]);
    }

    #[test]
    fn a_value_cut_short_is_refused(value in value(), cut in any::<prop::sample::Index>()) {
        let mut out = Vec::new();
        write::value(&mut out, &value);
        let cut = cut.index(out.len());
        prop_assert!(Reader::new(&out[..cut]).value().is_err());
        prop_assert!(Reader::new(&out[..cut]).skip().is_err());
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        // What is decoded in detail has the width that skipping gives it.
        let mut detailed = Reader::new(&bytes);
        let mut skipped = Reader::new(&bytes);
        if detailed.value().is_ok() && skipped.skip().is_ok() {
            prop_assert_eq!(detailed.rest(), skipped.rest());
        }
        let found = Sections::of(&bytes).take(400).count();
        prop_assert!(found <= bytes.len());
        prop_assert!(lookup(&bytes, "x").is_none() || !bytes.is_empty());
        let decoded = performative::decode(&bytes).is_ok();
        prop_assert!(!decoded || bytes.len() >= 4);
        let terminus = performative::decode_terminus(&bytes).is_ok();
        prop_assert!(!terminus || bytes.len() >= 4);
    }

    #[test]
    fn frames_are_cut_out_of_a_stream(bodies in vec(vec(any::<u8>(), 0..40), 0..5), tail in 0usize..9) {
        let mut stream = Vec::new();
        for (channel, body) in bodies.iter().enumerate() {
            frame::write(&mut stream, Kind::Amqp, channel as u16, |out| out.extend(body));
        }
        let whole = stream.len();
        stream.extend(&[0, 0, 0, 50, 2, 0, 0, 0, 0][..tail]);
        let mut rest = &stream[..];
        for (channel, body) in bodies.iter().enumerate() {
            let frame = frame::parse(rest, 100).unwrap().unwrap();
            prop_assert_eq!((frame.channel as usize, frame.body), (channel, &body[..]));
            rest = &rest[frame.size..];
        }
        prop_assert_eq!(rest.len(), stream.len() - whole);
        prop_assert_eq!(frame::parse(rest, 100), Ok(None));
    }
}

#[test]
fn sizes_that_lie_are_refused() {
    let cases: [&[u8]; 7] = [
        // An array of four billion nulls.
        &[0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40],
        &[0xf0, 0, 0, 0, 8, 0xff, 0xff, 0xff, 0xff, 0x40, 1, 2, 3],
        // A list of more elements than bytes.
        &[0xc0, 2, 200, 0x40],
        // A map with a key and no value.
        &[0xc1, 2, 1, 0x40],
        &[0xd0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
        &[0xb0, 0xff, 0xff, 0xff, 0xff],
        &[0xa1, 2, 0xff, 0xff],
    ];
    for bytes in cases {
        assert!(Reader::new(bytes).value().is_err(), "{bytes:x?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = [vec![0x00; 10_000], vec![0x40; 10_001]].concat();
    assert_eq!(Reader::new(&deep).value(), Err(DecodeError::Nesting));
    assert_eq!(Reader::new(&deep).skip(), Err(DecodeError::Nesting));
}

#[test]
fn a_frame_that_is_too_large_or_too_small_is_refused() {
    assert!(frame::parse(&[0, 0, 1, 0, 2, 0, 0, 0], 255).is_err());
    assert!(frame::parse(&[0, 0, 0, 7, 2, 0, 0, 0], 255).is_err());
    assert!(frame::parse(&[0, 0, 0, 8, 1, 0, 0, 0], 255).is_err());
    assert!(frame::parse(&[0, 0, 0, 8, 3, 0, 0, 0], 255).is_err());
    assert!(frame::parse(&[0, 0, 0, 8, 2, 9, 0, 0], 255).is_err());
    // An extended header is stepped over.
    let frame = [0, 0, 0, 13, 3, 0, 0, 1, 9, 9, 9, 9, 42];
    assert_eq!(frame::parse(&frame, 255).unwrap().unwrap().body, [42]);
}

#[test]
fn sections_are_found_whatever_form_their_descriptor_has() {
    let symbol = b"amqp:data:binary";
    let forms: [Vec<u8>; 3] = [
        vec![0x00, 0x53, 0x75],
        vec![0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x75],
        [&[0x00, 0xa3, symbol.len() as u8][..], symbol].concat(),
    ];
    for form in forms {
        let message = [&form[..], &[0xa0, 2, 1, 2]].concat();
        let found = Sections::find(&message, sections::DATA);
        assert_eq!(found, Some(&[0xa0, 2, 1, 2][..]), "{form:x?}");
    }
}
