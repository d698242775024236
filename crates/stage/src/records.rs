//! Records of every shape, each computed from its place: nothing need be remembered to know what must arrive.
//!
//! A [`Supply`] writes them to a topic of its own, so the n-th record of a partition is at offset n.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;

use crate::produce::Writer;
use crate::{Kafka, Out, rest};

/// Partition p of a supply is written with codec p, around.
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// Keys a partition has, of the usual kind.
const KEYS: u64 = 1000;
/// The time of the first record.
pub const EPOCH: i64 = 1_700_000_000_000;

/// The numbers that make a record what it is.
struct Dice(u64);

impl Dice {
    fn of(partition: i32, n: i64) -> Self {
        Self(((partition as u64) << 48) ^ (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// splitmix64
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }
}

/// The record at offset `n` of `partition`.
pub fn record(partition: i32, n: i64) -> Out {
    let mut dice = Dice::of(partition, n);
    let mut out = Out::default().to(partition).at(EPOCH + n * 7 + i64::from(partition));
    out.key = key(partition, &mut dice);
    out.value = value(partition, n, &mut dice);
    match dice.below(48) {
        0 => {
            out = out
                .header("twice", Some(b"first"))
                .header("null", None)
                .header("twice", Some(b"last"))
                .header("empty", Some(b""))
                .header("bytes", Some(&[0xff, 0, 0xfe]))
                .header([0xc3, 0x28, b'%'], Some(b"name is not text"));
        }
        1 => {
            out = out.header("content-type", Some(b"application/json")).header("a", Some(b"1"));
        }
        2 => out = out.header("content-type", Some("säure".as_bytes())),
        3 => {
            // A producer cannot pass itself off as the bridge.
            out = out.header("kafka_offset", Some(b"-1")).header("kafka_topic", None);
            out = out.header("kafka_tombstone", Some(b"no")).header("kafka_key", Some(b"none"));
        }
        4 => out = out.header("long", Some("ü".repeat(200).as_bytes())).at(1),
        5..12 => out = out.header("trace", Some(format!("{n:x}").as_bytes())),
        _ => {}
    }
    out
}

fn key(partition: i32, dice: &mut Dice) -> Option<Vec<u8>> {
    match dice.below(64) {
        0 => Some(vec![0xff, partition as u8, dice.below(50) as u8, 0xfe]),
        1 => Some(Vec::new()),
        // 129 characters are too many, 128 are not: counted in UTF-16, not in bytes.
        2 => Some(format!("{partition:03}").into_bytes().into_iter().cycle().take(129).collect()),
        3 => Some(format!("{partition:03}{}", "ü".repeat(125)).into_bytes()),
        4 => Some(format!("{partition:03}{}x", "𝄞".repeat(63)).into_bytes()),
        5..13 => None,
        _ => Some(format!("customer-{partition}-{}", dice.below(KEYS)).into_bytes()),
    }
}

fn value(partition: i32, n: i64, dice: &mut Dice) -> Option<Vec<u8>> {
    let size = match (dice.below(64), n % 5000) {
        (_, 4999) => 20_000 + dice.below(80_000),
        (_, at) if at % 500 == 250 => 300 + dice.below(3_000),
        (0, _) => return None,
        (1, _) => return Some(Vec::new()),
        _ => 16 + dice.below(48),
    };
    let mut value = format!("{partition}/{n} ").into_bytes();
    while value.len() < size as usize {
        value.extend_from_slice(&dice.roll().to_le_bytes());
    }
    Some(value)
}

/// The same with a value of some kilobytes.
pub fn large_record(partition: i32, n: i64) -> Out {
    let mut dice = Dice::of(partition, !n);
    let size = dice.below(9_000) as usize;
    let mut out = record(partition, n);
    if let Some(value) = &mut out.value {
        while value.len() < size {
            value.extend_from_slice(&dice.roll().to_le_bytes());
        }
    }
    out
}

/// As many bytes, which no codec makes fewer.
pub fn noise(bytes: usize) -> Vec<u8> {
    let mut dice = Dice::of(0, bytes as i64);
    let words = std::iter::repeat_with(|| dice.roll().to_le_bytes());
    words.flatten().take(bytes).collect()
}

/// A topic and what has been written to it.
pub struct Supply {
    topic: Arc<str>,
    kafka: ClientConfig,
    make: fn(i32, i64) -> Out,
    writers: Vec<Writer>,
    next: Vec<i64>,
    acknowledged: Vec<i64>,
}

impl Supply {
    /// Makes the topic.
    pub fn new(kafka: &Kafka, topic: &str, partitions: i32) -> Self {
        Self::of(record, kafka, topic, partitions)
    }

    /// The same, of other records: `make` is given partition and offset.
    pub fn of(make: fn(i32, i64) -> Out, kafka: &Kafka, topic: &str, partitions: i32) -> Self {
        kafka.create_topic(topic, partitions);
        let kafka = kafka.config();
        Self {
            topic: topic.into(),
            writers: writers(&kafka, partitions as usize),
            kafka,
            make,
            next: vec![0; partitions as usize],
            acknowledged: vec![0; partitions as usize],
        }
    }

    /// The topic it writes to.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Records written so far.
    pub fn total(&self) -> u64 {
        self.next.iter().sum::<i64>() as u64
    }

    /// The end of each partition.
    pub fn ends(&self) -> &[i64] {
        &self.next
    }

    /// Writes `each` records to every partition, and waits until Kafka has them.
    pub fn write(&mut self, each: i64) {
        let writers = self.writers.len();
        for (partition, next) in self.next.iter_mut().enumerate() {
            for n in *next..*next + each {
                let record = (self.make)(partition as i32, n);
                self.writers[partition % writers].write(&self.topic, &record);
            }
            *next += each;
        }
        for writer in &mut self.writers {
            for (partition, offset) in writer.finish() {
                assert_eq!(
                    offset, self.acknowledged[partition as usize],
                    "record n is at offset n"
                );
                self.acknowledged[partition as usize] += 1;
            }
        }
    }

    /// Writes to partitions that have been added, too. Fresh producers: the old ones may not have heard of them.
    fn grow(&mut self, partitions: usize) {
        self.writers = writers(&self.kafka, partitions);
        self.next.resize(partitions, 0);
        self.acknowledged.resize(partitions, 0);
    }

    /// Keeps writing on a thread of its own, some ten thousand records a second at most.
    pub fn pour(self) -> Pour {
        self.pour_slowly(200, Duration::from_millis(30))
    }

    /// The same, `count` records over all partitions between two pauses.
    pub fn pour_slowly(mut self, count: i64, pause: Duration) -> Pour {
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(AtomicU64::new(self.total()));
        let partitions = Arc::new(AtomicUsize::new(self.next.len()));
        let (stopped, total, wanted) =
            (Arc::clone(&stop), Arc::clone(&written), Arc::clone(&partitions));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let partitions = wanted.load(Ordering::Relaxed);
                if partitions > self.next.len() {
                    self.grow(partitions);
                }
                self.write((count / partitions as i64).max(1));
                total.store(self.total(), Ordering::Relaxed);
                rest(pause);
            }
            self
        });
        Pour { stop, written, partitions, thread }
    }
}

fn writers(kafka: &ClientConfig, partitions: usize) -> Vec<Writer> {
    let writer = |codec| Writer::new(kafka.clone(), &[("compression.type", codec)]);
    CODECS.into_iter().take(partitions).map(writer).collect()
}

/// A supply that keeps writing.
pub struct Pour {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    partitions: Arc<AtomicUsize>,
    thread: JoinHandle<Supply>,
}

impl Pour {
    /// Stops writing; everything written is in Kafka.
    pub fn stop(self) -> Supply {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("kafka takes the records")
    }

    /// Records that Kafka has.
    pub fn written(&self) -> u64 {
        assert!(!self.thread.is_finished(), "kafka takes the records");
        self.written.load(Ordering::Relaxed)
    }

    /// From now on it writes to partitions that have been added, too.
    pub fn grow(&self, partitions: usize) {
        self.partitions.store(partitions, Ordering::Relaxed);
    }
}
