//! The lane of one record.
//!
//! Lanes are numbered like the partitions of the hub, and lane n *is* partition n: with `gateway` too, where the service
//! places each batch by its key, the lane is the one it will choose. Only batches without a key go anywhere.

use std::borrow::Cow;

use super::{Route, hash};
use crate::mapping::Partitioning;
use crate::record::{Record, partition_key};

/// Where a record goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The lane: an index below the hub's partition count.
    pub lane: usize,
    /// The key the service places the batch by; only with `gateway`, and only for records with a key. A batch holds
    /// events of one such key.
    pub key: Option<Cow<'a, str>>,
}

/// Why a record or a topic has no place on a hub. Only the operator can change that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// `mirror`, and the hub is smaller than the topic.
    #[error("hub `{hub}` has {count} partitions, so kafka partition {partition} has no mirror")]
    NoMirror {
        /// The hub.
        hub: String,
        /// Its partitions.
        count: usize,
        /// The Kafka partition without a counterpart.
        partition: i32,
    },
    /// `fixed:N`, and the hub has no partition N.
    #[error("hub `{hub}` has {count} partitions, so there is no partition {fixed}")]
    NoFixed {
        /// The hub.
        hub: String,
        /// Its partitions.
        count: usize,
        /// The partition the mapping names.
        fixed: u32,
    },
    /// The service named no partitions.
    #[error("hub `{hub}` has no partitions")]
    Empty {
        /// The hub.
        hub: String,
    },
}

impl Misfit {
    /// What the operator can do about it.
    pub const HINT: &str = "give the hub more partitions, or the mapping another `partitioning`";
}

/// Whose turn it is with `round_robin`. One for each hub that a shard sends to.
#[derive(Debug, Clone, Default)]
pub struct RoundRobin {
    next: usize,
}

impl RoundRobin {
    /// Begins at partition `first`; give each shard its own, so that they do not go round together.
    pub fn starting_at(first: usize) -> Self {
        Self { next: first }
    }

    fn turn(&mut self, count: usize) -> usize {
        let turn = self.next % count;
        self.next = turn + 1;
        turn
    }
}

impl Route {
    /// The lane of `record` on a hub of `count` partitions.
    pub fn choose<'a>(
        &self,
        record: &Record<'a>,
        count: usize,
        round_robin: &mut RoundRobin,
    ) -> Result<Choice<'a>, Misfit> {
        self.fits(record.partition, count)?;
        let key = match self.partitioning {
            Partitioning::Gateway => record.key.map(envelope_key),
            _ => None,
        };
        let lane = match self.partitioning {
            Partitioning::Key | Partitioning::Gateway => {
                // What the service will hash, or the key itself: the hash is over the bytes, so a key that cannot be a
                // partition key has its place too.
                match key.as_deref().map(str::as_bytes).or(record.key) {
                    Some(key) => hash::place(key, count),
                    None => (self.first + record.partition.unsigned_abs() as usize) % count,
                }
            }
            Partitioning::Mirror => record.partition.unsigned_abs() as usize,
            Partitioning::RoundRobin => round_robin.turn(count),
            Partitioning::Fixed(partition) => partition as usize,
        };
        Ok(Choice { lane, key })
    }

    /// Whether records of Kafka partition `partition` have a place on a hub of `count` partitions: what can be said
    /// before the first of them is read.
    pub fn fits(&self, partition: i32, count: usize) -> Result<(), Misfit> {
        let hub = || self.hub.to_string();
        let without_mirror =
            usize::try_from(partition).map_or(true, |partition| partition >= count);
        match self.partitioning {
            _ if count == 0 => Err(Misfit::Empty { hub: hub() }),
            Partitioning::Mirror if without_mirror => {
                Err(Misfit::NoMirror { hub: hub(), count, partition })
            }
            Partitioning::Fixed(fixed) if fixed as usize >= count => {
                Err(Misfit::NoFixed { hub: hub(), count, fixed })
            }
            _ => Ok(()),
        }
    }
}

/// The key the service shall hash.
///
/// A key that cannot be a partition key gets a stand-in, its hash in hex: without one the service would spread its
/// records over all partitions and their order would be lost. Keys that share a stand-in share a partition, no more.
fn envelope_key(key: &[u8]) -> Cow<'_, str> {
    match partition_key(key) {
        Some(key) => Cow::Borrowed(key),
        None => Cow::Owned(format!("{:016x}", hash::hash64(key))),
    }
}
