use crate::form::{Bytes, Decimals, Integers, NonFinite, Times};
use crate::{Form, Kind, Malformed, Reason, Reference, Schema, Source, Unreadable};

fn source(text: &str) -> Source {
    Source { kind: Kind::Avro, text: text.to_owned(), references: Vec::new() }
}

fn schema(text: &str) -> Schema {
    Schema::compile(&source(text)).unwrap()
}

fn read(text: &str, bytes: &[u8], form: &Form) -> Result<String, Unreadable> {
    let mut out = b"before ".to_vec();
    let done = schema(text).write_json(bytes.into(), form, &mut out);
    let out = String::from_utf8(out).unwrap();
    let written = out.strip_prefix("before ").unwrap().to_owned();
    if done.is_err() {
        assert_eq!(written, "");
    }
    done.map(|()| written)
}

fn json(text: &str, bytes: &[u8]) -> String {
    read(text, bytes, &Form::default()).unwrap()
}

fn long(number: i64) -> Vec<u8> {
    let mut left = (number << 1 ^ number >> 63) as u64;
    let mut out = Vec::new();
    while left > 0x7f {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
    out
}

const LONG: &str = r#""long""#;

#[test]
fn a_long_is_a_number_where_a_double_is_exact_and_text_beyond() {
    let exact = (1_i64 << 53) - 1;
    assert_eq!(json(LONG, &long(exact)), "9007199254740991");
    assert_eq!(json(LONG, &long(-exact)), "-9007199254740991");
    assert_eq!(json(LONG, &long(exact + 1)), r#""9007199254740992""#);
    assert_eq!(json(LONG, &long(i64::MIN)), r#""-9223372036854775808""#);
    let form = Form { integers: Integers::Number, ..Form::default() };
    assert_eq!(read(LONG, &long(i64::MAX), &form).unwrap(), "9223372036854775807");
    let form = Form { integers: Integers::Text, ..Form::default() };
    assert_eq!(read(LONG, &long(7), &form).unwrap(), r#""7""#);
}

#[test]
fn floats_are_the_shortest_that_are_read_back() {
    assert_eq!(json(r#""float""#, &3.4_f32.to_le_bytes()), "3.4");
    assert_eq!(json(r#""double""#, &1.0_f64.to_le_bytes()), "1.0");
    assert_eq!(json(r#""double""#, &(-0.0_f64).to_le_bytes()), "-0.0");
    assert_eq!(json(r#""double""#, &f64::NAN.to_le_bytes()), r#""NaN""#);
    assert_eq!(json(r#""float""#, &f32::INFINITY.to_le_bytes()), r#""Infinity""#);
    assert_eq!(json(r#""double""#, &f64::NEG_INFINITY.to_le_bytes()), r#""-Infinity""#);
    let form = Form { non_finite: NonFinite::Null, ..Form::default() };
    assert_eq!(read(r#""double""#, &f64::NAN.to_le_bytes(), &form).unwrap(), "null");
}

#[test]
fn bytes_have_three_forms() {
    let written = [6, 0, 0x22, 0xff];
    assert_eq!(json(r#""bytes""#, &written), r#""ACL/""#);
    let form = |bytes| Form { bytes, ..Form::default() };
    assert_eq!(read(r#""bytes""#, &written, &form(Bytes::Hex)).unwrap(), r#""0022ff""#);
    assert_eq!(
        read(r#""bytes""#, &written, &form(Bytes::Latin1)).unwrap(),
        "\"\\u0000\\\"\u{ff}\""
    );
    let fixed = r#"{"type":"fixed","name":"F","size":4}"#;
    assert_eq!(json(fixed, &[1, 2, 3, 4]), r#""AQIDBA==""#);
}

#[test]
fn dates_and_times_are_iso_8601() {
    let of = |kind: &str, logical: &str, number: i64| {
        let text = format!(r#"{{"type":"{kind}","logicalType":"{logical}"}}"#);
        let raw = read(&text, &long(number), &Form { times: Times::Number, ..Form::default() });
        let raw = raw.unwrap();
        assert_eq!(raw.trim_matches('"'), number.to_string());
        json(&text, &long(number))
    };
    assert_eq!(of("int", "date", 0), r#""1970-01-01""#);
    assert_eq!(of("int", "date", 11_016), r#""2000-02-29""#);
    assert_eq!(of("int", "date", -719_529), r#""-000001-12-31""#);
    assert_eq!(of("int", "date", -719_528), r#""0000-01-01""#);
    assert_eq!(of("int", "time-millis", 86_399_123), r#""23:59:59.123""#);
    assert_eq!(of("int", "time-millis", 86_400_000), "86400000");
    assert_eq!(of("int", "time-millis", -1), "-1");
    assert_eq!(of("long", "time-micros", 3_600_000_001), r#""01:00:00.000001""#);
    assert_eq!(of("long", "timestamp-millis", -1), r#""1969-12-31T23:59:59.999Z""#);
    assert_eq!(of("long", "timestamp-millis", i64::MAX), r#""+292278994-08-17T07:12:55.807Z""#);
    assert_eq!(of("long", "timestamp-millis", i64::MIN), r#""-292275055-05-16T16:47:04.192Z""#);
    assert_eq!(of("long", "timestamp-micros", 1), r#""1970-01-01T00:00:00.000001Z""#);
    assert_eq!(of("long", "local-timestamp-nanos", 1), r#""1970-01-01T00:00:00.000000001""#);
    assert_eq!(of("long", "date", 5), "5", "a logical type that a long cannot have");
}

#[test]
fn a_duration_and_a_uuid_of_fixed_size() {
    let duration = r#"{"type":"fixed","name":"D","size":12,"logicalType":"duration"}"#;
    let of = |months: u32, days: u32, millis: u32| {
        let parts = [months, days, millis].map(u32::to_le_bytes);
        json(duration, parts.as_flattened())
    };
    assert_eq!(of(1, 2, 3_004), r#""P1M2DT3.004S""#);
    assert_eq!(of(0, 0, 0), r#""PT0S""#);
    assert_eq!(of(14, 0, 0), r#""P14M""#);
    let uuid = r#"{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}"#;
    let bytes: Vec<u8> = (0..16).collect();
    assert_eq!(json(uuid, &bytes), r#""00010203-0405-0607-0809-0a0b0c0d0e0f""#);
}

#[test]
fn a_decimal_keeps_every_digit() {
    let of = |scale: u32, unscaled: &[u8]| {
        let text = format!(
            r#"{{"type":"bytes","logicalType":"decimal","precision":300,"scale":{scale}}}"#
        );
        let mut bytes = long(unscaled.len() as i64);
        bytes.extend_from_slice(unscaled);
        let number = Form { decimals: Decimals::Number, ..Form::default() };
        let text_form = json(&text, &bytes);
        assert_eq!(format!("\"{}\"", read(&text, &bytes, &number).unwrap()), text_form);
        text_form
    };
    assert_eq!(of(2, &1230_i32.to_be_bytes()), r#""12.30""#);
    assert_eq!(of(2, &(-5_i8).to_be_bytes()), r#""-0.05""#);
    assert_eq!(of(0, &[]), r#""0""#);
    assert_eq!(of(3, &[]), r#""0.000""#);
    // 2^160 and its negative, known from elsewhere.
    let mut wide = [0_u8; 21];
    wide[0] = 1;
    let digits = "1461501637330902918203684832716283019655932542976";
    assert_eq!(of(0, &wide), format!("\"{digits}\""));
    wide[0] = 0xff;
    assert_eq!(of(1, &wide), format!("\"-{}.6\"", &digits[..digits.len() - 1]));
    assert_eq!(
        read(
            r#"{"type":"bytes","logicalType":"decimal","precision":9}"#,
            &[&long(129)[..], &[1; 129]].concat(),
            &Form::default()
        )
        .unwrap_err()
        .reason,
        Reason::Decimal(128)
    );
}

#[test]
fn an_error_says_where_and_not_what() {
    let order = r#"{"type":"record","name":"a.Order","fields":[{"name":"lines","type":{"type":"array","items":
        {"type":"record","name":"Line","fields":[{"name":"prices","type":{"type":"map","values":"boolean"}}]}}}]}"#;
    let bytes = [2, 4, 2, b'k', 1, 2, b's', 7, 0, 0];
    let error = read(order, &bytes, &Form::default()).unwrap_err();
    assert_eq!(error.to_string(), "`Order.lines[0].prices{1}`: a boolean is neither 0 nor 1");
    assert_eq!(
        read(LONG, &[0, 1, 2], &Form::default()).unwrap_err().to_string(),
        "2 bytes are left over when the schema is satisfied"
    );
}

#[test]
fn a_hostile_value_ends_within_its_bounds() {
    let nulls = r#"{"type":"array","items":"null"}"#;
    let form = Form { limit: 1_000, ..Form::default() };
    let many = [&long(1 << 60)[..], &[0]].concat();
    assert_eq!(read(nulls, &many, &form).unwrap_err().reason, Reason::TooLong(1_000));
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    assert!(read(list, &[&[2; 63][..], &[0]].concat(), &Form::default()).is_ok());
    let error = read(list, &[&[2; 64][..], &[0]].concat(), &Form::default()).unwrap_err();
    assert_eq!(error.reason, Reason::Nesting(64));
    let endless = r#"{"type":"record","name":"L","fields":[{"name":"next","type":"L"}]}"#;
    assert_eq!(read(endless, &[], &Form::default()).unwrap_err().reason, Reason::Nesting(64));
    assert_eq!(read(LONG, &[0xff; 10], &Form::default()).unwrap_err().reason, Reason::Number);
    assert_eq!(
        read(r#""string""#, &long(i64::MAX), &Form::default()).unwrap_err().reason,
        Reason::Ends
    );
    assert_eq!(read(r#""bytes""#, &long(-1), &Form::default()).unwrap_err().reason, Reason::Length);
}

#[test]
fn a_schema_that_is_none_says_what_is_wrong() {
    let error = |text: &str| Schema::compile(&source(text)).unwrap_err().to_string();
    assert_eq!(
        error(r#""Order""#),
        "type `Order` is not defined, neither here nor in what the schema refers to"
    );
    assert_eq!(
        error(r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array"}}]}"#),
        "the schema: `R`: field `a`: `array` without `items`"
    );
    assert!(error("{").starts_with("the schema: EOF"));
    assert!(error(&"[".repeat(100_000)).contains("recursion"), "it is bounded, not a crash");
    let twice = r#"[{"type":"fixed","name":"F","size":1},{"type":"enum","name":"F","symbols":[]}]"#;
    assert_eq!(Schema::compile(&source(twice)).unwrap_err(), Malformed::Twice("F".into()));
}

fn with_references() -> Source {
    let reference = |name: &str, text: &str| Reference { name: name.into(), text: text.into() };
    Source {
        kind: Kind::Avro,
        text: r#"{"type":"record","name":"Order","namespace":"shop","fields":[
            {"name":"to","type":"geo.Address"},{"name":"from","type":["null","geo.Address"]}]}"#
            .into(),
        references: vec![
            reference("country", r#"{"type":"enum","name":"geo.Country","symbols":["DE","FR"]}"#),
            reference("country", r#"{"type":"enum","name":"geo.Country","symbols":["DE","FR"]}"#),
            reference(
                "address",
                r#"{"type":"record","name":"Address","namespace":"geo","fields":[{"name":"in","type":"Country"}]}"#,
            ),
        ],
    }
}

#[test]
fn references_are_found_by_name() {
    let schema = Schema::compile(&with_references()).unwrap();
    assert_eq!(schema.name(), Some("shop.Order"));
    let mut out = Vec::new();
    schema.write_json([2, 2, 0].as_slice().into(), &Form::default(), &mut out).unwrap();
    assert_eq!(out, br#"{"to":{"in":"FR"},"from":{"in":"DE"}}"#);
}

#[test]
fn a_file_of_one_record_is_read_by_others() {
    let schema = Schema::compile(&with_references()).unwrap();
    let mut file = Vec::new();
    schema.plain_avro([2, 2, 0].as_slice().into(), &mut file).unwrap();
    let mut again = Vec::new();
    schema.plain_avro([2, 2, 0].as_slice().into(), &mut again).unwrap();
    assert_eq!(file, again);
    let read = apache_avro::Reader::new(file.as_slice()).unwrap();
    let values = read.collect::<Result<Vec<_>, _>>().unwrap();
    let [apache_avro::types::Value::Record(fields)] = values.as_slice() else {
        panic!("not one record: {values:?}");
    };
    assert_eq!(fields[0].0, "to");
    let mut out = Vec::new();
    let error = schema.plain_avro([2].as_slice().into(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "`Order.from`: the value ends early");
    assert!(out.is_empty());
}

#[test]
fn a_row_of_references_that_comes_to_lie_deep_is_read_and_has_no_file() {
    let mut row = vec![r#"{"type":"fixed","name":"T0","size":0}"#.to_owned()];
    row.extend((1..50_000).map(|at| {
        let inner = at - 1;
        format!(r#"{{"type":"record","name":"T{at}","fields":[{{"name":"f","type":"T{inner}"}}]}}"#)
    }));
    let reference = Reference { name: "row".into(), text: format!("[{}]", row.join(",")) };
    let of = |top: &str| Source { references: vec![reference.clone()], ..source(top) };
    let schema = Schema::compile(&of(r#""T20""#)).unwrap();
    schema.plain_avro([].as_slice().into(), &mut Vec::new()).unwrap();
    let schema = Schema::compile(&of(r#"["T49999","int"]"#)).unwrap();
    let error = schema.plain_avro([2, 2].as_slice().into(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.reason, Reason::Nesting(80));
    let mut out = Vec::new();
    schema.write_json([2, 2].as_slice().into(), &Form::default(), &mut out).unwrap();
    assert_eq!(out, b"1");
}
