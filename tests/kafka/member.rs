//! A member of the group with a pump that stores records in memory instead of sending them.
//!
//! It keeps the contract of `RebalanceListener`: each call takes effect between two polls. A record counts as settled when `delay`
//! has passed, which stands for the time a send takes.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kafka_eventhubs_bridge::config::{
    self, ClientValue, LeftOut, Limits, OutOfRange, Secret, Start, Topics,
};
use kafka_eventhubs_bridge::kafka::{
    Begun, Consumer, Delivered, Fatal, HeaderBuffer, Logins, Queue, RebalanceListener, Setup,
    Silent, Waker,
};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::{Commit, Position, TopicPartition};
use stage::{Kafka, rest, wait_for};

/// As in the promises: `GROUP_PROTOCOL=consumer` plays it all in groups that the brokers lead.
fn group_protocol() -> std::collections::BTreeMap<String, ClientValue> {
    let given = std::env::var("GROUP_PROTOCOL").ok();
    given
        .map(|text| ("group.protocol".to_owned(), ClientValue::Text(Secret::new(text))))
        .into_iter()
        .collect()
}

/// A record as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// What one or more members have seen, in the order each partition was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<Seen>>>);

impl Sink {
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
    pub(crate) fn wait(&self, count: usize) -> Vec<Seen> {
        wait_for(&format!("{count} records"), Duration::from_secs(60), || {
            (self.len() >= count).then(|| self.all())
        })
    }
    /// (partition, offset) of everything.
    pub(crate) fn places(&self) -> Vec<(i32, i64)> {
        self.all().iter().map(|seen| (seen.partition, seen.offset)).collect()
    }
}

enum Order {
    Assigned(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
}

/// Where the pump says how far it got.
type Reply = SyncSender<Vec<(TopicPartition, Commit)>>;

/// Passes the consumer's calls to the pump and waits until it has taken note.
struct Door {
    orders: Mutex<SyncSender<(Order, Reply)>>,
    waker: Waker,
}

impl Door {
    fn pass(&self, order: Order) -> Vec<(TopicPartition, Commit)> {
        let (answer, answered) = sync_channel(1);
        self.orders.lock().unwrap().send((order, answer)).unwrap();
        self.waker.wake();
        answered.recv().unwrap()
    }
}

impl RebalanceListener for Door {
    fn assigned(&self, partitions: &[Begun]) -> Result<(), Silent> {
        let names = partitions.iter().map(|(name, _)| name.clone());
        self.pass(Order::Assigned(names.collect()));
        Ok(())
    }
    fn revoke(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Commit)>, Silent> {
        Ok(self.pass(Order::Revoke(partitions.to_vec())))
    }
    fn lost(&self, partitions: &[TopicPartition]) -> Result<(), Silent> {
        self.pass(Order::Lost(partitions.to_vec()));
        Ok(())
    }
}

/// A partition at the pump: what is settled, and what is on its way.
#[derive(Default)]
struct Flow {
    last: Option<i64>,
    position: Option<Position>,
    in_flight: VecDeque<(Instant, i64)>,
}

impl Flow {
    fn settle(&mut self, now: Instant) {
        while let Some((at, offset)) = self.in_flight.front().copied()
            && at <= now
        {
            self.in_flight.pop_front();
            self.position = Some(Position::after(offset));
        }
    }
}

/// How a member behaves.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) kafka: config::Kafka,
    pub(crate) topics: Vec<Topics>,
    pub(crate) left_out: LeftOut,
    pub(crate) delay: Duration,
    /// `None` never commits but on revoke.
    pub(crate) commit_every: Option<Duration>,
}

impl Member {
    pub(crate) fn new(kafka: &Kafka, group: &str, topic: &str) -> Self {
        Self::at(kafka.bootstrap(), group, topic)
    }

    pub(crate) fn at(brokers: &str, group: &str, topic: &str) -> Self {
        Self {
            kafka: config::Kafka {
                brokers: brokers.to_owned(),
                group_id: group.to_owned(),
                instance_id: None,
                start: Start::Earliest,
                out_of_range: OutOfRange::Earliest,
                commit_interval: Duration::from_secs(1),
                discovery_interval: Duration::from_secs(1),
                security: None,
                client: group_protocol(),
            },
            topics: vec![Topics::Named(vec![topic.to_owned()])],
            left_out: LeftOut::default(),
            delay: Duration::ZERO,
            commit_every: Some(Duration::from_millis(200)),
        }
    }

    pub(crate) fn start_at(mut self, start: Start) -> Self {
        self.kafka.start = start;
        self
    }

    pub(crate) fn join(self, sink: &Sink) -> Running {
        let fatal = Arc::new(Mutex::new(None));
        let told = Arc::clone(&fatal);
        let setup = Setup {
            kafka: &self.kafka,
            limits: &Limits { memory: 64 << 20, shards: 1, drain_timeout: Duration::from_secs(10) },
            shard: 0,
            linger: Duration::ZERO,
            topics: self.topics.clone(),
            left_out: self.left_out.clone(),
            access: Logins::open(&self.kafka).unwrap(),
            bounded: false,
            metrics: Arc::new(Metrics::default()),
            health: None,
            on_fatal: Box::new(move |fatal| *told.lock().unwrap() = Some(fatal)),
        };
        let (orders, inbox) = sync_channel(1);
        let (consumer, queue) =
            Consumer::start(setup, |waker| Arc::new(Door { orders: Mutex::new(orders), waker }))
                .expect("the consumer starts");
        let end = Arc::new(AtomicBool::new(false));
        let assigned = Arc::new(Mutex::new(Vec::new()));
        let revokes = Arc::new(Mutex::new(Vec::new()));
        let pump = Pump {
            queue,
            inbox,
            consumer: consumer.clone(),
            sink: sink.clone(),
            flows: HashMap::new(),
            delay: self.delay,
            commit_every: self.commit_every,
            next_commit: Instant::now(),
            assigned: Arc::clone(&assigned),
            revokes: Arc::clone(&revokes),
            end: Arc::clone(&end),
        };
        let pump = Some(thread::spawn(move || pump.run()));
        Running { consumer, revokes, fatal, assigned, end, pump }
    }
}

