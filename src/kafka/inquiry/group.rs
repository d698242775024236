//! Asking the coordinator what a group is doing, and who is in it.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::{Group, native};

use super::{Denied, Inquiry};

/// A question less than this long could end before its answer, which takes two round trips or three.
const LEAST: Duration = Duration::from_secs(2);

impl Inquiry {
    /// The group this client names, which need not exist. Blocks, no longer than `limit`.
    pub fn group(&self, limit: Duration) -> Result<Group, Denied> {
        let name = self.settings.get("group.id").unwrap_or_default();
        let begun = Instant::now();
        self.ask(limit, |slice| {
            let slice = slice.max(LEAST).min(limit.saturating_sub(begun.elapsed()));
            match native::group(&*self.client, name, slice) {
                Some(Ok(group)) => Ok(group),
                Some(Err(code)) => Err(KafkaError::GroupListFetch(code)),
                None => Err(KafkaError::GroupListFetch(RDKafkaErrorCode::OperationTimedOut)),
            }
        })
    }
}
