//! What the old file says: keys and values, of which each is taken once or left over.

use std::collections::BTreeMap;

use regex::Regex;

use super::ImportError;

/// The keys nobody has taken yet.
#[derive(Debug)]
pub(super) struct Given(BTreeMap<String, String>);

impl Given {
    /// A connector as Connect's REST interface takes it, its `config` alone, or a `.properties` file.
    pub(super) fn read(text: &str) -> Result<Self, ImportError> {
        let keys = if text.trim_start().starts_with('{') { json(text)? } else { properties(text)? };
        if keys.is_empty() {
            return Err(ImportError::Unreadable("it holds no key".to_owned()));
        }
        Ok(Self(keys))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Takes a key; what is empty counts as absent.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Takes a key under the first of `prefixes` that has it, and drops it under the others.
    pub(super) fn take_under(&mut self, prefixes: &[String], key: &str) -> Option<String> {
        let found = prefixes.iter().map(|prefix| self.0.remove(&format!("{prefix}{key}")));
        found.collect::<Vec<_>>().into_iter().flatten().next().map(|value| value.trim().to_owned())
    }

    /// Takes all keys that match.
    pub(super) fn take_all(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.0.extract_if(.., |key, _| wanted(key)).map(|(key, _)| key).collect()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn json(text: &str) -> Result<BTreeMap<String, String>, ImportError> {
    use serde_json::Value;
    let mut outer: serde_json::Map<String, Value> =
        serde_json::from_str(text).map_err(ImportError::NotJson)?;
    let config = match outer.remove("config") {
        Some(Value::Object(config)) => config,
        Some(_) => return Err(ImportError::Unreadable("`config` is no object".to_owned())),
        None => std::mem::take(&mut outer),
    };
    let mut keys = BTreeMap::new();
    // Beside `config` stand the name, and what Connect reports of a connector that runs: tasks and type.
    let name = outer.remove("name").map(|name| ("name".to_owned(), name));
    for (key, value) in name.into_iter().chain(config) {
        let value = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null => continue,
            Value::Array(_) | Value::Object(_) => {
                return Err(ImportError::Unreadable(format!(
                    "`{key}` is neither text nor a number"
                )));
            }
        };
        keys.insert(key, value);
    }
    Ok(keys)
}

fn properties(text: &str) -> Result<BTreeMap<String, String>, ImportError> {
    let read = java_properties::read(text.as_bytes());
    let keys = read.map_err(|error| ImportError::Unreadable(error.to_string()))?;
    Ok(keys.into_iter().collect())
}

/// The options of a line of JAAS, `Module required username="a" password="b";`.
pub(super) fn jaas(line: &str) -> BTreeMap<String, String> {
    let option = Regex::new(r#"([\w.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))"#)
        .expect("a good expression");
    let options = option.captures_iter(line).map(|found| {
        let value = found.get(2).or(found.get(3)).map_or("", |value| value.as_str());
        (found[1].to_owned(), value.replace("\\\"", "\""))
    });
    options.collect()
}
