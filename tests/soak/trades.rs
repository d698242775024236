//! A topic that is written in transactions, some of which are aborted: what was aborted must never be an event.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use stage::audit::Place;
use stage::produce::Writer;
use stage::records::record;
use stage::{Kafka, Out, PATIENCE, rest, unique};

/// Of one attempt to end a transaction.
const LIMIT: Duration = Duration::from_secs(5);

/// The records that are committed, or may be soon: which one is at a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book(Arc<Mutex<HashMap<Place, i64>>>);

impl Book {
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record at a place, of which there must be an event.
    pub(crate) fn record(&self, partition: i32, offset: i64) -> Out {
        let number = self.lock().get(&(partition, offset)).copied();
        let number = number.unwrap_or_else(|| panic!("{partition}/{offset} was aborted, and sent"));
        record(partition, number)
    }

    pub(crate) fn is_hole(&self, place: Place) -> bool {
        !self.lock().contains_key(&place)
    }

    pub(crate) fn count(&self) -> u64 {
        self.lock().len() as u64
    }
}

/// Writes until it is told to stop.
pub(crate) struct Trades {
    pub(crate) book: Book,
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Trades {
    /// Begins to write to a topic that is there. When it returns, the topic has records: a script may be over before a
    /// young cluster is ready for the first transaction.
    pub(crate) fn begin(kafka: &Kafka, topic: &str, partitions: i32, seed: u64) -> Self {
        let (book, stop) = (Book::default(), Arc::new(AtomicBool::new(false)));
        let written = Arc::new(AtomicU64::new(0));
        let writer = kafka.writer(&[("transactional.id", &unique("trades"))]);
        let mut desk = Desk {
            writer,
            topic: topic.to_owned(),
            next: vec![0; partitions as usize],
            book: book.clone(),
            rng: StdRng::seed_from_u64(seed),
        };
        desk.writer.producer().init_transactions(PATIENCE).expect("kafka has transactions");
        while book.count() == 0 {
            desk.trade();
        }
        let (stopped, total) = (Arc::clone(&stop), Arc::clone(&written));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                desk.trade();
                total.store(desk.book.count(), Ordering::Relaxed);
                rest(Duration::from_millis(50));
            }
        });
        Self { book, stop, written, thread }
    }

    /// Records committed so far.
    pub(crate) fn written(&self) -> u64 {
        assert!(!self.thread.is_finished(), "kafka takes the transactions");
        self.written.load(Ordering::Relaxed)
    }

    /// Stops writing; everything is committed or aborted.
    pub(crate) fn stop(self) -> Book {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("kafka takes the transactions");
        self.book
    }
}

struct Desk {
    writer: Writer,
    topic: String,
    next: Vec<i64>,
    book: Book,
    rng: StdRng,
}

impl Desk {
    /// One transaction.
    fn trade(&mut self) {
        self.writer.producer().begin_transaction().expect("a transaction begins");
        let mut numbers = Vec::new();
        for _ in 0..self.rng.random_range(1..40) {
            let partition = self.rng.random_range(0..self.next.len());
            let number = self.next[partition];
            self.next[partition] += 1;
            self.writer.write(&self.topic, &record(partition as i32, number));
            numbers.push(number);
        }
        let reports = self.writer.reports();
        let whole = reports.iter().all(Result::is_ok);
        let places = reports.into_iter().zip(numbers);
        let places = places.filter_map(|(place, number)| Some((place.ok()?, number)));
        let places = places.collect::<Vec<_>>();
        let commit = whole && self.rng.random_bool(0.7);
        // Before it can be read.
        if commit {
            self.book.lock().extend(places.iter().copied());
        }
        if !commit || !self.end(|writer| writer.producer().commit_transaction(LIMIT)) {
            // Before a position can pass it.
            for (place, _) in &places {
                self.book.lock().remove(place);
            }
            let abort = self.end(|writer| writer.producer().abort_transaction(LIMIT));
            assert!(abort, "a transaction can be aborted");
        }
    }

    /// Ends it, however often that must be asked for; false when it can only be aborted.
    fn end(&self, how: impl Fn(&Writer) -> Result<(), KafkaError>) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match how(&self.writer) {
                Ok(()) => return true,
                Err(KafkaError::Transaction(why)) if why.txn_requires_abort() => return false,
                Err(why) => assert!(Instant::now() < deadline, "the transaction ends: {why}"),
            }
        }
    }
}
