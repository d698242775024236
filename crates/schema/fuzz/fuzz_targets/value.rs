//! A hostile producer: any bytes, as a value of several schemas.
//! `cargo +nightly fuzz run value fuzz/corpus/value fuzz/seeds/value` in `crates/schema`.

#![no_main]

use std::sync::LazyLock;

use bridge_schema::frame::{Counts, Width};
use bridge_schema::{Form, Framing, Kind, Part, Schema, Source, frame};

const AVRO: &str = include_str!("../seeds/text/avro");
const PROTOBUF: &str = include_str!("../seeds/text/protobuf");
const LIMIT: usize = 100_000;

static SCHEMAS: LazyLock<[Schema; 3]> = LazyLock::new(|| {
    let schema = |kind, text: &str| {
        // The first byte of a seed says what kind it is.
        let source = Source { kind, text: text[1..].to_owned(), references: Vec::new() };
        Schema::compile(&source).expect("a schema that is one")
    };
    [schema(Kind::Avro, AVRO), schema(Kind::Protobuf, PROTOBUF), schema(Kind::Json, "J{}")]
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let apicurio = Framing::Apicurio { width: Width::Eight, counts: Counts::Global };
    for framing in [Framing::Confluent, apicurio] {
        let Ok(framed) = frame::frame(framing, Part::Value, bytes, |_| None) else { continue };
        for schema in SCHEMAS.iter() {
            let form = Form { limit: LIMIT, ..Form::default() };
            let mut out = Vec::new();
            match schema.write_json(framed.payload, &form, &mut out) {
                Ok(()) => {
                    assert!(out.len() <= LIMIT);
                    serde_json::from_slice::<serde::de::IgnoredAny>(&out).expect("JSON");
                }
                Err(_) => assert!(out.is_empty()),
            }
        }
    }
});
