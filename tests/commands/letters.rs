//! `dead-letters list` and `show`: letters of a real bridge, of an older one, and what else somebody has written to their topic.

use eventhubs_local::Server;
use rdkafka::producer::Producer as _;
use serde_json::{Value, json};
use stage::records::noise;
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::lag;
use crate::said::{json as asked, refused, table, text};
use crate::terminal::Screen;

pub(crate) const LIST: &[&str] = &["dead-letters", "list"];
pub(crate) const SHOW: &[&str] = &["dead-letters", "show"];
/// What the link takes.
const LIMIT: usize = 20_000;
/// 2026-01-01, midnight.
const NEW_YEAR: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;

/// A mapping with a dead-letter topic, for commands that need no hub.
pub(crate) fn settings(kafka: &Kafka, target: &str) -> Settings {
    lag::settings(kafka, &unique("g"))
        .mapping(&unique("orders"), "orders")
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"))
}

/// As the first bridges wrote it: without a hub.
pub(crate) fn old_letter(record: Out, reason: &str, topic: &str, offset: i64) -> Out {
    let offset = offset.to_string();
    let headers = [
        ("bridge_reason", reason),
        ("bridge_detail", "in words"),
        ("bridge_topic", topic),
        ("bridge_partition", "0"),
        ("bridge_offset", &offset),
    ];
    let headers = headers.into_iter();
    headers.fold(record, |record, (name, value)| record.header(name, Some(value.as_bytes())))
}

/// What a bridge has refused: of `orders/1`, the records at 3 (too large) and at 5 (of another type). Beside them lie a record of somebody else, and one that
/// forges a letter.
struct Scene {
    orders: String,
    target: String,
    settings: Settings,
    _server: Server,
}

impl Scene {
    fn new() -> Self {
        let kafka = Kafka::shared();
        let (orders, target) = (unique("orders"), unique("refused"));
        let server =
            Server::builder().hub("orders", 2).max_message_size(LIMIT as u64).start().unwrap();
        kafka.create_topic(&orders, 2);
        kafka.create_topic(&target, 1);
        let good = |n: i64| Out::value("x").key(n.to_be_bytes()).to(1).at(NEW_YEAR + n * MINUTE);
        let large = Out { value: Some(noise(LIMIT)), ..good(3) };
        let hostile = Out::value("a\u{1b}[2J\nhint: b\u{9b}31m").key("\u{1b}]0;c\u{7}").to(1);
        let hostile = hostile.at(NEW_YEAR + 5 * MINUTE).header("x\r", Some(b"\x1b[1m"));
        let hostile = hostile.header("bytes", Some(&[0, 255]));
        kafka.produce(&orders, [good(0), good(1), good(2), large, good(4), hostile, good(6)]);
        let settings = Settings::new(kafka, &unique("g"), &server).with(&format!(
            "[[mappings]]
            topic = '{orders}'
            hub = 'orders'
            events = {{ key_type = 'int64' }}
            [failure]
            policy = 'dead_letter'
            dead_letter_topic = '{target}'"
        ));
        let bridge = settings.clone().until_caught_up().start();
        assert_eq!(bridge.wait_exit(PATIENCE), 0);
        let forged = old_letter(Out::value("f"), "\u{1b}[31m", &orders, 9);
        kafka.produce(&target, [Out::value("somebody else's"), forged].map(|out| out.to(0)));
        Self { orders, target, settings, _server: server }
    }
}

/// It says this, and maybe more.
#[track_caller]
pub(crate) fn assert_has(document: &Value, expected: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&document[key], value, "{key}: {document}");
    }
}

