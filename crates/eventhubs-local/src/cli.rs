//! Flags and the configuration file, and the server they describe. A flag wins over the file; lists add up.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use eventhubs_local::{Builder, NamespaceBuilder, Retention, Server};

use crate::config::{self, ConfigError, Description, HubDescription, KeyDescription};
use crate::security::Security;
use crate::units;

/// Where Microsoft's emulator listens, so that its connection string fits.
const LISTEN: &str = "127.0.0.1:5672";

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
    /// A hub and its number of partitions; NAMESPACE/NAME:PARTITIONS puts it in another namespace; may be repeated
    #[arg(long = "hub", value_name = "NAME:PARTITIONS", value_parser = hub)]
    hubs: Vec<(String, u32)>,
    /// A consumer group of a hub; a hub without this option has every group
    #[arg(long = "consumer-group", value_name = "HUB/GROUP", value_parser = group)]
    groups: Vec<(String, String)>,
    #[command(flatten)]
    security: Security,
    /// Delay the answer to every delivery, such as `10ms`
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    ack_delay: Option<Duration>,
    /// Delay everything that is sent, like a long line: opens, tokens, links, reads, answers
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    latency: Option<Duration>,
    /// The highest number of a session; 4999 at the service
    #[arg(long, value_name = "NUMBER")]
    channel_max: Option<u16>,
    /// The highest number of a link in its session; 255 at the service
    #[arg(long, value_name = "NUMBER")]
    handle_max: Option<u32>,
    /// Size of events to keep in each partition, such as `256MiB`
    #[arg(long, value_name = "BYTES", value_parser = units::bytes)]
    retention: Option<u64>,
    /// How long each partition keeps events, such as `7d`
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    retention_age: Option<Duration>,
    /// A directory to keep events in over restarts
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Wait for the disk before accepting events, so that none is lost in a power failure
    #[arg(long)]
    sync: bool,
    /// Count all events, but keep only the last of each partition
    #[arg(long, value_name = "KEEP", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = DISCARD_KEEPS)]
    discard: Option<usize>,
    /// Address for counters, metrics and faults over HTTP
    #[arg(long, value_name = "ADDRESS")]
    control: Option<String>,
    /// A TOML file with the same settings, or the `Config.json` of Microsoft's emulator
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What the program is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) builder: Builder,
    pub(crate) control: Option<String>,
    /// What of the emulator's file has no meaning here.
    pub(crate) ignored: Vec<String>,
}

impl Args {
    pub(crate) fn plan(self) -> Result<Plan, ConfigError> {
        let file = self.config.as_deref().map_or(Ok(Description::default()), config::read)?;
        let mut site = Site::new(file.namespace);
        for (name, partitions) in self.hubs {
            site.hub(name, partitions);
        }
        for namespace in file.namespaces {
            site.describe(Some(&namespace.name), namespace.hubs, namespace.keys);
            for host in namespace.hosts {
                site.change(Some(&namespace.name), |it| it.host(host));
            }
        }
        site.describe(None, file.hubs, file.keys);
        if site.hubs.is_empty() {
            return Err(ConfigError::NoHub);
        }
        for (hub, group) in self.groups {
            site.group(hub, group)?;
        }
        let mut builder = self.security.or(file.security).apply(site.builder())?;
        builder = builder.listen(self.listen.or(file.listen).unwrap_or_else(|| LISTEN.into()));
        if let Some(delay) = self.ack_delay.or(file.ack_delay) {
            builder = builder.ack_delay(delay);
        }
        if let Some(latency) = self.latency.or(file.latency) {
            builder = builder.latency(latency);
        }
        if let Some(most) = self.channel_max.or(file.channel_max) {
            builder = builder.channel_max(most);
        }
        if let Some(most) = self.handle_max.or(file.handle_max) {
            builder = builder.handle_max(most);
        }
        let mut retention = Retention::default();
        if let Some(bytes) = self.retention.or(file.retention) {
            retention.bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(events) = self.discard.or(file.discard) {
            retention.events = events;
            retention.bytes = retention.bytes.min(DISCARD_BYTES);
        }
        retention.age = self.retention_age.or(file.retention_age);
        let sync = self.sync || file.sync;
        match self.data.or(file.data) {
            Some(directory) => builder = builder.data(directory).sync(sync),
            None if sync => return Err(ConfigError::SyncWithoutData),
            None => {}
        }
        let builder = builder.retention(retention);
        Ok(Plan { builder, control: self.control.or(file.control), ignored: file.ignored })
    }
}

/// The namespaces as flags and file describe them together.
struct Site {
    default: NamespaceBuilder,
    others: Vec<(String, NamespaceBuilder)>,
    /// Every hub, as `NAME` or `NAMESPACE/NAME`.
    hubs: Vec<String>,
}

impl Site {
    fn new(default: Option<String>) -> Self {
        let default = NamespaceBuilder::new(default.unwrap_or_else(|| "default".into()));
        Self { default, others: Vec::new(), hubs: Vec::new() }
    }

