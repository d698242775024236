//! The JSON Schema of the file, for editors; and the list of its keys, for hints.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::transform::{RecursiveTransform, Transform};
use serde_json::Value;

use super::path::{Path, PathStep};
use super::raw;

/// The JSON Schema of the configuration file, as `config/bridge.schema.json` holds it.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&value()).unwrap_or_default();
    text.push('\n');
    text
}

pub(super) fn value() -> Value {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<raw::File>();
    RecursiveTransform(|schema: &mut schemars::Schema| without_null(schema)).transform(&mut schema);
    schema.to_value()
}

/// TOML has no null: an optional key is left out instead.
fn without_null(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    let is_null = |choice: &Value| choice.get("type").is_some_and(|name| name == "null");
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| !is_null(choice));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

/// Every key with a value of its own, as a dotted path (`mappings.batch.linger`), and what it says.
pub(super) fn known_keys() -> BTreeMap<String, String> {
    let root = value();
    let mut keys = BTreeMap::new();
    gather(&root, &root, "", &mut keys);
    keys
}

/// What the key at `path` is for, in the words of its documentation.
pub(super) fn purpose(path: &Path) -> Option<String> {
    let mut names: Vec<_> = path
        .steps()
        .iter()
        .filter_map(|step| match step {
            PathStep::Key(key) => Some(key.as_str()),
            PathStep::Index(_) => None,
        })
        .collect();
    if let ["eventhubs", name, ..] = names[..]
        && names.len() > 2
        && !["connection", "credential"].contains(&name)
    {
        names.remove(1);
    }
    let text = known_keys().remove(&names.join("."))?;
    let text = text.trim_end_matches(" Required.").trim_end_matches('.');
    let first = text.chars().next()?.to_lowercase();
    Some(format!("it means: {first}{}", text.chars().skip(1).collect::<String>()))
}

fn gather(root: &Value, described: &Value, path: &str, keys: &mut BTreeMap<String, String>) {
    let schema = resolve(root, described);
    if let Some(items) = schema.get("items").map(|items| resolve(root, items))
        && items.get("properties").is_some()
    {
        return gather(root, items, path, keys);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        let description = described.get("description").and_then(Value::as_str).unwrap_or_default();
        keys.insert(path.to_owned(), description.to_owned());
        return;
    };
    for (key, schema) in properties {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        gather(root, schema, &path, keys);
    }
}

/// What a `$ref` leads to.
pub(super) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_keys_of_tables_lists_and_tables_in_lists() {
        let keys = known_keys();
        for key in [
            "kafka.brokers",
            "kafka.client",
            "eventhubs.send_timeout",
            "mappings.batch.linger",
            "log.level",
        ] {
            let description = keys.get(key).unwrap_or_else(|| panic!("`{key}` is not in {keys:?}"));
            assert!(!description.is_empty(), "`{key}` is not described");
        }
        let west = Path::top("eventhubs").key("west").key("send_timeout");
        assert_eq!(purpose(&west), purpose(&Path::top("eventhubs").key("send_timeout")));
        assert!(
            purpose(&Path::top("mappings").index(3).key("hub"))
                .unwrap()
                .starts_with("it means: the hub")
        );
        assert_eq!(purpose(&Path::top("mappings").key("hub").key("x")), None);
    }

    #[test]
    fn says_nothing_of_null() {
        fn walk(value: &Value) {
            match value {
                Value::Null => panic!("{}", schema()),
                Value::Array(items) => items.iter().for_each(walk),
                Value::Object(keys) => {
                    assert!(!keys.get("type").is_some_and(|it| it.to_string().contains("null")));
                    keys.values().for_each(walk);
                }
                _ => {}
            }
        }
        walk(&value());
    }
}
