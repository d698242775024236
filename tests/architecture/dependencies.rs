//! Each dependency has its reason in docs/dependencies.md, and nothing else has one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::root;

/// Where a dependency is named: the crate itself, its tests, its build, its fuzzing.
type Kind = &'static str;

const KINDS: [(&str, Kind); 3] =
    [("dependencies", ""), ("dev-dependencies", "tests"), ("build-dependencies", "build")];

/// Each dependency of another's making, and who names it.
#[derive(Default)]
struct Named(BTreeMap<String, BTreeMap<Kind, BTreeSet<String>>>);

impl Named {
    /// Of all manifests: the bridge, the other members of its workspace, and what fuzzes them.
    fn gather() -> Self {
        let mut named = Self::default();
        named.add("bridge", &manifest("Cargo.toml"), false);
        for entry in fs::read_dir(root().join("crates")).unwrap() {
            let folder = entry.unwrap().file_name().into_string().unwrap();
            named.add(&folder, &manifest(&format!("crates/{folder}/Cargo.toml")), false);
            let fuzz = format!("crates/{folder}/fuzz/Cargo.toml");
            if root().join(&fuzz).exists() {
                named.add(&folder, &manifest(&fuzz), true);
            }
        }
        named
    }

    fn add(&mut self, of: &str, manifest: &toml::Table, is_fuzz: bool) {
        let for_platforms = manifest.get("target").and_then(toml::Value::as_table);
        let platforms = for_platforms.into_iter().flat_map(toml::Table::values);
        for part in std::iter::once(manifest).chain(platforms.filter_map(toml::Value::as_table)) {
            for (table, kind) in KINDS {
                let dependencies = part.get(table).and_then(toml::Value::as_table);
                for (name, wanted) in dependencies.into_iter().flatten() {
                    if wanted.get("path").is_none() {
                        let kinds = self.0.entry(name.clone()).or_default();
                        let kind = if is_fuzz { "fuzzing" } else { kind };
                        kinds.entry(kind).or_default().insert(of.to_owned());
                    }
                }
            }
        }
    }

    /// Who names each, as the table says it: `bridge, core; tests of amqp`.
    fn told(&self) -> BTreeMap<&str, String> {
        let all =
            |of: &BTreeSet<String>| of.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let part = |(kind, of): (&Kind, &BTreeSet<String>)| match *kind {
            "" => all(of),
            kind => format!("{kind} of {}", all(of)),
        };
        let told = |kinds: &BTreeMap<Kind, BTreeSet<String>>| {
            kinds.iter().map(part).collect::<Vec<_>>().join("; ")
        };
        self.0.iter().map(|(name, kinds)| (name.as_str(), told(kinds))).collect()
    }
}

fn manifest(path: &str) -> toml::Table {
    fs::read_to_string(root().join(path)).unwrap().parse().unwrap()
}

/// The rows of the table: crate, where, why, what it would cost to go without.
fn rows(page: &str) -> Vec<[&str; 4]> {
    let row = |line| {
        let line: &str = str::strip_prefix(line, "| `")?.strip_suffix(" |")?;
        let (name, rest) = line.split_once("` | ")?;
        let cells: Vec<_> = std::iter::once(name).chain(rest.split(" | ")).collect();
        cells.try_into().ok()
    };
    page.lines().filter_map(row).collect()
}

/// What of the table does not fit the manifests.
fn wrong(named: &Named, rows: &[[&str; 4]]) -> Vec<String> {
    let told = named.told();
    let mut wrong = Vec::new();
    for (name, place) in &told {
        let row = format!("| `{name}` | {place} | why | what it would cost to go without |");
        match rows.iter().filter(|[it, ..]| it == name).collect::<Vec<_>>()[..] {
            [[_, said, why, without]] if said == place => {
                let is_empty = [why, without].iter().any(|it| it.trim().is_empty());
                wrong.extend(is_empty.then(|| format!("`{name}` has no reason: {row}")));
            }
            [] => wrong.push(format!("`{name}` has no row: {row}")),
            _ => wrong.push(format!("`{name}` needs one row: {row}")),
        }
    }
    let gone = rows.iter().filter(|[name, ..]| !told.contains_key(name));
    wrong.extend(gone.map(|[name, ..]| format!("no manifest names `{name}`: remove its row")));
    wrong
}

#[test]
fn each_dependency_has_its_reason() {
    let page = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let rows = rows(&page);
    super::assert_none(&wrong(&Named::gather(), &rows));
    let names: Vec<_> = rows.iter().map(|[name, ..]| *name).collect();
    assert!(names.is_sorted(), "the rows are not sorted by name");
}

#[test]
fn a_dependency_without_a_row_and_a_row_without_a_dependency_are_found() {
    let mut named = Named::default();
    let manifest = "[dependencies]\na = '1'\nown = { path = '..' }\n[dev-dependencies]\nb = '1'\n\
                    [target.'cfg(unix)'.build-dependencies]\na.workspace = true\n";
    named.add("bridge", &manifest.parse().unwrap(), false);
    named.add("core", &"[dependencies]\na = '1'\n".parse().unwrap(), false);
    named.add("core", &"[dependencies]\nc = '1'\n".parse().unwrap(), true);
    let good = "| `a` | bridge, core; build of bridge | x | y |\n| `b` | tests of bridge | x | y |\n\
                | `c` | fuzzing of core | x | y |\n";
    assert_eq!(wrong(&named, &rows(good)), [""; 0]);
    let bad =
        "| `a` | bridge | x | y |\n| `c` | fuzzing of core |  | y |\n| `d` | bridge | x | y |\n";
    let found = wrong(&named, &rows(bad));
    let beginnings =
        ["`a` needs one row", "`b` has no row", "`c` has no reason", "no manifest names `d`"];
    assert_eq!(found.len(), beginnings.len(), "{found:?}");
    assert!(
        found.iter().zip(beginnings).all(|(it, beginning)| it.starts_with(beginning)),
        "{found:?}"
    );
}
