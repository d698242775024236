//! The file, the environment over it, the flags over both: one tree in which each value knows who said it.
//!
//! Merging is the `config` crate's work; what is said outside the file is read in [`super::settings`].
//! A value of the file has no origin; any other carries the variable or flag as written.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use config::{Config, ConfigError, FileFormat, Map, Source, Value, ValueKind};

use super::lines::{Lines, line_of};
use super::path::{Path, PathStep};
use super::problem::{Problem, Problems, SettingPlace, Warning};
use super::settings::{Setting, flag, outside, variables, without_foreign, without_lists};

/// What everybody said, and where.
pub(super) struct Layers {
    file: PathBuf,
    lines: Lines,
    tree: Value,
    ambient: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

/// What is said outside the file and cannot be laid over it: what is wrong, and what is only told.
pub(super) type Strays = (Vec<Problem>, Vec<Warning>);

/// What variables of Azure's own begin with: they are defaults of `[eventhubs.credential]`.
const AMBIENT: &[&str] = &["AZURE", "SYSTEM_", "IDENTITY_"];

/// Settings as a layer for the `config` crate; later ones win.
#[derive(Debug, Clone)]
struct SettingsLayer(Vec<Setting>);

impl Layers {
    /// Reads and merges. What is not even TOML is a problem of its own; settings that cannot be laid over a
    /// file come back beside the tree.
    pub(super) fn gather(
        file: &FilePath,
        environment: impl IntoIterator<Item = (String, String)>,
        overrides: &[(String, String)],
    ) -> Result<(Self, Strays), Problems> {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        let lines = Lines::read(&text).map_err(|error| not_toml(file, &text, &error))?;
        if let Some(path) = lines.oversized() {
            return Err(too_big(file, &lines, path).into());
        }
        let from_file = config::File::from_str(&text, FileFormat::Toml);
        let merged = |settings: Vec<Setting>| {
            let builder = Config::builder().add_source(from_file.clone());
            builder.add_source(SettingsLayer(settings)).build()
        };
        let bare = merged(Vec::new()).map_err(|error| unmergeable(file, &error))?;
        let of_azure = |(name, value): &(String, String)| {
            AMBIENT.iter().any(|prefix| name.starts_with(prefix)) && !value.trim().is_empty()
        };
        let (ambient, environment): (Vec<_>, Vec<_>) = environment.into_iter().partition(of_azure);
        let named = environment.iter().cloned().collect();
        let ambient = ambient.into_iter().collect();
        let settings = variables(environment, &namespaces(&bare.cache));
        let (mut settings, warnings) = without_foreign(settings);
        settings.extend(overrides.iter().map(|(key, value)| flag(key, value)));
        let (settings, strays) = without_lists(settings);
        let tree = merged(settings).map_err(|error| unmergeable(file, &error))?.cache;
        let file = file.to_owned();
        Ok((Self { file, lines, tree, ambient, environment: named }, (strays, warnings)))
    }

    /// The merged tree.
    pub(super) fn tree(&self) -> &Value {
        &self.tree
    }

    /// What the environment says under a name of Azure's own, such as `AZURE_CLIENT_ID`; never empty.
    pub(super) fn ambient(&self, name: &str) -> Option<&str> {
        self.ambient.get(name).map(|value| value.trim())
    }

    /// What the environment says under a name that the configuration asks for.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).or_else(|| self.ambient(name))
    }

    /// The names under which the environment says something of Azure's own.
    pub(super) fn ambient_names(&self) -> impl Iterator<Item = &str> {
        self.ambient.keys().map(String::as_str)
    }

    /// The value at `path`.
    pub(super) fn find(&self, path: &Path) -> Option<&Value> {
        path.steps().iter().try_fold(&self.tree, |value, step| match (&value.kind, step) {
            (ValueKind::Table(table), PathStep::Key(key)) => table.get(key),
            (ValueKind::Array(items), PathStep::Index(index)) => items.get(*index),
            _ => None,
        })
    }

