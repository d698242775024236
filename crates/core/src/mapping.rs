//! What the operator says of a mapping: which topics go to which hub, and how.
//!
//! Checked where it was read; whoever holds a [`Mapping`] need not check it again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::fork::Choice;
use crate::step::Step;

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

/// How often the event of a record may stand in its hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Once, and again after a crash or a send whose answer was lost.
    #[default]
    AtLeastOnce,
    /// Once: what may have been sent is looked for in the hub before it is sent again.
    EffectivelyOnce,
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

/// `topic_pattern`, and what of it `topic_exclude` leaves out. The expressions are anchored at both ends.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// What is taken.
    pub matching: Regex,
    /// But not what one of these matches.
    pub but: Vec<Regex>,
}

impl Topics {
    /// Whether the mapping takes `topic`.
    pub fn takes(&self, topic: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| name == topic),
            Self::Pattern(pattern) => {
                pattern.matching.is_match(topic) && !pattern.leaves_out(topic)
            }
        }
    }
}

impl Pattern {
    /// Whether `topic` is not taken, although it may match.
    pub fn leaves_out(&self, topic: &str) -> bool {
        self.but.iter().any(|but| but.is_match(topic))
    }
}

impl From<Regex> for Pattern {
    /// Nothing is left out.
    fn from(matching: Regex) -> Self {
        Self { matching, but: Vec::new() }
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

impl fmt::Display for Partitioning {
    /// As it is written in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => f.write_str("key"),
            Self::Mirror => f.write_str("mirror"),
            Self::RoundRobin => f.write_str("round_robin"),
            Self::Fixed(partition) => write!(f, "fixed:{partition}"),
            Self::Gateway => f.write_str("gateway"),
        }
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

/// What the bytes of a key or of a header are, and so what becomes of them: the same for every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Text in UTF-8; what is none is escaped.
    Text,
    /// Bytes, as they are.
    Binary,
    /// Bytes, as text in hexadecimal.
    Hex,
    /// Bytes, as text in base64.
    Base64,
    /// A signed number of 1 byte.
    Int8,
    /// Of 2 bytes, the high one first.
    Int16,
    /// Of 4.
    Int32,
    /// Of 8.
    Int64,
    /// A UUID of 16 bytes.
    Uuid,
}

impl Type {
    /// What the configuration calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uuid => "uuid",
        }
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

/// What a dead letter holds of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// All of it, as it is in Kafka.
    Record,
    /// Where it is in Kafka: no key, no value, no header of it.
    Place,
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

/// What happens to a record that can never be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Its partition stops there and says why.
    Halt,
    /// It is written to a Kafka topic, with the reason.
    DeadLetter,
    /// It is dropped and counted.
    Drop,
}

impl Policy {
    /// What the configuration and the metric call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Halt => "halt",
            Self::DeadLetter => "dead_letter",
            Self::Drop => "drop",
        }
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
