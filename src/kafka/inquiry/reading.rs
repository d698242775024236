//! Whether topics may be read: a fetch at the end of one partition of each, which finds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::{Delivered, FetchError, Queue};
use crate::record::TopicPartition;

use super::diagnosis::is_no;
use super::{Denied, Inquiry, POLL};

impl Inquiry {
    /// Whether each of `topics` may be read. Blocks, no longer than `limit`.
    ///
    /// Their partitions are assigned, not subscribed to: that needs no group. The end is an answer, and so is a record
    /// that comes meanwhile.
    pub fn readable(
        &self,
        topics: &BTreeSet<String>,
        limit: Duration,
    ) -> BTreeMap<String, Result<(), Denied>> {
        let mut queue = Queue::new(&self.client, None);
        let mut answers = BTreeMap::new();
        if let Err(error) = self.read_ends(&mut queue, topics, limit, &mut answers) {
            let denied = Denied::Unanswered(error.to_string());
            let without = topics.iter().filter(|topic| !answers.contains_key(*topic));
            let without = without.map(|topic| (topic.clone(), Err(denied.clone())));
            answers.extend(without.collect::<Vec<_>>());
        }
        // Nothing is read any more, whatever it says.
        drop(self.client.unassign());
        answers
    }

    fn read_ends(
        &self,
        queue: &mut Queue,
        topics: &BTreeSet<String>,
        limit: Duration,
        answers: &mut BTreeMap<String, Result<(), Denied>>,
    ) -> Result<(), KafkaError> {
        let end = Instant::now() + limit;
        let places: Vec<_> =
            topics.iter().map(|topic| TopicPartition::new(topic.as_str(), 0)).collect();
        let mut list = TopicPartitionList::with_capacity(places.len());
        for place in &places {
            list.add_partition_offset(&place.topic, place.partition, Offset::End)?;
        }
        let inlet = queue.inlet();
        let forward = || {
            for place in &places {
                inlet.forward(place);
            }
        };
        forward();
        self.client.assign(&list)?;
        // Assigning may end the forwarding.
        forward();
        let mut reasons = BTreeMap::new();
        while answers.len() < topics.len() && Instant::now() < end {
            match queue.poll(POLL) {
                Some(Delivered::Record(record)) => {
                    answers.insert(record.topic().to_owned(), Ok(()));
                }
                Some(Delivered::Error(error)) => {
                    let Some(place) = &error.partition else { continue };
                    let topic = place.topic.to_string();
                    match judge(&error) {
                        Some(answer) => drop(answers.insert(topic, answer)),
                        None => drop(reasons.insert(topic, error.detail)),
                    }
                }
                Some(Delivered::Past(_)) | None => {}
            }
        }
        for topic in topics {
            answers.entry(topic.clone()).or_insert_with(|| {
                let reason = reasons.remove(topic).or_else(|| self.client.context().reason());
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                Err(Denied::Unanswered(format!("no answer within {limit:.1?}{reason}")))
            });
        }
        Ok(())
    }
}

/// What an error says, unless that it is to be tried again.
fn judge(error: &FetchError) -> Option<Result<(), Denied>> {
    match error.code {
        RDKafkaErrorCode::PartitionEOF => Some(Ok(())),
        code if is_no(code) => Some(Err(Denied::Refused(code.to_string()))),
        _ => None,
    }
}
