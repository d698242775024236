//! A hostile schema: its kind, then any text.
//! `cargo +nightly fuzz run text fuzz/corpus/text fuzz/seeds/text` in `crates/schema`.

#![no_main]

use bridge_schema::{Form, Kind, Schema, Source};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Some((kind, text)) = text.split_at_checked(1) else { return };
    let kind = match kind {
        "A" => Kind::Avro,
        "P" => Kind::Protobuf,
        _ => Kind::Json,
    };
    let source = Source { kind, text: text.to_owned(), references: Vec::new() };
    if let Ok(schema) = Schema::compile(&source) {
        let value = [2, 4, 0, 6, 8, 1, 0, 2].as_slice();
        let _ = schema.write_json(value.into(), &Form { limit: 10_000, ..Form::default() }, &mut Vec::new());
        let _ = schema.plain_avro(value.into(), &mut Vec::new());
    }
});
