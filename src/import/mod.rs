//! From the configuration of a Kafka Connect sink or of MirrorMaker 2 to one of ours: text in, text out.
//!
//! Every key of the old file is taken, or named with the reason why it has no counterpart; nothing is passed over in
//! silence. Secrets are not copied: the new file says where they belong.

mod connect;
mod given;
mod mirror;
mod plan;
mod security;

use given::Given;

/// A new configuration, and what of the old one is not in it.
#[derive(Debug)]
pub struct Imported {
    /// The configuration, as TOML.
    pub toml: String,
    /// What has no counterpart, or needs a hand.
    pub notes: Vec<Note>,
}

/// What became of a key of the old file that is not simply in the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The key, or several of one kind.
    pub key: String,
    /// What about it.
    pub text: String,
    /// Whether other records may be copied than before.
    pub is_warning: bool,
}

impl Note {
    fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into(), is_warning: false }
    }

    fn warning(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { is_warning: true, ..Self::new(key, text) }
    }
}

/// Why there is no new configuration.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is neither JSON nor properties.
    #[error("the file can not be read: {0}")]
    Unreadable(String),
    /// The file begins as JSON does, and is none.
    #[error("it begins with `{{` and is no JSON: {0}")]
    NotJson(serde_json::Error),
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
}

/// Reads the old configuration. `flow` chooses among those of MirrorMaker, as `source->target`.
pub fn import(text: &str, flow: Option<&str>) -> Result<Imported, ImportError> {
    let mut given = Given::read(text)?;
    let mut notes = Vec::new();
    let plan = match given.get("connector.class").map(str::to_owned) {
        None if given.has("clusters") => mirror::driver(&mut given, flow, &mut notes)?,
        Some(class) if class.ends_with("MirrorSourceConnector") => {
            mirror::connector(&mut given, &mut notes)
        }
        Some(class) => connect::sink(&class, &mut given, &mut notes)?,
        None => {
            let text = "it has neither `connector.class`, as a connector has, nor `clusters`, as MirrorMaker 2 has";
            return Err(ImportError::Unknown(text.to_owned()));
        }
    };
    for topics in plan.mappings.iter().map(|mapping| &mapping.topics) {
        if let plan::Topics::Pattern(pattern) = topics
            && let Err(error) = regex::Regex::new(pattern)
        {
            let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
            notes.push(Note::new(
                pattern,
                format!("is an expression of Java that is none here: {reason}"),
            ));
        }
    }
    notes.extend(given.keys().map(|key| Note::new(key, "has no counterpart")));
    Ok(Imported { toml: plan.write(), notes })
}
