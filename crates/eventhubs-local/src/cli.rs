//! Flags and the configuration file, and the server they describe. A flag wins over the file; lists add up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use eventhubs_local::{Builder, Retention, Server};
use serde::Deserialize;

use crate::security::{Security, SecurityError};

/// What `--discard` keeps of a partition unless it says.
const DISCARD_KEEPS: &str = "1000";
/// Bytes a discarding partition holds, at most.
const DISCARD_BYTES: usize = 16 << 20;

/// An Event Hubs-compatible AMQP server for development and tests.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// A hub and its number of partitions; may be repeated
    #[arg(long = "hub", value_name = "NAME:PARTITIONS", value_parser = hub)]
    hubs: Vec<(String, u32)>,
    /// A consumer group of a hub; a hub with none named has every group
    #[arg(long = "consumer-group", value_name = "HUB/GROUP", value_parser = group)]
    groups: Vec<(String, String)>,
    #[command(flatten)]
    security: Security,
    /// Answer every delivery that much later, say `10ms`
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    ack_delay: Option<Duration>,
    /// Bytes each partition keeps
    #[arg(long, value_name = "BYTES")]
    retention: Option<usize>,
    /// Count events but keep only the last ones of each partition
    #[arg(long, value_name = "KEEP", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = DISCARD_KEEPS)]
    discard: Option<usize>,
    /// Address for counters over HTTP
    #[arg(long, value_name = "ADDRESS")]
    control: Option<String>,
    /// A TOML file with the same settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<String>,
    control: Option<String>,
    ack_delay: Option<String>,
    retention: Option<usize>,
    discard: Option<usize>,
    hubs: Vec<FileHub>,
    keys: Vec<FileKey>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileHub {
    name: String,
    partitions: u32,
    #[serde(default)]
    consumer_groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    name: String,
    value: String,
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why there is nothing to serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read `{}`: {cause}", path.display())]
    Read { path: PathBuf, cause: std::io::Error },
    #[error("`{}`: {cause}", path.display())]
    Parse { path: PathBuf, cause: Box<toml::de::Error> },
    #[error("`ack_delay`: {0}")]
    AckDelay(String),
    #[error("consumer group `{group}` is of hub `{hub}`, which is not named")]
    GroupWithoutHub { hub: String, group: String },
    #[error(transparent)]
    Security(#[from] SecurityError),
    #[error("no hub: name one with `--hub NAME:PARTITIONS`")]
    NoHub,
}

/// What the program is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) builder: Builder,
    pub(crate) control: Option<String>,
}

impl Args {
    pub(crate) fn plan(self) -> Result<Plan, ConfigError> {
        let file = self.config.as_deref().map_or(Ok(File::default()), read)?;
        let mut builder = Server::builder()
            .listen(self.listen.or(file.listen).unwrap_or_else(|| "127.0.0.1:5672".into()));
        let mut names = Vec::new();
        for (name, partitions) in self.hubs {
            names.push(name.clone());
            builder = builder.hub(name, partitions);
        }
        let mut groups = self.groups;
        for hub in file.hubs {
            names.push(hub.name.clone());
            groups.extend(hub.consumer_groups.into_iter().map(|group| (hub.name.clone(), group)));
            builder = builder.hub(hub.name, hub.partitions);
        }
        if names.is_empty() {
            return Err(ConfigError::NoHub);
        }
        for (hub, group) in groups {
            if !names.contains(&hub) {
                return Err(ConfigError::GroupWithoutHub { hub, group });
            }
            builder = builder.consumer_group(&hub, group);
        }
        let file_keys = file.keys.into_iter().map(|key| (key.name, key.value));
        for (name, value) in file_keys {
            builder = builder.key(name, value);
        }
        builder = self.security.apply(builder)?;
        let file_delay = file.ack_delay.as_deref().map(duration).transpose();
        if let Some(delay) = self.ack_delay.or(file_delay.map_err(ConfigError::AckDelay)?) {
            builder = builder.ack_delay(delay);
        }
        let mut retention = Retention::default();
        if let Some(bytes) = self.retention.or(file.retention) {
            retention.bytes = bytes;
        }
        if let Some(events) = self.discard.or(file.discard) {
            retention = Retention { events, bytes: retention.bytes.min(DISCARD_BYTES) };
        }
        let builder = builder.retention(retention);
        Ok(Plan { builder, control: self.control.or(file.control) })
    }
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let path = path.to_owned();
    let text = std::fs::read_to_string(&path)
        .map_err(|cause| ConfigError::Read { path: path.clone(), cause })?;
    toml::from_str(&text).map_err(|cause| ConfigError::Parse { path, cause: Box::new(cause) })
}

