//! A million records of every shape, read back as a consumer reads them and compared one by one.

use std::collections::HashMap;
use std::time::Duration;

use eventhubs_local::Server;
use stage::audit::Auditor;
use stage::event::{Form, Seen, expected, partition_key, place};
use stage::reader::{Next, Source};
use stage::records::record;
use stage::{Kafka, Settings, Supply, unique, wait_for};

const HUB: &str = "orders";
const KAFKA_PARTITIONS: i32 = 8;
const HUB_PARTITIONS: u32 = 4;
/// Records in each Kafka partition.
const EACH: i64 = 125_000;
/// For all of it, on a slow machine.
const LIMIT: Duration = Duration::from_secs(300);

/// What came from one hub partition: how far each Kafka partition got, and how many of it.
#[derive(Default)]
struct Found {
    last: HashMap<i32, i64>,
    /// One bit a record would do; a byte is simple.
    seen: HashMap<i32, Vec<bool>>,
}

impl Found {
    /// Compares an event with its record, and its place with those before it.
    fn enter(&mut self, topic: &str, hub_partition: u32, event: Seen) {
        let (_, partition, offset) = place(&event.message_id).expect("the message-id is a place");
        let record = record(partition, offset);
        assert_eq!(event, expected(&record, topic, partition, offset, &Form::default()));
        let before = self.last.insert(partition, offset);
        assert!(
            before.is_none_or(|before| before < offset),
            "{partition}: {offset} after {before:?}"
        );
        let seen = self.seen.entry(partition).or_insert_with(|| vec![false; EACH as usize]);
        assert!(
            !std::mem::replace(&mut seen[offset as usize], true),
            "twice: {partition}/{offset}"
        );
        if let Some(key) = &record.key {
            let (key, _) = partition_key(key);
            assert_eq!(eventhubs_local::partition_of(&key, HUB_PARTITIONS), hub_partition);
        }
    }
}

#[test]
fn a_million_records_arrive_once_in_order_and_whole() {
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HUB, HUB_PARTITIONS).start().unwrap();
    let (topic, group) = (unique("million"), unique("g"));
    let hub = server.hub(HUB);
    let mut supply = Supply::new(kafka, &topic, KAFKA_PARTITIONS);
    // The bridge's contents are compared below, by a reader that is not ours.
    let audit = Auditor::of(&topic, KAFKA_PARTITIONS).foreign().begin(kafka, &group, &hub);
    let bridge = Settings::new(kafka, &group, &server).mapping(&topic, HUB).start();
    for _ in 0..25 {
        supply.write(EACH / 25);
    }
    let total = supply.total();
    assert_eq!(total, 1_000_000);
    wait_for("a million records in the hub", LIMIT, || (audit.records() == total).then_some(()));
    bridge.wait_ready(200);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
    assert_eq!(hub.total(), total);

    let source = |partition| Source {
        address: server.addr().to_string(),
        connection_string: server.connection_string(),
        hub: HUB.to_owned(),
        partition,
    };
    let found = std::thread::scope(|scope| {
        let reader = |partition: u32| {
            let (source, topic) = (source(partition), &topic);
            let mut left = hub.partition(partition).len();
            assert!(left > 0, "every partition is used");
            scope.spawn(move || {
                let mut found = Found::default();
                source.read(|event| {
                    found.enter(topic, partition, Seen::received(event));
                    left -= 1;
                    if left == 0 { Next::Enough } else { Next::More }
                });
                found
            })
        };
        let readers = (0..HUB_PARTITIONS).map(reader).collect::<Vec<_>>();
        readers.into_iter().map(|it| it.join().expect("a reader")).collect::<Vec<_>>()
    });
    // Each record is in one hub partition and no other.
    for partition in 0..KAFKA_PARTITIONS {
        let of =
            |found: &Found, offset| found.seen.get(&partition).is_some_and(|seen| seen[offset]);
        for offset in 0..EACH as usize {
            let count = found.iter().filter(|found| of(found, offset)).count();
            assert_eq!(count, 1, "{partition}/{offset}");
        }
    }
}
