//! When the first record was written that a group has not settled: of each partition one record is read, by a consumer that
//! is no member of the group.
//!
//! It asks for little of each partition, and stops reading one as soon as it has answered, so that a thousand of them that
//! are far behind cost a few answers of each broker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{Delivered, FetchError, HeaderBuffer, Queue};
use crate::record::TopicPartition;

use super::diagnosis::Diagnosis;
use super::{Inquiry, POLL};

/// What a broker may answer of one partition, unless its first batch is larger.
const PARTITION: &str = "16384";
/// What a broker may answer at a time.
const ANSWER: &str = "4194304";

/// The first record at or after a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oldest {
    /// This one.
    Record {
        /// Its offset.
        offset: i64,
        /// When it was written, in milliseconds since the Unix epoch, if it says so.
        time: Option<i64>,
    },
    /// There is none: what takes the offsets up to the end is markers of transactions, or records that were given up.
    Nothing,
}

impl Inquiry {
    /// The first record from each position on; a partition that does not tell is left out. Blocks, no longer than `limit`.
    pub fn oldest(
        &self,
        positions: &[(TopicPartition, i64)],
        limit: Duration,
    ) -> HashMap<TopicPartition, Oldest> {
        let mut found = HashMap::with_capacity(positions.len());
        if positions.is_empty() || limit.is_zero() {
            return found;
        }
        let end = Instant::now() + limit;
        if let Ok(client) = self.reader() {
            // What was found until then is good.
            drop(read(&client, positions, end, &mut found));
            drop(client.unassign());
        }
        found
    }

    fn reader(&self) -> KafkaResult<Arc<BaseConsumer<Diagnosis>>> {
        let mut settings = self.settings.clone();
        settings.set("fetch.message.max.bytes", PARTITION).set("fetch.max.bytes", ANSWER);
        settings.set("queued.max.messages.kbytes", "16384");
        self.another(&settings)
    }
}

fn read(
    client: &Arc<BaseConsumer<Diagnosis>>,
    positions: &[(TopicPartition, i64)],
    end: Instant,
    found: &mut HashMap<TopicPartition, Oldest>,
) -> KafkaResult<()> {
    let mut queue = Queue::new(client, None);
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (place, offset) in positions {
        list.add_partition_offset(&place.topic, place.partition, Offset::Offset(*offset))?;
    }
    let inlet = queue.inlet();
    let forward = || {
        for (place, _) in positions {
            inlet.forward(place);
        }
    };
    forward();
    client.assign(&list)?;
    // Assigning may end the forwarding.
    forward();
    let mut headers = HeaderBuffer::new();
    while found.len() < positions.len() && Instant::now() < end {
        // Serves what the client has to say; records do not come this way.
        drop(client.poll(Duration::ZERO));
        let (place, oldest) = match queue.poll(POLL) {
            Some(Delivered::Record(record)) => {
                let place = TopicPartition::new(record.topic(), record.partition());
                let (offset, time) = (record.offset(), record.record(&mut headers).timestamp);
                (place, Oldest::Record { offset, time })
            }
            Some(Delivered::Error(FetchError {
                partition: Some(place),
                code: RDKafkaErrorCode::PartitionEOF,
                ..
            })) => (place, Oldest::Nothing),
            // Another error is tried again by the client, or is the answer of nobody.
            _ => continue,
        };
        if found.contains_key(&place) {
            continue;
        }
        let mut done = TopicPartitionList::with_capacity(1);
        done.add_partition(&place.topic, place.partition);
        client.pause(&done)?;
        found.insert(place, oldest);
    }
    Ok(())
}
