//! `config/bridge.full.toml` shows every key, and with its real default.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Given, schema, shipped};

fn text() -> String {
    std::fs::read_to_string(shipped("bridge.full.toml")).unwrap()
}

/// The file with the keys it only shows (`#key = value`) switched on.
fn everything() -> toml::Table {
    let on: String =
        text().lines().map(|line| shows(line).unwrap_or(line).to_owned() + "\n").collect();
    toml::from_str(&on).unwrap_or_else(|error| panic!("{error}"))
}

/// A remark has a blank after its `#`, a key that is switched off has none.
fn shows(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', ':']) && !rest.is_empty())
}

/// Every key with a value of its own, and its default, if it has one.
fn keys(root: &Value, schema: &Value, path: &str, found: &mut BTreeMap<String, Option<Value>>) {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    let resolved = target.map_or(schema, |pointer| root.pointer(pointer).unwrap());
    let item = resolved.get("items").filter(|item| item.get("$ref").is_some());
    if let Some(item) = item {
        return keys(root, item, path, found);
    }
    let Some(properties) = resolved.get("properties").and_then(Value::as_object) else {
        let default = schema.get("default").or_else(|| resolved.get("default")).cloned();
        found.insert(path.to_owned(), default);
        return;
    };
    for (key, schema) in properties {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        keys(root, schema, &path, found);
    }
}

fn schema_keys() -> BTreeMap<String, Option<Value>> {
    let root: Value = serde_json::from_str(&schema()).unwrap();
    let mut found = BTreeMap::new();
    keys(&root, &root, "", &mut found);
    found
}

fn find<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    let (first, rest) =
        path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = match table.get(first)? {
        toml::Value::Array(items) if items.iter().all(toml::Value::is_table) => items.first()?,
        value => value,
    };
    match rest {
        Some(rest) => find(value.as_table()?, rest),
        None => Some(value),
    }
}

#[test]
fn the_full_file_shows_every_key() {
    let (everything, keys) = (everything(), schema_keys());
    assert!(keys.len() > 35, "the schema lost keys: {keys:?}");
    let missing = keys.keys().filter(|key| find(&everything, key).is_none());
    // Of the other part only: here they are told to be of no use.
    let other = [
        "mappings.key.deletes",
        "mappings.key.compress",
        "mappings.value.from",
        "mappings.value.hash",
    ];
    // It has the keys of the one of Event Hubs, and says so.
    let elsewhere = |key: &str| other.contains(&key) || key.starts_with("claim_check.credential.");
    let missing: Vec<_> = missing.filter(|key| !elsewhere(key)).collect();
    assert!(missing.is_empty(), "missing from config/bridge.full.toml: {missing:?}");
}

#[test]
fn the_full_file_explains_every_key() {
    let lines: Vec<_> = text().lines().map(str::to_owned).collect();
    for pair in lines.windows(2) {
        let is_key = !pair[1].starts_with('#') && pair[1].contains(" = ");
        assert!(!is_key || pair[0].starts_with('#'), "no remark above `{}`", pair[1]);
    }
}

#[test]
fn the_full_file_and_the_schema_show_the_real_defaults() {
    let full = text();
    let all_on: toml::Table = toml::from_str(&full).unwrap();
    let whole =
        format!("{:?}", Given::file(&full).load().unwrap_or_else(|problems| panic!("{problems}")));
    let mut checked = 0;
    for (key, default) in schema_keys() {
        // What a mapping overrides has the default of what it overrides, written once.
        let Some(default) = default else { continue };
        if ["mappings.batch.", "mappings.events.", "mappings.failure."]
            .iter()
            .any(|table| key.starts_with(table))
        {
            continue;
        }
        let shown = find(&all_on, &key)
            .unwrap_or_else(|| panic!("`{key}` is switched off, but has a default"));
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            default,
            "`{key}` in the file and in the schema"
        );

        let without = without(&all_on, &key);
        let without = Given::file(&toml::to_string(&without).unwrap()).load();
        let without = format!(
            "{:?}",
            without.unwrap_or_else(|problems| panic!("without `{key}`\n{problems}"))
        );
        assert_eq!(without, whole, "the default of `{key}` is another one");
        checked += 1;
    }
    assert!(checked > 15, "only {checked} defaults were compared");
}

/// Keys whose values are lists: a list inside is told as one of its elements.
const LISTS: [&str; 7] = ["topics", "addresses", "keep", "drop", "remove", "mask", "hash"];

/// One key after the other gets a value of a type no key has.
#[test]
fn each_key_of_the_wrong_type_is_told_at_its_own_line() {
    let full = text();
    let lines: Vec<_> = full.lines().collect();
    let (mut told, mut header) = (0, None);
    for (index, line) in lines.iter().enumerate() {
        let shown = shows(line).unwrap_or(line);
        // Ways in, registries and claim checks are tables of their own; the others that are switched off have keys of those that are not.
        if shown.starts_with('[') {
            let ways = [".credential]", ".security]", ".token]", ".cloudevents]"];
            let mut own = ways.into_iter().chain(["[registries.main]", "[claim_check]"]);
            header = own.any(|end| shown.ends_with(end)).then_some(index);
        }
        let Some((key, _)) = shown.split_once(" = ").filter(|_| !shown.starts_with('#')) else {
            continue;
        };
        let wrong = format!("{key} = [[1]]");
        let mut changed = lines.clone();
        changed[index] = &wrong;
        if let Some(header) = header {
            // A registry without an address would be another problem, and so would a container that nobody writes to.
            let needed = ["#addresses", "#container", "#credential = { kind = \"managed"];
            let ends = |line: &usize| shows(lines[*line]).unwrap_or(lines[*line]).starts_with('[');
            let end = (header + 1..lines.len()).find(ends).unwrap_or(lines.len());
            let needed = (header..end)
                .filter(|line| *line != index)
                .filter(|line| needed.iter().any(|key| lines[*line].starts_with(key)));
            for line in [header].into_iter().chain(needed) {
                changed[line] = shows(changed[line]).unwrap_or(changed[line]);
            }
        }
        let report = Given::file(&changed.join("\n")).report();
        assert_eq!(report.matches("error: ").count(), 1, "`{wrong}`\n{report}");
        let (what, at) = (format!("{key}` is a list"), format!("bridge.toml:{}\n", index + 1));
        assert!(report.contains(&what) || LISTS.contains(&key), "`{wrong}`\n{report}");
        assert!(report.contains(&at), "`{wrong}`\n{report}");
        told += 1;
    }
    assert!(told > 35, "only {told} keys were tried");
}

fn without(table: &toml::Table, path: &str) -> toml::Table {
    fn remove(value: &mut toml::Value, path: &str) {
        let value = match value {
            toml::Value::Array(items) => &mut items[0],
            value => value,
        };
        let table = value.as_table_mut().unwrap();
        match path.split_once('.') {
            Some((first, rest)) => remove(table.get_mut(first).unwrap(), rest),
            None => assert!(table.remove(path).is_some()),
        }
    }
    let mut copy = toml::Value::Table(table.clone());
    remove(&mut copy, path);
    copy.as_table().unwrap().clone()
}
