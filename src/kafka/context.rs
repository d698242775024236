//! What librdkafka calls back, and what a consumer has to say.
//!
//! The callbacks only take notes. They come on the thread that polls the consumer, which is the event thread alone, and it
//! acts on them when the poll has returned: librdkafka waits for the answer to a rebalance, not for the end of the callback
//! (`tests/kafka/answers.rs` holds it to that). So what the event thread knows has one owner and needs no lock; the only
//! locks here are for the callbacks, which have no more than `&self`, and for what several threads have to say.
//!
//! Errors that need an operator are logged when they begin and then at most once a minute; librdkafka repeats them at
//! every reconnect.

mod log;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;

use crate::metrics::Metrics;
use crate::record::TopicPartition;
use crate::repeats::Repeats;

/// More kinds of complaint than this are not told apart.
const KINDS: usize = 64;

/// The context of a consumer.
pub(super) struct Context {
    pub(super) shard: u32,
    pub(super) metrics: Arc<Metrics>,
    /// In the order of the calls; `None` while nobody acts on them. A poll ends with the first rebalance or error, so there
    /// are never many.
    notes: Mutex<Option<Vec<Callback>>>,
    voice: Mutex<Voice>,
}

/// What librdkafka has called back.
#[derive(Debug)]
pub(super) enum Callback {
    /// The group gave us these, and waits for our answer.
    Assigned(Vec<TopicPartition>),
    /// The group takes these, in an orderly way or not, and waits for our answer.
    Revoked(Vec<TopicPartition>),
    /// What it says of itself, in JSON.
    Statistics(Vec<u8>),
    /// What went wrong, and in which words.
    Error(Option<RDKafkaErrorCode>, String),
}

/// What any thread may say or ask.
#[derive(Default)]
struct Voice {
    complaints: Repeats<String, KINDS>,
    /// What Kafka said last that stands between us and the group.
    trouble: Option<String>,
}

impl Context {
    /// Of a test's client.
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self::new(Arc::new(Metrics::default()), 0)
    }

    pub(super) fn new(metrics: Arc<Metrics>, shard: u32) -> Self {
        Self { shard, metrics, notes: Mutex::default(), voice: Mutex::default() }
    }

    fn notes(&self) -> MutexGuard<'_, Option<Vec<Callback>>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn voice(&self) -> MutexGuard<'_, Voice> {
        self.voice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody acts on what is called back. Where nobody does, the callback gives librdkafka its answer.
    pub(super) fn take_notes(&self, take: bool) {
        *self.notes() = take.then(Vec::new);
    }

    /// What was noted since this was called last.
    pub(super) fn noted(&self) -> Vec<Callback> {
        self.notes().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether it was noted.
    fn note(&self, note: Callback) -> bool {
        self.notes().as_mut().map(|notes| notes.push(note)).is_some()
    }

    /// What Kafka said last, while it has not taken us since.
    pub(super) fn trouble(&self) -> Option<String> {
        self.voice().trouble.clone()
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        self.voice().trouble = trouble;
    }

    /// Warns, unless the same was said within the last minute.
    pub(super) fn complain(&self, what: &str, detail: &str) {
        self.complain_of(what, what, detail);
    }

    /// The same, for a `cause` that may be worded in several ways.
    pub(super) fn complain_of(&self, cause: &str, what: &str, detail: &str) {
        if let Some(suppressed) = self.may_say(cause) {
            tracing::warn!(
                name: "kafka_trouble",
                shard = self.shard,
                repeated = (suppressed > 0).then_some(suppressed),
                "{what}: {detail}"
            );
        }
    }

    /// How many repetitions went unsaid, if it is time to say it (again).
    pub(super) fn may_say(&self, what: &str) -> Option<u64> {
        self.voice().complaints.may_say(what, Instant::now())
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::tell(self, level, facility, text);
    }

    fn stats_raw(&self, json: &[u8]) {
        self.note(Callback::Statistics(json.to_vec()));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note(Callback::Error(error.rdkafka_error_code(), reason.to_owned()));
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let elements = list.elements();
        let partitions = elements
            .iter()
            .map(|element| TopicPartition::new(element.topic(), element.partition()))
            .collect();
        let given = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let note = if given { Callback::Assigned } else { Callback::Revoked };
        if self.note(note(partitions)) {
            return;
        }
        // The consumer is being dropped, which waits for this.
        let answered = match given {
            true => consumer.incremental_assign(&TopicPartitionList::new()),
            false => consumer.incremental_unassign(list),
        };
        if let Err(error) = answered {
            self.complain("a rebalance was not answered", &error.to_string());
        }
    }
}
