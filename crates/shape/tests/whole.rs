//! Whole steps: what becomes of a record, by all that a mapping may ask for.

use bridge_core::record::{Header, Record};
use bridge_core::step::{Draft, FetchedValues, Shape, StepOutcome};
use bridge_shape::{
    Asked, CloudEvents, Expression, Fields, HashKey, Headers, Key, Make, Mode, Path, Pattern,
    Select, Template, Tombstones,
};
use proptest::prelude::*;

fn record<'a>(value: Option<&'a [u8]>, headers: &'a [Header<'a>]) -> Record<'a> {
    let (topic, partition, offset, key) = ("orders", 3, 42, Some(&b"k1"[..]));
    Record { topic, partition, offset, timestamp: Some(1_767_225_600_000), key, value, headers }
}

fn header<'a>(name: &'a str, value: &'a str) -> Header<'a> {
    Header { name: name.as_bytes(), value: Some(value.as_bytes()) }
}

/// What became of it, in words: `same`, `filtered: WORD`, `refused: WORD: DETAIL`, or what it is now.
fn told(asked: &Asked, record: &Record<'_>) -> String {
    match asked.apply(record, &FetchedValues::default()) {
        StepOutcome::Same => "same".to_owned(),
        StepOutcome::Filtered(reason) => format!("filtered: {reason}"),
        StepOutcome::Refused { reason, detail } => format!("refused: {reason}: {detail}"),
        StepOutcome::Missing(missing) => format!("missing: {}", missing.what),
        StepOutcome::Shaped(draft) => shown(&draft),
    }
}

fn shown(draft: &Draft<'_>) -> String {
    let text =
        |bytes: Option<&[u8]>| bytes.map_or("null".into(), String::from_utf8_lossy).into_owned();
    let mut lines = vec![text(draft.key.as_deref()), text(draft.value.as_deref())];
    lines.extend(
        draft.headers.iter().map(|it| {
            format!("{}: {}", String::from_utf8_lossy(&it.name), text(it.value.as_deref()))
        }),
    );
    lines.join("\n")
}

