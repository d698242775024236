//! What a command said.

use std::process::Output;

use serde_json::Value;
use stage::Settings;

/// Columns of a terminal.
const WIDTH: usize = 80;

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs it, and wants this exit code and nothing on standard error.
#[track_caller]
pub(crate) fn json(settings: &Settings, command: &[&str], arguments: &[&str], code: i32) -> Value {
    let output = settings.call(command, &[arguments, &["--json"]].concat());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(code), String::new()));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], 1, "{document}");
    document
}

/// Runs it, and wants success and lines that fit a terminal.
#[track_caller]
pub(crate) fn table(settings: &Settings, command: &[&str], arguments: &[&str]) -> String {
    let output = settings.call(command, arguments);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    for line in said.lines().filter(|line| line.starts_with(' ')) {
        assert!(line.chars().count() <= WIDTH, "{line}");
    }
    said
}

/// Runs it, and wants this exit code, nothing on standard output, and all these words on standard error.
#[track_caller]
pub(crate) fn refused(
    settings: &Settings,
    command: &[&str],
    arguments: &[&str],
    code: i32,
    words: &[&str],
) -> Output {
    let output = settings.call(command, arguments);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(code), String::new()), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in {said}");
    }
    output
}

/// The entry of a partition.
#[track_caller]
pub(crate) fn entry<'a>(document: &'a Value, topic: &str, partition: i32) -> &'a Value {
    let all = document["partitions"].as_array().unwrap();
    let found = all.iter().find(|it| it["topic"] == topic && it["partition"] == partition);
    found.unwrap_or_else(|| panic!("{topic}/{partition} is not in {document}"))
}

/// These keys of it, as JSON.
pub(crate) fn keys<const N: usize>(entry: &Value, keys: [&str; N]) -> Value {
    Value::Array(keys.iter().map(|key| entry[*key].clone()).collect())
}
