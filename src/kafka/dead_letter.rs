//! Writes records that Event Hubs will never take to a Kafka topic.
//!
//! A letter names its record by topic, partition and offset; the record is read again from Kafka, so that what is
//! written is the original to the byte, and the pump need not keep it. One letter at a time, in the order they came:
//! dead letters are rare, and a desk that can not deliver is full soon, which holds the pump instead of growing.
//!
//! Invariant: each accepted letter is answered once, unless the desk is stopped first. `Ok` means the broker
//! acknowledged it with all in-sync replicas. What may pass is tried for ever; a letter fails for good only when its
//! record is gone or its target keeps refusing it. A timed-out attempt may leave a duplicate in the target.

mod reader;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::config;
use crate::health::{ShardHealth, Thread as Beating};
use crate::kafka::{Access, StartError, settings};
use crate::metrics::Metrics;
use crate::record::{Header, TopicPartition};
use reader::Reader;
use writer::Writer;

/// How many letters wait at most.
const DESK: usize = 1024;
/// How soon the thread notices that it has to stop.
const NOTICE: Duration = Duration::from_millis(200);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a refusal that an operator could still lift is taken for passing.
const PATIENCE: u32 = 12;

/// A record to be written to its dead-letter topic, named by where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Number the pump knows it by.
    pub id: u64,
    /// Where the record was read.
    pub source: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The topic it goes to.
    pub target: Arc<str>,
    /// Why, from a closed set.
    pub reason: &'static str,
    /// Why, in words.
    pub detail: String,
}

/// Why a letter can never be delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// The record is not in its topic any more.
    #[error("the record is gone from its topic")]
    Gone,
    /// The dead-letter topic does not take it.
    #[error("the dead-letter topic refuses it: {0}")]
    Refused(String),
}

/// Called on the dead-letter thread, once per accepted letter.
pub type OnDone = Box<dyn Fn(Letter, Result<(), LetterError>) + Send + Sync>;

/// The dead-letter desk of a shard. Connects with the first letter.
pub struct DeadLetters {
    letters: SyncSender<Letter>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").finish_non_exhaustive()
    }
}

impl DeadLetters {
    /// Starts the desk of shard `shard`.
    pub fn start(
        kafka: &config::Kafka,
        shard: u32,
        access: Access,
        metrics: Arc<Metrics>,
        health: Option<ShardHealth>,
        on_done: OnDone,
    ) -> Result<Self, StartError> {
        // Connected with the first letter; whether that can be is known now.
        settings::producer(kafka)?;
        let (letters, inbox) = sync_channel(DESK);
        let stop = Arc::new(AtomicBool::new(false));
        let desk = Desk {
            kafka: kafka.clone(),
            access,
            inbox,
            stop: Arc::clone(&stop),
            metrics,
            health,
            on_done,
            clients: None,
        };
        let thread = thread::Builder::new()
            .name(format!("dead-letters-{shard}"))
            .spawn(move || desk.run())
            .map_err(|error| StartError::Client(error.to_string()))?;
        Ok(Self { letters, stop, thread })
    }

    /// Hands a letter over; gives it back when the desk is full (try again after the next answer) or stopped.
    pub fn try_send(&self, letter: Letter) -> Result<(), Letter> {
        self.letters.try_send(letter).map_err(|error| match error {
            TrySendError::Full(letter) | TrySendError::Disconnected(letter) => letter,
        })
    }
}

/// Gives up what is not done yet, without an answer.
impl Drop for DeadLetters {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
    }
}

/// What the thread owns.
struct Desk {
    kafka: config::Kafka,
    access: Access,
    inbox: Receiver<Letter>,
    stop: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    health: Option<ShardHealth>,
    on_done: OnDone,
    clients: Option<(Reader, Writer)>,
}

/// Why an attempt did not succeed.
#[derive(Debug)]
enum Failure {
    /// It may pass.
    Passing(String),
    /// An operator could still lift it.
    Refused(String),
    /// It will not pass.
    Final(LetterError),
}

impl Desk {
    fn run(mut self) {
        while !self.stopped() {
            match self.inbox.recv_timeout(NOTICE) {
                Ok(letter) => {
                    if let Some(result) = self.deliver(&letter) {
                        (self.on_done)(letter, result);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Asked at every turn of every wait, so this is also the sign of life.
    fn stopped(&self) -> bool {
        is_stopped(&self.stop, self.health.as_ref())
    }

    /// Tries until there is an answer; `None` when stopped first.
    fn deliver(&mut self, letter: &Letter) -> Option<Result<(), LetterError>> {
        let mut pause = FIRST_PAUSE;
        let mut refusals = 0;
        loop {
            let reason = match self.attempt(letter) {
                Ok(()) => return Some(Ok(())),
                Err(Failure::Final(error)) => return Some(Err(error)),
                Err(Failure::Refused(reason)) if refusals >= PATIENCE => {
                    return Some(Err(LetterError::Refused(reason)));
                }
                Err(Failure::Refused(reason)) => {
                    refusals += 1;
                    reason
                }
                Err(Failure::Passing(reason)) => reason,
            };
            self.metrics.kafka_error("DeadLetter");
            tracing::warn!(
                record = %letter.source, offset = letter.offset, target = &*letter.target, reason,
                "a dead letter can not be written yet; trying again in {pause:?}"
            );
            let until = Instant::now() + pause;
            while Instant::now() < until {
                if self.stopped() {
                    return None;
                }
                thread::park_timeout(until.saturating_duration_since(Instant::now()));
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn attempt(&mut self, letter: &Letter) -> Result<(), Failure> {
        if self.clients.as_ref().is_none_or(|(_, writer)| writer.is_broken()) {
            let clients = Reader::new(&self.kafka, &self.access)
                .and_then(|reader| Ok((reader, Writer::new(&self.kafka, &self.access)?)))
                .map_err(|error| Failure::Passing(error.to_string()))?;
            self.clients = Some(clients);
        }
        let (reader, writer) = self.clients.as_mut().expect("just connected");
        let stopped = || is_stopped(&self.stop, self.health.as_ref());
        let (fetched, headers) = reader.read(&letter.source, letter.offset, &stopped)?;
        let partition = letter.source.partition.to_string();
        let offset = letter.offset.to_string();
        let extra = [
            ("bridge_reason", letter.reason),
            ("bridge_detail", &letter.detail),
            ("bridge_topic", &letter.source.topic),
            ("bridge_partition", &partition),
            ("bridge_offset", &offset),
        ]
        .map(|(name, value)| Header { name: name.as_bytes(), value: Some(value.as_bytes()) });
        writer.write(&letter.target, &fetched.record(headers), &extra, &stopped)
    }
}

fn is_stopped(stop: &AtomicBool, health: Option<&ShardHealth>) -> bool {
    if let Some(health) = health {
        health.beat(Beating::Letters);
    }
    stop.load(Ordering::Acquire)
}
