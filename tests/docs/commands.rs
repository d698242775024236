//! What a reader is told to type works, or says what it needs.

use std::fs;

use regex::Regex;

use crate::desk::Desk;
use crate::pages::{Page, all, root};

/// What a command may need that is not to be had here.
const BEYOND: [&str; 7] = [
    "Azure",
    "a cluster",
    "a release",
    "a terminal",
    "Docker",
    "Kerberos",
    "the shell it was started in",
];
/// Pages whose calls of `helm` the chart's own tests make.
const CHARTED: [&str; 4] = [
    "docs/kubernetes.md",
    "docs/azure.md",
    "docs/runbooks.md",
    "charts/kafka-eventhubs-bridge/README.md",
];
/// How the programs come to be: not within a test of them, but by every build of the image.
const BUILD: &str = "cargo build --release";

#[test]
fn every_command_works_or_says_what_it_needs() {
    let desk = Desk::new();
    let (mut run, mut beyond) = (0, 0);
    for page in all() {
        let mut seat = desk.seat(&page);
        for command in page.commands() {
            if let Some(needs) = command.needs {
                assert!(BEYOND.contains(&needs.as_str()), "{}: needs {needs}?", page.name());
                beyond += 1;
                continue;
            }
            match command.text.split_whitespace().next().unwrap() {
                "make" => assert_target(&page, &command.text),
                "helm" => assert!(CHARTED.contains(&page.name()), "{}", page.name()),
                "cargo" => assert_eq!(command.text, BUILD, "{}", page.name()),
                word if word.contains('=') => {}
                _ => {
                    eprintln!("{}: {}", page.name(), command.text);
                    seat.type_in(&command.text);
                    run += 1;
                }
            }
        }
        seat.leave();
    }
    assert!(run > 20 && beyond > 20, "{run} were run, {beyond} need more");
}

#[track_caller]
fn assert_target(page: &Page, command: &str) {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let target = command.strip_prefix("make ").unwrap();
    let there = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
    assert!(there, "{}: there is no `{command}`", page.name());
}

#[test]
fn targets_that_are_named_exist() {
    let named = Regex::new("`(make [a-z-]+)`").unwrap();
    let pages = all();
    let found = pages.iter().flat_map(|page| {
        named.captures_iter(&page.text).map(move |found| (page, found.get(1).unwrap().as_str()))
    });
    assert!(found.inspect(|(page, command)| assert_target(page, command)).count() > 5);
}

/// `cargo build --release` makes every program that pages call in `target/release`.
#[test]
fn the_usual_build_makes_what_is_called() {
    let cargo = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let built = metadata["packages"].as_array().unwrap().iter().filter(|package| {
        metadata["workspace_default_members"].as_array().unwrap().contains(&package["id"])
    });
    let targets = built.flat_map(|package| package["targets"].as_array().unwrap());
    let programs = targets
        .filter(|it| it["kind"][0] == "bin")
        .map(|it| it["name"].as_str().unwrap())
        .collect::<Vec<_>>();
    let called = Regex::new("target/release/([a-z-]+)").unwrap();
    for page in all() {
        for name in called.captures_iter(&page.text) {
            assert!(programs.contains(&&name[1]), "{}: {} is not built", page.name(), &name[1]);
        }
    }
}
