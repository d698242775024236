//! The forms a configuration comes in: properties, JSON as Connect's REST interface takes and gives it, YAML of Kubernetes.
//!
//! What is none that can be read is refused by its name, and with what to give instead.

mod answer;
mod mirrors;
mod properties;
mod resource;
mod strimzi;
mod yaml;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::given::GivenKeys;
use super::{ImportError, Remark};

/// Before what the worker says, which holds where a connector says nothing.
pub(super) const WORKER: &str = "worker.";

/// What a file holds.
#[derive(Default)]
pub(super) struct FileContent {
    /// What can be read, each with its name.
    pub(super) connectors: Vec<GivenKeys>,
    /// What can not: its name, and why.
    pub(super) refused: Vec<Remark>,
    workers: Vec<resource::ConnectCluster>,
    /// The worker a connector of Kubernetes runs on, by the place of the connector.
    clusters: BTreeMap<usize, String>,
}

impl FileContent {
    fn refuse(&mut self, name: &str, why: impl Into<String>) {
        self.refused.push(Remark::new(name, why));
    }
}

/// Files of other tools, which look like one of the forms: how they are told, and what they are.
const OTHERS: [(&str, &str); 2] = [
    (
        r"(?m)^\s*(resource|module|variable|provider|locals|terraform)\b[^=:\n]*\{\s*$",
        "it is a file of Terraform: give the connector as Connect's REST interface does, `GET /connectors/NAME`",
    ),
    (
        r"\A(\s*(#[^\n]*)?\n)*\s*\[\[?[A-Za-z][\w.]*\]\]?\s*(\n|\z)",
        "it is TOML, as the bridge's own configuration is: there is nothing to import",
    ),
];

/// Takes a file apart.
pub(super) fn read(text: &str) -> Result<FileContent, ImportError> {
    // Windows leaves a mark of the byte order.
    let text = text.trim_start_matches('\u{feff}');
    for (form, what) in OTHERS {
        if Regex::new(form).expect("a good expression").is_match(text) {
            return Err(ImportError::Unknown(what.to_owned()));
        }
    }
    let mut held = FileContent::default();
    if text.trim_start().starts_with(['{', '[']) {
        document(serde_json::from_str(text).map_err(ImportError::NotJson)?, &mut held)?;
    } else if yaml::is_yaml(text) {
        for tree in yaml::read(text)? {
            document(tree, &mut held)?;
        }
    } else {
        held.connectors.push(GivenKeys::new(keyed(text)?));
    }
    resource::join(&mut held);
    if held.connectors.is_empty() && held.refused.is_empty() {
        return Err(ImportError::Unreadable("it holds no key".to_owned()));
    }
    Ok(held)
}

/// One document, whatever it was written in.
fn document(tree: Value, held: &mut FileContent) -> Result<(), ImportError> {
    match tree {
        Value::Null => Ok(()),
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
            held.refuse(
                "GET /connectors",
                "gives names only; `GET /connectors?expand=info` gives what is to be read",
            );
            Ok(())
        }
        Value::Array(items) => items.into_iter().try_for_each(|item| document(item, held)),
        Value::Object(object) => match text(&object, &["kind"]) {
            Some(kind)
                if ["apiVersion", "spec", "items"].iter().any(|it| object.contains_key(*it)) =>
            {
                resource::read(&kind, object, held)
            }
            _ => answer::read(object, held),
        },
        _ => Err(ImportError::Unreadable("it holds no keys with values".to_owned())),
    }
}

/// Adds a connector, unless it says nothing.
fn connector(
    name: Option<String>,
    config: Map<String, Value>,
    held: &mut FileContent,
) -> Result<(), ImportError> {
    let mut keys = flat(config)?;
    if let Some(name) = name {
        keys.entry("name".to_owned()).or_insert(name);
    }
    if !keys.is_empty() {
        held.connectors.push(GivenKeys::new(keys));
    }
    Ok(())
}

/// Keys and values, as text.
fn flat(object: Map<String, Value>) -> Result<BTreeMap<String, String>, ImportError> {
    let mut keys = BTreeMap::new();
    for (key, value) in object {
        let Some(value) = scalar(&value) else {
            if value.is_null() {
                continue;
            }
            let why = format!("`{key}` is neither text nor a number");
            return Err(ImportError::Unreadable(why));
        };
        keys.insert(key, value);
    }
    Ok(keys)
}

/// Text, a number or a truth, as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text at `path`.
fn text(object: &Map<String, Value>, path: &[&str]) -> Option<String> {
    let (last, way) = path.split_last()?;
    let mut at = object;
    for key in way {
        at = at.get(*key)?.as_object()?;
    }
    at.get(*last).and_then(scalar)
}

fn keyed(text: &str) -> Result<BTreeMap<String, String>, ImportError> {
    let keys = properties::read(text).map_err(ImportError::Unreadable)?;
    if keys.is_empty() {
        return Err(ImportError::Unreadable("it holds no key".to_owned()));
    }
    Ok(keys)
}
