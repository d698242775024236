//! What `prost-reflect` writes is read here as its own JSON has it.

use bridge_schema::{Form, Kind, Schema, Source, form};
use proptest::prelude::*;
use prost_reflect::prost::Message;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, MapKey, MessageDescriptor, SerializeOptions,
    Value,
};
use serde_json::Value as Json;

use crate::Dice;

const SCALARS: &str = include_str!("../corpus/proto/scalars.proto");

const TREE: &str = r#"syntax = "proto3"; import "google/protobuf/wrappers.proto"; import "google/protobuf/struct.proto";
    import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/field_mask.proto";
    message Tree { int64 value = 1; repeated Tree children = 2; map<string, Tree> by_name = 3;
        oneof one { string text = 4; Tree tree = 5; google.protobuf.Int64Value wrapped = 6; }
        google.protobuf.BytesValue bytes_value = 7; google.protobuf.Timestamp at = 8; google.protobuf.Duration took = 9;
        google.protobuf.FieldMask mask = 10; google.protobuf.ListValue list = 11; repeated google.protobuf.BoolValue flags = 12; }"#;

fn message(descriptor: &MessageDescriptor, dice: &mut Dice<'_>, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    let name = descriptor.full_name();
    if matches!(name, "google.protobuf.Timestamp" | "google.protobuf.Duration") {
        let seconds = (dice.next() % 200_000_000_000) as i64;
        message.set_field_by_number(1, Value::I64(seconds));
        let nanos = [0, 120_000_000, 1_000, 999_999_999][dice.below(4)];
        message.set_field_by_number(2, Value::I32(nanos));
        return message;
    }
    if name == "google.protobuf.FieldMask" {
        let paths = ["user.first_name", "photo"].map(|it| Value::String(it.into()));
        message.set_field_by_number(1, Value::List(paths.into()));
        return message;
    }
    for field in descriptor.fields() {
        if dice.below(2) == 1 {
            let value = field_value(&field, dice, depth);
            message.set_field(&field, value);
        }
    }
    if name == "google.protobuf.Value" && message.fields().count() == 0 {
        message.set_field_by_number(4, Value::Bool(true));
    }
    message
}

fn field_value(field: &FieldDescriptor, dice: &mut Dice<'_>, depth: usize) -> Value {
    let few = if depth == 0 { 0 } else { dice.below(3) };
    if field.is_list() {
        return Value::List((0..few).map(|_| single(&field.kind(), dice, depth)).collect());
    }
    if field.is_map() {
        let entry = field.kind().as_message().unwrap().clone();
        let entries = (0..few).map(|_| {
            let key = single(&entry.map_entry_key_field().kind(), dice, depth).into_map_key();
            (key.unwrap(), single(&entry.map_entry_value_field().kind(), dice, depth))
        });
        return Value::Map(entries.collect::<std::collections::HashMap<MapKey, Value>>());
    }
    single(&field.kind(), dice, depth)
}

fn single(kind: &prost_reflect::Kind, dice: &mut Dice<'_>, depth: usize) -> Value {
    use prost_reflect::Kind;
    match kind {
        // What the other library's JSON of a `Value` has no form for is left to the unit tests.
        Kind::Double if depth < 4 => Value::F64(dice.below(1_000) as f64 / 8.0),
        Kind::Double => Value::F64(dice.double()),
        Kind::Float => Value::F32(dice.double() as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(dice.next() as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(dice.long()),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(dice.next() as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(dice.next()),
        Kind::Bool => Value::Bool(dice.below(2) == 1),
        Kind::String => Value::String(dice.text()),
        Kind::Bytes => {
            let length = dice.below(9);
            Value::Bytes(dice.bytes(length).into())
        }
        Kind::Enum(symbols) if symbols.full_name() == "google.protobuf.NullValue" => {
            Value::EnumNumber(0)
        }
        Kind::Enum(_) => Value::EnumNumber(dice.below(3) as i32),
        Kind::Message(descriptor)
            if depth == 0 && descriptor.full_name() == "google.protobuf.Value" =>
        {
            let mut value = DynamicMessage::new(descriptor.clone());
            value.set_field_by_number(3, Value::String(dice.text()));
            Value::Message(value)
        }
        Kind::Message(descriptor) if depth == 0 => {
            Value::Message(DynamicMessage::new(descriptor.clone()))
        }
        Kind::Message(descriptor) => Value::Message(message(descriptor, dice, depth - 1)),
    }
}

/// The same text, compiled by the same compiler, and read by the other library alone.
fn witness(text: &str) -> MessageDescriptor {
    let file = protox::file::File::from_source("it.proto", text).unwrap();
    let mut pool = DescriptorPool::global();
    pool.add_file_descriptor_proto(file.file_descriptor_proto().clone()).unwrap();
    pool.get_file_by_name("it.proto").unwrap().messages().next().unwrap()
}

fn check(text: &str, dice: &mut Dice<'_>) -> Result<(), TestCaseError> {
    let source = Source { kind: Kind::Protobuf, text: text.to_owned(), references: Vec::new() };
    let schema = Schema::compile(&source).unwrap();
    let value = message(&witness(text), dice, 4);
    let bytes = value.encode_to_vec();
    for (defaults, numbers, as_written) in [(false, false, false), (true, true, true)] {
        let options = SerializeOptions::new()
            .skip_default_fields(!defaults)
            .stringify_64_bit_integers(!numbers)
            .use_proto_field_name(as_written);
        let mut theirs = Vec::new();
        value
            .serialize_with_options(&mut serde_json::Serializer::new(&mut theirs), &options)
            .unwrap();
        let integers = if numbers { form::Integers::Number } else { form::Integers::Safe };
        let names = if as_written { form::Names::AsWritten } else { form::Names::Json };
        let form = Form { defaults, integers, names, ..Form::default() };
        let mut ours = Vec::new();
        schema.write_json(bytes.as_slice().into(), &form, &mut ours).unwrap();
        let ours: Json = serde_json::from_slice(&ours).unwrap();
        let theirs: Json = serde_json::from_slice(&theirs).unwrap();
        prop_assert_eq!(ours, theirs);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn what_another_library_writes_is_read_as_its_own_json(dice in prop::collection::vec(any::<u64>(), 1..200)) {
        check(SCALARS, &mut Dice(&dice))?;
        check(TREE, &mut Dice(&dice))?;
    }
}
