//! What a simulated world is made of, and how its hubs behave.

use crate::mapping::{Partitioning, Policy};

/// A Kafka partition: topic and number.
pub(super) type Tp = (usize, i32);
/// A hub and a partition of it.
pub(super) type Place = (usize, usize);

/// How a hub answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Good,
    /// Takes nothing and says so.
    Released,
    /// Throttles everything.
    Throttled,
    /// Says nothing.
    Silent,
}

/// The answer to one send of a good hub.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Accepted,
    /// Not stored, and said so.
    Released,
    /// Stored, but the answer is lost.
    Forgotten,
    /// The link shrinks.
    TooLarge,
    /// The connection is lost, and was not stored.
    Lost,
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Topics by the hubs they feed, each with its partitioning.
    pub(super) topics: Vec<Vec<(usize, Partitioning)>>,
    /// Kafka partitions of each topic.
    pub(super) partitions: i32,
    /// Partitions of each hub.
    pub(super) hubs: Vec<usize>,
    pub(super) policy: Policy,
    pub(super) budget: usize,
    pub(super) max_events: Option<u32>,
    pub(super) link: u64,
    /// Bytes of each value.
    pub(super) value: usize,
    /// Which records the hubs refuse for good.
    pub(super) poison: fn(Tp, i64) -> bool,
}
