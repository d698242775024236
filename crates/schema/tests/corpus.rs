//! What serializers of others wrote, and what their own deserializers read: `tests/corpus`, where the scripts that made it are.

use std::collections::HashMap;

use bridge_schema::frame::{Counts, Width};
use bridge_schema::{Form, Framing, Kind, Part, Reference, Schema, Source, frame};
use serde_json::Value;

struct Case {
    name: String,
    source: Source,
    part: Part,
    headers: HashMap<String, Vec<u8>>,
    bytes: Vec<u8>,
    id: String,
    json: Value,
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

fn cases(text: &str) -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let references = case["references"].as_array().unwrap().iter();
    Case {
        name: text(&case["name"]),
        source: Source {
            kind: match case["kind"].as_str().unwrap() {
                "AVRO" => Kind::Avro,
                "PROTOBUF" => Kind::Protobuf,
                _ => Kind::Json,
            },
            text: text(&case["schema"]),
            references: references
                .map(|it| Reference { name: text(&it["name"]), text: text(&it["text"]) })
                .collect(),
        },
        part: if case["part"] == "key" { Part::Key } else { Part::Value },
        headers: case["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), hex(value.as_str().unwrap())))
            .collect(),
        bytes: hex(case["bytes"].as_str().unwrap()),
        id: text(&case["id"]),
        json: case["json"].clone(),
    }
}

/// Whether two are the same JSON, where 1 and 1.0 are the same number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let inside = |(key, one)| other.get(key).is_some_and(|other| same(one, other));
            one.len() == other.len() && one.iter().all(inside)
        }
        _ => one == other,
    }
}

fn check(framing: Framing, case: &Case) {
    let Case { name, headers, .. } = case;
    let header = |name: &str| headers.get(name).map(Vec::as_slice);
    let framed = frame::frame(framing, case.part, &case.bytes, header);
    let framed = framed.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(framed.id.to_string(), case.id, "{name}");
    let schema = Schema::compile(&case.source).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut out = Vec::new();
    schema
        .write_json(framed.payload, &Form::default(), &mut out)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let read: Value = serde_json::from_slice(&out).unwrap();
    assert!(same(&read, &case.json), "{name}:\n read {read}\nwants {}", case.json);
    if case.source.kind == Kind::Avro {
        stands_alone(case, framed.payload, &schema);
    }
}

/// Avro with the schema inside is read by a library for Avro, and is the one record.
fn stands_alone(case: &Case, payload: bridge_schema::Payload<'_>, schema: &Schema) {
    let mut file = Vec::new();
    schema.plain_avro(payload, &mut file).unwrap();
    let reader = apache_avro::Reader::new(file.as_slice());
    let reader = reader.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let values: Vec<_> = reader
        .map(|value| value.unwrap_or_else(|error| panic!("{}: {error}", case.name)))
        .collect();
    assert_eq!(values.len(), 1, "{}", case.name);
}

/// Apicurio's serializers as they were set for a case.
fn apicurio(case: &Value) -> Framing {
    let width = if case["width"] == 4 { Width::Four } else { Width::Eight };
    let counts = if case["counts"] == "content" { Counts::Content } else { Counts::Global };
    Framing::Apicurio { width, counts }
}

#[test]
fn what_apicurios_serializers_write_is_read_as_its_deserializers_read_it() {
    let text = include_str!("corpus/apicurio.json");
    let set: Vec<Value> = serde_json::from_str(text).unwrap();
    let cases = cases(text);
    assert_eq!(cases.len(), 30, "the corpus is there");
    for (case, set) in cases.iter().zip(&set) {
        check(apicurio(set), case);
    }
}

#[test]
fn what_confluents_serializers_write_is_read_as_its_deserializers_read_it() {
    let cases = cases(include_str!("corpus/confluent.json"));
    assert!(cases.len() > 60, "the corpus is there");
    for case in &cases {
        check(Framing::Confluent, case);
    }
}
