//! Partitions that cannot be read, while their hub takes nothing: nothing is lost, nothing is doubled, and nobody takes the bridge
//! for dead.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eventhubs_local::Server;
use stage::audit::Auditor;
use stage::{Kafka, PATIENCE, Settings, Supply, rest, unique, wait_for};

const HUB: &str = "orders";
const PARTITIONS: i32 = 40;
/// Records of a batch.
const EACH: i64 = 30;
/// What comes before the records of a batch, of which the first twelve say where it begins and how long it is.
const HEADER: usize = 61;

/// Changes one byte of the second batch of a partition, or changes it back: its checksum is wrong, or right again.
fn flip(kafka: &Kafka, topic: &str, partition: i32) {
    let path = kafka.segment(topic, partition);
    let bytes = fs::read(&path).expect("the broker's file");
    let length = i32::from_be_bytes(bytes[8..12].try_into().expect("four bytes"));
    let second = 12 + length as usize;
    let at = second + HEADER + 5;
    assert_eq!(bytes[second + 16], 2, "a batch of today's format");
    let file = fs::File::options().write(true).open(&path).expect("the broker's file");
    // In place: the broker sends what the file holds.
    std::os::unix::fs::FileExt::write_all_at(&file, &[!bytes[at]], at as u64).expect("a byte");
}

#[test]
fn forty_partitions_that_break_at_once_while_their_hub_takes_nothing_lose_nothing() {
    let kafka = Kafka::start(1);
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let (topic, group) = (unique("damaged"), unique("g"));
    let mut supply = Supply::new(&kafka, &topic, PARTITIONS);
    for _ in 0..3 {
        supply.write(EACH);
    }
    let damage = || (0..PARTITIONS).for_each(|partition| flip(&kafka, &topic, partition));
    damage();
    let audit = Auditor::of(&topic, PARTITIONS).begin(&kafka, &group, &server.hub(HUB));
    let stuck = server.faults().hub(HUB).released();
    let bridge = Settings::new(&kafka, &group, &server)
        .mapping(&topic, HUB)
        .with("[limits]\ndrain_timeout = '3s'")
        .start();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let probe = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let (status, body) = bridge.liveness();
                assert_eq!(status, 200, "{body}");
                rest(Duration::from_millis(100));
            }
        });
        // Each twice at least: it was assigned anew, and broke again.
        let broken = ["code=\"BadMessage\""];
        bridge.wait_metric("bridge_kafka_errors_total", &broken, f64::from(2 * PARTITIONS));
        assert_eq!(audit.records(), 0, "the hub takes nothing");
        stuck.clear();
        let before = (i64::from(PARTITIONS) * EACH) as u64;
        audit.wait_records(before);
        bridge.wait_metric("bridge_kafka_errors_total", &broken, f64::from(3 * PARTITIONS));
        assert_eq!(audit.records(), before, "what cannot be read is not passed over");
        damage();
        wait_for("everything arrives", PATIENCE, || {
            assert!(!probe.is_finished(), "it was not alive");
            (audit.records() >= supply.total()).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
    bridge.wait_ready(200);
    bridge.stop();
    // It panics about what is lost or out of order.
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}
