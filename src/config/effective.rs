//! The configuration as it counts: each value that was given, each default, and who said it. Never a secret.
//!
//! What keys there are, which of them are secret (`writeOnly`) and what their defaults are is read from the JSON Schema, which
//! tests hold to be what the bridge does. What stands in a mapping is shown as it was given: where it says nothing, the
//! tables of the same name count.

mod difference;
mod said;
mod written;

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path as File;
use std::sync::LazyLock;

use config::{Value, ValueKind};
use serde_json::Value as Schema;

pub use difference::Difference;

use super::path::{Path, PathStep};
use super::problem::SettingPlace;
use super::{Config, Objection, Problems, layers, schema};

/// See the module.
#[derive(Debug)]
pub struct Effective {
    /// What was checked.
    pub config: Config,
    file: String,
    entries: Vec<EffectiveValue>,
    /// Variables of Azure's own that are set.
    ambient: Vec<String>,
}

/// One value.
#[derive(Debug, Clone)]
struct EffectiveValue {
    path: Path,
    /// `None` is hidden.
    value: Option<toml::Value>,
    /// Of a hidden value: what tells it from another, in this process alone.
    digest: Option<u64>,
    origin: ValueOrigin,
}

/// Who said a value.
#[derive(Debug, Clone)]
enum ValueOrigin {
    Default,
    Said(SettingPlace),
}

impl Effective {
    /// As [`Config::load`], and beside the configuration where each value comes from.
    pub fn load(
        file: &File,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
        objection: Objection,
    ) -> Result<Self, Problems> {
        let (config, layers) = Config::load_whole(file, environment, overrides, objection)?;
        let root = schema::value();
        let mut walk = Walk { root: &root, layers: &layers, entries: Vec::new() };
        walk.table(&root, &Path::default(), Some(layers.tree()), true);
        let entries = walk.entries;
        let ambient = layers.ambient_names().map(str::to_owned).collect();
        Ok(Self { config, file: file.display().to_string(), entries, ambient })
    }
}

/// Of random keys, so that nothing can be told from a digest.
static DIGEST: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The schema and the tree, side by side.
struct Walk<'a> {
    root: &'a Schema,
    layers: &'a layers::Layers,
    entries: Vec<EffectiveValue>,
}

/// Tables of a mapping that lie over those of the same name.
const LAID_OVER: [&str; 3] = ["batch", "events", "failure"];

impl<'a> Walk<'a> {
    /// `defaults`: whether what is not given has the default of the schema.
    fn table(&mut self, described: &'a Schema, at: &Path, given: Option<&Value>, defaults: bool) {
        let table = self.resolved(described);
        let given = match given.map(|value| &value.kind) {
            Some(ValueKind::Table(given)) => Some(given),
            _ => None,
        };
        let known = table.get("properties").and_then(Schema::as_object);
        for (key, described) in known.into_iter().flatten() {
            let laid_over = at.steps().len() == 2 && LAID_OVER.contains(&key.as_str());
            let given = given.and_then(|given| given.get(key));
            self.node(described, &at.key(key), given, defaults && !(laid_over && is_item(at)));
        }
        // Names of the operator's own: namespaces, properties, headers.
        let Some(named) = table.get("additionalProperties").filter(|it| it.is_object()) else {
            return;
        };
        let is_known = |key: &str| known.is_some_and(|known| known.contains_key(key));
        let own = given.into_iter().flatten().filter(|(key, _)| !is_known(key));
        let mut own = own.collect::<Vec<_>>();
        own.sort_by_key(|(key, _)| *key);
        for (key, value) in own {
            let path = at.key(key);
            self.node(named, &path, Some(value), false);
            self.limits_of(at, &path);
        }
    }

    fn node(&mut self, described: &'a Schema, at: &Path, given: Option<&Value>, defaults: bool) {
        let schema = self.resolved(described);
        let items = schema.get("items").filter(|it| self.resolved(it).get("properties").is_some());
        if schema.get("properties").is_some() || schema["additionalProperties"].is_object() {
            self.table(schema, at, given, defaults);
        } else if let Some(items) = items {
            let list = match given.map(|value| &value.kind) {
                Some(ValueKind::Array(list)) => list.as_slice(),
                _ => &[],
            };
            for (index, item) in list.iter().enumerate() {
                self.table(items, &at.index(index), Some(item), true);
            }
        } else {
            self.leaf(described, at, given, defaults);
        }
    }

    fn leaf(&mut self, described: &'a Schema, at: &Path, given: Option<&Value>, defaults: bool) {
        let schema = self.resolved(described);
        let path = at.clone();
        if let Some(value) = given.and_then(|value| said::value(value, schema)) {
            let secret = described.get("writeOnly").is_some_and(|it| it == true);
            let digest = DIGEST.hash_one(value.to_string());
            let value = if secret { None } else { said::unless_secret(at, value) };
            let digest = value.is_none().then_some(digest);
            let origin = ValueOrigin::Said(self.layers.place(at));
            self.entries.push(EffectiveValue { path, value, digest, origin });
            return;
        }
        let default = described.get("default").or_else(|| schema.get("default"));
        let default = default.filter(|_| defaults);
        if let Some(Ok(value)) = default.map(toml::Value::try_from) {
            let (value, origin) = (Some(value), ValueOrigin::Default);
            self.entries.push(EffectiveValue { path, value, digest: None, origin });
        }
    }

    /// A named namespace that sets no time limit has that of `[eventhubs]`.
    fn limits_of(&mut self, around: &Path, named: &Path) {
        let own = self.entries.iter().filter(|it| it.path.parent().as_ref() == Some(named));
        let own = own.map(|it| it.path.clone()).collect::<HashSet<_>>();
        let limits = self.entries.iter().filter(|it| {
            let is_limit = it.path.last_key().is_some_and(|key| key.ends_with("_timeout"));
            is_limit && it.path.parent().as_ref() == Some(around)
        });
        let inherited = limits.filter_map(|it| {
            let path = named.key(it.path.last_key()?);
            (!own.contains(&path)).then(|| EffectiveValue { path, ..it.clone() })
        });
        let inherited = inherited.collect::<Vec<_>>();
        self.entries.extend(inherited);
    }

    fn resolved(&self, schema: &'a Schema) -> &'a Schema {
        schema::resolve(self.root, schema)
    }
}

/// Whether this is an item of a list.
fn is_item(path: &Path) -> bool {
    matches!(path.steps().last(), Some(PathStep::Index(_)))
}
