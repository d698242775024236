//! The layer map of CONTRIBUTING.md, held to be so: who may import whom, who may touch the world, how long a file may be, and what a
//! type may be called.
//!
//! Reads sources as text. Comments do not count, tests inside a file do.

use std::collections::BTreeSet;
use std::fs;

mod circles;
mod dependencies;
mod map;
mod names;
mod source;

use map::{ARROWS, PLACES, PURE, WORLD};
use source::{Source, root, sources};

/// Longest file. A longer one has more than one noun in it.
const LINES: usize = 400;

/// Every arrow of `source` that points where it must not.
fn wrong_arrows(source: &Source) -> Vec<String> {
    let module = source.module();
    if module == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{}: module `{module}` has no place in the layer map", source.path)];
    };
    let imports = source.imports();
    let known = |name: &&String| ARROWS.iter().any(|(module, _)| module == name);
    let wrong = |name: &&String| *name != module && !allowed.contains(&name.as_str());
    let wrong = imports.iter().filter(known).filter(wrong);
    wrong.map(|name| format!("{}: `{module}` must not import `{name}`", source.path)).collect()
}

/// Everything of the world outside that `source` names and must not.
fn wrong_names(source: &Source) -> Vec<String> {
    let foreign =
        PLACES.iter().filter(|(_, homes)| !homes.iter().any(|it| source.path.starts_with(it)));
    let mut wrong: Vec<&str> = foreign.flat_map(|(names, _)| names.iter().copied()).collect();
    if PURE.iter().any(|it| source.path.starts_with(it)) {
        wrong.extend(WORLD);
    }
    let wrong: BTreeSet<&str> = wrong.into_iter().filter(|name| source.names(name)).collect();
    wrong.into_iter().map(|name| format!("{}: must not name `{name}`", source.path)).collect()
}

/// What of the world a source names, but for one name.
fn worldly(source: &Source, but: &str) -> Vec<String> {
    let named = WORLD.iter().filter(|name| **name != but && source.names(name));
    named.map(|name| format!("{}: must not name `{name}`", source.path)).collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_point_down_only() {
    assert_none(&sources("src").iter().flat_map(wrong_arrows).collect::<Vec<_>>());
}

#[test]
fn the_picture_of_contributing_shows_every_arrow_and_each_is_used() {
    let all = sources("src");
    for (module, allowed) in ARROWS {
        let own = all.iter().filter(|source| source.module() == *module);
        let used: BTreeSet<String> = own.flat_map(Source::imports).collect();
        for name in *allowed {
            assert!(
                used.contains(*name),
                "`{module}` imports nothing of `{name}`: remove the arrow"
            );
        }
    }
    let line = |(module, allowed): &(&str, &[&str])| match allowed {
        [] => format!("{module}\n"),
        _ => format!("{module} → {}\n", allowed.join(", ")),
    };
    let picture: String = ARROWS.iter().map(line).collect();
    print!("{picture}");
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    assert!(page.contains(&picture), "CONTRIBUTING.md should show this:\n{picture}");
}

/// The compiler holds that it can do no more than these allow.
#[test]
fn the_core_has_no_world() {
    let manifest = fs::read_to_string(root().join("crates/core/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let needs = manifest["dependencies"].as_table().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(
        needs,
        ["base64", "bytes", "itoa", "percent-encoding", "regex", "sha2", "thiserror"]
    );
    let mut wrong = Vec::new();
    for source in sources("crates/core/src") {
        let tests = ["/simulation/", "/tests.rs", "/audit.rs"];
        if tests.iter().any(|it| source.path.contains(it)) {
            continue;
        }
        let code = source.code.split("mod tests {").next().unwrap_or_default().to_owned();
        wrong.extend(worldly(&Source { code, ..source }, ""));
    }
    assert_none(&wrong);
}

/// The client takes bytes and the time: only its driver knows where they come from.
#[test]
fn the_amqp_client_has_no_world() {
    let mut wrong = Vec::new();
    for source in sources("crates/amqp/src") {
        if source.path.contains("/driver/") || source.path.ends_with("/tests.rs") {
            continue;
        }
        // A slice to be written is a type of `std::io`, and no I/O.
        wrong.extend(worldly(&source, "std::io"));
    }
    assert_none(&wrong);
}

/// The same bytes and the same schema are the same JSON.
#[test]
fn reading_with_a_schema_has_no_world() {
    let folders = ["crates/schema/src", "crates/shape/src"];
    let wrong = folders.iter().flat_map(|folder| sources(folder));
    let wrong = wrong.flat_map(|source| worldly(&source, "")).collect::<Vec<_>>();
    assert_none(&wrong);
}

#[test]
fn the_world_is_touched_in_its_places_only() {
    let all = sources("src");
    for pure in PURE {
        let is_there = all.iter().any(|it| it.path.starts_with(pure));
        assert!(is_there, "there is no `{pure}`: remove it from the pure files");
    }
    assert_none(&all.iter().flat_map(wrong_names).collect::<Vec<_>>());
}

#[test]
fn the_embedded_event_hubs_and_the_stage_know_nothing_of_the_bridge() {
    let folders = ["crates/eventhubs-local", "crates/processes", "crates/stage"];
    let all = folders.iter().flat_map(|folder| sources(folder));
    let knows = |source: &Source| source.names("kafka_eventhubs_bridge");
    assert_none(&all.filter(knows).map(|it| it.path).collect::<Vec<_>>());
}

#[test]
fn a_file_is_short_and_named_after_a_noun() {
    let all = ["src", "crates"].into_iter().flat_map(sources);
    let wrong: Vec<String> = all
        .filter_map(|Source { path, lines, .. }| {
            let vague = ["utils", "util", "common", "manager", "helper", "helpers", "handler"];
            let stem = path.rsplit('/').next()?.trim_end_matches(".rs");
            if lines > LINES {
                Some(format!("{path}: {lines} lines, more than {LINES}"))
            } else if vague.contains(&stem) {
                Some(format!("{path}: says nothing about what is in it"))
            } else {
                None
            }
        })
        .collect();
    assert_none(&wrong);
}

/// Otherwise the tests above would hold for whatever is written.
#[test]
fn what_is_wrong_is_found() {
    let source = |path: &str, code: &str| Source::new(path.into(), code);
    let group = source(
        "src/admin/choice.rs",
        "use crate::{\n  config::{Batch, Key},\n  kafka, // here\n};",
    );
    assert_eq!(group.imports(), ["config", "kafka"].map(String::from).into());
    assert_eq!(wrong_arrows(&group), ["src/admin/choice.rs: `admin` must not import `kafka`"]);
    assert_eq!(
        wrong_arrows(&source("src/stray.rs", "")),
        ["src/stray.rs: module `stray` has no place in the layer map"]
    );
    let clock = source(
        "src/causes.rs",
        "let now = std::time::Instant::now(); // tokio\nlet rdkafka_like = 1;",
    );
    assert_eq!(wrong_names(&clock), ["src/causes.rs: must not name `Instant::now`"]);
    let client = source("src/pipeline/lane.rs", "use rdkafka::Message;");
    assert_eq!(wrong_names(&client), ["src/pipeline/lane.rs: must not name `rdkafka`"]);
    assert_eq!(wrong_names(&source("src/kafka/queue.rs", "use rdkafka::Message;")), [""; 0]);
}
