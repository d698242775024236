//! `hubs`: what must be there before the bridge is, in the words of whoever makes it.
//!
//! So it needs nothing that comes later: no secret, no identity, no Kafka.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{ConfigSource, answer, say};
use crate::config::{Config, HUB_NAMES, LeftOut, Outline, TOPIC_NAMES, UNKNOWN, is_topic};
use crate::route::{Need, Needs, needs};

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct HubsArgs {
    #[command(flatten)]
    source: ConfigSource,
    /// Output: the facts as JSON, `az` commands, or parameters of `deploy/azure/main.bicep`
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// A topic that a pattern matches, with its number of partitions; may be repeated
    #[arg(long = "topic", value_name = "NAME[=PARTITIONS]", value_parser = topic)]
    topics: Vec<(String, Option<u32>)>,
    /// Minimum number of partitions of each hub
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    partitions: u32,
    /// Retention of events, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=2160))]
    retention_hours: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Az,
    Bicep,
}

fn topic(text: &str) -> Result<(String, Option<u32>), &'static str> {
    let (name, partitions) = match text.split_once('=') {
        None => (text, None),
        Some((name, partitions)) => match partitions.parse() {
            Ok(partitions @ 1..) => (name, Some(partitions)),
            _ => return Err("write NAME or NAME=PARTITIONS, such as orders=12"),
        },
    };
    if is_topic(name) { Ok((name.to_owned(), partitions)) } else { Err(TOPIC_NAMES) }
}

/// A hub as it is to be made.
#[derive(Serialize)]
struct HubToCreate<'a> {
    namespace: &'a str,
    host: &'a str,
    #[serde(rename = "hub")]
    name: &'a str,
    partitions: u32,
    retention_hours: u32,
}

pub(super) fn hubs(question: &HubsArgs) -> ExitCode {
    let Outline { config, unknown } = match question.source.outline() {
        Ok(outline) => outline,
        Err(code) => return code,
    };
    ConfigSource::warned(&config);
    for name in &unknown {
        say(
            std::io::stderr(),
            format_args!(
                "note: the name of namespace `{name}` is only in its connection string, which cannot be read here; replace `{UNKNOWN}` by the name"
            ),
        );
    }
    let needs = needs(&config.mappings, &question.read(&config));
    let needs = Needs { hubs: apart(needs.hubs), ..needs };
    for open in &needs.open {
        say(std::io::stderr(), format_args!("note: {open}; add `--topic NAME=PARTITIONS`"));
    }
    let hubs = needs.hubs.iter().map(|need| question.hub(&config, need)).collect::<Vec<_>>();
    answer(format_args!("{}", question.format.write(&hubs)), ExitCode::SUCCESS)
}

impl HubsArgs {
    /// The topics that were told and that the bridge would read; of the others, why not.
    fn read(&self, config: &Config) -> BTreeMap<String, Option<u32>> {
        let left_out = LeftOut::of(config);
        let is_read = |topic: &str| {
            if left_out.is_unwanted(topic) {
                note(format_args!(
                    "topic `{topic}` is left out: it is in `topic_exclude`, or it is a dead-letter topic"
                ));
            } else if let Some(hub) = left_out.impossible_hub(topic) {
                note(format_args!(
                    "topic `{topic}` is left out, as `run` leaves it out: `{hub}` is not a valid name of its hub, as {HUB_NAMES}"
                ));
            } else {
                return true;
            }
            false
        };
        self.topics.iter().filter(|(topic, _)| is_read(topic)).cloned().collect()
    }

    fn hub<'a>(&self, config: &'a Config, need: &'a Need) -> HubToCreate<'a> {
        let host = config.eventhubs.get(&need.namespace).map_or("", |it| it.address.host.as_str());
        let partitions = need.at_least.max(self.partitions);
        let (namespace, name) = (need.namespace.as_str(), need.hub.as_str());
        HubToCreate { namespace, host, name, partitions, retention_hours: self.retention_hours }
    }
}

impl Format {
    fn write(self, hubs: &[HubToCreate<'_>]) -> String {
        match self {
            Self::Json => serde_json::to_string_pretty(hubs).expect("text and numbers are JSON"),
            Self::Az => hubs.iter().map(az).collect::<Vec<_>>().join("\n"),
            Self::Bicep => bicep(hubs),
        }
    }
}

fn note(text: std::fmt::Arguments<'_>) {
    say(std::io::stderr(), format_args!("note: {text}"));
}

/// Each hub once: Event Hubs tells no upper case from lower.
fn apart(hubs: Vec<Need>) -> Vec<Need> {
    let mut once: Vec<Need> = Vec::new();
    for need in hubs {
        let same = |it: &&mut Need| {
            it.namespace == need.namespace && it.hub.eq_ignore_ascii_case(&need.hub)
        };
        let Some(first) = once.iter_mut().find(same) else {
            once.push(need);
            continue;
        };
        note(format_args!(
            "`{}` and `{}` are the same hub: names of hubs do not differ by upper and lower case; it is written once",
            first.hub, need.hub
        ));
        first.at_least = first.at_least.max(need.at_least);
    }
    once
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The command that makes a hub.
fn az(hub: &HubToCreate<'_>) -> String {
    let HubToCreate { host, name, partitions, retention_hours, .. } = hub;
    let namespace = quoted(host.split('.').next().unwrap_or_default());
    let name = quoted(name);
    format!(
        "az eventhubs eventhub create --resource-group \"$RG\" --namespace-name {namespace} --name {name} \
         --partition-count {partitions} --cleanup-policy Delete --retention-time-in-hours {retention_hours}"
    )
}

/// The parameter `hubs` of `deploy/azure/main.bicep`, which makes one namespace.
fn bicep(hubs: &[HubToCreate<'_>]) -> String {
    let line = |HubToCreate { name, partitions, retention_hours, .. }: &HubToCreate<'_>| {
        format!(
            "  {{ name: '{name}', partitions: {partitions}, retentionHours: {retention_hours} }}\n"
        )
    };
    let namespaces = hubs.chunk_by(|one, other| one.namespace == other.namespace);
    let parameters = namespaces.map(|hubs| {
        format!(
            "// {}\nparam hubs = [\n{}]",
            hubs[0].host,
            hubs.iter().map(line).collect::<String>()
        )
    });
    parameters.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_a_shell_is_one_word() {
        for (text, expected) in [
            ("orders.eu-1", "orders.eu-1"),
            ("a;b", "'a;b'"),
            ("$(x)", "'$(x)'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
