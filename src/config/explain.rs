//! From a failure of serde to a problem an operator can act on.

use config::{Value, ValueKind};

use super::hint::{list, nearest, shown};
use super::layers::Layers;
use super::path::Path;
use super::problem::{Problem, SettingPlace};
use super::read::{UnreadEntry, UnreadKind};
use super::schema::{known_keys, purpose};
use super::settings::variable;

/// What is wrong with `failure`, where, why, and what to do.
pub(super) fn explain(failure: &UnreadEntry, layers: &Layers) -> Problem {
    let path = &failure.path;
    let (what, why, hint) = match &failure.kind {
        UnreadKind::Key(known) => unknown_key(path, known, &layers.place(path)),
        UnreadKind::Word(known) => unknown_word(path, known, layers),
        UnreadKind::Type { found, wanted } => wrong_type(path, found, wanted, layers),
        UnreadKind::Other(_) => (
            format!("`{path}` cannot be read"),
            "its value has a form the bridge does not know".to_owned(),
            "compare with `config/bridge.full.toml`".to_owned(),
        ),
    };
    Problem { place: layers.place(path), what, why, hint }
}

/// The known key that `failure` is a misspelling of.
pub(super) fn meant(failure: &UnreadEntry) -> Option<Path> {
    let UnreadKind::Key(known) = &failure.kind else { return None };
    let key = nearest(failure.path.last_key()?, known.iter().copied())?;
    Some(failure.path.parent()?.key(key))
}

fn unknown_key(path: &Path, known: &[&str], place: &SettingPlace) -> (String, String, String) {
    let key = path.last_key().unwrap_or_default();
    let table = path.parent().unwrap_or_default();
    let table = if table == Path::default() { "the file".to_owned() } else { format!("`{table}`") };
    let why = format!("{table} knows {}", list(known.iter().copied()));
    let hint = match place {
        SettingPlace::Variable(name) => near_variable(name, path, known),
        _ => nearest(key, known.iter().copied())
            .map(str::to_owned)
            .or_else(|| elsewhere(key))
            .map(|known| format!("did you mean `{known}`?")),
    };
    let hint = hint.unwrap_or_else(|| match place {
        SettingPlace::File { .. } => {
            "remove it; `config/bridge.full.toml` shows every key".to_owned()
        }
        SettingPlace::Variable(_) => "unset it; variables are named `BRIDGE_TABLE__KEY`".to_owned(),
        SettingPlace::Flag(_) => {
            "leave it out; flags are given as `--set table.key=value`".to_owned()
        }
    });
    (format!("`{path}` is not a known key"), why, hint)
}

/// The variable that was meant: of the same table, or of another.
fn near_variable(name: &str, path: &Path, known: &[&str]) -> Option<String> {
    let (table, key) = (path.parent()?, path.last_key()?);
    let here = (table != Path::default()).then(|| nearest(key, known.iter().copied())).flatten();
    let near = if let Some(near) = here {
        variable(&table.key(near).to_string())
    } else {
        let names: Vec<_> = known_keys().keys().map(|key| variable(key)).collect();
        let near = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
        near.or_else(|| Some(variable(&elsewhere(key)?)))?
    };
    Some(format!("did you mean `{near}`? two underscores separate a table from its key"))
}

/// The full name of a key that stands in another table.
fn elsewhere(key: &str) -> Option<String> {
    let last = |known: &str| known.rsplit('.').next().is_some_and(|last| last == key);
    known_keys().into_keys().find(|known| last(known))
}

fn unknown_word(path: &Path, known: &[&str], layers: &Layers) -> (String, String, String) {
    let given = match layers.find(path).map(|value| &value.kind) {
        Some(ValueKind::String(text)) => text.as_str(),
        _ => "",
    };
    let hint = match nearest(given, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "choose one of them".to_owned(),
    };
    (
        format!("`{path}` is {}", shown(given)),
        format!("it can be {}", list(known.iter().copied())),
        hint,
    )
}

fn wrong_type(path: &Path, found: &str, wanted: &str, layers: &Layers) -> (String, String, String) {
    let wanted = plain(wanted);
    let key = path.last_key().unwrap_or_default();
    let hint = match wanted {
        _ if found == "a table" && path.is_within(&Path::top("kafka").key("client")) => {
            format!("put the whole name in quotes: `{}`", whole_name(path, layers))
        }
        "a table" => format!("write the keys under a header, `[{path}]`"),
        "a list" if *path == Path::top("mappings") => {
            "write each mapping under a header of its own, `[[mappings]]`".to_owned()
        }
        "a list" => format!("write `{key} = [\"a\", \"b\"]`"),
        "a positive whole number" => format!("write `{key} = 1`, without quotes"),
        "a boolean" => format!("write `{key} = true` or `{key} = false`, without quotes"),
        "a duration" => format!("write `{key} = \"10ms\"`, or \"5s\", or \"1m30s\""),
        "a size" => format!("write `{key} = \"8MiB\"`, or \"512KiB\""),
        "a whole number, a boolean or text" => format!("write `\"{key}\" = \"value\"`"),
        _ => format!("write it in quotes: `{key} = \"value\"`"),
    };
    let hint = match layers.place(path) {
        SettingPlace::Variable(name) => of_variable(&name, wanted).unwrap_or(hint),
        SettingPlace::File { .. } | SettingPlace::Flag(_) => hint,
    };
    (
        format!("`{path}` is {found}, not {wanted}"),
        purpose(path).unwrap_or_else(|| format!("only {wanted} is possible there")),
        hint,
    )
}

/// How a variable is to be set, whose value is not `wanted`: nothing in it is quoted.
fn of_variable(name: &str, wanted: &str) -> Option<String> {
    let value = match wanted {
        "a table" => {
            return Some(format!("unset it; `{name}__KEY` sets a key of that table"));
        }
        "a list" => return Some("unset it; a list can only be written in the file".to_owned()),
        "a positive whole number" => "1",
        "a boolean" => "true",
        "a duration" => "10ms",
        "a size" => "8MiB",
        _ => return None,
    };
    Some(format!("set it as in `{name}={value}`"))
}

/// What serde wanted, in plain words.
fn plain(wanted: &str) -> &str {
    match wanted {
        "a string" => "text",
        "a sequence" => "a list",
        "u32" | "u64" => "a positive whole number",
        wanted if wanted.starts_with("struct") || wanted == "a map" => "a table",
        wanted if wanted.contains("enum") || wanted.contains("variant") => "text",
        wanted => wanted,
    }
}

/// `[kafka.client]` with `session.timeout.ms = 1` unquoted is three tables; the name that was meant.
fn whole_name(path: &Path, layers: &Layers) -> String {
    fn descend(value: &Value, name: &mut String) {
        if let ValueKind::Table(table) = &value.kind
            && let Some((key, value)) = table.iter().min_by_key(|(key, _)| *key)
        {
            name.push('.');
            name.push_str(key);
            descend(value, name);
        }
    }
    let mut name = path.last_key().unwrap_or_default().to_owned();
    if let Some(value) = layers.find(path) {
        descend(value, &mut name);
    }
    format!("\"{name}\" = …")
}
