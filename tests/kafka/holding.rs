//! Partitions that are held: records are given back, nothing more comes, and reading goes on exactly where it was held.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use kafka_eventhubs_bridge::config::{ClientValue, LeftOut, Limits};
use kafka_eventhubs_bridge::kafka::{
    Begun, Consumer, Delivered, HeaderBuffer, Logins, Queue, RebalanceListener, Setup, Silent,
};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::{Commit, Position, TopicPartition};
use stage::{Kafka, Out, rest, unique};

use crate::member::{Member, Sink};

const PATIENCE: Duration = Duration::from_secs(60);

/// What is known of an assigned partition.
#[derive(Debug, Default, Clone)]
struct Flow {
    /// The first that came since it was assigned.
    first: Option<i64>,
    /// The offset to come, once one has.
    next: Option<i64>,
    held: bool,
}

/// What the pump knows. Its lock is held from a poll until the record is in the books, so each call of the consumer takes
/// effect between two records.
#[derive(Debug, Default)]
struct Books {
    flows: BTreeMap<TopicPartition, Flow>,
    /// What was kept of each partition; what is given back is taken out again.
    kept: BTreeMap<i32, Vec<i64>>,
    /// What should not have come.
    wrong: Vec<String>,
    lost: usize,
}

#[derive(Debug, Default)]
struct Shelf(Mutex<Books>);

impl Shelf {
    fn open(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }
}

impl RebalanceListener for Shelf {
    fn assigned(&self, partitions: &[Begun]) -> Result<(), Silent> {
        self.open().flows.extend(partitions.iter().map(|(p, _)| (p.clone(), Flow::default())));
        Ok(())
    }
    fn revoke(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Commit)>, Silent> {
        let mut books = self.open();
        let end =
            |p: &TopicPartition| Some((p.clone(), Position(books.flows.remove(p)?.next?).into()));
        Ok(partitions.iter().filter_map(end).collect())
    }
    fn lost(&self, partitions: &[TopicPartition]) -> Result<(), Silent> {
        let mut books = self.open();
        books.flows.retain(|partition, _| !partitions.contains(partition));
        books.lost += 1;
        Ok(())
    }
}

impl Books {
    fn take(&mut self, partition: i32, offset: i64, place: &TopicPartition) {
        let Some(flow) = self.flows.get_mut(place) else { return };
        if flow.held {
            self.wrong.push(format!("{place}: {offset} came while held"));
        }
        match flow.next {
            // The client's own pause met the poll.
            Some(next) if offset + 1 == next => return,
            Some(next) if offset != next => {
                self.wrong.push(format!("{place}: {offset} came instead of {next}"));
            }
            _ => {}
        }
        flow.first.get_or_insert(offset);
        flow.next = Some(offset + 1);
        self.kept.entry(partition).or_default().push(offset);
    }

    /// Gives the records from `at` on back.
    fn give_back(&mut self, place: &TopicPartition, at: i64) {
        if let Some(flow) = self.flows.get_mut(place) {
            (flow.next, flow.held) = (Some(at), true);
            let kept = self.kept.entry(place.partition).or_default();
            while kept.last().is_some_and(|last| *last >= at) {
                kept.pop();
            }
        }
    }

    fn count(&self) -> usize {
        self.kept.values().map(Vec::len).sum()
    }

    fn of(&self, partition: i32) -> Vec<i64> {
        self.kept.get(&partition).cloned().unwrap_or_default()
    }
}

/// A member whose pump is the test.
struct Holder {
    topic: String,
    consumer: Consumer,
    queue: Queue,
    shelf: Arc<Shelf>,
    /// How long the calls took.
    holds: Vec<Duration>,
    resumes: Vec<Duration>,
}

impl Holder {
    fn join(member: &Member, topic: &str) -> Self {
        let shelf = Arc::new(Shelf::default());
        let setup = Setup {
            kafka: &member.kafka,
            limits: &Limits { memory: 64 << 20, shards: 1, drain_timeout: Duration::from_secs(10) },
            shard: 0,
            linger: Duration::ZERO,
            topics: member.topics.clone(),
            left_out: LeftOut::default(),
            access: Logins::open(&member.kafka).unwrap(),
            health: None,
            bounded: false,
            metrics: Arc::new(Metrics::default()),
            on_fatal: Box::new(|fatal| panic!("{fatal}")),
        };
        let intake = Arc::clone(&shelf);
        let (consumer, queue) = Consumer::start(setup, |_| intake).expect("the consumer starts");
        let (holds, resumes) = (Vec::new(), Vec::new());
        Self { topic: topic.to_owned(), consumer, queue, shelf, holds, resumes }
    }