/// A member at work.
pub(crate) struct Running {
    pub(crate) consumer: Consumer,
    /// How many partitions were revoked, each time.
    revokes: Arc<Mutex<Vec<usize>>>,
    fatal: Arc<Mutex<Option<Fatal>>>,
    assigned: Arc<Mutex<Vec<TopicPartition>>>,
    end: Arc<AtomicBool>,
    pump: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn assigned(&self) -> Vec<TopicPartition> {
        self.assigned.lock().unwrap().clone()
    }

    /// How many partitions were revoked, each time.
    pub(crate) fn revokes(&self) -> Vec<usize> {
        self.revokes.lock().unwrap().clone()
    }

    pub(crate) fn wait_assigned(&self, count: usize) {
        wait_for(&format!("{count} partitions"), Duration::from_secs(60), || {
            (self.assigned().len() == count).then_some(())
        });
    }

    pub(crate) fn fatal(&self) -> Option<Fatal> {
        self.fatal.lock().unwrap().clone()
    }

    /// Leaves the group in an orderly way.
    pub(crate) fn leave(self) {
        self.consumer.stop(Duration::from_secs(30)).expect("a clean stop");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Stopped first, so that the pump is there for the last revoke, whatever the test did.
        self.consumer.stop(Duration::from_secs(30)).ok();
        self.end.store(true, Ordering::Release);
        if let Some(pump) = self.pump.take() {
            pump.join().ok();
        }
    }
}

struct Pump {
    queue: Queue,
    inbox: Receiver<(Order, Reply)>,
    consumer: Consumer,
    sink: Sink,
    flows: HashMap<TopicPartition, Flow>,
    delay: Duration,
    commit_every: Option<Duration>,
    next_commit: Instant,
    assigned: Arc<Mutex<Vec<TopicPartition>>>,
    revokes: Arc<Mutex<Vec<usize>>>,
    end: Arc<AtomicBool>,
}

impl Pump {
    fn run(mut self) {
        let mut headers = HeaderBuffer::new();
        while !self.end.load(Ordering::Acquire) {
            while let Ok((order, answer)) = self.inbox.try_recv() {
                let positions = self.obey(order);
                answer.send(positions).ok();
            }
            if let Some(Delivered::Record(fetched)) = self.queue.poll(Duration::from_millis(20)) {
                let record = fetched.record(&mut headers);
                let place = TopicPartition::new(record.topic, record.partition);
                let Some(flow) = self.flows.get_mut(&place) else { continue };
                if flow.last.is_some_and(|last| record.offset <= last) {
                    continue;
                }
                flow.last = Some(record.offset);
                flow.in_flight.push_back((Instant::now() + self.delay, record.offset));
                let owned = |bytes: &[u8]| bytes.to_vec();
                self.sink.0.lock().unwrap().push(Seen {
                    topic: record.topic.to_owned(),
                    partition: record.partition,
                    offset: record.offset,
                    timestamp: record.timestamp,
                    key: record.key.map(owned),
                    value: record.value.map(owned),
                    headers: record
                        .headers
                        .iter()
                        .map(|header| (header.name.to_vec(), header.value.map(owned)))
                        .collect(),
                });
            }
            let now = Instant::now();
            self.flows.values_mut().for_each(|flow| flow.settle(now));
            if let Some(every) = self.commit_every
                && now >= self.next_commit
            {
                self.next_commit = now + every;
                let all = self.flows.keys().cloned().collect::<Vec<_>>();
                let positions = self.positions(&all);
                self.consumer.commit(&positions);
            }
        }
    }

    fn positions(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Commit)> {
        let position = |p: &TopicPartition| Some((p.clone(), self.flows.get(p)?.position?.into()));
        partitions.iter().filter_map(position).collect()
    }

    fn forget(&mut self, partitions: &[TopicPartition]) {
        self.flows.retain(|partition, _| !partitions.contains(partition));
    }

    fn obey(&mut self, order: Order) -> Vec<(TopicPartition, Commit)> {
        let positions = match order {
            Order::Assigned(partitions) => {
                for partition in partitions {
                    assert!(self.flows.insert(partition, Flow::default()).is_none());
                }
                Vec::new()
            }
            Order::Revoke(partitions) => {
                self.revokes.lock().unwrap().push(partitions.len());
                for partition in &partitions {
                    let Some(flow) = self.flows.get_mut(partition) else { continue };
                    // Nothing more is taken in while this waits for the last "send".
                    if let Some((last, _)) = flow.in_flight.back().copied() {
                        rest(last.saturating_duration_since(Instant::now()));
                    }
                    flow.settle(Instant::now());
                }
                let positions = self.positions(&partitions);
                self.forget(&partitions);
                positions
            }
            Order::Lost(partitions) => {
                self.forget(&partitions);
                Vec::new()
            }
        };
        *self.assigned.lock().unwrap() = self.flows.keys().cloned().collect();
        positions
    }
}
