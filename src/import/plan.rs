//! What the new file will say, and how it is written.

use std::fmt::Write as _;

/// The new configuration, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Where it comes from, for the first line.
    pub(super) origin: String,
    pub(super) brokers: Option<String>,
    pub(super) group_id: String,
    /// Why the group is that one.
    pub(super) group_why: &'static str,
    pub(super) start: Option<&'static str>,
    /// What a person must know to choose it.
    pub(super) start_why: Option<&'static str>,
    pub(super) security: Vec<PlannedKey>,
    pub(super) token: Vec<PlannedKey>,
    /// Properties of the Kafka client.
    pub(super) client: Vec<(&'static str, String)>,
    /// The host of the namespace.
    pub(super) namespace: Option<String>,
    pub(super) credential: Vec<PlannedKey>,
    /// Whether AMQP travels in WebSocket.
    pub(super) websocket: bool,
    pub(super) mappings: Vec<PlannedMapping>,
    pub(super) dead_letter_topic: Option<String>,
}

/// A key and its value, with a remark.
#[derive(Debug)]
pub(super) struct PlannedKey {
    key: &'static str,
    value: toml::Value,
    remark: Option<&'static str>,
    /// Not a key that holds, but one to be filled in.
    open: bool,
}

impl PlannedKey {
    pub(super) fn new(key: &'static str, value: impl Into<toml::Value>) -> Self {
        Self { key, value: value.into(), remark: None, open: false }
    }

    /// A key whose value was a secret or is not known here.
    pub(super) fn open(key: &'static str, value: &str, remark: &'static str) -> Self {
        Self { key, value: value.into(), remark: Some(remark), open: true }
    }
}

/// Which topics go to which hub.
#[derive(Debug)]
pub(super) struct PlannedMapping {
    pub(super) topics: PlannedTopics,
    /// What a pattern does not take.
    pub(super) exclude: Vec<String>,
    pub(super) hub: String,
    pub(super) mirror: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PlannedTopics {
    Named(Vec<String>),
    Pattern(String),
}

impl PlannedTopics {
    /// A list as Connect and MirrorMaker write it: names, or expressions if `expressions`.
    pub(super) fn list(text: &str, expressions: bool) -> Vec<Self> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let is_name =
            |item: &&str| item.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let (names, patterns): (Vec<_>, Vec<_>) =
            items.partition(|item| !expressions || is_name(item));
        let names = names.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>();
        let named = (!names.is_empty()).then_some(Self::Named(names));
        named.into_iter().chain(patterns.into_iter().map(|p| Self::Pattern(p.to_owned()))).collect()
    }
}

/// What a person has to fill in; `check` refuses what holds it.
pub(super) const MARK: &str = "CHANGE-ME";
const UNKNOWN_BROKERS: &str = "CHANGE-ME:9092";
const UNKNOWN_NAMESPACE: &str = "CHANGE-ME.servicebus.windows.net";

impl Plan {
    /// The file.
    pub(super) fn write(&self) -> String {
        let mut out = format!("# From {}.\n[kafka]\n", self.origin);
        if self.brokers.is_none() {
            line(
                &mut out,
                "# The old file does not have them: they are in the worker's `bootstrap.servers`. How it logs in",
            );
            line(
                &mut out,
                "# is there, too: `security.protocol`, `sasl.…` become `[kafka.security]`.",
            );
        }
        put(&mut out, "brokers", self.brokers.as_deref().unwrap_or(UNKNOWN_BROKERS));
        line(&mut out, &format!("# {}", self.group_why));
        put(&mut out, "group_id", &self.group_id);
        if let Some(why) = self.start_why {
            line(&mut out, &format!("# {why}"));
        }
        if let Some(start) = self.start {
            put(&mut out, "start", start);
        }
        table(&mut out, "kafka.security", &self.security);
        table(&mut out, "kafka.security.token", &self.token);
        if !self.client.is_empty() {
            out.push_str("\n[kafka.client]\n");
            for (key, value) in &self.client {
                put(&mut out, &format!("\"{key}\""), value);
            }
        }
        out.push_str("\n[eventhubs]\n");
        put(&mut out, "namespace", self.namespace.as_deref().unwrap_or(UNKNOWN_NAMESPACE));
        table(&mut out, "eventhubs.credential", &self.credential);
        if self.websocket {
            out.push_str("\n[eventhubs.connection]\ntransport = \"websocket\"\n");
        }
        for mapping in &self.mappings {
            mapping.write(&mut out);
        }
        if let Some(topic) = &self.dead_letter_topic {
            out.push_str("\n[failure]\npolicy = \"dead_letter\"\n");
            put(&mut out, "dead_letter_topic", topic);
        }
        out
    }
}

impl PlannedMapping {
    fn write(&self, out: &mut String) {
        out.push_str("\n[[mappings]]\n");
        match &self.topics {
            PlannedTopics::Named(names) if names.len() == 1 => put(out, "topic", &names[0]),
            PlannedTopics::Named(names) => {
                line(out, &format!("topics = {}", toml::Value::from(names.clone())));
            }
            PlannedTopics::Pattern(pattern) => put(out, "topic_pattern", pattern),
        }
        if !self.exclude.is_empty() {
            line(out, &format!("topic_exclude = {}", toml::Value::from(self.exclude.clone())));
        }
        put(out, "hub", &self.hub);
        if self.mirror {
            put(out, "partitioning", "mirror");
        }
    }
}

fn table(out: &mut String, name: &str, lines: &[PlannedKey]) {
    if lines.is_empty() {
        return;
    }
    line(out, &format!("\n[{name}]"));
    for PlannedKey { key, value, remark, open } in lines {
        let remark = remark.map_or_else(String::new, |remark| format!("   # {remark}"));
        line(out, &format!("{}{key} = {value}{remark}", if *open { "#" } else { "" }));
    }
}

fn put(out: &mut String, key: &str, value: &str) {
    line(out, &format!("{key} = {}", toml::Value::from(value)));
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a string takes all");
}
