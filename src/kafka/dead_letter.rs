//! Writes records that Event Hubs will never take to a Kafka topic.
//!
//! A letter names its record by topic, partition and offset; the record is read again from Kafka, so that what is
//! written is the original to the byte, and the pump need not keep it. Each target has a line of its own, in which one letter at
//! a time is written, in the order they came: a target that is away holds up its own letters and no others. Dead letters are
//! rare, and a line that can not deliver is full soon, which holds the pump instead of growing.
//!
//! Invariant: each accepted letter is answered once, unless the desk is stopped first. `Ok` means the broker
//! acknowledged it with all in-sync replicas. What may pass is tried for ever; a letter fails for good only when its
//! record is gone or its target keeps refusing it. A record that its target takes is written: what the bridge adds is left
//! out where there is no room for it. A timed-out attempt may leave a duplicate in the target.

mod added;
mod desk;
mod opened;
mod reader;
mod writer;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::config::{self, Holds};
use crate::health::ShardHealth;
use crate::kafka::{ClientError, Logins, settings};
use crate::metrics::Metrics;
use crate::record::TopicPartition;
use crate::repeats::Repeats;
use desk::Desk;
pub use opened::{Opened, Origin};

/// How many letters wait at most, for all targets.
const DESK: usize = 1024;

/// A record to be written to its dead-letter topic, named by where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Number the pump knows it by.
    pub id: u64,
    /// Where the record was read.
    pub source: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// The topic it goes to.
    pub target: Arc<str>,
    /// What of it is written.
    pub holds: Holds,
    /// The hub that the record was for.
    pub hub: Arc<str>,
    /// Its namespace, by its name in the configuration.
    pub namespace: Arc<str>,
    /// Why, from a closed set.
    pub reason: &'static str,
    /// Why, in words.
    pub detail: Box<str>,
}

/// Why a letter can never be delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// The record is not in its topic any more.
    #[error(
        "the record is no longer in its topic; hint: restart, and the partition continues after it"
    )]
    Gone,
    /// It is larger than what the dead-letter topic takes, with nothing added.
    #[error("{}", too_large(.target, *.bytes, *.limit))]
    TooLarge {
        /// The dead-letter topic.
        target: Arc<str>,
        /// What the record alone takes.
        bytes: u64,
        /// `max.message.bytes` of the topic, if Kafka tells it.
        limit: Option<u64>,
    },
    /// The dead-letter topic does not take it.
    #[error(
        "the dead-letter topic `{target}` refused the record: {why}; hint: {hint}, and restart"
    )]
    Refused {
        /// The dead-letter topic.
        target: Arc<str>,
        /// What was said.
        why: String,
        /// What to do.
        hint: &'static str,
    },
}

fn too_large(target: &str, bytes: u64, limit: Option<u64>) -> String {
    let takes = match limit {
        Some(limit) => format!("accepts {limit}"),
        None => "accepts less".to_owned(),
    };
    format!(
        "the record has {bytes} bytes, and the dead-letter topic `{target}` {takes} (`max.message.bytes`); hint: raise \
         `max.message.bytes` of `{target}` to {bytes} or more, and restart"
    )
}

/// Called on the dead-letter thread, once per accepted letter.
pub type OnDone = Box<dyn Fn(DeadLetter, Result<(), LetterError>) + Send + Sync>;

/// How many letters wait for each target.
#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<Arc<str>, usize>>);

impl Waiting {
    /// Takes a place for one more letter to `target`. No target may have more places than are left free, so that one that
    /// is away never takes them all.
    fn enter(&self, target: &Arc<str>) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = waiting.values().sum::<usize>();
        let own = waiting.get(target).copied().unwrap_or_default();
        let enters = own < DESK.saturating_sub(all);
        if enters {
            waiting.insert(Arc::clone(target), own + 1);
        }
        enters
    }

    fn leave(&self, target: &str) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = waiting.get_mut(target).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            waiting.remove(target);
        }
    }
}

/// The dead-letter desk of a shard. Connects with the first letter.
pub struct DeadLetters {
    letters: SyncSender<DeadLetter>,
    waiting: Arc<Waiting>,
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
        access: Logins,
        metrics: Arc<Metrics>,
        health: Option<ShardHealth>,
        on_done: OnDone,
    ) -> Result<Self, ClientError> {
        // Connected with the first letter; whether that can be is known now.
        settings::producer(kafka)?;
        let (letters, inbox) = sync_channel(DESK);
        let stop = Arc::new(AtomicBool::new(false));
        let waiting = Arc::new(Waiting::default());
        let desk = Desk {
            kafka: kafka.clone(),
            access,
            inbox,
            waiting: Arc::clone(&waiting),
            stop: Arc::clone(&stop),
            metrics,
            health,
            on_done,
            clients: None,
            failing: None,
            lines: HashMap::new(),
            limits: HashMap::new(),
            shortened: Repeats::default(),
        };
        let thread = thread::Builder::new()
            .name(format!("dead-letters-{shard}"))
            .spawn(move || desk.run())
            .map_err(|error| ClientError::Client(error.to_string()))?;
        Ok(Self { letters, waiting, stop, thread })
    }

    /// Hands a letter over; gives it back when too many wait for its target (try again after the next answer; other
    /// targets may have room) or the desk is stopped.
    pub fn try_send(&self, letter: DeadLetter) -> Result<(), Box<DeadLetter>> {
        if !self.waiting.enter(&letter.target) {
            return Err(Box::new(letter));
        }
        self.letters.try_send(letter).map_err(|error| {
            let (TrySendError::Full(letter) | TrySendError::Disconnected(letter)) = error;
            self.waiting.leave(&letter.target);
            Box::new(letter)
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

/// Why an attempt did not succeed.
#[derive(Debug)]
enum WriteFailure {
    /// It may pass.
    Passing(String),
    /// An operator could still lift it, by doing what is said second.
    Refused(String, &'static str),
    /// The target takes nothing of that size.
    TooLarge,
    /// The target will never take it, unless somebody does what is said second.
    Last(String, &'static str),
    /// The record is not in its topic any more.
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_target_takes_the_places_of_all() {
        let waiting = Waiting::default();
        let fill = |target: &Arc<str>| (0..=DESK).take_while(|_| waiting.enter(target)).count();
        let [away, gone, well] = ["away", "gone", "well"].map(Arc::from);
        assert_eq!(fill(&away), DESK / 2);
        assert_eq!(fill(&gone), DESK / 4);
        assert!(waiting.enter(&well) && !waiting.enter(&away));
        waiting.leave(&well);
        for _ in 0..DESK / 2 {
            waiting.leave(&away);
        }
        assert_eq!(fill(&away), 3 * DESK / 8);
    }
}
