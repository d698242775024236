//! What `apache-avro` writes is read here as `apache-avro` reads it.

use apache_avro::types::Value;
use apache_avro::{
    Schema as Witness, reader::datum::GenericDatumReader, writer::datum::GenericDatumWriter,
};
use bridge_schema::{Form, Kind, Schema, Source};
use jiff::civil::{DateTime, Time};
use jiff::{Span, Timestamp};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::Dice;

const LOGICAL: [(&str, &str); 11] = [
    ("int", "date"),
    ("int", "time-millis"),
    ("long", "time-micros"),
    ("long", "timestamp-millis"),
    ("long", "timestamp-micros"),
    ("long", "timestamp-nanos"),
    ("long", "local-timestamp-millis"),
    ("long", "local-timestamp-micros"),
    ("long", "local-timestamp-nanos"),
    ("string", "uuid"),
    ("bytes", "decimal"),
];

/// A schema at random. `names` counts those with names.
fn schema(dice: &mut Dice<'_>, depth: usize, names: &mut usize) -> Json {
    *names += 1;
    let name = format!("N{names}");
    let leaves = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
    match dice.below(if depth == 0 { 4 } else { 8 }) {
        0 => json!(leaves[dice.below(leaves.len())]),
        1 => {
            let (kind, logical) = LOGICAL[dice.below(LOGICAL.len())];
            json!({"type": kind, "logicalType": logical, "precision": 40, "scale": dice.below(20)})
        }
        2 => match dice.below(4) {
            0 => json!({"type": "fixed", "name": name, "size": dice.below(20)}),
            1 => json!({"type": "fixed", "name": name, "size": 12, "logicalType": "duration"}),
            2 => {
                json!({"type": "fixed", "name": name, "size": 20, "logicalType": "decimal", "precision": 40, "scale": 7})
            }
            _ => json!({"type": "fixed", "name": name, "size": 16, "logicalType": "uuid"}),
        },
        3 => json!({"type": "enum", "name": name, "symbols": ["A", "B", "C"]}),
        4 => json!({"type": "array", "items": schema(dice, depth - 1, names)}),
        5 => json!({"type": "map", "values": schema(dice, depth - 1, names)}),
        6 => {
            let mut branches = vec![json!("null")];
            let last = schema(dice, depth - 1, names);
            branches.extend((!last.is_array() && last != "null").then_some(last));
            json!(branches)
        }
        _ => {
            let fields = (0..dice.below(5)).map(
                |at| json!({"name": format!("f{at}"), "type": schema(dice, depth - 1, names)}),
            );
            let fields: Vec<Json> = fields.collect();
            json!({"type": "record", "name": name, "namespace": "a.b", "fields": fields})
        }
    }
}

/// A value of that schema, at random.
fn value(schema: &Json, dice: &mut Dice<'_>) -> Value {
    if let Json::Array(branches) = schema {
        let at = dice.below(branches.len());
        return Value::Union(at as u32, Box::new(value(&branches[at], dice)));
    }
    let kind = schema.as_str().unwrap_or_else(|| schema["type"].as_str().unwrap());
    if let Some(logical) = schema.get("logicalType") {
        return logical_value(logical.as_str().unwrap(), schema, dice);
    }
    match kind {
        "null" => Value::Null,
        "boolean" => Value::Boolean(dice.below(2) == 1),
        "int" => Value::Int(dice.next() as i32),
        "long" => Value::Long(dice.long()),
        "float" => Value::Float(dice.double() as f32),
        "double" => Value::Double(dice.double()),
        "string" => Value::String(dice.text()),
        "bytes" => {
            let length = dice.below(9);
            Value::Bytes(dice.bytes(length))
        }
        "fixed" => {
            let size = schema["size"].as_u64().unwrap() as usize;
            Value::Fixed(size, dice.bytes(size))
        }
        "enum" => {
            let at = dice.below(3);
            Value::Enum(at as u32, ["A", "B", "C"][at].to_owned())
        }
        "array" => {
            Value::Array((0..dice.below(4)).map(|_| value(&schema["items"], dice)).collect())
        }
        "map" => {
            let entries = (0..dice.below(4)).map(|_| (dice.text(), value(&schema["values"], dice)));
            Value::Map(entries.collect())
        }
        _ => {
            let fields = schema["fields"].as_array().unwrap().iter();
            let field =
                |it: &Json| (it["name"].as_str().unwrap().to_owned(), value(&it["type"], dice));
            Value::Record(fields.map(field).collect())
        }
    }
}

