//! Deleting the first records of partitions, as Kafka does it: everything below an offset, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use crate::record::TopicPartition;

use super::diagnosis::{Diagnosis, is_no};
use super::{Denied, Inquiry};

/// Where a log begins now, or why it was not cut.
pub type Cut = (TopicPartition, Result<i64, Denied>);

/// Of the limit, what a broker may take; the rest is for its answer.
const SHARE: u32 = 2;

impl Inquiry {
    /// Deletes what is below each of these offsets. Each partition for itself: what one refuses, another may have done. Blocks, no
    /// longer than `limit`.
    pub fn purge(
        &self,
        below: &[(TopicPartition, i64)],
        limit: Duration,
    ) -> Result<Vec<Cut>, Denied> {
        let unanswered = |error: KafkaError| Denied::Unanswered(error.to_string());
        let client: Arc<AdminClient<Diagnosis>> =
            self.another(&self.settings).map_err(unanswered)?;
        let mut list = TopicPartitionList::with_capacity(below.len());
        for (place, offset) in below {
            let at = Offset::Offset(*offset);
            list.add_partition_offset(&place.topic, place.partition, at).map_err(unanswered)?;
        }
        let options =
            AdminOptions::new().request_timeout(Some(limit)).operation_timeout(Some(limit / SHARE));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Denied::Unanswered(error.to_string()))?;
        let asked = async { timeout(limit, client.delete_records(&list, &options)).await };
        let silence = |_| Denied::Unanswered(format!("no answer within {limit:.1?}"));
        let answer = runtime.block_on(asked).map_err(silence)?.map_err(unanswered)?;
        let elements = answer.elements();
        let told = elements.iter().map(|element| {
            let place = TopicPartition::new(element.topic(), element.partition());
            let cut = match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(begin)) => Ok(begin),
                (Ok(()), _) => Err(Denied::Unanswered("kafka gave no reason".to_owned())),
                (Err(error), _) => Err(denied(&error)),
            };
            (place, cut)
        });
        Ok(told.collect())
    }
}

fn denied(error: &KafkaError) -> Denied {
    use RDKafkaErrorCode as Code;
    let Some(code) = error.rdkafka_error_code() else {
        return Denied::Unanswered(error.to_string());
    };
    match code {
        Code::PolicyViolation => Denied::Refused(
            "kafka deletes no records of a topic that is only compacted; hint: set its `cleanup.policy` to `delete`, or `compact,delete`"
                .to_owned(),
        ),
        Code::TopicAuthorizationFailed => {
            Denied::Refused(format!("{code}; hint: grant the operation `Delete` on the topic"))
        }
        Code::OffsetOutOfRange => {
            Denied::Refused("the offset is beyond the end of its log".to_owned())
        }
        code if is_no(code) => Denied::Refused(code.to_string()),
        code => Denied::Unanswered(code.to_string()),
    }
}
