//! The event thread: serves rebalances, statistics, errors and commit results, and does what has to be done now and
//! then.
//!
//! It is the only thread that polls the consumer and the only one that changes the assignment, so both happen in one
//! order: what librdkafka called back during a poll is acted on as soon as the poll has returned, in the order it came.
//! While a revoke drains it stands still, for the drain timeout at most.

mod ending;
mod leaving;
mod looking;
mod mending;
mod noted;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::health::{ShardHealth, Thread};
use crate::kafka::contact::Contact;
use crate::kafka::context::Context;
use crate::kafka::discovery::Discovery;
use crate::kafka::ends::Ends;
use crate::kafka::fetching::Fetching;
use crate::kafka::gathering::Steering;
use crate::kafka::native::IdQueue;
use crate::kafka::rebalance::Rebalancer;
use crate::kafka::start::Doubt;
use crate::kafka::{Fatal, FetchError};
use crate::record::TopicPartition;

/// How long one poll waits; also the delay of everything that is asked of the thread.
const POLL: Duration = Duration::from_millis(100);
/// How long a question to the cluster may take.
const METADATA: Duration = Duration::from_secs(5);
const COMMIT_AGAIN: Duration = Duration::from_secs(1);

/// What the event thread shares with the rest.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) stop: AtomicBool,
    /// What is to be discovered from now on.
    wanted: Mutex<Option<Discovery>>,
    health: Option<ShardHealth>,
    ended: Mutex<bool>,
    end: Condvar,
}

impl Life {
    pub(super) fn new(health: Option<ShardHealth>) -> Self {
        Self {
            stop: AtomicBool::new(false),
            wanted: Mutex::default(),
            health,
            ended: Mutex::new(false),
            end: Condvar::new(),
        }
    }

    /// Other topics are to be read, soon.
    pub(super) fn want(&self, discovery: Discovery) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(discovery);
    }

    fn wanted(&self) -> Option<Discovery> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn beat(&self) {
        if let Some(health) = &self.health {
            health.beat(Thread::Events);
        }
    }

    /// Waits for the end of the thread; false when it takes longer.
    pub(super) fn wait_end(&self, timeout: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.end.wait_timeout_while(ended, timeout, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn finish(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.notify_all();
    }
}

/// Everything the event thread owns.
pub(super) struct EventLoop {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) rebalancer: Rebalancer,
    pub(super) contact: Contact,
    pub(super) fetching: Fetching,
    pub(super) steering: Steering,
    pub(super) life: Arc<Life>,
    pub(super) errors: mpsc::Receiver<FetchError>,
    pub(super) discovery: Discovery,
    /// `kafka.brokers`
    pub(super) brokers: String,
    /// A static member stays in the group when it stops, and is expected back.
    pub(super) instance: Option<String>,
    /// Whether partitions are shared out by the brokers.
    pub(super) is_led_by_broker: bool,
    /// Whether a refusal is waited out even before the group has taken us: it did take who was here before us.
    pub(super) patient: bool,
    pub(super) interval: Duration,
    pub(super) on_fatal: Box<dyn Fn(Fatal) + Send + Sync>,
    pub(super) subscribed: BTreeSet<String>,
    /// Since when topics are subscribed to.
    pub(super) asking: Option<Instant>,
    pub(super) ids: IdQueue<Arc<BaseConsumer<Context>>>,
    pub(super) ends: Ends,
    /// When what is broken is assigned anew.
    pub(super) mend_at: Option<Instant>,
    /// What is to be assigned anew, and why.
    pub(super) broken: HashMap<TopicPartition, Option<Doubt>>,
    /// When the ids of the topics were asked for.
    pub(super) asked: Option<Instant>,
    pub(super) next_look: Instant,
    pub(super) next_commit: Instant,
}

impl EventLoop {
    /// The thread's body: until told to stop, or until the consumer is broken.
    pub(super) fn run(mut self) {
        self.context().take_notes(true);
        while !self.life.stop.load(Ordering::Acquire) {
            self.life.beat();
            self.poll();
            self.fetching.steer(&self.consumer);
            self.steering.steer(&self.consumer, &self.fetching);
            if let Some(fatal) = self.fatal() {
                self.end(fatal);
                break;
            }
            if self.is_led_by_broker {
                self.rebalancer.mind_epoch(&mut self.contact, self.asking);
            }
            self.mend();
            self.rebalancer.retry();
            self.ends.turn(&mut self.rebalancer);
            self.life.beat();
            if let Some(wanted) = self.life.wanted() {
                self.discovery = wanted;
                self.next_look = Instant::now();
            }
            if Instant::now() >= self.next_look {
                self.ask();
                self.look();
            }
            self.hear();
            if Instant::now() >= self.next_commit {
                self.next_commit = Instant::now() + COMMIT_AGAIN;
                self.rebalancer.committer.soon(&[]);
            }
        }
        self.leave();
        self.context().take_notes(false);
        self.life.finish();
    }

    fn context(&self) -> &Context {
        self.consumer.context()
    }

    /// Polls once, for a moment, and acts on what it brought.
    fn poll(&mut self) {
        self.rebalancer.listen();
        // A record can not come here: every partition is forwarded before it is assigned. If one does, it would be missing
        // at the pump.
        let record = self.consumer.poll(POLL).and_then(Result::ok);
        let stray = record.map(|record| TopicPartition::new(record.topic(), record.partition()));
        self.act();
        if let Some(place) = stray {
            tracing::error!(partition = %place, "a record arrived on an unexpected queue and was dropped; the partition is read again from it");
            self.rebalancer.restart(&HashMap::from([(place, None)]));
        }
    }
}
