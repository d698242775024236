//! The order service: an ordinary Kafka producer, with the settings one would want in earnest.
//!
//! It runs on a thread of its own at the rate asked for, and stops taking orders when it is told to, when all are
//! placed, or, for a while, when the hub is too far behind for the little Kafka's memory.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use eventhubs_local::Hub;
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use crate::books::Books;
use crate::broker::PARTITIONS;
use crate::order::{State, Step};
use crate::shop::{STEPS_PER_ORDER, Shop};
use crate::{TOPIC, lock};

/// Records that may be in Kafka and not yet in the hub: 400 bytes each, half of what the embedded Kafka keeps.
const AHEAD: u64 = 25_000;
/// How long the last records may take to be acknowledged by Kafka.
const FLUSH: Duration = Duration::from_secs(20);
/// How long to rest between two looks at the clock.
const TURN: Duration = Duration::from_millis(5);

/// What the service has done so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Produced {
    /// Orders placed.
    pub(crate) placed: u64,
    /// Records Kafka has acknowledged, by partition.
    pub(crate) records: [u64; PARTITIONS],
    /// What everybody's books must show in the end.
    pub(crate) books: Books,
    /// Everything is acknowledged, and nothing more comes.
    pub(crate) done: bool,
    /// Why a record did not get into Kafka, the first time.
    pub(crate) failure: Option<String>,
}

impl Produced {
    pub(crate) fn total(&self) -> u64 {
        self.records.iter().sum()
    }
}

/// How many orders, and how fast.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) orders: u64,
    /// Orders a second, about: it is their steps that come at an even pace.
    pub(crate) rate: u64,
}

/// The running service.
pub(crate) struct Service {
    produced: Arc<Mutex<Produced>>,
    close: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Counts what Kafka acknowledges.
#[derive(Clone)]
struct Acknowledged(Arc<Mutex<Produced>>);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut produced = lock(&self.0);
        match result {
            Ok(record) => match produced.records.get_mut(record.partition() as usize) {
                Some(count) => *count += 1,
                None => produced.failure = Some("a record in an unknown partition".to_owned()),
            },
            Err((error, _)) => produced.failure = Some(error.to_string()),
        }
    }
}

impl Service {
    /// Starts to take orders.
    pub(crate) fn start(brokers: &str, demand: Demand, hub: Arc<Hub>) -> Result<Self, StartError> {
        let produced = Arc::new(Mutex::new(Produced::default()));
        let close = Arc::new(AtomicBool::new(false));
        let producer: ThreadedProducer<Acknowledged> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("partitioner", "murmur2_random")
            .create_with_context(Acknowledged(Arc::clone(&produced)))?;
        let work = Work {
            producer,
            demand,
            hub,
            produced: Arc::clone(&produced),
            close: Arc::clone(&close),
            shop: Shop::new(demand.orders, 2026),
            states: HashMap::new(),
            sent: 0,
        };
        let thread =
            std::thread::Builder::new().name("order-service".into()).spawn(move || work.run())?;
        Ok(Self { produced, close, thread })
    }

    /// How far it is.
    pub(crate) fn produced(&self) -> Produced {
        lock(&self.produced).clone()
    }

    /// Takes no more orders; those that are open are brought to their end.
    pub(crate) fn close(&self) {
        self.close.store(true, Ordering::Release);
    }

    /// Whether its thread has gone without finishing.
    pub(crate) fn died(&self) -> bool {
        self.thread.is_finished() && !lock(&self.produced).done
    }
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("cannot start a thread for the order service: {0}")]
    Thread(#[from] io::Error),
}

/// What the thread owns.
struct Work {
    producer: ThreadedProducer<Acknowledged>,
    demand: Demand,
    hub: Arc<Hub>,
    produced: Arc<Mutex<Produced>>,
    close: Arc<AtomicBool>,
    shop: Shop,
    states: HashMap<String, State>,
    sent: u64,
}

impl Work {
    fn run(mut self) {
        let outcome = self.take_orders().and_then(|()| self.producer.flush(FLUSH));
        let mut produced = lock(&self.produced);
        if let Err(error) = outcome {
            produced.failure.get_or_insert(error.to_string());
        }
        produced.done = true;
    }

    fn take_orders(&mut self) -> Result<(), KafkaError> {
        let mut clock = Clock::new(self.demand.rate);
        loop {
            if self.close.load(Ordering::Acquire) {
                self.shop.close();
            }
            let room = self.hub.total() + AHEAD;
            while self.sent < clock.due().min(room) {
                let Some(step) = self.shop.next() else { return Ok(()) };
                self.send(&step)?;
            }
            if self.sent >= room {
                clock.rest(self.sent);
            }
            std::thread::park_timeout(TURN);
        }
    }

    fn send(&mut self, step: &Step) -> Result<(), KafkaError> {
        let value = serde_json::to_vec(step).expect("an order is JSON");
        let trace = step.traceparent();
        let mut record = BaseRecord::to(TOPIC)
            .key(step.order.id.as_str())
            .payload(&value)
            .headers(headers(&trace));
        loop {
            match self.producer.send(record) {
                Ok(()) => break,
                // Kafka is slower than the customers: wait for it.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    std::thread::park_timeout(TURN);
                    record = back;
                }
                Err((error, _)) => return Err(error),
            }
        }
        self.sent += 1;
        let before = self.states.insert(step.order.id.clone(), step.state);
        let mut produced = lock(&self.produced);
        produced.placed = self.shop.placed();
        produced.books.enter(step, before);
        Ok(())
    }
}

fn headers(trace: &str) -> OwnedHeaders {
    OwnedHeaders::new()
        .insert(Header { key: "content-type", value: Some("application/json") })
        .insert(Header { key: "traceparent", value: Some(trace) })
}

/// Steps that should have been taken by now.
struct Clock {
    steps_per_second: f64,
    began: Instant,
    before: u64,
}

impl Clock {
    fn new(orders_per_second: u64) -> Self {
        let steps_per_second = orders_per_second as f64 * STEPS_PER_ORDER;
        Self { steps_per_second, began: Instant::now(), before: 0 }
    }

    fn due(&self) -> u64 {
        self.before + (self.began.elapsed().as_secs_f64() * self.steps_per_second) as u64
    }

    /// Starts over with `taken` steps: time spent waiting is not made up for.
    fn rest(&mut self, taken: u64) {
        (self.before, self.began) = (taken, Instant::now());
    }
}
