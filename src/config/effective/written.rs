//! How it is written: as TOML that is a configuration again, but for what is hidden, and as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde::Serialize;

use super::{Effective, EffectiveValue, ValueOrigin};
use crate::config::path::{Path, PathStep};
use crate::config::problem::SettingPlace;

/// Tables in the order of `config/bridge.full.toml`.
const TABLES: [&str; 13] = [
    "kafka",
    "eventhubs",
    "mappings",
    "batch",
    "events",
    "failure",
    "limits",
    "admin",
    "otlp",
    "registries",
    "claim_check",
    "effectively_once",
    "log",
];
/// Remarks stand under each other, unless a value is longer than this.
const COLUMN: usize = 48;
/// Grows when a key changes its meaning.
const VERSION: u32 = 1;

impl Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Said(SettingPlace::Variable(name)) => f.write_str(name),
            Self::Said(SettingPlace::Flag(flag)) => f.write_str(flag),
            Self::Said(place @ SettingPlace::File { .. }) => place.fmt(f),
        }
    }
}

/// As TOML, each value with who said it.
impl Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "# The effective configuration of {}; after each value, its source.", self.file)?;
        if !self.ambient.is_empty() {
            let names = self.ambient.join(", ");
            write!(
                f,
                "\n# Azure's own variables that are set, and that a credential may use: {names}"
            )?;
        }
        let mut tables = BTreeMap::<(usize, Path), Vec<&EffectiveValue>>::new();
        for entry in &self.entries {
            let table = entry.path.parent().unwrap_or_default();
            let first = table.keys().next();
            let rank = TABLES.iter().position(|name| Some(*name) == first);
            tables.entry((rank.unwrap_or(TABLES.len()), table)).or_default().push(entry);
        }
        for ((_, table), entries) in tables {
            write!(f, "\n\n{}", header(&table))?;
            for entry in entries {
                write!(f, "\n{}", line(entry))?;
            }
        }
        Ok(())
    }
}

fn header(table: &Path) -> String {
    let name = table.keys().map(key).collect::<Vec<_>>().join(".");
    match table.steps().last() {
        Some(PathStep::Index(_)) => format!("[[{name}]]"),
        _ => format!("[{name}]"),
    }
}

/// A key as TOML takes it.
fn key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        toml::Value::String(key.to_owned()).to_string()
    }
}

fn line(entry: &EffectiveValue) -> String {
    let EffectiveValue { path, value, origin, .. } = entry;
    let name = key(path.last_key().unwrap_or_default());
    match value {
        Some(value) => format!("{:<COLUMN$}  # {origin}", format!("{name} = {value}")),
        None => format!("{:<COLUMN$}  # {origin}, hidden", format!("#{name} = \"***\"")),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    file: &'a str,
    azure_variables: &'a [String],
    values: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    key: String,
    value: Option<&'a toml::Value>,
    hidden: bool,
    source: &'static str,
    name: Option<&'a str>,
    line: Option<usize>,
}

impl<'a> From<&'a EffectiveValue> for Told<'a> {
    fn from(entry: &'a EffectiveValue) -> Self {
        let EffectiveValue { path, value, origin, .. } = entry;
        let (source, name, line) = match origin {
            ValueOrigin::Default => ("default", None, None),
            ValueOrigin::Said(SettingPlace::File { name, line }) => {
                ("file", Some(name.as_str()), *line)
            }
            ValueOrigin::Said(SettingPlace::Variable(name)) => {
                ("variable", Some(name.as_str()), None)
            }
            ValueOrigin::Said(SettingPlace::Flag(flag)) => ("flag", Some(flag.as_str()), None),
        };
        let (key, value, hidden) = (path.to_string(), value.as_ref(), value.is_none());
        Self { key, value, hidden, source, name, line }
    }
}

impl Effective {
    /// One JSON document.
    pub fn json(&self) -> String {
        let document = Document {
            version: VERSION,
            file: &self.file,
            azure_variables: &self.ambient,
            values: self.entries.iter().map(Told::from).collect(),
        };
        serde_json::to_string_pretty(&document).expect("its maps have keys of text")
    }
}
