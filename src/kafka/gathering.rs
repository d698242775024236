//! How long a broker may gather records before it answers a fetch, so that records that come one by one are taken together.
//!
//! A fetch costs the same whether it brings one record or a thousand. Left alone, librdkafka asks again at once, and at a
//! steady rate nearly every record has an answer of its own. So while answers come faster than that, each broker is told
//! to wait for a part of the smallest `linger`, and the lanes wait for the rest of theirs. When little comes it is not told
//! so: then gathering would cost more fetches than it saves, an idle bridge would pay for empty ones, and the first record
//! after a pause comes at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::config::{ClientValue, Kafka};
use crate::kafka::context::Context;
use crate::kafka::fetching::Fetching;
use crate::kafka::native::{self, Fetch};

/// The operator's say on how long a broker waits.
const KEYS: [&str; 2] = ["fetch.wait.max.ms", "fetch.min.bytes"];
/// The same on how much of a partition is answered.
const PARTITION: [&str; 2] = ["fetch.message.max.bytes", "max.partition.fetch.bytes"];
/// Of the linger, what is left to the lanes: a tenth.
const LANES: u32 = 10;
/// And at least that: an answer is taken partition by partition.
const LEAST_LANES: Duration = Duration::from_millis(1);
/// Less is not worth it.
const LEAST: Duration = Duration::from_millis(2);
/// More saves nothing.
const MOST: Duration = Duration::from_millis(100);
/// How much a broker may gather at most. What waits in it already is answered at once, so that nothing is slowed that is
/// behind.
const BYTES: u64 = 1_000_000;
/// How often it is looked at what has come.
const LOOK: Duration = Duration::from_millis(90);
/// Gathering begins with that many times the answers it would leave.
const PAYS: f64 = 1.5;
/// It ends when answers that bring something are less than this part of those that could.
const EMPTY: f64 = 0.5;
/// How much of what was seen stays from one look to the next: about a second of it.
const KEPT: f64 = 0.9;

/// What a client does by itself.
const ALONE: FetchOrders = FetchOrders { wait: Duration::from_millis(500), bytes: 1 };

/// What the client is told of its fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FetchOrders {
    /// How long a broker may wait for more.
    wait: Duration,
    /// What it need not wait for more with.
    bytes: u64,
}

/// What the event thread, which steers, shares with the pump.
#[derive(Debug)]
pub(super) struct Gathering {
    /// The operator has said how long a broker waits.
    fixed: bool,
    /// How often the pump had to wait for records that then came, ever.
    arrivals: AtomicU64,
    /// How long records have waited in a broker already, in µs.
    gathered: AtomicU64,
    /// How long a broker gathers, in ms; 0 when it never does.
    wait: AtomicU64,
}

/// How the client is told. The event thread's.
#[derive(Debug)]
pub(super) struct Steering {
    shared: Arc<Gathering>,
    /// What is answered of one partition at most.
    partition: u64,
    looked: Option<Instant>,
    arrivals: u64,
    gathers: bool,
    /// Answers that brought something, of those that could.
    filled: f64,
    told: FetchOrders,
}

impl Gathering {
    /// For mappings of which the most hurried lingers so long.
    pub(super) fn new(kafka: &Kafka, linger: Duration) -> Self {
        let gathering = Self {
            fixed: KEYS.iter().any(|key| kafka.client.contains_key(*key)),
            arrivals: AtomicU64::new(0),
            gathered: AtomicU64::new(0),
            wait: AtomicU64::new(0),
        };
        gathering.follow(linger);
        gathering
    }

    /// The most hurried of the mappings lingers so long from now on.
    pub(super) fn follow(&self, linger: Duration) {
        if !self.fixed {
            self.wait.store(wait(linger), Ordering::Relaxed);
        }
    }

    /// The pump had waited, and a record came.
    pub(super) fn arrived(&self) {
        self.arrivals.fetch_add(1, Ordering::Relaxed);
    }

