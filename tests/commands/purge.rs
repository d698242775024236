//! `dead-letters purge`: what goes, what stays, and what nobody deletes by accident.

use std::time::Duration;

use serde_json::json;
use stage::{Kafka, Out, Settings, unique};

use crate::letters::{assert_has, old_letter, settings};
use crate::said::{json as asked, refused, table, text};
use crate::terminal::answered;

const PURGE: &[&str] = &["dead-letters", "purge"];
/// 2026-01-01, midnight.
const NEW_YEAR: i64 = 1_767_225_600_000;
const MINUTE: i64 = 60_000;

/// A dead-letter topic with ten letters in each partition, a minute apart.
fn scene(name: &str, partitions: i32) -> (&'static Kafka, String, Settings) {
    let kafka = Kafka::shared();
    let target = unique(name);
    kafka.create_topic(&target, partitions);
    fill(kafka, &target, partitions);
    let settings = settings(kafka, &target);
    (kafka, target, settings)
}

fn fill(kafka: &Kafka, target: &str, partitions: i32) {
    let letter = |partition, n| {
        let record = Out::value("x").to(partition).at(NEW_YEAR + n * MINUTE);
        old_letter(record, "refused", "orders", n)
    };
    kafka.produce(target, (0..partitions).flat_map(|p| (0..10).map(move |n| letter(p, n))));
}

fn begins(kafka: &Kafka, target: &str, partitions: i32) -> Vec<i64> {
    (0..partitions).map(|partition| kafka.watermarks(target, partition).0).collect()
}

#[test]
fn what_is_older_than_a_time_goes_and_what_comes_after_stays() {
    let (kafka, target, settings) = scene("purged", 3);
    // A record that is late: the ones behind it are not passed over for it.
    kafka.produce(&target, [Out::value("late").to(0).at(NEW_YEAR)]);
    let before = ["--before", "2026-01-01T00:04:00Z"];
    let tried = table(&settings, PURGE, &[&before[..], &["--dry-run"]].concat());
    let rows = tried.lines().filter(|line| line.contains('/')).map(|line| {
        line.split_whitespace().skip(1).map(|it| it.parse::<i64>().unwrap()).collect::<Vec<_>>()
    });
    let rows = rows.collect::<Vec<_>>();
    assert_eq!(rows, [[0, 4, 11, 4, 7], [0, 4, 10, 4, 6], [0, 4, 10, 4, 6]]);
    let end = "letters to delete: 12, to keep: 19 (at most)\nnothing was deleted\n";
    assert!(tried.ends_with(end), "{tried}");
    let document = asked(&settings, PURGE, &[&before[..], &["--dry-run"]].concat(), 0);
    assert_has(&document, &json!({ "deleted": false, "goes": 12, "stays": 19 }));
    assert_eq!(begins(kafka, &target, 3), [0, 0, 0]);

    let said = table(&settings, PURGE, &[&before[..], &["--yes"]].concat());
    assert!(said.contains("dead letters deleted: 12"), "{said}");
    assert_eq!(begins(kafka, &target, 3), [4, 4, 4]);
    let document = asked(&settings, PURGE, &[&before[..], &["--yes"]].concat(), 0);
    assert_has(&document, &json!({ "deleted": true, "goes": 0, "stays": 19 }));

    let one = format!("{target}:1");
    let arguments = ["--before", "9", "--topic", &one, "--yes"];
    let document = asked(&settings, PURGE, &arguments, 0);
    let part = json!({
        "topic": target, "partition": 1, "begin": 4, "after": 9, "end": 10, "goes": 5, "stays": 1,
        "error": null,
    });
    assert_eq!(document["partitions"], json!([part]));
    // All there is, by a time that is behind it; letters to come stay.
    let said = table(&settings, PURGE, &["--before", "2026-02-01", "--yes"]);
    assert!(said.contains("letters to delete: 14, to keep: 0"), "{said}");
    assert_eq!(begins(kafka, &target, 3), [11, 10, 10]);
    fill(kafka, &target, 1);
    assert_eq!(kafka.watermarks(&target, 0), (11, 21));
    let said = table(&settings, PURGE, &["--before", "2026-01-01", "--yes"]);
    assert_eq!(said.lines().last(), Some("nothing was deleted"), "{said}");
}

