//! Records of every shape, each computed from its place: nothing need be remembered to know what must arrive.
//!
//! A [`Supply`] writes them to a topic of its own, so the n-th record of a partition is at offset n.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::produce::Writer;
use super::{Kafka, Out, rest};

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

/// A topic and what has been written to it.
pub struct Supply {
    topic: Arc<str>,
    writers: Vec<Writer>,
    next: Vec<i64>,
    acknowledged: Vec<i64>,
}

impl Supply {
    /// Makes the topic.
    pub fn new(kafka: &Kafka, topic: &str, partitions: i32) -> Self {
        kafka.create_topic(topic, partitions);
        let writer = |codec| kafka.writer(&[("compression.type", codec)]);
        Self {
            topic: topic.into(),
            writers: CODECS.into_iter().take(partitions as usize).map(writer).collect(),
            next: vec![0; partitions as usize],
            acknowledged: vec![0; partitions as usize],
        }
    }

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
                self.writers[partition % writers].write(&self.topic, &record(partition as i32, n));
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

    /// Keeps writing on a thread of its own, some ten thousand records a second at most.
    pub fn pour(mut self) -> Pour {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let each = (200 / self.next.len() as i64).max(1);
            while !stopped.load(Ordering::Relaxed) {
                self.write(each);
                rest(Duration::from_millis(10));
            }
            self
        });
        Pour { stop, thread }
    }
}

/// A supply that keeps writing.
pub struct Pour {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Supply>,
}

impl Pour {
    /// Stops writing; everything written is in Kafka.
    pub fn stop(self) -> Supply {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("kafka takes the records")
    }
}
