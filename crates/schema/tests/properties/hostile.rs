//! Bytes and schemas that are none: an answer each time, within its bounds.

use bridge_schema::{Form, Framing, Kind, Message, Part, Payload, Schema, Source, frame};
use proptest::prelude::*;

const AVRO: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"list","type":{"type":"array","items":["null","R",{"type":"array","items":"null"}]}},
    {"name":"map","type":{"type":"map","values":{"type":"bytes","logicalType":"decimal","precision":30,"scale":3}}},
    {"name":"big","type":["null",{"type":"bytes","logicalType":"big-decimal"},"double","string",
        {"type":"long","logicalType":"timestamp-nanos"},{"type":"int","logicalType":"date"},{"type":"enum","name":"E","symbols":["A"]}]}]}"#;

const PROTOBUF: &str = r#"syntax = "proto3"; import "google/protobuf/any.proto"; import "google/protobuf/struct.proto";
    import "google/protobuf/timestamp.proto";
    message R { repeated R list = 1; map<string, R> map = 2; google.protobuf.Any any = 3; google.protobuf.Struct struct = 4;
        google.protobuf.Timestamp at = 5; repeated sint64 numbers = 6; bytes raw = 7; }"#;

const LIMIT: usize = 10_000;

fn schemas() -> Vec<Schema> {
    let schema = |kind, text: &str| {
        Schema::compile(&Source { kind, text: text.into(), references: Vec::new() }).unwrap()
    };
    vec![schema(Kind::Avro, AVRO), schema(Kind::Protobuf, PROTOBUF), schema(Kind::Json, "{}")]
}

fn read(schema: &Schema, payload: Payload<'_>) -> Result<(), TestCaseError> {
    let form = Form { limit: LIMIT, ..Form::default() };
    let mut out = Vec::new();
    match schema.write_json(payload, &form, &mut out) {
        Ok(()) => {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&out).is_ok());
            prop_assert!(out.len() <= LIMIT);
        }
        Err(_) => prop_assert!(out.is_empty()),
    }
    prop_assert!(out.capacity() <= 2 * (LIMIT + 6 * payload.bytes.len() + 1_000));
    Ok(())
}

/// Bytes that often go on for a while: small numbers are lengths, counts, branches and tags.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => 0_u8..16, 1 => any::<u8>(), 1 => Just(0xff)];
    prop::collection::vec(byte, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]
    #[test]
    fn any_bytes_have_an_answer(bytes in bytes(), header in bytes()) {
        thread_local! { static SCHEMAS: Vec<Schema> = schemas(); }
        SCHEMAS.with(|schemas| {
            for schema in schemas {
                for message in [Message::First, Message::Inline, Message::Delimited, Message::Indexes(&header), Message::Name(&header)] {
                    read(schema, Payload { bytes: &bytes, message })?;
                }
            }
            Ok::<(), TestCaseError>(())
        })?;
        if let Ok(framed) = frame::frame(Framing::Confluent, Part::Value, &bytes, |_| None) {
            prop_assert!(bytes.ends_with(framed.payload.bytes));
        }
    }

    #[test]
    fn any_text_of_a_schema_has_an_answer(
        dice in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
        kind in prop::sample::select(vec![(Kind::Avro, AVRO), (Kind::Protobuf, PROTOBUF)]),
    ) {
        // Pieces of a schema in another order.
        let (kind, text) = kind;
        let characters: Vec<char> = text.chars().collect();
        let mut mixed = text.to_owned();
        for (from, length) in dice {
            let from = from.index(characters.len());
            let piece: String = characters[from..].iter().take(length.index(40)).collect();
            mixed = if from % 2 == 0 { mixed.replacen(&piece, "", 1) } else { mixed + &piece };
        }
        if let Ok(schema) = Schema::compile(&Source { kind, text: mixed, references: Vec::new() }) {
            read(&schema, [0, 1, 2, 3, 4, 5, 6, 7].as_slice().into())?;
        }
    }
}