fn logical_value(logical: &str, schema: &Json, dice: &mut Dice<'_>) -> Value {
    // What the oracle's calendar has: the years -9999 to 9999.
    let seconds = (dice.next() % 600_000_000_000) as i64 - 350_000_000_000;
    match logical {
        "date" => Value::Date((seconds / 86_400) as i32),
        "time-millis" => Value::TimeMillis(dice.below(86_400_000) as i32),
        "time-micros" => Value::TimeMicros(dice.below(86_400_000_000) as i64),
        "timestamp-millis" => Value::TimestampMillis(seconds * 1_000 + dice.below(1_000) as i64),
        "timestamp-micros" => {
            Value::TimestampMicros(seconds * 1_000_000 + dice.below(1_000_000) as i64)
        }
        "timestamp-nanos" => Value::TimestampNanos(dice.next() as i64),
        "local-timestamp-millis" => Value::LocalTimestampMillis(seconds * 1_000),
        "local-timestamp-micros" => Value::LocalTimestampMicros(seconds * 1_000_000 - 1),
        "local-timestamp-nanos" => Value::LocalTimestampNanos(dice.next() as i64),
        "uuid" => Value::Uuid(apache_avro::Uuid::from_u64_pair(dice.next(), dice.next())),
        "duration" => {
            let bytes: [u8; 12] = dice.bytes(12).try_into().unwrap();
            Value::Duration(bytes.into())
        }
        _ => {
            // As many bytes as 40 digits have room in.
            let length = if schema["type"] == "fixed" { 20 } else { 1 + dice.below(16) };
            let fill = if dice.below(2) == 0 { 0 } else { 0xff };
            let mut bytes = vec![fill; length - length.min(16)];
            bytes.extend(dice.bytes(length.min(16)));
            Value::Decimal(bytes.into())
        }
    }
}

