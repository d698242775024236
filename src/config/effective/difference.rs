//! What is different in another configuration, for people; and what of it cannot be changed while the bridge runs.

use std::collections::BTreeMap;

use super::{Effective, EffectiveValue};
use crate::config::path::{Path, PathStep};

/// Tables of which everything can be changed.
const CHANGEABLE: [&str; 4] = ["mappings", "batch", "events", "failure"];
/// Single keys that can be.
const LEVEL: &str = "log.level";

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// A line for each thing that is different.
    pub lines: Vec<String>,
    /// The keys that count only from the next start on.
    pub restart: Vec<String>,
}

/// What is shown of a value, and what tells a hidden one from another.
type Shown = (String, Option<u64>);
type Keys = BTreeMap<String, Shown>;

impl Effective {
    /// What is different in `next`.
    pub fn difference(&self, next: &Self) -> Difference {
        let mut difference = Difference::default();
        let (before, after) = (self.mappings(), next.mappings());
        for (name, keys) in &after {
            match before.get(name) {
                None => difference.lines.push(format!("+ mapping {name}")),
                Some(old) => {
                    difference.lines.extend(changed(&format!("mapping {name}: "), old, keys));
                }
            }
        }
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        difference.lines.extend(gone.map(|name| format!("- mapping {name}")));
        let (before, after) = (self.others(), next.others());
        difference.lines.extend(changed("", &before, &after));
        let all = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
        let fixed = all.filter(|key| before.get(*key) != after.get(*key) && !is_changeable(key));
        difference.restart = fixed.cloned().collect();
        difference
    }

    /// The keys of each mapping, by its name.
    fn mappings(&self) -> BTreeMap<String, Keys> {
        let names = self.config.mappings.iter().map(|it| (it.name(), Keys::new()));
        let mut mappings: BTreeMap<_, _> = names.collect();
        for entry in &self.entries {
            let Some((index, key)) = of_mapping(&entry.path) else { continue };
            let Some(mapping) = self.config.mappings.get(index) else { continue };
            if let Some(keys) = mappings.get_mut(&mapping.name()) {
                keys.insert(key, shown(entry));
            }
        }
        mappings
    }

    /// The keys that are of no mapping.
    fn others(&self) -> Keys {
        let others = self.entries.iter().filter(|entry| of_mapping(&entry.path).is_none());
        others.map(|entry| (entry.path.to_string(), shown(entry))).collect()
    }
}

/// Of a key of a mapping: the place of the mapping, and the key without it.
fn of_mapping(path: &Path) -> Option<(usize, String)> {
    match path.steps() {
        [PathStep::Key(table), PathStep::Index(index), rest @ ..] if table == "mappings" => {
            let key = rest.iter().fold(Path::default(), |path, step| match step {
                PathStep::Key(key) => path.key(key),
                PathStep::Index(index) => path.index(*index),
            });
            Some((*index, key.to_string()))
        }
        _ => None,
    }
}

fn shown(entry: &EffectiveValue) -> Shown {
    let hidden = || "hidden".to_owned();
    (entry.value.as_ref().map_or_else(hidden, ToString::to_string), entry.digest)
}

/// A line for each key that is different.
fn changed<'a>(
    of: &'a str,
    before: &'a Keys,
    after: &'a Keys,
) -> impl Iterator<Item = String> + 'a {
    let gone = before.iter().filter(|(key, _)| !after.contains_key(*key));
    let gone = gone.map(move |(key, (value, _))| format!("- {of}{key} = {value}"));
    let now = after.iter().filter_map(move |(key, shown)| {
        let (value, _) = shown;
        match before.get(key) {
            None => Some(format!("+ {of}{key} = {value}")),
            Some(old) if old != shown => Some(format!("~ {of}{key} = {} → {value}", old.0)),
            Some(_) => None,
        }
    });
    now.chain(gone)
}

fn is_changeable(key: &str) -> bool {
    let table = key.split(['.', '[']).next().unwrap_or_default();
    CHANGEABLE.contains(&table) || key == LEVEL
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const FIRST: &str = "[kafka]\nbrokers = \"k:9092\"\ngroup_id = \"g\"\n\
        [eventhubs]\nconnection_string = \"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0\"\n\
        [[mappings]]\ntopic = \"orders\"\nhub = \"orders\"\n\
        [[mappings]]\ntopic = \"returns\"\nhub = \"returns\"\n";

    fn read(text: &str) -> Effective {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Effective::load(file.path(), [], &[], |_, _| None).unwrap()
    }

    fn difference(next: &str) -> Difference {
        read(FIRST).difference(&read(next))
    }

    #[test]
    fn the_same_is_no_difference_wherever_it_stands() {
        assert_eq!(difference(FIRST), Difference::default());
        let (head, mappings) = FIRST.split_once("[[mappings]]").unwrap();
        let (orders, returns) = mappings.split_once("[[mappings]]").unwrap();
        let turned = format!("{head}[[mappings]]{returns}[[mappings]]{orders}");
        assert_eq!(difference(&turned), Difference::default());
        let said = FIRST.replace("group_id", "commit_interval = \"1s\"\ngroup_id");
        assert_eq!(difference(&said), Difference::default(), "a default that is said");
    }

    #[test]
    fn mappings_come_go_and_change() {
        let next = FIRST
            .replace("\"returns\"\nhub = \"returns\"", "\"bills\"\nhub = \"bills\"")
            .replace("hub = \"orders\"", "hub = \"orders\"\npartitioning = \"mirror\"");
        let difference = difference(&next);
        let lines = [
            "+ mapping bills → default/bills",
            "~ mapping orders → default/orders: partitioning = \"key\" → \"mirror\"",
            "- mapping returns → default/returns",
        ];
        assert_eq!(
            (difference.lines, difference.restart),
            (lines.map(str::to_owned).to_vec(), vec![])
        );
    }

    #[test]
    fn what_needs_a_restart_is_named_and_no_secret_is_shown() {
        let next = FIRST.replace("c2VjcmV0", "b3RoZXI=").replace("k:9092", "l:9092")
            + "[batch]\nlinger = \"50ms\"\n[log]\nlevel = \"debug\"\n";
        let difference = difference(&next);
        assert_eq!(difference.restart, ["eventhubs.connection_string", "kafka.brokers"]);
        let lines = difference.lines.join("\n");
        assert!(lines.contains("~ eventhubs.connection_string = hidden → hidden"), "{lines}");
        assert!(lines.contains("~ batch.linger = \"10ms\" → \"50ms\""), "{lines}");
        assert!(!lines.contains("c2Vj") && !lines.contains("b3Ro"), "{lines}");
    }
}
