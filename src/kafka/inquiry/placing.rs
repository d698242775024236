//! Setting the positions of a group that nobody is in: one commit, which Kafka takes whole or not at all, and which it refuses
//! itself if somebody has joined by then.
//!
//! With each position goes the id of the topic it is of, as with any the bridge commits, and nothing of a position that was
//! held: somebody has decided. What a replay reads of the partition stays with it.

use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::identity::Label;
use crate::kafka::native::CommitQueue;

use super::diagnosis::is_no;
use super::{Denied, Inquiry, Standing};

/// Why positions are not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unset {
    /// Nothing was: somebody is in the group.
    #[error("a member has joined the group meanwhile")]
    Joined,
    /// Nothing was.
    #[error(transparent)]
    Denied(Denied),
    /// It is not known whether they are.
    #[error("no answer to the commit within {0:.1?}; Kafka has applied all of it, or nothing")]
    Open(Duration),
}

impl Inquiry {
    /// Commits a position for each of these standings. Blocks, no longer than `limit`.
    pub fn place(&self, positions: &[(&Standing, i64)], limit: Duration) -> Result<(), Unset> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (Standing { partition, topic, span, .. }, position) in positions {
            let mut element = list.add_partition(&partition.topic, partition.partition);
            element.set_offset(Offset::Offset(*position)).expect("a position is a valid offset");
            if let Some(label) =
                (Label { topic: *topic, held: false, span: *span, sent_since: None }).written()
            {
                element.set_metadata(label);
            }
        }
        let end = Instant::now() + limit;
        let queue = CommitQueue::new(&self.client);
        queue.submit(&list).map_err(denied)?;
        let left = end.saturating_duration_since(Instant::now());
        let answer = queue.poll(left).ok_or(Unset::Open(limit))?;
        answer.result(|_| true).map_err(denied)
    }
}

fn denied(code: RDKafkaErrorCode) -> Unset {
    use RDKafkaErrorCode as Code;
    match code {
        Code::UnknownMemberId
        | Code::IllegalGeneration
        | Code::RebalanceInProgress
        | Code::FencedInstanceId
        | Code::StaleMemberEpoch
        | Code::FencedMemberEpoch => Unset::Joined,
        code if is_no(code) => Unset::Denied(Denied::Refused(code.to_string())),
        code => Unset::Denied(Denied::Unanswered(code.to_string())),
    }
}