/// The JSON that a value should be, from what the other library read.
fn oracle(value: &Value, schema: &Json) -> String {
    let text = |it: &str| serde_json::to_string(it).unwrap();
    let long = |it: i64| if it.abs() < 1 << 53 { it.to_string() } else { format!("\"{it}\"") };
    match value {
        Value::Union(at, inside) => oracle(inside, &schema[*at as usize]),
        Value::Null => "null".into(),
        Value::Boolean(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::Long(it) => long(*it),
        Value::Float(it) => float(f64::from(*it), || serde_json::to_string(it).unwrap()),
        Value::Double(it) => float(*it, || serde_json::to_string(it).unwrap()),
        Value::String(it) | Value::Enum(_, it) => text(it),
        Value::Bytes(it) | Value::Fixed(_, it) => format!("\"{}\"", base64(it)),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|it| oracle(it, &schema["items"])).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let entries = entries.iter();
            let entries =
                entries.map(|(key, it)| format!("{}:{}", text(key), oracle(it, &schema["values"])));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        Value::Record(fields) => {
            let fields = fields.iter().zip(schema["fields"].as_array().unwrap());
            let fields = fields
                .map(|((key, it), field)| format!("{}:{}", text(key), oracle(it, &field["type"])));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Uuid(it) => format!("\"{it}\""),
        Value::Decimal(it) => {
            decimal(it.clone().into(), schema["scale"].as_u64().unwrap() as usize)
        }
        Value::Duration(it) => duration((*it).into()),
        time => format!("\"{}\"", instant(time)),
    }
}

fn float(number: f64, finite: impl Fn() -> String) -> String {
    match number {
        it if it.is_nan() => "\"NaN\"".into(),
        f64::INFINITY => "\"Infinity\"".into(),
        f64::NEG_INFINITY => "\"-Infinity\"".into(),
        _ => finite(),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decimal(unscaled: num_bigint::BigInt, scale: usize) -> String {
    let sign = if unscaled < 0.into() { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.magnitude().to_string(), width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len() - scale);
    let point = if scale > 0 { "." } else { "" };
    format!("\"{sign}{whole}{point}{rest}\"")
}

fn duration(bytes: [u8; 12]) -> String {
    let part = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (months, days, millis) = (part(0), part(4), part(8));
    let part = |number: u32, sign: &str| {
        if number > 0 { format!("{number}{sign}") } else { String::new() }
    };
    let days = part(months, "M") + &part(days, "D");
    let rest = if millis % 1_000 > 0 { format!(".{:03}", millis % 1_000) } else { String::new() };
    let time =
        if millis > 0 || days.is_empty() { format!("T{}{rest}S", millis / 1_000) } else { rest };
    format!("\"P{days}{time}\"")
}

fn instant(time: &Value) -> String {
    let local = |seconds: i64, nanos: i32| {
        let at = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        at.checked_add(Span::new().seconds(seconds))
            .unwrap()
            .checked_add(Span::new().nanoseconds(nanos))
            .unwrap()
    };
    let split = |number: i64, per: i64| {
        (number.div_euclid(per), (number.rem_euclid(per) * (1_000_000_000 / per)) as i32)
    };
    let of = |number: i64, per: i64, digits: usize, zone: &str| {
        let (seconds, nanos) = split(number, per);
        let at = if zone.is_empty() {
            local(seconds, nanos)
        } else {
            Timestamp::new(seconds, nanos).unwrap().to_zoned(jiff::tz::TimeZone::UTC).datetime()
        };
        // The calendar writes a year below zero with six digits, too.
        format!("{at:.digits$}{zone}")
    };
    match time {
        Value::Date(days) => local(i64::from(*days) * 86_400, 0).date().to_string(),
        Value::TimeMillis(it) => format!("{:.3}", clock(i64::from(*it) * 1_000_000)),
        Value::TimeMicros(it) => format!("{:.6}", clock(*it * 1_000)),
        Value::TimestampMillis(it) => of(*it, 1_000, 3, "Z"),
        Value::TimestampMicros(it) => of(*it, 1_000_000, 6, "Z"),
        Value::TimestampNanos(it) => of(*it, 1_000_000_000, 9, "Z"),
        Value::LocalTimestampMillis(it) => of(*it, 1_000, 3, ""),
        Value::LocalTimestampMicros(it) => of(*it, 1_000_000, 6, ""),
        Value::LocalTimestampNanos(it) => of(*it, 1_000_000_000, 9, ""),
        other => panic!("{other:?} is not asked for"),
    }
}

fn clock(nanos: i64) -> Time {
    Time::midnight().checked_add(Span::new().nanoseconds(nanos)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn what_another_library_writes_is_read_as_it_reads_it(dice in prop::collection::vec(any::<u64>(), 1..200), blocks in any::<bool>()) {
        let mut dice = Dice(&dice);
        let schema = schema(&mut dice, 4, &mut 0);
        let witness = Witness::parse(&schema).unwrap();
        let value = value(&schema, &mut dice);
        let writer = GenericDatumWriter::builder(&witness).maybe_target_block_size(blocks.then_some(1)).build().unwrap();
        let bytes = writer.write_value_to_vec(value).unwrap();
        let read = GenericDatumReader::builder(&witness).build().unwrap().read_value(&mut bytes.as_slice()).unwrap();
        let source = Source { kind: Kind::Avro, text: schema.to_string(), references: Vec::new() };
        let ours = Schema::compile(&source).unwrap();
        let mut out = Vec::new();
        ours.write_json(bytes.as_slice().into(), &Form::default(), &mut out).unwrap();
        let ours: Json = serde_json::from_slice(&out).unwrap();
        let theirs: Json = serde_json::from_str(&oracle(&read, &schema)).unwrap();
        prop_assert_eq!(ours, theirs, "{}", schema);
    }
}
