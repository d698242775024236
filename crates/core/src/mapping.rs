//! What the operator says of a mapping: which topics go to which hub, and how.
//!
//! Checked where it was read; whoever holds a [`Mapping`] need not check it again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use thiserror::Error;

use crate::fork::Choice;
use crate::step::Step;
use crate::words;

/// What stands for the name of the topic in a hub.
pub const TOPIC: &str = "{topic}";

/// `[[mappings]]`
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Which topics.
    pub topics: Topics,
    /// The hub, or a template with `{topic}`; of a choice, the template that it is made by.
    pub hub: String,
    /// Where each record chooses its hub.
    pub choice: Option<Choice>,
    /// Name of the namespace in the configuration.
    pub namespace: String,
    /// How the hub partition is chosen.
    pub partitioning: Partitioning,
    /// `[batch]`, with this mapping's own keys laid over it.
    pub batch: Batch,
    /// `[events]`, with this mapping's own keys laid over it.
    pub events: Events,
    /// `[failure]`, with this mapping's own keys laid over it.
    pub failure: Failure,
    /// What happens to its records before they are events, if anything does.
    pub step: Option<Step>,
    /// How often an event may stand in its hub.
    pub delivery: Delivery,
    /// Whether it begins paused: its topics are not read until somebody resumes it.
    pub paused: bool,
}

words! {
    /// How often the event of a record may stand in its hub.
    pub enum Delivery {
        /// Once, and again after a crash or a lost answer.
        AtLeastOnce = "at_least_once",
        /// Once: what may have been sent is looked for in the hub before it is sent again.
        EffectivelyOnce = "effectively_once",
    }
}

impl Mapping {
    /// What it takes and where to, which tells it from the others: `orders → default/orders`.
    pub fn name(&self) -> String {
        let topics = match &self.topics {
            Topics::Named(names) => names.join(", "),
            Topics::Pattern(pattern) => pattern.matching.as_str().to_owned(),
        };
        format!("{topics} → {}/{}", self.namespace, self.hub)
    }

    /// What `hub`, perhaps with `{topic}`, is for `topic`.
    pub fn expand(hub: &str, topic: &str) -> String {
        hub.replace(TOPIC, topic)
    }

    /// The hubs that its records may go to, perhaps with `{topic}`.
    pub fn hubs(&self) -> &[String] {
        match &self.choice {
            Some(choice) => &choice.hubs,
            None => std::slice::from_ref(&self.hub),
        }
    }
}

/// Which topics a mapping takes: `topic`, `topics` or `topic_pattern`.
#[derive(Debug, Clone)]
pub enum Topics {
    /// Exactly these.
    Named(Vec<String>),
    /// All whose whole name matches; new ones are picked up.
    Pattern(Pattern),
}

/// `topic_pattern`, and what of it `topic_exclude` leaves out. The expressions are for [whole names](whole_name).
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What is taken.
    pub matching: Regex,
    /// But not what one of these matches.
    pub but: Vec<Regex>,
}

/// The expression that matches where `text` matches a whole name. "Whole" by anchors, not by comparing the match: `a|ab` has
/// to take `ab`. A comment at the end, as `(?x)` allows, ends with its line.
pub fn whole_name(text: &str) -> Result<Regex, regex::Error> {
    let whole = Regex::new(&format!("^(?:{text})$"));
    whole.or_else(|error| Regex::new(&format!("^(?:{text}\n)$")).map_err(|_| error))
}

impl Topics {
    /// Whether the mapping takes `topic`.
    pub fn takes(&self, topic: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| name == topic),
            Self::Pattern(pattern) => pattern.takes(topic),
        }
    }
}

impl Pattern {
    /// What `text` matches as a whole; nothing is left out.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Ok(Self { matching: whole_name(text)?, but: Vec::new() })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        let whole = self.matching.as_str();
        let text = whole.strip_prefix("^(?:").and_then(|text| text.strip_suffix(")$"));
        text.map_or(whole, |text| text.strip_suffix('\n').unwrap_or(text))
    }

    /// Whether `topic` is taken.
    pub fn takes(&self, topic: &str) -> bool {
        self.matching.is_match(topic) && !self.leaves_out(topic)
    }

    /// Whether `topic` is not taken, although it may match.
    pub fn leaves_out(&self, topic: &str) -> bool {
        self.but.iter().any(|but| but.is_match(topic))
    }
}

/// How the hub partition of a record is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// By the key, with the hash of Event Hubs itself.
    Key,
    /// Kafka partition n to hub partition n.
    Mirror,
    /// Each record to the next partition; keeps no order.
    RoundRobin,
    /// All to one partition.
    Fixed(u32),
    /// The service chooses by the key; one key a batch.
    Gateway,
}

impl Partitioning {
    /// All ways, `fixed` with the first partition.
    pub const ALL: [Self; 5] =
        [Self::Key, Self::Mirror, Self::RoundRobin, Self::Fixed(0), Self::Gateway];

    /// How it is written in the configuration; `N` stands for a number.
    pub const fn form(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Mirror => "mirror",
            Self::RoundRobin => "round_robin",
            Self::Fixed(_) => "fixed:N",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Partitioning {
    /// As it is written in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(partition) => write!(f, "fixed:{partition}"),
            other => f.write_str(other.form()),
        }
    }
}

