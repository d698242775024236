//! The words of the bridge: what a Kafka record is, where it stands, and how far a partition has been read.
//!
//! A record borrows the memory of the Kafka client; nothing here copies a payload, and nothing here does I/O.

use std::fmt;
use std::sync::Arc;

/// One Kafka record, as long as the client's fetch buffer is held.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Topic the record was read from.
    pub topic: &'a str,
    /// Kafka partition the record was read from.
    pub partition: i32,
    /// Offset of the record within its partition. Offsets have holes: never compute the next one.
    pub offset: i64,
    /// Milliseconds since the Unix epoch; `None` when the record has no timestamp.
    pub timestamp: Option<i64>,
    /// Key bytes; `None` and `Some(&[])` are different things.
    pub key: Option<&'a [u8]>,
    /// Value bytes; `None` is a tombstone, `Some(&[])` an empty value.
    pub value: Option<&'a [u8]>,
    /// Headers in the order they were written; names may repeat.
    pub headers: &'a [Header<'a>],
}

/// Where a record was read, and which ways it goes. Both are usually its own; a dead letter is read in one place and sent as the record
/// that it was, to the hub that was to have it.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The topic it was read from.
    pub topic: &'a str,
    /// The partition of that.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The mappings it goes by, by their places in the configuration; all that take the topic without.
    pub by: Option<&'a [usize]>,
}

impl<'a> Read<'a> {
    /// Where `record` says it is.
    pub fn of(record: &Record<'a>) -> Self {
        let Record { topic, partition, offset, .. } = *record;
        Self { topic, partition, offset, by: None }
    }

    /// Whether it goes by that mapping.
    pub fn goes_by(&self, mapping: usize) -> bool {
        self.by.is_none_or(|by| by.contains(&mapping))
    }
}

/// One Kafka record header. Neither part needs to be UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Name of the header.
    pub name: &'a [u8],
    /// Value of the header; `None` is a null value.
    pub value: Option<&'a [u8]>,
}

/// A partition of a Kafka topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number within the topic.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// The next offset to read of a partition: everything below it is settled.
///
/// Kafka commits positions, not offsets; one type keeps the "+ 1" in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub i64);

impl Position {
    /// The position just after the record at `offset`.
    pub fn after(offset: i64) -> Self {
        Self(offset + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is committed of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// How far it is settled.
    pub position: Position,
    /// Since when events of records from there on may have been sent, in milliseconds since the Unix epoch; `None` where none
    /// was, or nobody wants to know.
    pub sent_since: Option<i64>,
}

impl From<Position> for Commit {
    /// Nobody wants to know.
    fn from(position: Position) -> Self {
        Self { position, sent_since: None }
    }
}

/// A record with memory of its own, for the few that must wait without holding the client's fetch buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    topic: String,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl OwnedRecord {
    /// Copies `record`.
    pub fn copy_of(record: &Record<'_>) -> Self {
        let own = |header: &Header<'_>| (header.name.to_vec(), header.value.map(<[u8]>::to_vec));
        Self {
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.iter().map(own).collect(),
        }
    }

    /// Lends the copy as a record.
    pub fn with<T>(&self, use_record: impl FnOnce(&Record<'_>) -> T) -> T {
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| Header { name, value: value.as_deref() })
            .collect();
        use_record(&Record {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        })
    }
}
