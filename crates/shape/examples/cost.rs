//! What each part of a step costs, in nanoseconds a record: `cargo run --release -p bridge-shape --example cost`.

use std::hint::black_box;
use std::time::Instant;

use bridge_core::fork::Choose as _;
use bridge_core::record::{Header, Record};
use bridge_core::step::{FetchedValues, Shape};
use bridge_shape::{
    Asked, CloudEvents, Codec, Expression, Fields, HashKey, Headers, Make, Path, Pattern, Select,
    Template,
};

const ROUNDS: u32 = 200_000;

fn main() {
    let lines = (0..8).map(|n| format!(r#"{{"sku":"A-{n}","quantity":{n},"price":19.90}}"#));
    let lines = lines.collect::<Vec<_>>().join(",");
    let filler = "Lorem ipsum dolor sit amet ".repeat(18);
    let value = format!(
        r#"{{"id":4711,"total":120.5,"customer":{{"country":"SE","iban":"SE4550000000058398257466"}},"lines":[{lines}],"note":"{filler}"}}"#
    );
    let headers = [
        Header { name: b"trace", value: Some(b"00-4bf92f3577b34da6a3ce929d0e0e4736") },
        Header { name: b"type", value: Some(b"order-created") },
        Header { name: b"tenant", value: Some(b"north") },
    ];
    let record = Record {
        topic: "orders",
        partition: 3,
        offset: 42,
        timestamp: Some(1_767_225_600_000),
        key: Some(b"customer-4711"),
        value: Some(value.as_bytes()),
        headers: &headers,
    };
    println!("a value of {} bytes, three headers", value.len());
    for (what, asked) in cases() {
        let known = FetchedValues::default();
        measure(what, || drop(black_box(asked.apply(black_box(&record), &known))));
    }
    for text in ["tenant-{header:tenant}", "tenant-{field:customer.country}"] {
        let template = Template::parse(text, |_| None).expect("it is a template");
        let what = format!("choose the hub {text}");
        measure(&what, || drop(black_box(template.hub(black_box(&record)))));
    }
}

fn measure(what: &str, mut each: impl FnMut()) {
    let mut once = || {
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            each();
        }
        begin.elapsed().as_nanos() as u64 / u64::from(ROUNDS)
    };
    let best = (0..5).map(|_| once()).min().unwrap_or_default();
    println!("{best:>6} ns  {what}");
}

fn cases() -> Vec<(&'static str, Asked)> {
    let pattern = |text| Pattern::parse(text).expect("it is a pattern");
    let path = |text| Path::parse(text).expect("it is a path");
    let template = |text| Template::parse(text, |_| None).expect("it is a template");
    let by_header =
        |text| Select { header: vec![("type".into(), pattern(text))], ..Select::default() };
    let expression = |text| Select {
        expression: Some(Expression::compile(text).expect("it is an expression")),
        ..Select::default()
    };
    let select = |select| Asked { select, ..Asked::default() };
    let fields = |fields| Asked { fields, ..Asked::default() };
    let hash = Some((HashKey::new(b"0123456789abcdef"), vec![path("customer.iban")]));
    let make = Make {
        source: template("/orders/{topic}"),
        kind: template("order.{header:type}"),
        id: template("{topic}/{partition}/{offset}"),
        subject: None,
    };
    let added = Headers {
        add: vec![("env".into(), template("prod")), ("source".into(), template("{topic}"))],
        ..Headers::default()
    };
    vec![
        ("filter by header, exact", select(by_header("order-created"))),
        ("filter by header, pattern", select(by_header("order-.*"))),
        ("filter by header, pattern, other", select(by_header("invoice-.*"))),
        ("expression over headers", select(expression("headers.type.startsWith('order-')"))),
        (
            "expression over the value",
            select(expression("value.total > 100 && value.customer.country in ['SE', 'NO']")),
        ),
        (
            "expression over a list",
            select(expression("value.lines.exists(l, l.sku == 'A-7' && l.quantity > 5)")),
        ),
        (
            "filter by field",
            select(Select {
                field: vec![(path("customer.country"), pattern("SE|NO"))],
                ..Select::default()
            }),
        ),
        (
            "remove a field",
            fields(Fields { remove: vec![path("customer.iban")], ..Fields::default() }),
        ),
        ("hash a field", fields(Fields { hash, ..Fields::default() })),
        ("gzip", Asked { compress: Some(Codec::Gzip), ..Asked::default() }),
        ("zstd", Asked { compress: Some(Codec::Zstd), ..Asked::default() }),
        ("add two headers", Asked { headers: added, ..Asked::default() }),
        (
            "make a CloudEvent",
            Asked {
                cloud_events: Some(CloudEvents { mode: None, make: Some(make) }),
                ..Asked::default()
            },
        ),
    ]
}
