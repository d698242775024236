//! The only importer of rdkafka: one consumer per shard, its own queue, and the rebalance that talks to the pump.
//!
//! The contract with the pipeline stands in this file; how it is kept, in the files beside it. Two threads face
//! librdkafka: the *event thread* (`event_loop`) serves rebalances, statistics, errors and commit results; the pump
//! drains the one [`Queue`] all assigned partitions are forwarded to. Backpressure is not draining that queue.
//! Foreign calls are confined to `inlet.rs`, `queue.rs`, `fetched.rs` and `native`; everything else here is safe Rust.

mod absence;
mod advice;
mod bounds;
mod certificate;
mod commit;
mod committer;
mod consumer;
mod contact;
mod context;
mod dead_letter;
mod discovery;
mod ends;
mod error;
mod event_loop;
mod fetched;
mod fetching;
mod gathering;
mod group;
mod hold;
mod identity;
mod inlet;
mod inquiry;
mod logins;
mod membership;
mod metadata;
mod native;
mod pump_link;
mod queue;
mod rebalance;
mod security;
mod settings;
mod span;
mod start;
mod statistics;
mod withheld;

pub use consumer::{Consumer, Setup};
pub use dead_letter::{DeadLetter, DeadLetters, LetterError, OnDone, Opened, Origin};
pub use error::{ClientError, Fatal, Silent, StopError};
pub use fetched::{FetchError, Fetched, HeaderBuffer};
pub use group::{Group, Member, State};
pub use inlet::Waker;
pub use inquiry::{
    Advertised, Case, Chosen, Cluster, Cut, Denied, Door, EachRecord, Gone, Inquiry, Limit,
    Members, Oldest, Positions, Shut, Standing, Stretch, Topic, Undeleted, Unread, Unset, topics,
};
pub use logins::{Logins, Refused};
pub use metadata::{CountError, partition_count};
pub use queue::{Delivered, Queue};
pub use settings::{member, objection};
pub use span::Span;

use std::time::Instant;

use crate::record::{Commit, Position, TopicPartition};

/// How far a partition goes that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The partition.
    pub partition: TopicPartition,
    /// Where it was begun to be read, as far as that is known.
    pub start: Option<Position>,
    /// Where it ends now.
    pub end: Position,
}

/// A partition that is read from now on, and since when events beyond its position may have been sent, if any were.
pub type Begun = (TopicPartition, Option<i64>);

/// What the consumer needs of the pipeline. Called on the event thread.
///
/// Each call takes effect before it returns: the pump takes note of it between two polls. Only so it can tell the
/// records of one assignment from those of the next. Records of partitions that are not assigned are dropped, and so
/// are offsets the pump has already seen in this assignment. A pump that takes no note in time ends the consumer.
pub trait RebalanceListener: Send + Sync + 'static {
    /// These partitions will be read from now on; called before their first record can be polled.
    fn assigned(&self, partitions: &[Begun]) -> Result<(), Silent>;
    /// These partitions are let go, to another member or to be assigned again: stop their intake, send what is
    /// buffered, and say how far each is settled. Blocks until then, at most for the drain timeout. Partitions with
    /// nothing to commit are left out.
    fn revoke(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Commit)>, Silent>;
    /// These partitions were taken away; nothing of them may be committed any more.
    fn lost(&self, partitions: &[TopicPartition]) -> Result<(), Silent>;
    /// Commits of these partitions that say since when more was sent were handed over then, and are taken.
    fn confirmed(&self, _partitions: Vec<TopicPartition>, _handed: Instant) -> Result<(), Silent> {
        Ok(())
    }
    /// How far partitions go; nobody waits for anything.
    fn ends(&self, _ends: Vec<End>) {}
}
