//! The tests there are, by the names cargo and pytest call them: `promises::crash::a_second_signal_ends_it_at_once`,
//! `bridge::health::tests::…` for what stands beside the code, `tests/chart/test_alerts.py::test_…`.
//!
//! They are read from the sources: to build every suite in order to ask it would take longer than to run this one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::pages::root;

/// A folder of sources, and what its tests' names begin with. An empty beginning: the name of the suite below it.
const SOURCES: [(&str, &str); 7] = [
    ("src", "bridge"),
    ("tests", ""),
    ("crates/core/src", "core"),
    ("crates/amqp/src", "amqp"),
    ("crates/amqp/tests", "amqp"),
    ("crates/eventhubs-local/src", "eventhubs_local"),
    ("crates/eventhubs-local/tests", "eventhubs_local"),
];

pub(crate) fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (folder, beginning) in SOURCES {
        gather(&root().join(folder), beginning, &mut found);
    }
    found
}

fn gather(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let inner = match stem {
            // Shared by the suites, and none itself.
            "support" => continue,
            "lib" | "main" | "mod" => module.to_owned(),
            _ => format!("{module}::{stem}").trim_start_matches("::").to_owned(),
        };
        let extension = path.extension().and_then(|it| it.to_str());
        match extension {
            None if path.is_dir() => gather(&path, &inner, found),
            Some("rs") => of_rust(&fs::read_to_string(&path).unwrap(), &inner, found),
            Some("py") => {
                let file = path.strip_prefix(root()).unwrap().display().to_string();
                of_python(&fs::read_to_string(&path).unwrap(), &file, found);
            }
            _ => {}
        }
    }
}

fn of_python(text: &str, file: &str, found: &mut BTreeSet<String>) {
    let tests = text.lines().filter_map(|line| line.strip_prefix("def ")?.split_once('('));
    let tests = tests.filter(|(name, _)| name.starts_with("test_"));
    found.extend(tests.map(|(name, _)| format!("{file}::{name}")));
}

/// Functions behind `#[test]`, in the modules that are written out around them, and what macros make of their calls.
fn of_rust(text: &str, module: &str, found: &mut BTreeSet<String>) {
    let inner = Regex::new(r"^( *)(?:pub(?:\(\w+\))? )?mod (\w+) \{$").unwrap();
    let function = Regex::new(r"^ *(?:pub )?(?:async )?fn (\w+)").unwrap();
    let attribute = Regex::new(r"^ *#\[(?:tokio::)?test\b").unwrap();
    let (text, macros) = apart(text);
    let mut modules: Vec<(usize, &str)> = Vec::new();
    let mut is_test = false;
    for line in text.lines() {
        if let Some(begun) = inner.captures(line) {
            modules.push((begun[1].len(), begun.get(2).unwrap().as_str()));
        } else if modules.last().is_some_and(|(indent, _)| line == " ".repeat(*indent) + "}") {
            modules.pop();
        } else if attribute.is_match(line) {
            is_test = true;
        } else if let Some(begun) = function.captures(line)
            && std::mem::take(&mut is_test)
        {
            let around = modules.iter().map(|(_, name)| *name);
            let path = [module].into_iter().chain(around).chain([&begun[1]]);
            found.insert(path.collect::<Vec<_>>().join("::"));
        }
    }
    for it in &macros {
        of_macro(it, &text, module, found);
    }
}

/// What is left without the macros, and the macros that make tests.
fn apart(text: &str) -> (String, Vec<String>) {
    let (mut rest, mut macros) = (String::new(), Vec::new());
    let mut current: Option<String> = None;
    for line in text.lines() {
        match &mut current {
            Some(body) if line == "}" => {
                macros.push(std::mem::take(body));
                current = None;
            }
            Some(body) => body.extend([line, "\n"]),
            None if line.starts_with("macro_rules! ") => current = Some(format!("{line}\n")),
            None => rest.extend([line, "\n"]),
        }
    }
    macros.retain(|body| body.contains("#[test]"));
    (rest, macros)
}

/// The calls of a macro: `path as name` and `name: plan => what` are tests, `module: what {` is a module of them.
fn of_macro(body: &str, text: &str, module: &str, found: &mut BTreeSet<String>) {
    let all = |pattern: &str, text: &str| -> Vec<String> {
        let pattern = Regex::new(pattern).unwrap();
        pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let name = body.split_whitespace().nth(1).unwrap();
    let Some((_, call)) = text.split_once(&format!("\n{name}! {{\n")) else { return };
    let (call, _) = call.split_once("\n}\n").unwrap();
    let fixed = all(r"#\[test\]\s*fn (\w+)", body);
    let mut modules = all(r"\bmod (\w+) \{", body);
    for line in call.lines() {
        let mut tests = all(r" as (\w+),?$", line);
        tests.extend(all(r"^ *(\w+): \w+ =>", line));
        if let [one] = &all(r"^ *(\w+): \w+ \{$", line)[..] {
            modules = vec![one.clone()];
            tests.clone_from(&fixed);
        }
        let paths = |test: &String| {
            let path = |inner: &String| format!("{module}::{inner}::{test}");
            modules.iter().map(path).collect::<Vec<_>>()
        };
        found.extend(tests.iter().flat_map(paths));
    }
}

#[test]
fn tests_are_found_by_the_names_cargo_gives_them() {
    let found = tests();
    for name in [
        "docs::inventory::tests_are_found_by_the_names_cargo_gives_them",
        "config::debug_shows_no_secret",
        "core::simulation::nothing_is_lost_or_reordered_and_everything_ends",
        "bridge::health::tests::topics_are_told_by_name",
        "eventhubs_local::server::hubs::a_grown_hub_has_more_partitions_and_everything_it_had",
        "brokers::v1_1_1::a_static_member_is_an_ordinary_one",
        "brokers::v2_8_2::a_broker_that_is_gone_for_a_while_costs_nothing",
        "promises::estate::keys::a_hub_that_is_silent",
        "tests/chart/test_alerts.py::test_every_runbook_has_an_alert",
    ] {
        assert!(found.contains(name), "{name}");
    }
    // Made for the older broker only, and a function that is no test.
    assert!(!found.contains("brokers::v2_8_2::a_static_member_is_an_ordinary_one"));
    assert!(!found.contains("docs::inventory::gather"));
}
