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
