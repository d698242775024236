//! What a record of 1 KB costs: `cargo run --release -p bridge-schema --example speed`.
//!
//! The best of several runs, because what disturbs a run only makes it slower.

use std::hint::black_box;
use std::time::Instant;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use bridge_schema::{Form, Kind, Schema, Source};
use prost_reflect::{DescriptorPool, DynamicMessage};

const AVRO: &str = r#"{"type":"record","name":"Order","fields":[
    {"name":"id","type":{"type":"string","logicalType":"uuid"}},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"customer","type":"string"},{"name":"note","type":["null","string"]},{"name":"total","type":"double"},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"sku","type":"string"},{"name":"quantity","type":"int"},{"name":"price","type":"double"},
        {"name":"tax","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},{"name":"reference","type":"long"},
        {"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN","PAID"]}},{"name":"tags","type":{"type":"map","values":"string"}}]}}}]}"#;

const PROTOBUF: &str = r#"syntax = "proto3"; import "google/protobuf/timestamp.proto";
    message Order { string id = 1; google.protobuf.Timestamp at = 2; string customer = 3; optional string note = 4; double total = 5;
        message Line { string sku = 1; int32 quantity = 2; double price = 3; int64 reference = 4; map<string, string> tags = 5; } repeated Line lines = 6; }"#;

/// The best of several runs, in nanoseconds for each call.
fn best(mut call: impl FnMut()) -> f64 {
    let run = |call: &mut dyn FnMut()| {
        let begun = Instant::now();
        (0..20_000).for_each(|_| call());
        begun.elapsed().as_secs_f64() * 1e9 / 20_000.0
    };
    (0..15).map(|_| run(&mut call)).fold(f64::INFINITY, f64::min)
}

fn line(at: usize) -> Value {
    let text = |text: String| Value::String(text);
    let tags = [("colour", "dark blue"), ("warehouse", "Rotterdam 3")];
    Value::Record(vec![
        ("sku".into(), text(format!("SKU-{at:08}"))),
        ("quantity".into(), Value::Int(at as i32 * 3)),
        ("price".into(), Value::Double(19.99 + at as f64)),
        ("tax".into(), Value::Decimal([at as u8 + 1, 0x7f].into())),
        ("reference".into(), Value::Long(1_000_000_007 * at as i64)),
        ("state".into(), Value::Enum(1, "PAID".into())),
        (
            "tags".into(),
            Value::Map(tags.into_iter().map(|(key, it)| (key.into(), text(it.into()))).collect()),
        ),
    ])
}

fn avro() {
    let source = Source { kind: Kind::Avro, text: AVRO.into(), references: Vec::new() };
    let schema = Schema::compile(&source).expect("a schema");
    let witness = apache_avro::Schema::parse_str(AVRO).expect("a schema");
    let order = Value::Record(vec![
        ("id".into(), Value::Uuid(apache_avro::Uuid::from_u64_pair(1, 2))),
        ("at".into(), Value::TimestampMillis(1_796_014_375_123)),
        ("customer".into(), Value::String("Ada Lovelace, London".into())),
        (
            "note".into(),
            Value::Union(1, Box::new(Value::String("leave it with \"the neighbour\"".into()))),
        ),
        ("total".into(), Value::Double(1_234.56)),
        ("lines".into(), Value::Array((0..12).map(line).collect())),
    ]);
    let writer = GenericDatumWriter::builder(&witness).build().expect("a writer");
    let bytes = writer.write_value_to_vec(order).expect("a value");
    let mut out = Vec::new();
    schema.write_json(bytes.as_slice().into(), &Form::default(), &mut out).expect("JSON");
    println!("Avro: {} bytes become {} of JSON", bytes.len(), out.len());
    let ours = best(|| {
        out.clear();
        schema
            .write_json(black_box(&bytes).as_slice().into(), &Form::default(), &mut out)
            .expect("JSON");
    });
    println!("  in one pass                          {:6.2} µs", ours / 1e3);
    let mut file = Vec::new();
    let plain = best(|| {
        file.clear();
        schema.plain_avro(black_box(&bytes).as_slice().into(), &mut file).expect("Avro");
    });
    println!("  as a file with its schema            {:6.2} µs", plain / 1e3);
    let reader = GenericDatumReader::builder(&witness).build().expect("a reader");
    let values = best(|| {
        black_box(reader.read_value(&mut black_box(bytes.as_slice())).expect("a value"));
    });
    println!("  values of apache-avro, no JSON yet   {:6.2} µs", values / 1e3);
    let theirs = best(|| {
        let value = reader.read_value(&mut black_box(bytes.as_slice())).expect("a value");
        let json = serde_json::Value::try_from(value).expect("JSON");
        out.clear();
        serde_json::to_writer(&mut out, &json).expect("JSON");
    });
    println!("  values of apache-avro, then JSON     {:6.2} µs", theirs / 1e3);
}

fn protobuf() {
    let source = Source { kind: Kind::Protobuf, text: PROTOBUF.into(), references: Vec::new() };
    let schema = Schema::compile(&source).expect("a schema");
    let file = protox::file::File::from_source("it.proto", PROTOBUF).expect("a schema");
    let mut pool = DescriptorPool::global();
    pool.add_file_descriptor_proto(file.file_descriptor_proto().clone()).expect("a schema");
    let descriptor = pool.get_message_by_name("Order").expect("a message");
    let lines: Vec<String> = (0..13)
        .map(|at| format!(r#"{{"sku":"SKU-{at:08}","quantity":{at},"price":19.99,"reference":"{}","tags":{{"colour":"dark blue","warehouse":"Rotterdam 3"}}}}"#, at * 1_000_007))
        .collect();
    let json = format!(
        r#"{{"id":"00000000-0000-0001","at":"2026-11-30T04:52:55.123Z","customer":"Ada","note":"","total":1.5,"lines":[{}]}}"#,
        lines.join(",")
    );
    let mut json = serde_json::Deserializer::from_str(&json);
    let value = DynamicMessage::deserialize(descriptor, &mut json).expect("a message");
    let bytes = prost_reflect::prost::Message::encode_to_vec(&value);
    let mut out = Vec::new();
    schema.write_json(bytes.as_slice().into(), &Form::default(), &mut out).expect("JSON");
    println!("Protobuf: {} bytes become {} of JSON", bytes.len(), out.len());
    let ours = best(|| {
        out.clear();
        schema
            .write_json(black_box(&bytes).as_slice().into(), &Form::default(), &mut out)
            .expect("JSON");
    });
    println!("  by way of prost-reflect              {:6.2} µs", ours / 1e3);
}

fn main() {
    avro();
    protobuf();
}
