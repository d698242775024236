//! The layer map of CONTRIBUTING.md, held to be so: who may import whom, who may touch the world, and how long a file may be.
//!
//! Reads sources as text. Comments do not count, tests inside a file do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file. A longer one has more than one noun in it.
const LINES: usize = 400;

/// Each module of the bridge, and what of the bridge it may import. The order is the picture's: top to bottom.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &[]),
    (
        "cli",
        &[
            "bridge", "connect", "trial", "letters", "group", "import", "admin", "kafka", "status",
            "config", "causes", "route", "record",
        ],
    ),
    ("connect", &["kafka", "eventhubs", "metrics", "config", "route"]),
    (
        "trial",
        &["group", "kafka", "eventhubs", "registry", "config", "plain", "core", "route", "record"],
    ),
    ("letters", &["group", "kafka", "config", "plain", "record"]),
    ("group", &["kafka", "config", "record"]),
    (
        "bridge",
        &[
            "pipeline",
            "admin",
            "kafka",
            "eventhubs",
            "health",
            "status",
            "metrics",
            "otlp",
            "config",
            "causes",
            "route",
            "watched",
        ],
    ),
    (
        "pipeline",
        &[
            "kafka",
            "eventhubs",
            "registry",
            "health",
            "status",
            "metrics",
            "otlp",
            "config",
            "repeats",
            "core",
            "retry",
            "route",
            "record",
        ],
    ),
    (
        "kafka",
        &[
            "credential",
            "health",
            "metrics",
            "tls",
            "config",
            "repeats",
            "retry",
            "record",
            "watched",
        ],
    ),
    ("registry", &["tls", "config", "causes", "core"]),
    ("eventhubs", &["credential", "health", "metrics", "tls", "config", "causes", "core", "retry"]),
    ("credential", &["tls", "config", "causes"]),
    ("admin", &["status", "health", "metrics", "config", "causes"]),
    ("status", &["health", "metrics", "config", "core", "record", "route"]),
    ("health", &[]),
    ("otlp", &["metrics", "tls", "config", "causes", "repeats", "core"]),
    ("metrics", &["core", "record"]),
    ("tls", &["config"]),
    ("import", &["config"]),
    ("config", &["core"]),
    ("causes", &[]),
    ("repeats", &[]),
    ("watched", &[]),
    ("plain", &[]),
    ("route", &[]),
    ("retry", &[]),
    ("record", &[]),
    ("core", &[]),
];

/// Modules without clock, I/O or runtime: the same input gives the same answer.
const PURE: &[&str] = &["causes", "import"];

/// What a pure module must not name.
const WORLD: &[&str] = &[
    "tokio",
    "tracing",
    "SystemTime::now",
    "Instant::now",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
];

/// Crates and parts of std that belong to one place: a file is in place when its path begins so.
const PLACES: &[(&[&str], &[&str])] = &[
    (&["rdkafka", "rdkafka_sys"], &["src/kafka"]),
    (&["amqp", "fe2o3_amqp_ws"], &["src/eventhubs"]),
    (&["azure_core", "azure_identity"], &["src/credential"]),
    (&["reqwest"], &["src/credential", "src/otlp", "src/registry"]),
    (&["bridge_schema"], &["src/registry", "src/config/check/part.rs"]),
    (
        &["bridge_shape"],
        &[
            "src/registry",
            "src/trial/schemas.rs",
            "src/config/check/part.rs",
            "src/config/check/step.rs",
        ],
    ),
    // Of `crates/schema`, and of nothing in the bridge.
    (&["apache_avro", "cel", "prost_reflect", "protox"], &[]),
    (&["opentelemetry_proto", "prost"], &["src/otlp", "src/metrics/otlp.rs"]),
    (
        &[
            "aws_config",
            "aws_credential_types",
            "aws_sigv4",
            "aws_smithy_runtime_api",
            "aws_smithy_types",
        ],
        &["src/credential/aws"],
    ),
    (&["cipher_suite", "SupportedCipherSuite"], &["src/tls.rs"]),
    // `certificate` looks at what another library has refused, with eyes that can tell why.
    (&["rustls_platform_verifier"], &["src/tls.rs", "src/kafka/certificate.rs"]),
    (
        &["rustls"],
        &[
            "src/tls.rs",
            "src/eventhubs/transport",
            "src/credential/assertion.rs",
            "src/kafka/certificate.rs",
        ],
    ),
    (&["prometheus"], &["src/metrics"]),
    (&["axum"], &["src/admin"]),
    (&["hyper", "hyper_util"], &["src/admin", "src/eventhubs/transport"]),
    (&["clap", "clap_complete", "clap_mangen"], &["src/cli"]),
    (
        &["comfy_table"],
        &[
            "src/connect/table.rs",
            "src/cli/status/table.rs",
            "src/group/table.rs",
            "src/letters/table.rs",
        ],
    ),
    (&["indicatif"], &["src/cli/progress.rs"]),
    (&["saphyr"], &["src/import/form/yaml.rs"]),
    (&["std::env"], &["src/config", "src/cli", "src/main.rs"]),
];

