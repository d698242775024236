use crate::{Form, Kind, Message, Payload, Reason, Reference, Schema, Source, Unreadable};

fn schema(text: &str, references: &[(&str, &str)]) -> Schema {
    let references = references
        .iter()
        .map(|(name, text)| Reference { name: (*name).into(), text: (*text).into() });
    let references = references.collect();
    Schema::compile(&Source { kind: Kind::Protobuf, text: text.into(), references }).unwrap()
}

fn json(schema: &Schema, payload: Payload<'_>) -> Result<String, Unreadable> {
    let mut out = Vec::new();
    schema.write_json(payload, &Form::default(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

const NESTED: &str = r#"syntax = "proto3"; package shop;
    message Order { map<string, int32> prices = 1; int64 id = 2;
        message Line { string sku = 1; message Part { bool spare = 1; } } message Other { int32 n = 1; } }
    message Paid { uint64 order_id = 1; }"#;

#[test]
fn indexes_say_which_message() {
    let schema = schema(NESTED, &[]);
    assert_eq!(schema.name(), Some("shop.Order"));
    let inline = |bytes| json(&schema, Payload { bytes, message: Message::Inline });
    assert_eq!(inline(&[0, 0x10, 5]).unwrap(), r#"{"id":"5"}"#);
    assert_eq!(inline(&[2, 0, 0x10, 5]).unwrap(), r#"{"id":"5"}"#);
    assert_eq!(inline(&[2, 2, 8, 5]).unwrap(), r#"{"orderId":"5"}"#);
    assert_eq!(
        inline(&[4, 0, 2, 8, 5]).unwrap(),
        r#"{"n":5}"#,
        "the entry of a map is not counted"
    );
    assert_eq!(inline(&[6, 0, 0, 0, 8, 1]).unwrap(), r#"{"spare":true}"#);
    for none in [&[2, 4][..], &[2, 1], &[1], &[0xff, 0xff, 3], &[4, 0, 4]] {
        assert_eq!(inline(none).unwrap_err().reason, Reason::NoMessage);
    }
    for ends in [&[][..], &[4, 0], &[0x80]] {
        assert_eq!(inline(ends).unwrap_err().reason, Reason::Ends);
    }
    let header = Payload { bytes: &[8, 5], message: Message::Indexes(&[2, 2]) };
    assert_eq!(json(&schema, header).unwrap(), r#"{"orderId":"5"}"#);
}

#[test]
fn a_name_says_which_message() {
    let schema = schema(NESTED, &[]);
    let bytes = [&[6, 0x0a, 4][..], b"Paid", &[8, 5]].concat();
    let payload = Payload { bytes: &bytes, message: Message::Delimited };
    assert_eq!(json(&schema, payload).unwrap(), r#"{"orderId":"5"}"#);
    for name in ["Paid", "shop.Paid"] {
        let payload = Payload { bytes: &[8, 5], message: Message::Name(name.as_bytes()) };
        assert_eq!(json(&schema, payload).unwrap(), r#"{"orderId":"5"}"#);
    }
    for bytes in [&[][..], &[9], &[2, 0x0a, 9], &[3, 0x0a, 1, b'X']] {
        let payload = Payload { bytes, message: Message::Delimited };
        assert_eq!(json(&schema, payload).unwrap_err().reason, Reason::NoMessage);
    }
}

#[test]
fn imports_are_references_and_what_registries_have_built_in() {
    let schema = schema(
        r#"syntax = "proto3"; import "shop/money.proto"; import "confluent/meta.proto";
            import "confluent/types/decimal.proto"; import "google/protobuf/timestamp.proto";
            message Order { option (confluent.message_meta).doc = "an order"; shop.Money total = 1;
            confluent.type.Decimal exact = 2; google.protobuf.Timestamp at = 3; }"#,
        &[(
            "shop/money.proto",
            r#"syntax = "proto3"; package shop; message Money { int64 cents = 1; }"#,
        )],
    );
    let bytes = [0x0a, 2, 8, 7, 0x12, 2, 0x18, 2, 0x1a, 2, 8, 1];
    assert_eq!(
        json(&schema, bytes.as_slice().into()).unwrap(),
        r#"{"total":{"cents":"7"},"exact":{"scale":2},"at":"1970-01-01T00:00:01Z"}"#
    );
    let error = json(&schema, [0x1a, 2, 0x10, 0x80].as_slice().into()).unwrap_err();
    assert!(error.to_string().starts_with("`Order`: "), "{error}");
    let negative = [&[0x1a, 11, 0x10][..], &[0xff; 9], &[1]].concat();
    let error = json(&schema, negative.as_slice().into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Order.at`: a time is outside of the years 1 to 9999, or its nanoseconds are out of bounds"
    );
}

#[test]
fn a_schema_that_is_none_says_what_is_wrong() {
    let error = |text: &str, references: Vec<Reference>| {
        let source = Source { kind: Kind::Protobuf, text: text.into(), references };
        Schema::compile(&source).unwrap_err().to_string()
    };
    let missing = error(r#"syntax = "proto3"; import "gone.proto";"#, Vec::new());
    assert_eq!(missing, "the schema: import 'gone.proto' not found");
    let deep = "message A {".repeat(100_000);
    assert_eq!(error(&deep, Vec::new()), "the schema is nested too deep");
    let broken = Reference { name: "b.proto".into(), text: "message".into() };
    let said = error(r#"import "b.proto";"#, vec![broken]);
    assert!(said.starts_with("reference `b.proto`: "), "{said}");
    let round = Reference { name: "b.proto".into(), text: r#"import "b.proto";"#.into() };
    assert!(error(r#"import "b.proto";"#, vec![round]).contains("cycle"));
}

#[test]
fn values_nest_no_deeper_than_readers_take() {
    let schema = schema("message L { optional L next = 1; }", &[]);
    let nested = |depth: usize| {
        let mut bytes = Vec::new();
        for _ in 0..depth {
            let mut outer = vec![0x0a, bytes.len() as u8];
            if bytes.len() > 127 {
                outer = vec![0x0a, bytes.len() as u8 | 0x80, (bytes.len() >> 7) as u8];
            }
            outer.extend_from_slice(&bytes);
            bytes = outer;
        }
        bytes
    };
    assert!(json(&schema, nested(63).as_slice().into()).is_ok());
    let error = json(&schema, nested(64).as_slice().into()).unwrap_err();
    assert_eq!(error.reason, Reason::Nesting(64));
    let error = json(&schema, nested(1_000).as_slice().into()).unwrap_err();
    assert!(matches!(error.reason, Reason::Protobuf(_)));
}

/// It is no default: it has been written, and Google's own JSON has it.
#[test]
fn a_zero_that_is_negative_is_written() {
    let text = r#"syntax = "proto3"; message M { double a = 1; float b = 2; double c = 3; }"#;
    let schema = schema(text, &[]);
    let mut bytes = vec![0, 9];
    bytes.extend((-0.0_f64).to_le_bytes());
    bytes.push(0x15);
    bytes.extend((-0.0_f32).to_le_bytes());
    bytes.push(0x19);
    bytes.extend(0.0_f64.to_le_bytes());
    let written = json(&schema, Payload { bytes: &bytes, message: Message::Inline }).unwrap();
    assert_eq!(written, r#"{"a":-0.0,"b":-0.0}"#);
}
