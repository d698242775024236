//! However well a topic compresses: memory stays within the bound, and all of it arrives once.
//!
//! The most memory is what the kernel remembers of it, so no peak is missed. When brokers could answer 2 MiB to a fetch
//! whatever came out of it, it was 392 MB with records of 1 kB, 318 MB with 10 kB and 238 MB with 200 kB.

use eventhubs_local::Server;
use stage::audit::Auditor;
use stage::records::EPOCH;
use stage::{Kafka, Out, Settings, unique};

use crate::memory::{BASE, wait_full};

const HUB: &str = "orders";
/// What is set when nothing is.
const LIMIT: u64 = 64 << 20;
const PARTITIONS: i32 = 8;
/// Bytes of all records of a topic.
const BYTES: usize = 300_000_000;

/// A topic to be.
#[derive(Clone, Copy)]
struct Kind {
    /// Bytes of a record.
    size: usize,
    /// Of each thousand of them, those that nothing can be made smaller of.
    noise: usize,
    codec: &'static str,
    /// Bytes of a batch before it is compressed, at most.
    batch: &'static str,
}

/// What librdkafka's producers do by themselves; Java's make 16 kB after compression, and so about the same of a
/// hundredfold.
const BATCH: &str = "1000000";

impl Kind {
    /// Records a partition.
    fn each(self) -> i64 {
        (BYTES / self.size / PARTITIONS as usize) as i64
    }

    fn record(self, partition: i32, n: i64) -> Out {
        let words = b"nothing of this is new, and so it is written down once ";
        let mut dice = ((n as u64) << 8 | partition as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut value = words.iter().copied().cycle().take(self.size).collect::<Vec<_>>();
        for part in value.chunks_mut(1000) {
            for byte in part.iter_mut().take(self.noise) {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                *byte = (dice >> 24) as u8;
            }
        }
        Out::value(value).key(format!("{n}")).to(partition).at(EPOCH + n)
    }

    /// Writes the topic; gives how many times its size comes out.
    fn write(self, kafka: &Kafka, topic: &str) -> f64 {
        kafka.create_topic(topic, PARTITIONS);
        let records = (0..PARTITIONS)
            .flat_map(|partition| (0..self.each()).map(move |n| self.record(partition, n)));
        let settings = [
            ("compression.type", self.codec),
            ("batch.size", self.batch),
            ("batch.num.messages", "1000000"),
            ("message.max.bytes", "150000000"),
            ("queue.buffering.max.kbytes", "200000"),
            // Long enough for whole batches on a machine that is doing much else.
            ("linger.ms", "1000"),
        ];
        kafka.produce_with(topic, records, &settings);
        BYTES as f64 / kafka.stored(topic) as f64
    }
}

/// A backlog of it is read while its hub takes nothing, and then all of it. Gives the most memory that was taken.
fn peak(kind: Kind, ratios: std::ops::Range<f64>) -> u64 {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("compressed"), unique("g"));
    let ratio = kind.write(kafka, &topic);
    assert!(ratios.contains(&ratio), "it compresses {ratio} times");
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let written = move |partition, n| kind.record(partition, n);
    let audit =
        Auditor::of(&topic, PARTITIONS).written(written).begin(kafka, &group, &server.hub(HUB));
    let stuck = server.faults().hub(HUB).released();
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    wait_full(&bridge, &stuck, 100);
    stuck.clear();
    audit.wait_records((kind.each() * i64::from(PARTITIONS)) as u64);
    let peak = bridge.peak_memory();
    bridge.stop();
    assert_eq!(audit.finish(&[kind.each(); PARTITIONS as usize]).duplicates, []);
    kafka.delete_topic(&topic);
    peak
}

#[track_caller]
fn assert_bounded(size: usize, noise: usize) {
    let peak = peak(Kind { size, noise, codec: "zstd", batch: BATCH }, 80.0..120.0);
    assert!(peak < LIMIT + BASE, "{} MB", peak / 1_000_000);
}

#[test]
fn records_of_1_kb_that_compress_a_hundredfold() {
    assert_bounded(1000, 3);
}

#[test]
fn records_of_10_kb_that_compress_a_hundredfold() {
    assert_bounded(10_000, 7);
}

#[test]
fn records_of_200_kb_that_compress_a_hundredfold() {
    assert_bounded(200_000, 7);
}

#[test]
fn records_that_are_not_compressed() {
    let peak = peak(Kind { size: 1000, noise: 0, codec: "none", batch: BATCH }, 0.8..1.1);
    assert!(peak < LIMIT + BASE, "{} MB", peak / 1_000_000);
}

/// A batch is unpacked as a whole, so this one cannot be bounded.
#[test]
fn batches_that_unpack_to_more_than_there_is_room_for_are_told() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("large"), unique("g"));
    let kind = Kind { size: 10_000, noise: 7, codec: "zstd", batch: "12000000" };
    kind.write(kafka, &topic);
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, HUB)
        .with("[limits]\nmemory = '16MiB'")
        .start();
    bridge.wait_log(&["WARN", &topic, "are larger than `limits.memory` allows", "raise `memory`"]);
    bridge.stop();
    assert_eq!(bridge.logged("are larger than `limits.memory` allows"), 1, "told once");
}