    /// Who said `path`, or where in the file it is missing.
    pub(super) fn place(&self, path: &Path) -> SettingPlace {
        let value = self.find(path);
        let origin = match value.and_then(Value::origin) {
            // Merging forgets who began a table; what is in it still knows.
            None if !self.lines.has(path) => value.and_then(first_origin),
            origin => origin,
        };
        origin.map_or_else(|| place(&self.file, self.lines.nearest(path)), outside)
    }

    /// The line of `path` in the file.
    pub(super) fn line(&self, path: &Path) -> Option<usize> {
        self.lines.nearest(path)
    }

    /// Which layer said `path`: 0 the file, 1 the environment, 2 a flag.
    pub(super) fn rank(&self, path: &Path) -> u8 {
        match self.place(path) {
            SettingPlace::File { .. } => 0,
            SettingPlace::Variable(_) => 1,
            SettingPlace::Flag(_) => 2,
        }
    }

    /// `named`, seen from the directory of the configuration file.
    pub(super) fn beside(&self, named: &str) -> PathBuf {
        self.file.parent().unwrap_or(FilePath::new("")).join(named)
    }
}

impl Source for SettingsLayer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut root = Value::from(Map::<String, Value>::new());
        self.collect_to(&mut root)?;
        root.into_table()
    }

    fn collect_to(&self, root: &mut Value) -> Result<(), ConfigError> {
        for setting in &self.0 {
            put(root, &setting.keys, setting);
        }
        Ok(())
    }
}

/// Lays `setting` into `node`, `keys` further down; a value that stands in the way of a table gives way.
fn put(node: &mut Value, keys: &[String], setting: &Setting) {
    let Some((key, rest)) = keys.split_first() else {
        *node = Value::new(Some(&setting.origin), setting.value.as_str());
        return;
    };
    if !matches!(node.kind, ValueKind::Table(_)) {
        *node = Value::new(Some(&setting.origin), Map::<String, Value>::new());
    }
    if let ValueKind::Table(table) = &mut node.kind {
        let nothing = || Value::new(Some(&setting.origin), ValueKind::Nil);
        put(table.entry(key.clone()).or_insert_with(nothing), rest, setting);
    }
}