    /// How long what comes has waited in its broker, at most.
    pub(super) fn gathered(&self) -> Duration {
        Duration::from_micros(self.gathered.load(Ordering::Relaxed))
    }
}

/// How long a broker may wait, of a linger, in whole ms as the client takes them; 0 where that is not worth it.
fn wait(linger: Duration) -> u64 {
    let wait = linger.saturating_sub((linger / LANES).max(LEAST_LANES)).min(MOST);
    if wait >= LEAST { wait.as_millis() as u64 } else { 0 }
}

impl Steering {
    /// `partition` is how much is answered of one.
    pub(super) fn new(shared: Arc<Gathering>, kafka: &Kafka, partition: u64) -> Self {
        let number = |key: &&str| match kafka.client.get(*key) {
            Some(ClientValue::Integer(bytes)) => u64::try_from(*bytes).ok(),
            _ => None,
        };
        Self {
            shared,
            partition: PARTITION.iter().find_map(number).unwrap_or(partition),
            looked: None,
            arrivals: 0,
            gathers: false,
            filled: 0.0,
            told: ALONE,
        }
    }

    /// Tells the client what has changed.
    pub(super) fn steer(&mut self, consumer: &BaseConsumer<Context>, fetching: &Fetching) {
        let Some(told) = self.look(Instant::now(), fetching.size(), fetching.brokers()) else {
            return;
        };
        let context = consumer.context();
        tracing::debug!(shard = context.shard, ?told, "the wait of fetches is set");
        let client = consumer.client();
        let taken = native::set_live(client, Fetch::Enough, told.bytes)
            && native::set_live(client, Fetch::Wait, told.wait.as_millis() as u64);
        if !taken {
            context.complain("fetches", "librdkafka rejected the new wait of fetches");
        }
    }

    /// Looks at what has come from so many brokers, each of which may answer `size` bytes; what the client is to be told,
    /// if it is something else than the last time.
    fn look(&mut self, now: Instant, size: u64, brokers: u64) -> Option<FetchOrders> {
        let (told, gathered) = self.decide(now, size, brokers)?;
        self.shared.gathered.store(gathered.as_micros() as u64, Ordering::Relaxed);
        (std::mem::replace(&mut self.told, told) != told).then_some(told)
    }

    /// What the client is to be told, and how long records wait in a broker then.
    fn decide(&mut self, now: Instant, size: u64, brokers: u64) -> Option<(FetchOrders, Duration)> {
        let wait = Duration::from_millis(self.shared.wait.load(Ordering::Relaxed));
        if wait.is_zero() {
            // It may have gathered before it was told otherwise.
            return std::mem::take(&mut self.gathers).then_some((ALONE, Duration::ZERO));
        }
        let since = now.saturating_duration_since(*self.looked.get_or_insert(now));
        if since < LOOK {
            return None;
        }
        let arrivals = self.shared.arrivals.load(Ordering::Relaxed);
        let came = (arrivals - std::mem::replace(&mut self.arrivals, arrivals)) as f64;
        self.looked = Some(now);
        let brokers = brokers.max(1) as f64;
        let possible = brokers * since.as_secs_f64() / wait.as_secs_f64();
        if self.gathers {
            self.filled = self.filled * KEPT + (came / possible).min(1.0) * (1.0 - KEPT);
            self.gathers = self.filled >= EMPTY;
        } else if came >= possible * PAYS {
            (self.gathers, self.filled) = (true, 1.0);
        }
        if !self.gathers {
            return Some((ALONE, Duration::ZERO));
        }
        // Where so much comes that brokers need not wait, the lanes have to.
        let gathered = since.mul_f64((brokers / came.max(1.0)).min(1.0)).min(wait);
        let bytes = BYTES.min(size / 2).min(self.partition / 2).max(1);
        Some((FetchOrders { wait, bytes }, gathered))
    }
}

#[cfg(test)]
mod tests;