    fn place(&self, partition: i32) -> TopicPartition {
        TopicPartition::new(self.topic.as_str(), partition)
    }

    /// One record, if there is one.
    fn turn(&mut self) -> bool {
        let mut books = self.shelf.open();
        let Some(Delivered::Record(fetched)) = self.queue.poll(Duration::ZERO) else {
            drop(books);
            rest(Duration::from_millis(1));
            return false;
        };
        let mut headers = HeaderBuffer::new();
        let record = fetched.record(&mut headers);
        let place = TopicPartition::new(record.topic, record.partition);
        books.take(record.partition, record.offset, &place);
        true
    }

    fn pump_until(&mut self, what: &str, done: impl Fn(&Books) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(&self.shelf.open()) {
            self.turn();
            let books = self.shelf.open();
            assert!(books.wrong.is_empty(), "{:?}", books.wrong);
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}: {books:?}");
        }
    }

    fn hold(&mut self, positions: &[(i32, i64)]) {
        let mut books = self.shelf.open();
        let held = positions.iter().map(|(p, at)| (self.place(*p), Position(*at)));
        let held = held.filter(|(p, _)| books.flows.contains_key(p)).collect::<Vec<_>>();
        let began = Instant::now();
        self.consumer.hold(&held);
        self.holds.push(began.elapsed());
        for (place, at) in &held {
            books.give_back(place, at.0);
        }
    }

    fn resume(&mut self, partitions: &[i32]) {
        let mut books = self.shelf.open();
        let places = partitions.iter().map(|p| self.place(*p));
        let places = places.filter(|p| books.flows.contains_key(p)).collect::<Vec<_>>();
        let began = Instant::now();
        self.consumer.resume(&places);
        self.resumes.push(began.elapsed());
        for place in &places {
            books.flows.get_mut(place).unwrap().held = false;
        }
    }

    fn leave(mut self) {
        let consumer = self.consumer.clone();
        let stopping = thread::spawn(move || consumer.stop(PATIENCE));
        while !stopping.is_finished() {
            self.turn();
        }
        stopping.join().unwrap().expect("a clean stop");
    }
}

fn to(partition: i32, count: usize) -> impl Iterator<Item = Out> {
    (0..count).map(move |n| Out::value(n.to_string()).to(partition))
}

#[test]
fn a_held_partition_goes_on_exactly_where_it_was_held() {
    let kafka = Kafka::shared();
    let topic = unique("held");
    kafka.create_topic(&topic, 4);
    kafka.produce(&topic, to(0, 100).chain(to(1, 100)));
    let mut holder = Holder::join(&Member::new(kafka, &unique("g"), &topic), &topic);
    holder.pump_until("everything", |books| books.count() == 200 && books.flows.len() == 4);
    // Partition 2 was never fetched.
    holder.hold(&[(0, 60), (1, 99), (2, 0)]);
    let held = holder.consumer.positions();
    assert!(!held.contains_key(&holder.place(0)), "the client stands behind what was given back");
    kafka.produce(&topic, (0..3).flat_map(|p| to(p, 50)));
    kafka.produce(&topic, to(3, 50));
    holder.pump_until("what is not held", |books| books.of(3).len() == 50);
    // Held again, further back, and one with less.
    holder.hold(&[(0, 10)]);
    holder.resume(&[1]);
    holder.pump_until("what was resumed", |books| books.of(1).len() == 150);
    holder.resume(&[0, 2, 3]);
    kafka.produce(&topic, (0..4).flat_map(|p| to(p, 10)));
    holder.pump_until("all", |books| books.count() == 160 + 160 + 60 + 60);
    let books = holder.shelf.open();
    for (partition, count) in [(0, 160), (1, 160), (2, 60), (3, 60)] {
        assert_eq!(books.of(partition), (0..count).collect::<Vec<_>>(), "partition {partition}");
    }
    drop(books);
    holder.leave();
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % limit
    }
}

const PARTITIONS: i32 = 4;

impl Holder {
    /// Takes some records, holds a partition or two somewhere behind, and resumes what was held before.
    fn hold_at_random(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(300) {
            self.turn();
        }
        let (one, other) = (dice.below(4) as i32, dice.below(4) as i32);
        let back = |partition: i32, by: i64| {
            let books = self.shelf.open();
            let flow = books.flows.get(&self.place(partition))?;
            // What came before this stay is not this member's to give back: another has read on from there.
            Some((partition, (flow.next? - by).max(flow.first?)))
        };
        let held = [back(one, dice.below(50)), back(other, 1)];
        let held = held.into_iter().flatten().take(if one == other { 1 } else { 2 });
        self.hold(&held.collect::<Vec<_>>());
        for _ in 0..dice.below(100) {
            self.turn();
        }
        let all = (0..PARTITIONS).filter(|_| dice.below(3) > 0).collect::<Vec<_>>();
        self.resume(&all);
    }
}