#[test]
fn nobody_deletes_by_accident() {
    let (kafka, target, settings) = scene("kept", 2);
    refused(&settings, PURGE, &["--yes"], 64, &["--before"]);
    refused(&settings, PURGE, &["--before", "2026-01-02"], 64, &["`--yes`", "`--dry-run`"]);
    let with = |arguments: &[&str], words: &[&str]| {
        refused(&settings, PURGE, &[arguments, &["--yes"]].concat(), 64, words);
    };
    with(&["--before", "latest"], &["2026-01-31"]);
    with(&["--before", "2100-01-01"], &["in the future"]);
    let one = format!("{target}:1");
    with(&["--before", "5"], &["2 are selected", &format!("--topic {target}:0")]);
    with(&["--before", "11", "--topic", &one], &["ends at 10", "`--before 10`"]);
    with(&["--before", "5", "--topic", &format!("{target}:2")], &["no partition 2"]);
    // A topic of records that are no letters of this configuration is never touched.
    let orders = unique("orders");
    kafka.create_topic(&orders, 1);
    with(&["--before", "2026-01-02", "--topic", &orders], &["not a dead-letter topic", &target]);
    assert_eq!(begins(kafka, &target, 2), [0, 0]);
}

#[test]
fn on_a_terminal_only_yes_is_yes() {
    let (kafka, target, settings) = scene("asked", 1);
    let arguments = [PURGE, &["--before", "2026-01-01T00:03:00Z"]].concat();
    for (answer, begin, says) in [
        ("y\n", 0, "nothing was deleted"),
        ("\u{4}", 0, "nothing was deleted"),
        ("yes\n", 3, "dead letters deleted: 3"),
    ] {
        let (status, said, question) = answered(&arguments, &settings, answer);
        assert!(
            status.success() && question.contains("permanently? Type `yes`"),
            "{answer:?}: {question}"
        );
        assert!(said.contains("to delete: 3") && said.contains(says), "{answer:?}: {said}");
        assert_eq!(begins(kafka, &target, 1), [begin], "{answer:?}");
    }
}

/// Kafka deletes no records of a topic that is only compacted; what may be deleted is, all the same.
#[test]
fn a_topic_that_is_only_compacted_is_named_and_the_others_are_purged() {
    let (kafka, target, settings) = scene("mixed", 1);
    let compacted = unique("compacted");
    kafka.create_topic_with(&compacted, 1, &[("cleanup.policy", "compact")]);
    let letter = old_letter(Out::value("x").key("k").to(0).at(NEW_YEAR), "refused", "orders", 1);
    kafka.produce(&compacted, [letter]);
    let settings = settings.with(&format!(
        "[[mappings]]\ntopic = '{}'\nhub = 'x'\nfailure = {{ dead_letter_topic = '{compacted}' }}",
        unique("payments")
    ));
    let output = settings.call(PURGE, &["--before", "2026-01-02", "--yes"]);
    let (said, failed) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(69), "{said}{failed}");
    for words in [&*format!("nothing was deleted of `{compacted}/0`"), "compacted", "hint: set its"]
    {
        assert!(failed.contains(words), "`{words}`: {failed}");
    }
    assert!(said.contains("dead letters deleted: 10"), "{said}");
    assert_eq!(begins(kafka, &target, 1), [10]);
    assert_eq!(begins(kafka, &compacted, 1), [0]);
    let document = asked(&settings, PURGE, &["--before", "2026-01-02", "--yes"], 69);
    let errors = document["partitions"].as_array().unwrap();
    assert_eq!(errors.iter().filter(|it| !it["error"].is_null()).count(), 1, "{document}");
}

/// Each log is cut at once or not at all, and never beyond what the plan says: who is killed has deleted less, and the same command does
/// the rest.
#[test]
fn a_purge_that_is_killed_has_deleted_a_part_and_the_next_one_does_the_rest() {
    const WIDE: i32 = 100;
    let (kafka, target, settings) = scene("killed", WIDE);
    for step in 1..10 {
        let time = format!("2026-01-01T00:0{step}:00Z");
        let purge = settings.begin(PURGE, &["--before", &time, "--yes"]);
        purge.kill_after(Duration::from_millis(step * 40));
        let now = begins(kafka, &target, WIDE);
        assert!(now.iter().all(|begin| (0..=step as i64).contains(begin)), "{step}: {now:?}");
    }
    let said = table(&settings, PURGE, &["--before", "2026-01-01T00:09:00Z", "--yes"]);
    assert!(said.contains("to keep: 100 "), "{said}");
    assert_eq!(begins(kafka, &target, WIDE), [9; WIDE as usize]);
}