fn namespaces(tree: &Value) -> Vec<String> {
    let ValueKind::Table(root) = &tree.kind else { return Vec::new() };
    match root.get("eventhubs").map(|value| &value.kind) {
        Some(ValueKind::Table(table)) => table.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// The variable or flag that said the first value in a table.
fn first_origin(value: &Value) -> Option<&str> {
    let ValueKind::Table(table) = &value.kind else { return value.origin() };
    let (_, first) = table.iter().min_by_key(|(key, _)| *key)?;
    first_origin(first)
}

fn place(file: &FilePath, line: Option<usize>) -> SettingPlace {
    SettingPlace::File { name: file.display().to_string(), line }
}

fn unreadable(file: &FilePath, error: &std::io::Error) -> Problems {
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => "check the path given with `--config`",
        std::io::ErrorKind::PermissionDenied => "allow the user of the bridge to read the file",
        std::io::ErrorKind::InvalidData => "save the file as UTF-8 text",
        _ => "name a readable TOML file with `--config`",
    };
    Problem {
        place: place(file, None),
        what: "the configuration file cannot be read".to_owned(),
        why: error.to_string(),
        hint: hint.to_owned(),
    }
    .into()
}

/// Only the parser's words and the place: the line itself may hold a secret.
fn not_toml(file: &FilePath, text: &str, error: &toml::de::Error) -> Problems {
    Problem {
        place: place(file, error.span().map(|span| line_of(text, span.start))),
        what: "this is not TOML".to_owned(),
        why: error.message().to_owned(),
        hint: "write text in quotes (`hub = \"orders\"`), each key once in its table, and each table under its `[header]`; the rest is checked once the file can be parsed"
            .to_owned(),
    }
    .into()
}

fn too_big(file: &FilePath, lines: &Lines, path: &Path) -> Problem {
    Problem {
        place: place(file, lines.nearest(path)),
        what: format!("`{path}` is too large a number"),
        why: "numbers have 64 bits".to_owned(),
        hint: "the rest is checked once this number is in range".to_owned(),
    }
}

fn unmergeable(file: &FilePath, error: &ConfigError) -> Problems {
    let why = match error {
        ConfigError::FileParse { .. } => "a number in it cannot be represented".to_owned(),
        other => other.to_string(),
    };
    Problem {
        place: place(file, None),
        what: "the parts of the configuration cannot be merged".to_owned(),
        why,
        hint: "compare with `config/bridge.full.toml`".to_owned(),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(
        text: &str,
        environment: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> (Layers, Vec<Problem>) {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>()
        };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bridge.toml");
        std::fs::write(&file, text).unwrap();
        let (layers, (strays, _)) =
            Layers::gather(&file, owned(environment), &owned(flags)).unwrap();
        (layers, strays)
    }

    fn text(layers: &Layers, path: &Path) -> String {
        layers.find(path).unwrap().clone().into_string().unwrap()
    }

    #[test]
    fn flags_win_over_variables_and_both_over_the_file() {
        let (layers, _) = gather(
            "[kafka]\nbrokers = 'file'\ngroup_id = 'file'\nstart = 'file'",
            &[("BRIDGE_KAFKA__BROKERS", "variable"), ("BRIDGE_KAFKA__GROUP_ID", "variable")],
            &[("kafka.brokers", "flag")],
        );
        let kafka = Path::top("kafka");
        assert_eq!(text(&layers, &kafka.key("brokers")), "flag");
        assert_eq!(text(&layers, &kafka.key("group_id")), "variable");
        assert_eq!(text(&layers, &kafka.key("start")), "file");
        assert_eq!(layers.rank(&kafka.key("brokers")), 2);
        let variable = SettingPlace::Variable("BRIDGE_KAFKA__GROUP_ID".to_owned());
        assert_eq!(layers.place(&kafka.key("group_id")), variable);
        assert!(matches!(
            layers.place(&kafka.key("start")),
            SettingPlace::File { line: Some(4), .. }
        ));
    }

    #[test]
    fn librdkafka_properties_are_one_key_in_every_layer() {
        let (layers, _) = gather(
            "[kafka.client]\n'sasl.password' = 'file'\n'sasl.username' = 'file'\n'client.id' = 'file'",
            &[
                ("BRIDGE_KAFKA__CLIENT__SASL_PASSWORD", "a"),
                ("BRIDGE_KAFKA__CLIENT__CLIENT__ID", "b"),
            ],
            &[("kafka.client.sasl.username", "c")],
        );
        let client = Path::top("kafka").key("client");
        assert_eq!(text(&layers, &client.key("sasl.password")), "a");
        assert_eq!(text(&layers, &client.key("client.id")), "b");
        assert_eq!(text(&layers, &client.key("sasl.username")), "c");
    }

    #[test]
    fn a_variable_finds_the_namespace_whose_name_has_a_dash() {
        let (layers, _) = gather(
            "[eventhubs.west-1]\nsend_timeout = '5s'\n[eventhubs.north_1]\nsend_timeout = '5s'",
            &[
                ("BRIDGE_EVENTHUBS__WEST_1__CONNECTION_STRING", "a"),
                ("BRIDGE_EVENTHUBS__NORTH_1__CONNECTION_STRING", "b"),
            ],
            &[],
        );
        let eventhubs = Path::top("eventhubs");
        assert_eq!(text(&layers, &eventhubs.key("west-1").key("connection_string")), "a");
        assert_eq!(text(&layers, &eventhubs.key("north_1").key("connection_string")), "b");
    }

    #[test]
    fn a_list_is_not_changed_from_outside() {
        let (layers, strays) = gather(
            "[[mappings]]\ntopic = 'a'",
            &[("BRIDGE_MAPPINGS__0__HUB", "x")],
            &[("mappings[0].hub", "x")],
        );
        assert_eq!(strays.len(), 2);
        assert!(matches!(layers.find(&Path::top("mappings")).unwrap().kind, ValueKind::Array(_)));
    }
}