fn template(text: &str) -> Template {
    Template::parse(text, |_| None).unwrap()
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

#[test]
fn a_record_is_filtered_by_what_is_said_first() {
    let select = Select {
        header: vec![("type".into(), Pattern::parse("order.*").unwrap())],
        key: Some(Pattern::parse("k[0-9]").unwrap()),
        tombstones: Tombstones::Keep,
        field: vec![(path("country"), Pattern::parse("SE|NO").unwrap())],
        expression: Some(Expression::compile("value.total > 100").unwrap()),
    };
    let asked = Asked { select, ..Asked::default() };
    let right = [header("type", "x"), header("type", "order-created")];
    let wrong = [header("type", "order-created"), header("type", "x")];
    let told = |value: Option<&str>, headers: &[Header<'_>]| {
        told(&asked, &record(value.map(str::as_bytes), headers))
    };
    assert_eq!(told(Some(r#"{"country": "SE", "total": 101}"#), &right), "same");
    assert_eq!(told(Some("no JSON"), &wrong), "filtered: header", "the value is not looked at");
    assert_eq!(told(Some(r#"{"country": "DK", "total": 101}"#), &right), "filtered: field");
    assert_eq!(told(Some(r#"{"total": 101}"#), &right), "filtered: field");
    assert_eq!(told(Some(r#"{"country": "NO", "total": 1}"#), &right), "filtered: expression");
    assert_eq!(told(None, &right), "same", "a tombstone has no fields");
    let refused = told(Some("no JSON"), &right);
    assert_eq!(refused, "refused: unreadable: value: it is not JSON, at its byte 0");
    let refused = told(Some(r#"{"country": "SE"}"#), &right);
    assert!(refused.ends_with("no result: `value` has no `total`"), "{refused}");
}

#[test]
fn tombstones_are_kept_dropped_or_all_there_is() {
    let of = |tombstones| Asked {
        select: Select { tombstones, ..Select::default() },
        ..Asked::default()
    };
    for (tombstones, of_value, of_none) in [
        (Tombstones::Keep, "same", "same"),
        (Tombstones::Drop, "same", "filtered: tombstone"),
        (Tombstones::Only, "filtered: tombstone", "same"),
    ] {
        assert_eq!(told(&of(tombstones), &record(Some(b""), &[])), of_value);
        assert_eq!(told(&of(tombstones), &record(None, &[])), of_none);
    }
}

#[test]
fn what_is_removed_is_in_no_key_no_header_and_no_error() {
    let fields = Fields {
        remove: vec![path("iban")],
        mask: vec![path("phone")],
        hash: Some((HashKey::new(b"0123456789abcdef"), vec![path("email")])),
    };
    let headers =
        Headers { add: vec![("phone".into(), template("{field:phone}"))], ..Headers::default() };
    let key = Key { from: Some(template("{field:email}")), hash: None };
    let asked = Asked { fields, headers, key, ..Asked::default() };
    let value =
        r#"{"iban": "hush1", "phone": "hush2", "email": "hush3", "n": 12345678901234567890.123}"#;
    let told_of = told(&asked, &record(Some(value.as_bytes()), &[]));
    assert!(!told_of.contains("hush"), "{told_of}");
    assert!(told_of.contains("\"n\": 12345678901234567890.123"), "{told_of}");
    assert!(told_of.contains("phone: ***"), "{told_of}");
    let (key, rest) = told_of.split_once('\n').unwrap();
    assert!(key.len() == 64 && rest.contains(key), "the key is the hash: {told_of}");
    let broken = format!("{value}hush4");
    let refused = told(&asked, &record(Some(broken.as_bytes()), &[]));
    assert!(refused.starts_with("refused: unreadable") && !refused.contains("hush"), "{refused}");
    let without = told(&asked, &record(Some(br#"{"iban": "hush1"}"#), &[]));
    assert!(without.starts_with("refused: no_field: it has no field `email`"), "{without}");
    assert!(!without.contains("hush"), "{without}");
}

fn cloud_events(mode: Option<Mode>, makes: bool) -> Asked {
    let make = makes.then(|| Make {
        source: template("/shop/{topic}"),
        kind: template("order.{header:type}"),
        id: template("{topic}/{partition}/{offset}"),
        subject: Some(template("{key}")),
    });
    Asked { cloud_events: Some(CloudEvents { mode, make }), ..Asked::default() }
}

#[test]
fn a_cloud_event_is_carried_over_in_either_mode() {
    let binary = [
        header("ce_specversion", "1.0"),
        header("ce_id", "1"),
        header("ce_source", "/s"),
        header("ce_type", "t"),
        header("ce_tenant", "north"),
        header("content-type", "application/json"),
        header("other", "o"),
    ];
    let value = br#"{"n": 1.50}"#;
    let expected = "k1\n{\"n\": 1.50}\ncontent-type: application/json\nother: o\ncloudEvents:specversion: 1.0\n\
                    cloudEvents:id: 1\ncloudEvents:source: /s\ncloudEvents:type: t\ncloudEvents:tenant: north";
    assert_eq!(told(&cloud_events(None, false), &record(Some(value), &binary)), expected);
    let structured = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","tenant":"north","data":{"n": 1.50},"datacontenttype":"application/json"}"#;
    let said = "application/cloudevents+json; charset=UTF-8";
    let wrapped = format!("k1\n{structured}\nother: o\ncontent-type: {said}");
    let to_structured = cloud_events(Some(Mode::Structured), false);
    assert_eq!(told(&to_structured, &record(Some(value), &binary)), wrapped);
    // And back, also under another spelling of the type.
    let headers = [header("content-type", "Application/CloudEvents+JSON")];
    let record = record(Some(structured.as_bytes()), &headers);
    let back = "k1\n{\"n\": 1.50}\ncontent-type: application/json\ncloudEvents:specversion: 1.0\n\
                cloudEvents:id: 1\ncloudEvents:source: /s\ncloudEvents:type: t\ncloudEvents:tenant: north";
    assert_eq!(told(&cloud_events(Some(Mode::Binary), false), &record), back);
    let as_it_is = format!("k1\n{structured}\ncontent-type: Application/CloudEvents+JSON");
    assert_eq!(told(&cloud_events(None, false), &record), as_it_is);
}

#[test]
fn a_plain_record_becomes_a_cloud_event() {
    let headers = [header("type", "created")];
    let makes = |mode| cloud_events(mode, true);
    let expected = "k1\n{}\ntype: created\ncloudEvents:specversion: 1.0\ncloudEvents:id: orders/3/42\n\
                    cloudEvents:source: /shop/orders\ncloudEvents:type: order.created\ncloudEvents:subject: k1\n\
                    cloudEvents:time: 2026-01-01T00:00:00Z";
    assert_eq!(told(&makes(None), &record(Some(b"{}"), &headers)), expected);
    for (value, media, data) in [
        (&b"{}"[..], None, r#""data":{},"datacontenttype":"application/json"}"#),
        (b"\xff", None, r#""data_base64":"/w=="}"#),
        (b"a\"b", Some("text/plain"), r#""data":"a\"b","datacontenttype":"text/plain"}"#),
        (
            b"1",
            Some("application/vnd.x"),
            r#""data_base64":"MQ==","datacontenttype":"application/vnd.x"}"#,
        ),
    ] {
        let mut headers = headers.to_vec();
        headers.extend(media.map(|media| header("content-type", media)));
        let told = told(&makes(Some(Mode::Structured)), &record(Some(value), &headers));
        assert!(told.contains(data), "{told}");
        assert_eq!(told.matches("content-type").count(), 1, "{told}");
    }
    let refused = told(&cloud_events(None, false), &record(Some(b"{}"), &headers));
    assert!(refused.starts_with("refused: no_cloudevent"), "{refused}");
}

#[test]
fn a_cloud_event_that_is_none_is_refused() {
    let headers = [header("ce_specversion", "1.0"), header("ce_id", "1")];
    let refused = told(&cloud_events(None, true), &record(Some(b"{}"), &headers));
    assert!(refused.ends_with("without header `ce_source`"), "{refused}");
    let json = [header("content-type", "application/cloudevents+json")];
    for (value, says) in [
        ("{", "it is not JSON"),
        (r#"{"specversion": "1.0"}"#, "without `id`"),
        (r#"{"specversion": "1.0", "id": {}}"#, "is a list or an object"),
        (r#"{"data_base64": "?"}"#, "is not base64"),
    ] {
        let asked = cloud_events(Some(Mode::Binary), false);
        let refused = told(&asked, &record(Some(value.as_bytes()), &json));
        assert!(refused.contains(says), "{value}: {refused}");
    }
    let batch = [header("content-type", "application/cloudevents-batch+json")];
    let refused = told(&cloud_events(Some(Mode::Binary), false), &record(Some(b"[]"), &batch));
    assert!(refused.contains("another format than JSON, or several"), "{refused}");
}

proptest! {
    /// By the plainest way there is to say it.
    #[test]
    fn records_are_selected_as_an_oracle_selects_them(
        kind in prop::option::of("[ab]{0,2}"), key in prop::option::of("[ab]{0,2}"),
        country in prop::option::of(prop::sample::select(vec!["SE", "DK", "SEX"])),
        total in 0..200_i32, is_tombstone in any::<bool>(),
        tombstones in prop::sample::select(vec![Tombstones::Keep, Tombstones::Drop, Tombstones::Only]),
    ) {
        let select = Select {
            header: vec![("type".into(), Pattern::parse("a.*").unwrap())],
            key: Some(Pattern::parse("a|ab").unwrap()),
            tombstones,
            field: vec![(path("c.country"), Pattern::parse("SE").unwrap())],
            expression: Some(Expression::compile("value.total >= 100").unwrap()),
        };
        let country = country.map_or(String::new(), |it| format!(r#""country": "{it}""#));
        let value = format!(r#"{{"c": {{{country}}}, "total": {total}}}"#);
        let headers = [Header { name: b"type", value: kind.as_deref().map(str::as_bytes) }];
        let value = (!is_tombstone).then_some(value.as_bytes());
        let record = Record { key: key.as_deref().map(str::as_bytes), ..record(value, &headers) };
        let outside = kind.as_ref().is_some_and(|it| it.starts_with('a'))
            && key.as_ref().is_some_and(|it| it == "a" || it == "ab")
            && match tombstones {
                Tombstones::Keep => true,
                Tombstones::Drop => !is_tombstone,
                Tombstones::Only => is_tombstone,
            };
        let inside = is_tombstone || country == r#""country": "SE""# && total >= 100;
        let told = told(&Asked { select, ..Asked::default() }, &record);
        prop_assert_eq!(told == "same", outside && inside, "{}", told);
        prop_assert!(told == "same" || told.starts_with("filtered: "), "{}", told);
    }

    #[test]
    fn hostile_values_are_refused_or_shaped(value in prop::collection::vec(any::<u8>(), 0..80)) {
        let fields = Fields { remove: vec![path("a")], ..Fields::default() };
        let asked = Asked { fields, ..Asked::default() };
        let told = told(&asked, &record(Some(&value), &[]));
        prop_assert!(!told.is_empty());
    }
}
