//! The configuration file: TOML of our own, or the `Config.json` of Microsoft's emulator as it is.
//!
//! Both become a `Description`. What is wrong is said with file, place, key, cause and, where there is one, a hint.

mod emulator;
mod error;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use eventhubs_local::Rights;
use serde::Deserialize;
use serde::de::{self, Deserializer};

pub(crate) use error::{ConfigError, Problem};

use crate::security::Files;
use crate::units;

/// What the file says; the shape is the TOML's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Description {
    pub(crate) listen: Option<String>,
    pub(crate) control: Option<String>,
    #[serde(deserialize_with = "units::duration_in_file")]
    pub(crate) ack_delay: Option<Duration>,
    #[serde(deserialize_with = "units::duration_in_file")]
    pub(crate) latency: Option<Duration>,
    pub(crate) channel_max: Option<u16>,
    pub(crate) handle_max: Option<u32>,
    #[serde(deserialize_with = "units::bytes_in_file")]
    pub(crate) retention: Option<u64>,
    #[serde(deserialize_with = "units::duration_in_file")]
    pub(crate) retention_age: Option<Duration>,
    pub(crate) discard: Option<usize>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) sync: bool,
    /// The name of the default namespace.
    pub(crate) namespace: Option<String>,
    pub(crate) hubs: Vec<HubDescription>,
    pub(crate) keys: Vec<KeyDescription>,
    pub(crate) namespaces: Vec<NamespaceDescription>,
    /// Certificates and issuers.
    pub(crate) security: Files,
    /// What of the emulator's file has no meaning here.
    #[serde(skip)]
    pub(crate) ignored: Vec<String>,
}

/// A namespace beside the default one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamespaceDescription {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    #[serde(default)]
    pub(crate) hubs: Vec<HubDescription>,
    #[serde(default)]
    pub(crate) keys: Vec<KeyDescription>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HubDescription {
    pub(crate) name: String,
    pub(crate) partitions: u32,
    #[serde(default)]
    pub(crate) consumer_groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyDescription {
    /// The key of one hub, not of the namespace.
    pub(crate) hub: Option<String>,
    pub(crate) name: String,
    pub(crate) value: String,
    #[serde(default = "all_rights", deserialize_with = "rights")]
    pub(crate) rights: Rights,
}

fn all_rights() -> Rights {
    Rights::ALL
}

/// A list of `send`, `listen` and `manage`.
fn rights<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Rights, D::Error> {
    let rights: Vec<String> = Deserialize::deserialize(deserializer)?;
    rights.join(",").parse().map_err(de::Error::custom)
}

impl std::fmt::Debug for KeyDescription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyDescription").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads the file. Its content tells which of the two it is: only JSON begins with a brace.
pub(crate) fn read(path: &Path) -> Result<Description, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
    let text = text.trim_start_matches('\u{feff}');
    let is_json = text.trim_start().starts_with('{')
        || (text.trim().is_empty() && path.extension().is_some_and(|it| it == "json"));
    let parsed = if is_json { emulator::parse(text) } else { parse(text) };
    parsed.map_err(|problem| ConfigError::Content { path: path.to_owned(), problem })
}

fn parse(text: &str) -> Result<Description, Problem> {
    let deserializer = toml::Deserializer::parse(text).map_err(|e| Problem::toml(text, "", &e))?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let key = error.path().to_string();
        Problem::toml(text, &key, error.inner())
    })
}