/// A source file: its path from the root of the repository, and its code without comments and text.
struct Source {
    path: String,
    lines: usize,
    code: String,
}

impl Source {
    fn new(path: String, text: &str) -> Self {
        // Line by line, which hides at most the rest of a line with an escaped quote: nothing of interest.
        let code = text.lines().map(|line| {
            let outside = line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
            outside.split("//").next().unwrap_or_default().to_owned()
        });
        Self { path, lines: text.lines().count(), code: code.collect::<Vec<_>>().join("\n") }
    }

    /// The top module it belongs to: `pipeline` for `src/pipeline/lane.rs`.
    fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }

    /// Whether the code names `path`, as whole words.
    fn names(&self, path: &str) -> bool {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(path).any(|(at, _)| {
            let before = self.code[..at].chars().next_back();
            let after = self.code[at + path.len()..].chars().next();
            !before.is_some_and(word) && !after.is_some_and(word)
        })
    }

    /// The modules it imports by `crate::…`, also those of a group, `crate::{config::Batch, record}`.
    fn imports(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        if self.names("bridge_core") {
            found.insert("core".to_owned());
        }
        for (at, _) in self.code.match_indices("crate::") {
            let rest = &self.code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                None => found.extend(first_word(rest)),
                Some(group) => found.extend(top_level(group).into_iter().filter_map(first_word)),
            }
        }
        found
    }
}

fn first_word(text: &str) -> Option<String> {
    let word: String =
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The members of a `{…}` group whose opening brace is gone, inner groups left whole.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                return members;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below `folder`.
fn sources(folder: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no sources in `{folder}`");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        Source::new(name, &fs::read_to_string(path).unwrap())
    };
    files.into_iter().map(read).collect()
}

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
    if PURE.contains(&source.module()) {
        wrong.extend(WORLD);
    }
    let wrong: BTreeSet<&str> = wrong.into_iter().filter(|name| source.names(name)).collect();
    wrong.into_iter().map(|name| format!("{}: must not name `{name}`", source.path)).collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_point_down_only() {
    assert_none(&sources("src").iter().flat_map(wrong_arrows).collect::<Vec<_>>());
}

#[test]
fn every_arrow_is_used_and_contributing_shows_them_all() {
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
        let source = Source { code, ..source };
        let named = WORLD.iter().filter(|name| source.names(name));
        wrong.extend(named.map(|name| format!("{}: must not name `{name}`", source.path)));
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
        let named = WORLD.iter().filter(|name| **name != "std::io" && source.names(name));
        wrong.extend(named.map(|name| format!("{}: must not name `{name}`", source.path)));
    }
    assert_none(&wrong);
}

/// The same bytes and the same schema are the same JSON; the same record becomes the same event.
#[test]
fn reading_with_a_schema_and_shaping_have_no_world() {
    let mut wrong = Vec::new();
    for source in ["crates/schema/src", "crates/shape/src"].into_iter().flat_map(sources) {
        let named = WORLD.iter().filter(|name| source.names(name));
        wrong.extend(named.map(|name| format!("{}: must not name `{name}`", source.path)));
    }
    assert_none(&wrong);
}

#[test]
fn the_world_is_touched_in_its_places_only() {
    assert_none(&sources("src").iter().flat_map(wrong_names).collect::<Vec<_>>());
}

#[test]
fn the_embedded_event_hubs_knows_nothing_of_the_bridge() {
    let knows = |source: &&Source| source.names("kafka_eventhubs_bridge");
    let wrong: Vec<_> =
        sources("crates/eventhubs-local").iter().filter(knows).map(|it| it.path.clone()).collect();
    assert_none(&wrong);
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
