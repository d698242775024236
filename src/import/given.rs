//! What the old file says: keys and values, of which each is taken once or left over.

use std::collections::BTreeMap;

use regex::Regex;

use super::plan::MARK;

/// What stands for a value that is somewhere else: a reference of Connect's or Camel's, a variable, what a guide leaves to
/// its reader.
const OPEN: &str = r"\$\{[^}]*\}|\{\{.*?\}\}|\$\([A-Za-z][\w.-]*\)|(^|[^?P])<[A-Za-z][\w .-]*>";

/// The keys nobody has taken yet.
#[derive(Debug)]
pub(super) struct GivenKeys {
    keys: BTreeMap<String, String>,
    /// Those that were taken, and whose value is somewhere else.
    open: Vec<String>,
}

impl GivenKeys {
    pub(super) fn new(keys: BTreeMap<String, String>) -> Self {
        Self { keys, open: Vec::new() }
    }

    /// Adds what is not said yet.
    pub(super) fn add(&mut self, keys: &BTreeMap<String, String>) {
        for (key, value) in keys {
            self.keys.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    /// Takes a key. What is empty counts as absent, what is somewhere else as not known.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        let value = self.take_as_is(key).filter(|value| !value.is_empty())?;
        if !is_open(&value) {
            return Some(value);
        }
        self.open.push(key.to_owned());
        Some(MARK.to_owned())
    }

    /// Takes a key of which a part may be somewhere else, or which may be empty.
    pub(super) fn take_as_is(&mut self, key: &str) -> Option<String> {
        self.keys.remove(key).map(|value| value.trim().to_owned())
    }

    /// Takes a key under the first of `prefixes` that has it, and drops it under the others.
    pub(super) fn take_under(&mut self, prefixes: &[String], key: &str) -> Option<String> {
        let mut found = None;
        for prefix in prefixes {
            let key = format!("{prefix}{key}");
            match found {
                None => found = self.take(&key),
                Some(_) => _ = self.keys.remove(&key),
            }
        }
        found
    }

    /// The same for a key of which a part may be somewhere else, or which may be empty.
    pub(super) fn take_as_is_under(&mut self, prefixes: &[String], key: &str) -> Option<String> {
        let found = prefixes.iter().map(|prefix| self.take_as_is(&format!("{prefix}{key}")));
        found.collect::<Vec<_>>().into_iter().flatten().next()
    }

    /// Takes the first of `keys` that is there with its name, and drops the others.
    pub(super) fn take_one_of(&mut self, keys: &[&str]) -> Option<String> {
        self.take_under(&keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>(), "")
    }

    /// Takes all keys that match.
    pub(super) fn take_all(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.keys.extract_if(.., |key, _| wanted(key)).map(|(key, _)| key).collect()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Keys that were taken, and whose value is somewhere else.
    pub(super) fn open(&self) -> &[String] {
        &self.open
    }
}

fn is_open(value: &str) -> bool {
    Regex::new(OPEN).expect("a good expression").is_match(value)
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

/// An option of such a line; what is somewhere else is not known.
pub(super) fn option(options: &BTreeMap<String, String>, names: &[&str]) -> Option<String> {
    let value = names.iter().find_map(|name| options.get(*name))?;
    Some(if is_open(value) { MARK.to_owned() } else { value.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_somewhere_else_is_told_from_what_looks_like_it() {
        for value in ["${env:TOPICS}", "{{hub}}", "$(HUB)", "<your-hub>", "ns-${file:/a:b}"] {
            assert!(is_open(value), "{value}");
        }
        for value in ["orders", "$Default", r"a\.[0-9]{2}", "(?<year>[0-9]+)", "(?<!a)b", "x$"] {
            assert!(!is_open(value), "{value}");
        }
    }
}
