//! What is wrong with a configuration file, said so that one can go and correct it.

use std::fmt;
use std::path::PathBuf;

use crate::security::SecurityError;

/// Why there is nothing to serve. Correct the flags or the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read `{}`: {cause}", path.display())]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("`{}`{problem}", path.display())]
    Content { path: PathBuf, problem: Problem },
    #[error(
        "consumer group `{group}` is of hub `{hub}`, which is not defined: add `--hub {hub}:PARTITIONS`"
    )]
    GroupWithoutHub { hub: String, group: String },
    #[error(
        "no hub: name one with `--hub NAME:PARTITIONS`, or several in a file with `--config FILE`"
    )]
    NoHub,
    #[error(transparent)]
    Security(#[from] SecurityError),
    #[error("`--sync` needs `--data DIR`: add a directory, or remove `--sync`")]
    SyncWithoutData,
}

/// One thing that is wrong, and where.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    key: String,
    cause: String,
    hint: Option<String>,
}

impl Problem {
    pub(super) fn toml(text: &str, key: &str, error: &toml::de::Error) -> Self {
        let place = error.span().map(|span| {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            (line, column)
        });
        Self::new(place, key, error.message().replace('\n', ", "))
    }

    pub(super) fn json(key: &str, error: &serde_json::Error) -> Self {
        let cause = error.to_string();
        // The place is said apart.
        let cause = cause.rsplit_once(" at line ").map_or(&*cause, |(cause, _)| cause).to_owned();
        let place = (error.line() > 0).then(|| (error.line(), error.column()));
        Self::new(place, key, cause)
    }

    fn new(place: Option<(usize, usize)>, key: &str, cause: String) -> Self {
        let key = if key == "." { String::new() } else { key.to_owned() };
        let hint = hint(&key, &cause);
        Self { place, key, cause, hint }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, ", line {line}, column {column}")?;
        }
        if !self.key.is_empty() {
            write!(f, ", key `{}`", self.key)?;
        }
        write!(f, ": {}", self.cause)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// What may help: the name that was probably meant, or what the key is to hold.
fn hint(key: &str, cause: &str) -> Option<String> {
    if cause.starts_with("unknown field") || cause.starts_with("unknown variant") {
        let mut names = cause.split('`').skip(1).step_by(2);
        let wrong = names.next()?.to_lowercase();
        let likeness = |name: &&str| strsim::jaro_winkler(&wrong, &name.to_lowercase());
        let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        return (likeness(&nearest) > 0.8).then(|| format!("did you mean `{nearest}`?"));
    }
    let last = key.rsplit('.').next().unwrap_or_default();
    let hint = match last {
        "partitions" | "PartitionCount" => "a hub has 1 to 2048 partitions",
        "consumer_groups" => "a list of names: `[\"inventory\", \"audit\"]`",
        "hubs" => "each hub is a table: `[[hubs]]`",
        "keys" => "each key is a table: `[[keys]]`",
        "namespaces" => "each namespace is a table: `[[namespaces]]`",
        "NamespaceConfig" | "Entities" | "ConsumerGroups" => "a list of objects with a `Name`",
        "sync" => "`true` or `false`",
        _ if cause.contains("missing field `UserConfig`") => {
            "a file that begins with `{` is read as the `Config.json` of Microsoft's emulator; our own format is TOML"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}