/// Runs `during` while records are written; gives how many each partition has then.
fn under_load(kafka: &Kafka, topic: &str, during: impl FnOnce()) -> usize {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                kafka.produce(topic, (0..PARTITIONS).flat_map(|p| to(p, 200)));
                count += 200;
            }
            count
        });
        during();
        stop.store(true, Ordering::Relaxed);
        producer.join().unwrap()
    })
}

#[test]
fn held_again_and_again_under_load_each_record_comes_in_order() {
    let kafka = Kafka::shared();
    let topic = unique("often");
    kafka.create_topic(&topic, PARTITIONS);
    let mut holder = Holder::join(&Member::new(kafka, &unique("g"), &topic), &topic);
    holder.pump_until("the assignment", |books| books.flows.len() == 4);
    let mut dice = Dice(1);
    let written = under_load(kafka, &topic, || {
        for _ in 0..400 {
            holder.hold_at_random(&mut dice);
        }
    });
    holder.resume(&[0, 1, 2, 3]);
    holder.pump_until("all", |books| books.count() == written * 4);
    let books = holder.shelf.open();
    for partition in 0..PARTITIONS {
        let all = (0..written as i64).collect::<Vec<_>>();
        assert!(books.of(partition) == all, "partition {partition} has a gap or a double");
    }
    drop(books);
    for (what, took) in [("hold", &mut holder.holds), ("resume", &mut holder.resumes)] {
        took.sort_unstable();
        println!("{what}: median {:?}, longest {:?}", took[took.len() / 2], took[took.len() - 1]);
    }
    holder.leave();
}

#[test]
fn held_while_members_come_and_go_each_record_comes_once() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("between"), unique("g"));
    kafka.create_topic(&topic, PARTITIONS);
    let mut holder = Holder::join(&Member::new(kafka, &group, &topic), &topic);
    holder.pump_until("the assignment", |books| books.flows.len() == 4);
    let (sink, mut dice) = (Sink::default(), Dice(2));
    let written = under_load(kafka, &topic, || {
        for _ in 0..3 {
            let second = Member::new(kafka, &group, &topic).join(&sink);
            let deadline = Instant::now() + PATIENCE;
            while second.assigned().len() < 2 {
                assert!(Instant::now() < deadline, "the second member gets its share");
                holder.hold_at_random(&mut dice);
            }
            let leaving = thread::spawn(|| second.leave());
            while !leaving.is_finished() || holder.shelf.open().flows.len() < 4 {
                assert!(Instant::now() < deadline, "the first member has all again");
                holder.hold_at_random(&mut dice);
            }
            leaving.join().unwrap();
        }
    });
    holder.resume(&[0, 1, 2, 3]);
    // All partitions are its own again: it reads each to its end.
    let end = Some(written as i64);
    holder.pump_until("the end", |books| books.flows.values().all(|flow| flow.next == end));
    let mut places = sink.places();
    for (partition, offsets) in &holder.shelf.open().kept {
        places.extend(offsets.iter().map(|offset| (*partition, *offset)));
    }
    places.sort_unstable();
    let all = (0..PARTITIONS).flat_map(|p| (0..written as i64).map(move |offset| (p, offset)));
    let all = all.collect::<Vec<_>>();
    assert!(places == all, "{} of {}: some are missing, or came twice", places.len(), all.len());
    holder.leave();
}

#[test]
fn what_is_held_ends_with_its_assignment() {
    let kafka = Kafka::start(1);
    let (topic, group) = (unique("lost"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, to(0, 100));
    kafka.commit(&group, &topic, 0, 30);
    let mut member = Member::new(&kafka, &group, &topic);
    let timeout = ("session.timeout.ms".to_owned(), ClientValue::Integer(6_000));
    // The client itself ends the session only where members share partitions out.
    member.kafka.client = [timeout].into();
    let mut holder = Holder::join(&member, &topic);
    holder.pump_until("the rest", |books| books.count() == 70);
    holder.hold(&[(0, 50)]);
    kafka.stop(1);
    holder.pump_until("the session ends", |books| books.lost == 1);
    kafka.restart(1);
    holder.shelf.open().kept.clear();
    holder.pump_until("it is read anew without being resumed", |books| books.count() == 70);
    assert_eq!(holder.shelf.open().of(0), (30..100).collect::<Vec<_>>());
    holder.leave();
}
