//! The only importer of rdkafka: one consumer per shard, its own queue, and the rebalance that talks to the pump.
//!
//! The contract with the pipeline stands in this file; how it is kept, in the files beside it. Two threads face
//! librdkafka: the *event thread* ([`Consumer`]) serves rebalances, statistics, errors and commit results; the pump
//! drains the one [`Queue`] all assigned partitions are forwarded to. Backpressure is not draining that queue.
//! Foreign calls are confined to `queue.rs` and `native.rs`; everything else here is safe Rust.

mod consumer;
mod dead_letter;
mod queue;

pub use consumer::{CommitError, Consumer, Fatal, Heartbeat, Setup, StartError, StopError};
pub use dead_letter::{DeadLetters, Letter, LetterError, OnDone};
pub use queue::{Delivery, FetchError, Fetched, Headers, Queue, Waker};

use crate::record::{Position, TopicPartition};

/// What the consumer needs of the pipeline. Called on the event thread.
pub trait Intake: Send + Sync + 'static {
    /// These partitions will be read from now on; called before their first record can be polled.
    fn assigned(&self, partitions: &[TopicPartition]);
    /// These partitions go to another member: stop their intake, send what is buffered, and say how far each is
    /// settled. Blocks until then, at most for the drain timeout. Partitions with nothing to commit are left out.
    fn revoke(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Position)>;
    /// These partitions were taken away; nothing of them may be committed any more.
    fn lost(&self, partitions: &[TopicPartition]);
}
/// stub
pub fn partition_count(_c: &crate::config::Config, _t: &str) -> Result<i32, StartError> {
    Ok(1)
}