fn split(text: &str, by: char) -> Option<(String, String)> {
    let (left, right) = text.split_once(by)?;
    (!left.is_empty() && !right.is_empty()).then(|| (left.to_owned(), right.to_owned()))
}

fn hub(text: &str) -> Result<(String, u32), String> {
    let (name, count) = split(text, ':').ok_or("write NAME:PARTITIONS, say `orders:4`")?;
    let count = count.parse().map_err(|_| format!("`{count}` is not a number of partitions"))?;
    Ok((name, count))
}

fn group(text: &str) -> Result<(String, String), String> {
    split(text, '/').ok_or_else(|| "write HUB/GROUP, say `orders/inventory`".into())
}

/// A number and a unit: `250us`, `10ms`, `2s`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 =
        digits.trim().parse().map_err(|_| format!("`{text}` is not a duration, say `10ms`"))?;
    match &text[digits.len()..] {
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        unit => Err(format!("`{unit}` is not a unit of time: use us, ms or s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(args: &[&str]) -> Result<Plan, String> {
        let args = std::iter::once("eventhubs-local").chain(args.iter().copied());
        let args = Args::try_parse_from(args).map_err(|error| error.to_string())?;
        args.plan().map_err(|error| error.to_string())
    }

    #[test]
    fn flags_describe_a_server() {
        let plan = plan(&[
            "--listen",
            "127.0.0.1:0",
            "--hub",
            "orders:4",
            "--hub",
            "payments:2",
            "--consumer-group",
            "orders/inventory",
            "--key",
            "root=a=b==",
            "--ack-delay",
            "10ms",
            "--discard",
        ]);
        let server = plan.unwrap().builder.start().unwrap();
        assert_eq!(server.hub("orders").partitions().len(), 4);
        assert_eq!(server.hub("payments").partitions().len(), 2);
        assert!(server.connection_string().contains("SharedAccessKey=a=b==;"));
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (args, part) in [
            (vec![], "no hub"),
            (vec!["--hub", "orders"], "NAME:PARTITIONS"),
            (vec!["--hub", "orders:many"], "`many` is not a number"),
            (vec!["--hub", "orders:1", "--consumer-group", "payments/x"], "`payments`"),
            (vec!["--hub", "orders:1", "--ack-delay", "10"], "unit of time"),
            (vec!["--hub", "orders:1", "--config", "/nonexistent.toml"], "`/nonexistent.toml`"),
        ] {
            let error = plan(&args).unwrap_err();
            assert!(error.contains(part), "{args:?}: {error}");
        }
    }

    #[test]
    fn a_file_says_the_same_as_flags() {
        let path =
            std::env::temp_dir().join(format!("eventhubs-local-{}.toml", std::process::id()));
        let text = r#"
            listen = "127.0.0.1:0"
            ack_delay = "2s"
            [[hubs]]
            name = "orders"
            partitions = 3
            consumer_groups = ["inventory"]
            [[keys]]
            name = "root"
            value = "secret"
        "#;
        std::fs::write(&path, text).unwrap();
        let plan = plan(&["--config", path.to_str().unwrap()]);
        std::fs::remove_file(&path).unwrap();
        let plan = plan.unwrap();
        assert!(!format!("{plan:?}").contains("secret"));
        assert_eq!(plan.builder.start().unwrap().hub("orders").partitions().len(), 3);
    }
}
