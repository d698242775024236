//! A type's name means one thing: whoever reads it in a sentence need not ask which.

use std::collections::BTreeMap;

use super::{Source, assert_none, sources};

/// Where a part of a document has the name of the thing that it shows.
const DOCUMENTS: &[&str] = &[
    "src/config/effective/written.rs",
    "src/connect/json.rs",
    "src/group/json.rs",
    "src/letters/json.rs",
    "src/readback/shown.rs",
    "src/status/document.rs",
];

/// The types that `source` defines for all of its file, without those of its tests.
fn types(source: &Source) -> Vec<String> {
    let code = source.code.split("mod tests {").next().unwrap_or_default();
    let name = |line: &str| {
        // A macro that makes a type takes it indented once.
        let line = line.strip_prefix("    ").unwrap_or(line);
        let line = match line.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
            Some(rest) => rest.trim_start(),
            None => line,
        };
        let kinds = ["struct ", "enum ", "trait "];
        let rest = kinds.iter().find_map(|kind| line.strip_prefix(kind))?;
        let end = rest.find(|c: char| !c.is_alphanumeric())?;
        Some(rest[..end].to_owned())
    };
    code.lines().filter_map(name).collect()
}

/// Whether nobody outside of tests, or of the tables as they are written, reads what `source` defines.
fn is_apart(source: &Source) -> bool {
    let tests = ["/simulation/", "/tests/", "/tests.rs", "/audit.rs"];
    tests.iter().any(|it| source.path.contains(it))
        // A table is called the same as it is written and as it is checked.
        || source.path.starts_with("src/config/raw")
        || DOCUMENTS.contains(&&*source.path)
}

/// The names with several meanings, and where they have them.
fn homonyms(sources: &[Source]) -> BTreeMap<String, Vec<&str>> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !is_apart(source)) {
        for name in types(source) {
            found.entry(name).or_default().push(&source.path);
        }
    }
    found.retain(|_, places| places.len() > 1);
    found
}

#[test]
fn a_name_means_one_thing() {
    let all: Vec<_> = ["src", "crates/core/src"].into_iter().flat_map(sources).collect();
    let homonyms = homonyms(&all).into_iter();
    let wrong =
        homonyms.map(|(name, places)| format!("`{name}` is a type in {}", places.join(", ")));
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn a_second_meaning_is_found() {
    let source = |path: &str, code: &str| Source::new(path.into(), code);
    let all = [
        source("src/a.rs", "pub struct Lane;\nenum State {\n}\nmod tests {\n    struct Lane;\n}"),
        source("src/b.rs", "words! {\n    pub(in crate::b) enum State {\n"),
        source("src/config/raw.rs", "pub(super) struct Lane {"),
        source("src/c/tests.rs", "struct Lane;"),
    ];
    assert_eq!(homonyms(&all), BTreeMap::from([("State".into(), vec!["src/a.rs", "src/b.rs"])]));
}