    fn change(
        &mut self,
        namespace: Option<&str>,
        change: impl FnOnce(NamespaceBuilder) -> NamespaceBuilder,
    ) {
        let Some(name) = namespace else {
            self.default = change(std::mem::take(&mut self.default));
            return;
        };
        let known = self.others.iter().position(|(other, _)| other.eq_ignore_ascii_case(name));
        let at = known.unwrap_or_else(|| {
            self.others.push((name.to_owned(), NamespaceBuilder::new(name)));
            self.others.len() - 1
        });
        let (_, builder) = &mut self.others[at];
        *builder = change(std::mem::take(builder));
    }

    fn describe(
        &mut self,
        namespace: Option<&str>,
        hubs: Vec<HubDescription>,
        keys: Vec<KeyDescription>,
    ) {
        for hub in hubs {
            let path = namespace.map_or(hub.name.clone(), |it| format!("{it}/{}", hub.name));
            self.hub(path, hub.partitions);
            for group in hub.consumer_groups {
                self.change(namespace, |it| it.consumer_group(&hub.name, group));
            }
        }
        for key in keys {
            let KeyDescription { hub, name, value, rights } = key;
            self.change(namespace, |it| it.limited_key(hub.as_deref(), name, value, rights));
        }
    }

    /// Adds a hub, `NAME` or `NAMESPACE/NAME`.
    fn hub(&mut self, path: String, partitions: u32) {
        let (namespace, name) = inside(&path);
        self.change(namespace, |it| it.hub(name, partitions));
        self.hubs.push(path);
    }

    fn group(&mut self, hub: String, group: String) -> Result<(), ConfigError> {
        if !self.hubs.iter().any(|known| known.eq_ignore_ascii_case(&hub)) {
            return Err(ConfigError::GroupWithoutHub { hub, group });
        }
        let (namespace, name) = inside(&hub);
        self.change(namespace, |it| it.consumer_group(name, group));
        Ok(())
    }

    fn builder(self) -> Builder {
        let builder = Server::builder().default_namespace(self.default);
        self.others.into_iter().fold(builder, |builder, (_, other)| builder.namespace(other))
    }
}

/// What a name is in, if it says so, and the name.
fn inside(path: &str) -> (Option<&str>, &str) {
    path.split_once('/').map_or((None, path), |(namespace, name)| (Some(namespace), name))
}

fn split(text: &str, by: char) -> Option<(String, String)> {
    let (left, right) = text.rsplit_once(by)?;
    (!left.is_empty() && !right.is_empty()).then(|| (left.to_owned(), right.to_owned()))
}

fn hub(text: &str) -> Result<(String, u32), String> {
    let (name, count) = split(text, ':').ok_or("write NAME:PARTITIONS, such as `orders:4`")?;
    let count = count.parse().map_err(|_| format!("`{count}` is not a number of partitions"))?;
    Ok((name, count))
}

fn group(text: &str) -> Result<(String, String), String> {
    split(text, '/').ok_or_else(|| "write HUB/GROUP, such as `orders/inventory`".into())
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
            "--latency",
            "20ms",
            "--channel-max",
            "9",
            "--handle-max",
            "3",
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
            (vec!["--hub", "orders:1", "--ack-delay", "10"], "not a duration"),
            (vec!["--hub", "orders:1", "--sync"], "`--data DIR`"),
            (vec!["--hub", "orders:1", "--config", "/nonexistent.toml"], "`/nonexistent.toml`"),
        ] {
            let error = plan(&args).unwrap_err();
            assert!(error.contains(part), "{args:?}: {error}");
        }
    }

    #[test]
    fn a_file_and_flags_add_up_and_a_flag_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eventhubs.toml");
        let text = r#"
            listen = "256.0.0.1:0"
            retention = "1MiB"
            [[hubs]]
            name = "orders"
            partitions = 3
            [[namespaces]]
            name = "west"
            [[namespaces.hubs]]
            name = "orders"
            partitions = 5
            [[namespaces.keys]]
            name = "root"
            value = "secret"
        "#;
        std::fs::write(&path, text).unwrap();
        let plan = plan(&[
            "--config",
            path.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
            "--hub",
            "west/payments:2",
            "--hub",
            "east/orders:7",
            "--consumer-group",
            "west/orders/audit",
        ])
        .unwrap();
        assert!(!format!("{plan:?}").contains("secret"));
        let server = plan.builder.start().unwrap();
        let partitions =
            |namespace: &str, hub: &str| server.namespace(namespace).hub(hub).partitions().len();
        assert_eq!(server.hub("orders").partitions().len(), 3);
        assert_eq!((partitions("west", "orders"), partitions("west", "payments")), (5, 2));
        assert_eq!(partitions("east", "orders"), 7);
        let string = server.namespace("west").connection_string();
        assert!(string.contains("sb://west.localhost:") && string.contains("=secret;"), "{string}");
    }
}