#[test]
fn letters_of_a_bridge_are_counted_by_source_reason_and_hub() {
    let Scene { orders, target, settings, .. } = &Scene::new();
    let said = table(settings, LIST, &[]);
    let row = |reason: &str| {
        let line = said.lines().find(|line| line.contains(reason)).expect(reason);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(row("too_large").ends_with("too_large orders 1 2026-01-01 00:03 2026-01-01 00:03"));
    assert!(row("wrong_type").ends_with("wrong_type orders 1 2026-01-01 00:05 2026-01-01 00:05"));
    for line in [
        format!("letters: 2 in `{target}`"),
        "written: 2026-01-01T00:03:00Z to 2026-01-01T00:05:00Z".to_owned(),
        "not letters: 2 records, without the headers of one".to_owned(),
    ] {
        assert!(said.lines().any(|it| it == line), "{line}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "{said}");

    let document = asked(settings, LIST, &[], 0);
    let all = json!({ "complete": true, "letters": 2, "not_letters": 2, "not_counted": 0 });
    assert_has(&document, &all);
    let held = json!([{ "name": target, "records": 4, "letters": 2, "not_letters": 2 }]);
    assert_eq!(document["topics"], held);
    let (first, last) = ("2026-01-01T00:03:00Z", "2026-01-01T00:03:00Z");
    let too_large = json!({
        "source": orders, "reason": "too_large", "hub": "orders", "namespace": "default",
        "letters": 1, "first": first, "last": last,
    });
    assert_eq!(document["counts"][0], too_large);
    for (arguments, count) in [
        (&["--reason", "wrong_type"][..], 1),
        (&["--reason", "wrong_type", "--reason", "too_large"], 2),
        (&["--reason", "other"], 0),
        (&["--source", orders], 2),
        (&["--source", &format!("{orders}:1")], 2),
        (&["--source", &format!("{orders}:0")], 0),
        (&["--source", "payments"], 0),
        (&["--topic", target], 2),
        (&["--topic", &format!("{target}:0")], 2),
        (&["--from", "2026-01-01T00:05:00Z"], 1),
        (&["--to", "2026-01-01T00:05:00Z"], 1),
        (&["--from", "2026-01-01", "--to", "2026-01-01T00:03:00Z"], 0),
        (&["--from", "2100-01-01"], 0),
    ] {
        let document = asked(settings, LIST, arguments, 0);
        assert_eq!(document["letters"], count, "{arguments:?}: {document}");
    }
}

#[test]
fn single_letters_are_named_by_their_place_and_shown() {
    let Scene { orders, target, settings, .. } = &Scene::new();
    let document = asked(settings, LIST, &["--each"], 0);
    let places = document["entries"].as_array().unwrap();
    let place = places[1]["letter"].as_str().unwrap();
    assert_eq!(place, format!("{target}/0/1"));
    let entry = json!({
        "letter": place, "time": "2026-01-01T00:05:00Z", "reason": "wrong_type", "topic": orders,
        "partition": 1, "offset": 5, "hub": "orders", "namespace": "default",
    });
    assert_eq!((places.len(), &places[1]), (2, &entry));
    let said = table(settings, LIST, &["--each", "--limit", "1"]);
    assert!(said.contains("2026-01-01 00:03  too_large"), "{said}");
    assert!(said.contains("not in the table: 1, all of them later"), "{said}");

    let said = table(settings, SHOW, &[place]);
    for line in [
        &format!("letter  {place}"),
        "time    2026-01-01T00:05:00Z",
        &format!("record  {orders}/1/5"),
        "hub     orders",
        "reason  wrong_type",
        "detail  the key has 6 bytes, and its type `int64` needs 8",
        "headers: 2",
        "  x\\r: \\u{1b}[1m",
        "  bytes: 0x00ff",
        "key: 6 bytes, text",
        "  \\u{1b}]0;c\\u{7}",
        "value: 18 bytes, text",
        "  a\\u{1b}[2J",
        "  hint: b\\u{9b}31m",
    ] {
        assert!(said.lines().any(|it| it == line), "`{line}`: {said}");
    }
    assert!(said.lines().last().unwrap().starts_with("hint: correct `key_type`"), "{said}");
    let document = asked(settings, SHOW, &[place], 0);
    let expected = json!({
        "is_letter": true, "topic": orders, "partition": 1, "offset": 5,
        "key": { "bytes": 6, "text": "\u{1b}]0;c\u{7}" },
        "value": { "bytes": 18, "text": "a\u{1b}[2J\nhint: b\u{9b}31m" },
        "headers": [
            { "name": { "bytes": 2, "text": "x\r" }, "value": { "bytes": 4, "text": "\u{1b}[1m" } },
            { "name": { "bytes": 5, "text": "bytes" }, "value": { "bytes": 2, "hex": "00ff" } },
        ],
    });
    assert_has(&document, &expected);
    let raw = settings.call(SHOW, &[place, "--json"]);
    assert!(!text(&raw.stdout).chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn what_is_long_is_cut_and_what_is_no_letter_is_shown_as_such() {
    let Scene { target, settings, .. } = &Scene::new();
    let large = format!("{target}/0/0");
    let said = table(settings, SHOW, &[&large]);
    assert!(said.contains("value: 20000 bytes, hexadecimal; the first 4096 (`--whole`"), "{said}");
    assert!(said.len() < 12_000 && said.contains("hint: a hub accepts events of 1 MB"), "{said}");
    let said = table(settings, SHOW, &[&large, "--whole"]);
    assert!(said.contains("value: 20000 bytes, hexadecimal\n") && said.len() > 40_000);
    for offset in [2, 3] {
        let place = format!("{target}/0/{offset}");
        let said = table(settings, SHOW, &[&place]);
        assert!(said.contains("it is not a dead letter") && !said.contains('\u{1b}'), "{said}");
        let document = asked(settings, SHOW, &[&place], 0);
        assert_eq!((&document["is_letter"], &document["reason"]), (&json!(false), &Value::Null));
    }
    let nothing = format!("{target}/0/4");
    refused(settings, SHOW, &[&nothing], 64, &["no record", "offsets from 0 to 3"]);
    refused(settings, SHOW, &[&format!("{target}/1/0")], 64, &["no partition 1", "0 to 0"]);
    refused(settings, SHOW, &["orders"], 64, &["TOPIC/PARTITION/OFFSET"]);
    refused(settings, SHOW, &["payments/0/0"], 64, &["not a dead-letter topic", target]);
}

/// Compressed batches, markers of transactions, what was given up with one, and a beginning that is gone.
#[test]
fn every_letter_of_a_large_topic_is_counted_once() {
    let kafka = Kafka::shared();
    let (target, source) = (unique("refused"), unique("orders"));
    kafka.create_topic(&target, 3);
    let letters = |partition: i32| {
        let source = source.clone();
        (0..4000).map(move |n| {
            let record = Out::value("some text, some text, some text").to(partition);
            old_letter(record.at(NEW_YEAR + n), "refused", &source, n)
        })
    };
    for (partition, codec) in [(0, "gzip"), (1, "zstd"), (2, "none")] {
        let settings = [("compression.type", codec), ("linger.ms", "50")];
        kafka.produce_with(&target, letters(partition), &settings);
    }
    for commits in [true, false] {
        let mut writer = kafka.writer(&[("transactional.id", &unique("t"))]);
        writer.producer().init_transactions(PATIENCE).unwrap();
        writer.producer().begin_transaction().unwrap();
        letters(0).take(10).for_each(|letter| writer.write(&target, &letter));
        writer.finish();
        match commits {
            true => writer.producer().commit_transaction(PATIENCE).unwrap(),
            false => writer.producer().abort_transaction(PATIENCE).unwrap(),
        }
    }
    wait_for("the markers are there", PATIENCE, || {
        (kafka.watermarks(&target, 0) == (0, 4000 + 22)).then_some(())
    });
    kafka.delete_records(&target, 2, 1500);
    let settings = settings(kafka, &target);
    let document = asked(&settings, LIST, &[], 0);
    let count = json!([{
        "source": source, "reason": "refused", "hub": null, "namespace": null, "letters": 10_510,
        "first": "2026-01-01T00:00:00Z", "last": "2026-01-01T00:00:03.999Z",
    }]);
    assert_eq!((&document["counts"], &document["complete"]), (&count, &json!(true)));
    let document = asked(&settings, LIST, &["--from", "2026-01-01T00:00:03.9Z"], 0);
    assert_eq!(document["letters"], 300);

    let (screen, theirs) = Screen::open();
    let (mut command, _folder) = settings.command(LIST, &[]);
    let output = command.env("TERM", "xterm").stderr(theirs).output().unwrap();
    drop(command);
    assert!(output.status.success() && text(&output.stdout).contains("letters: 10510 in"));
    wait_for("all is read", PATIENCE, || screen.is_closed().then_some(()));
    assert!(screen.written().contains("/10522 records"), "{}", screen.written());
    assert_eq!(screen.lines(), Vec::<String>::new(), "the bar is wiped");
}

#[test]
fn what_is_no_dead_letter_topic_is_refused_with_those_that_are() {
    let kafka = Kafka::shared();
    let target = unique("refused");
    let settings = settings(kafka, &target);
    let absent = refused(&settings, LIST, &[], 69, &[&target, "no such topic"]);
    assert!(text(&absent.stderr).contains("hint: "), "{absent:?}");
    kafka.create_topic(&target, 2);
    let empty = table(&settings, LIST, &[]);
    assert_eq!(empty, format!("letters: 0 in `{target}`\n"));
    refused(
        &settings,
        LIST,
        &["--topic", "orders"],
        64,
        &["`orders` is not a dead-letter", &target],
    );
    let third = format!("{target}:2");
    refused(&settings, LIST, &["--topic", &third], 64, &["no partition 2", "0 to 1"]);
    refused(&settings, LIST, &["--limit", "5"], 64, &["--each"]);
    refused(&settings, LIST, &["--from", "yesterday"], 64, &["2026-01-31"]);
    let other = unique("other");
    let two = settings.with(&format!(
        "[[mappings]]\ntopic = '{}'\nhub = 'x'\nfailure = {{ dead_letter_topic = '{other}' }}",
        unique("payments")
    ));
    let said = table(&two, LIST, &[]);
    assert!(said.contains(&format!("topic {other}: kafka does not have it")), "{said}");
    assert_eq!(asked(&two, LIST, &[], 0)["missing"], json!([other]));
    let none = lag::settings(kafka, "g").mapping("orders", "orders");
    refused(&none, LIST, &[], 64, &["has no dead-letter topic", "dead_letter_topic"]);
}

/// What cannot be seen is said, and the rest is told all the same.
#[test]
fn a_partition_without_a_leader_is_named() {
    let kafka = Kafka::start(2);
    let target = unique("refused");
    kafka.create_spread(&target, &[1, 2]);
    let letters = (0..2).map(|p| old_letter(Out::value("x").to(p), "refused", "orders", 1));
    kafka.produce(&target, letters);
    kafka.kill(2);
    let settings = settings(&kafka, &target);
    wait_for("it has no leader any more", PATIENCE, || {
        let output = settings.call(LIST, &["--json", "--timeout", "4s"]);
        let document: Value = serde_json::from_slice(&output.stdout).ok()?;
        let unread = &document["unread"];
        let expected = json!({ "topic": target, "partition": 1 });
        (output.status.code() == Some(69) && unread.as_array().is_some_and(|all| all.len() == 1))
            .then(|| {
                assert_has(&unread[0], &expected);
                assert_eq!(
                    (&document["letters"], &document["complete"]),
                    (&json!(1), &json!(false))
                );
            })
    });
}
