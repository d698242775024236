//! `Config.json` of Microsoft's Event Hubs emulator, as it is.
//!
//! What it says beyond namespaces, hubs and groups is ignored and named. As in the emulator a hub has the groups that
//! are listed and `$Default`, no others.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::{Description, HubDescription, NamespaceDescription, Problem};

const DEFAULT_GROUP: &str = "$Default";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct File {
    user_config: UserConfig,
    /// Where the emulator writes its log; ours goes to stderr.
    #[serde(rename = "LoggingConfig")]
    _logging: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserConfig {
    namespace_config: Vec<NamespaceConfig>,
    /// Stands here in some versions of the file.
    #[serde(rename = "LoggingConfig")]
    _logging: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NamespaceConfig {
    #[serde(rename = "Type")]
    _kind: Option<Kind>,
    name: String,
    #[serde(default)]
    entities: Vec<Entity>,
}

#[derive(Debug, Deserialize)]
enum Kind {
    EventHub,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entity {
    name: String,
    #[serde(deserialize_with = "count")]
    partition_count: u32,
    #[serde(default)]
    consumer_groups: Vec<ConsumerGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsumerGroup {
    name: String,
}

/// A number, or, as in the files Microsoft has published, a number in quotes.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    struct Count;
    impl Visitor<'_> for Count {
        type Value = u32;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of partitions")
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<u32, E> {
            u32::try_from(value)
                .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<u32, E> {
            text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }
    deserializer.deserialize_any(Count)
}

pub(super) fn parse(text: &str) -> Result<Description, Problem> {
    let mut ignored = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let file: Result<File, serde_json::Error> = serde_ignored::deserialize(
        serde_path_to_error::Deserializer::new(&mut json, &mut track),
        |path| ignored.push(path.to_string().replace('?', "").replace("..", ".")),
    );
    let file = file.map_err(|error| Problem::json(&track.path().to_string(), &error))?;
    json.end().map_err(|error| Problem::json("", &error))?;
    let mut namespaces = file.user_config.namespace_config.into_iter().map(NamespaceConfig::into);
    let default: NamespaceDescription = namespaces.next().unwrap_or_default();
    Ok(Description {
        namespace: (!default.name.is_empty()).then_some(default.name),
        hubs: default.hubs,
        namespaces: namespaces.collect(),
        ignored,
        ..Description::default()
    })
}

impl From<NamespaceConfig> for NamespaceDescription {
    fn from(config: NamespaceConfig) -> Self {
        let hub = |entity: Entity| {
            let groups = entity.consumer_groups.into_iter().map(|group| group.name);
            HubDescription {
                name: entity.name,
                partitions: entity.partition_count,
                consumer_groups: groups.chain([DEFAULT_GROUP.to_owned()]).collect(),
            }
        };
        let hubs = config.entities.into_iter().map(hub).collect();
        Self { name: config.name, hubs, ..Self::default() }
    }
}
