//! From the configuration of Kafka Connect or of MirrorMaker 2 to one of ours: text in, text out.
//!
//! Every key of the old file is taken, or named with the reason why it has no counterpart; nothing is passed over in
//! silence, and nothing that is not understood is taken for something known. Secrets are not copied: the new file says
//! where they belong.

mod changes;
mod chosen;
mod connect;
mod dialect;
mod flow;
mod form;
mod given;
mod mirror;
mod plan;
mod security;

use given::GivenKeys;
use plan::Plan;

/// A new configuration, and what of the old one is not in it.
#[derive(Debug)]
pub struct Imported {
    /// The configuration, as TOML.
    pub toml: String,
    /// What has no counterpart, or needs a hand.
    pub notes: Vec<Remark>,
}

/// What became of a key of the old file that is not simply in the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The key, or several of one kind.
    pub key: String,
    /// What about it.
    pub text: String,
    /// Whether other records may be copied than before, or in another form.
    pub is_warning: bool,
}

impl Remark {
    fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), is_warning: false }
    }

    fn warning(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::new(key, text) }
    }
}

/// Which of several is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportChoice<'a> {
    /// A flow of MirrorMaker, as `source->target`.
    pub flow: Option<&'a str>,
    /// A connector, by its name.
    pub connector: Option<&'a str>,
}

/// Why there is no new configuration.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is in none of the forms.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The file begins as JSON does, and is none.
    #[error("it begins like JSON, but is not valid JSON: {0}")]
    NotJson(serde_json::Error),
    /// The file looks like YAML, and is none.
    #[error("it looks like YAML, but cannot be parsed: {0}")]
    NotYaml(String),
    /// The file is something else.
    #[error("{0}")]
    Unknown(String),
    /// The flow that was asked for is not in it, or not enabled.
    #[error(
        "there is no enabled flow `{wanted}` in it; enabled are: {}; hint: choose one of them with `--flow`",
        .enabled.join(", ")
    )]
    NoFlow {
        /// What was asked for.
        wanted: String,
        /// What there is.
        enabled: Vec<String>,
    },
    /// There is more than one flow to Event Hubs in it.
    #[error("it holds several flows: {}; hint: choose one with `--flow`", .0.join(", "))]
    Several(Vec<String>),
    /// The connector that was asked for is not in it.
    #[error("there is no connector `{wanted}` in it; there are: {}", .held.join(", "))]
    NoConnector {
        /// What was asked for.
        wanted: String,
        /// What there is.
        held: Vec<String>,
    },
    /// There is more than one connector to Event Hubs in it.
    #[error(
        "it holds several connectors: {}; hint: choose one with `--connector`, each has a group of its own",
        .0.join(", ")
    )]
    Connectors(Vec<String>),
}

/// Reads the old configuration.
pub fn import(text: &str, choice: ImportChoice<'_>) -> Result<Imported, ImportError> {
    let mut notes = Vec::new();
    let mut given = chosen::choose(form::read(text)?, choice, &mut notes)?;
    let plan = match given.get("connector.class").map(str::to_owned) {
        None if given.has("clusters") => mirror::driver(&mut given, choice.flow, &mut notes)?,
        Some(_) if mirror::is_mirror(&given) => mirror::connector(&mut given, &mut notes)?,
        Some(class) => connect::connector(&class, &mut given, &mut notes)?,
        None => return Err(ImportError::Unknown(something_else(&given).to_owned())),
    };
    java_only(&plan, &mut notes);
    notes.extend(given.open().iter().map(|key| {
        Remark::new(key, "refers to a value in another place: replace `CHANGE-ME` by that value")
    }));
    notes.extend(given.keys().map(|key| Remark::new(key, "has no counterpart")));
    Ok(Imported { toml: plan.write(), notes })
}

/// What keys without a connector are.
fn something_else(given: &GivenKeys) -> &'static str {
    let has = |keys: &[&str]| keys.iter().any(|key| given.has(key));
    if has(&[
        "offset.storage.topic",
        "offset.storage.file.filename",
        "config.storage.topic",
        "plugin.path",
    ]) {
        "it is the configuration of a worker of Kafka Connect; `import` reads a connector, which has a `connector.class`"
    } else if has(&["bootstrap.servers"]) {
        "it is the configuration of a Kafka client; `import` reads a connector, which has a `connector.class`, or MirrorMaker 2, which has `clusters`"
    } else {
        "it has neither `connector.class`, as a connector has, nor `clusters`, as MirrorMaker 2 has"
    }
}

/// Says which patterns are none here.
fn java_only(plan: &Plan, notes: &mut Vec<Remark>) {
    for topics in plan.mappings.iter().map(|mapping| &mapping.topics) {
        if let plan::PlannedTopics::Pattern(pattern) = topics
            && let Err(error) = regex::Regex::new(pattern)
        {
            let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
            notes.push(Remark::new(
                pattern,
                format!("is an expression of Java that is not valid here: {reason}"),
            ));
        }
    }
}
