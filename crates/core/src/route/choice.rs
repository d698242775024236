//! The lane of one record.
//!
//! Lanes are numbered like the partitions of the hub, and lane n *is* partition n: with `gateway` too, where the service
//! places each batch by its key, the lane is the one it will choose. Only batches without a key go anywhere.

use super::{Route, hash};
use crate::mapping::Partitioning;

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
    /// Why a record is refused for it: a word.
    pub const REASON: &str = "no_such_partition";
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
    /// The lane of a record on a hub of `count` partitions, an index below that: by its Kafka partition and its partition key.
    pub fn choose(
        &self,
        partition: i32,
        key: Option<&str>,
        count: usize,
        round_robin: &mut RoundRobin,
    ) -> Result<usize, Misfit> {
        self.fits(partition, count)?;
        let of_kafka = partition.unsigned_abs() as usize;
        Ok(match (self.partitioning, key) {
            // Where the service puts it.
            (Partitioning::Key | Partitioning::Gateway, Some(key)) => {
                hash::place(key.as_bytes(), count)
            }
            (Partitioning::Key | Partitioning::Gateway, None) => (self.first + of_kafka) % count,
            (Partitioning::Mirror, _) => of_kafka,
            (Partitioning::RoundRobin, _) => round_robin.turn(count),
            (Partitioning::Fixed(partition), _) => partition as usize,
        })
    }

    /// Whether the service places each batch by the partition key of its events, all of which have the same.
    pub fn is_by_key(&self) -> bool {
        self.partitioning == Partitioning::Gateway
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
