//! However much is waiting in Kafka and however long Event Hubs takes nothing: memory stays within the bound.

use eventhubs_local::{Fault, Server};
use stage::audit::Auditor;
use stage::{Bridge, Kafka, Out, PATIENCE, Settings, Supply, unique, wait_for};

const HUB: &str = "orders";
const LIMIT: u64 = 32 << 20;
/// What the process needs besides records: code, threads, connections, and what an allocator does not give back.
pub(crate) const BASE: u64 = 80 << 20;
const RECORDS: u64 = 30_000;

/// Full: nothing more is taken from Kafka, and it stays so however often is tried.
pub(crate) fn wait_full(bridge: &Bridge, stuck: &Fault, least: u64) {
    wait_for("the buffers are full", PATIENCE, || {
        let taken = bridge.count("bridge_records_received_total", &[]);
        let fired = stuck.fired();
        wait_for("another round", PATIENCE, || (stuck.fired() >= fired + 8).then_some(()));
        let still = bridge.count("bridge_records_received_total", &[]) == taken;
        (taken > least && still).then_some(())
    });
}

#[test]
fn a_backlog_behind_a_hub_that_takes_nothing_stays_in_kafka() {
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let (topic, group) = (unique("backlog"), unique("g"));
    kafka.create_topic(&topic, 4);
    // 300 MB, ten times the bound.
    let body = |n: u64| {
        let word = |i: u64| (n * 1250 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15).swap_bytes();
        (0..1250).flat_map(|i| word(i).to_le_bytes()).collect::<Vec<u8>>()
    };
    let record = |n: u64| Out::value(body(n)).key(format!("{n}")).to((n % 4) as i32);
    kafka.produce_with(&topic, (0..RECORDS).map(record), &[]);
    let ends = [RECORDS as i64 / 4; 4];
    let audit = Auditor::of(&topic, 4).foreign().begin(kafka, &group, &server.hub(HUB));
    let stuck = server.faults().hub(HUB).released();
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, HUB)
        .with("[limits]\nmemory = '32MiB'")
        .start();
    wait_full(&bridge, &stuck, 500);
    let held = bridge.count("bridge_buffered_bytes", &[]);
    let ahead = bridge.count("bridge_prefetched_bytes", &[]);
    assert!(held + ahead <= LIMIT + LIMIT / 4, "{held} + {ahead}");
    stuck.clear();
    audit.wait_records(RECORDS);
    let resident = bridge.count("process_resident_memory_bytes", &[]);
    assert!(resident < LIMIT + BASE, "{resident}");
    bridge.stop();
    assert_eq!(audit.finish(&ends).duplicates, []);
}

/// Larger than its hub takes, to a dead-letter topic that is not there; beside it, another topic flows.
#[test]
fn letters_that_cannot_be_written_wait_in_kafka_and_hold_up_nobody_else() {
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HUB, 4).max_message_size(100_000).start().unwrap();
    let (bad, good, group) = (unique("bad"), unique("good"), unique("g"));
    kafka.create_topic(&bad, 8);
    let record = |n: u64| Out::value(vec![b'a'; 150_000]).to((n % 8) as i32);
    kafka.produce_with(&bad, (0..800).map(record), &[]);
    let mut supply = Supply::new(kafka, &good, 4);
    supply.write(100);
    let audit = Auditor::of(&good, 4).begin(kafka, &group, &server.hub(HUB));
    let pour = supply.pour();
    let target = unique("missing");
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&bad, HUB)
        .mapping(&good, HUB)
        .with(&format!(
            "[limits]\nmemory = '32MiB'\ndrain_timeout = '1s'
            [failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"
        ))
        .start();
    let topic = format!("topic=\"{bad}\"");
    let held = [&*topic, "reason=\"dead_letters\""];
    bridge.wait_metric("bridge_partition_held", &held, 8.0);
    let taken = bridge.count("bridge_records_received_total", &[&topic]);
    assert!(taken <= 8 * 64, "{taken} letters wait");
    // Three times what it may hold goes by.
    let step = audit.records();
    for records in (1..=10).map(|part| step + part * 10_000) {
        audit.wait_records(records);
        let resident = bridge.count("process_resident_memory_bytes", &[]);
        assert!(resident < LIMIT + BASE, "{resident}");
    }
    assert_eq!(bridge.count("bridge_records_received_total", &[&topic]), taken);
    let supply = pour.stop();
    audit.wait_records(supply.total());
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
    let committed = (0..8).filter_map(|partition| kafka.committed(&group, &bad, partition));
    assert_eq!(committed.sum::<i64>(), 0, "no letter is given up");
}