/// Why a text is no [`Partitioning`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoPartitioning {
    /// `fixed` lacks the number of a partition.
    #[error("`fixed:` is followed by the number of a partition")]
    Number,
    /// It is none of the known ones.
    #[error("it is no known way to choose a partition")]
    Unknown,
}

impl FromStr for Partitioning {
    type Err = NoPartitioning;

    fn from_str(text: &str) -> Result<Self, NoPartitioning> {
        if let Some(number) = text.strip_prefix("fixed") {
            let number = number.strip_prefix(':').and_then(|number| number.parse().ok());
            return number.map(Self::Fixed).ok_or(NoPartitioning::Number);
        }
        let known = Self::ALL.into_iter().find(|it| it.form() == text);
        known.ok_or(NoPartitioning::Unknown)
    }
}

/// `[batch]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// How long a record may wait for others.
    pub linger: Duration,
    /// Largest batch in bytes; `None` is what the link allows.
    pub max_bytes: Option<u64>,
    /// Most events in a batch; `None` is as many as fit.
    pub max_events: Option<u32>,
}

/// `[events]`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Events {
    /// Whether events carry the coordinates of their record as application properties.
    pub source_properties: bool,
    /// Prefix of those properties.
    pub prefix: String,
    /// Whether record headers become application properties.
    pub headers: bool,
    /// What keys are.
    pub key_type: Type,
    /// What the values of headers are, unless `header_types` says otherwise.
    pub header_type: Type,
    /// What the values of single headers are, by name.
    pub header_types: BTreeMap<String, Type>,
    /// Whether events say that they were replayed. No configuration says so: it is for who replays.
    pub replayed: bool,
}

words! {
    /// What the bytes of a key or header are. A key or header that has not as many as its type is given to the `[failure]` policy.
    #[derive(Hash)]
    pub enum Type {
        /// UTF-8; bytes that are none, and control characters, are escaped as in `\xff`.
        Text = "text",
        /// Bytes, kept as they are.
        Binary = "binary",
        /// Bytes, written in hexadecimal.
        Hex = "hex",
        /// Bytes, written in base64.
        Base64 = "base64",
        /// A signed number of 1 byte.
        Int8 = "int8",
        /// A signed number of 2 bytes, big-endian.
        Int16 = "int16",
        /// A signed number of 4 bytes, big-endian.
        Int32 = "int32",
        /// A signed number of 8 bytes, big-endian.
        Int64 = "int64",
        /// A UUID of 16 bytes.
        Uuid = "uuid",
    }
}

/// `[failure]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happens to a record that can never be stored.
    pub policy: Policy,
    /// Where `dead_letter` writes it.
    pub dead_letter_topic: Option<String>,
    /// What of it `dead_letter` writes.
    pub dead_letter_holds: Holds,
    /// What happens first to one that is too large for its hub.
    pub too_large: TooLarge,
}

words! {
    /// What a dead letter holds of its record.
    pub enum Holds {
        /// All of it, as it is in Kafka.
        Record = "record",
        /// Where it is in Kafka: no key, no value, no header of it.
        Place = "place",
    }
}

/// What happens to a record that is too large for its hub.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TooLarge {
    /// What happens to all others that can never be stored.
    #[default]
    Policy,
    /// Its value goes to a blob, and the event says where that is.
    ClaimCheck(Container),
    /// Its value is sent in parts, an event each.
    Split,
}

/// Where values go that are too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The URL of the container, without a slash at its end and without anything secret.
    pub url: Arc<str>,
    /// What the names of blobs begin with; nothing, or with a slash at its end.
    pub prefix: Arc<str>,
}

words! {
    /// What happens to a record that can never be stored.
    pub enum Policy {
        /// Its partition stops there and says why.
        Halt = "halt",
        /// It is written to a Kafka topic, with the reason.
        DeadLetter = "dead_letter",
        /// It is dropped and counted.
        Drop = "drop",
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self { linger: Duration::from_millis(10), max_bytes: None, max_events: None }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self {
            source_properties: true,
            prefix: "kafka_".to_owned(),
            headers: true,
            key_type: Type::Text,
            header_type: Type::Text,
            header_types: BTreeMap::new(),
            replayed: false,
        }
    }
}

impl Default for Failure {
    fn default() -> Self {
        Self {
            policy: Policy::Halt,
            dead_letter_topic: None,
            dead_letter_holds: Holds::Record,
            too_large: TooLarge::Policy,
        }
    }
}

/// Topic `orders` to hub `orders` of namespace `default` by key, for tests.
#[cfg(test)]
pub(crate) fn sample() -> Mapping {
    Mapping {
        topics: Topics::Named(vec!["orders".to_owned()]),
        hub: "orders".to_owned(),
        choice: None,
        namespace: "default".to_owned(),
        partitioning: Partitioning::Key,
        batch: Batch::default(),
        events: Events::default(),
        failure: Failure::default(),
        step: None,
        delivery: Delivery::AtLeastOnce,
        paused: false,
    }
}
