//! A hub for each tenant of one topic: each record is in the hub that it chooses, in order, and nowhere else.

use eventhubs_local::Server;
use kafka_eventhubs_bridge::status::document::Document;
use kafka_eventhubs_bridge::status::document::Reading;
use stage::audit::{Auditor, Place};
use stage::event::place;
use stage::records::record;
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::partial::wait_held;

const EACH: i64 = 120;
const HUB: &str = "tenant-{header:tenant}";

/// Only the last of three partitions has records of tenant `c`, and only the others have some of nobody.
fn tenant((partition, n): Place) -> &'static str {
    match partition {
        2 => ["a", "b", "c"][n as usize % 3],
        _ if n % 10 == 7 => "nobody",
        _ => ["a", "b"][n as usize % 2],
    }
}

fn written(partition: i32, n: i64) -> Out {
    record(partition, n).header("tenant", Some(tenant((partition, n)).as_bytes()))
}

fn places() -> impl Iterator<Item = Place> {
    (0..EACH).flat_map(|n| (0..3).map(move |partition| (partition, n)))
}

fn count(name: &str) -> u64 {
    places().filter(|at| tenant(*at) == name).count() as u64
}

fn mapping(topic: &str, target: &str) -> String {
    format!(
        "[[mappings]]\ntopic = '{topic}'\nhub = '{HUB}'\n\
         hubs = ['tenant-a', 'tenant-b', 'tenant-c', 'tenant-idle']\n\
         [failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"
    )
}

#[test]
fn each_record_is_in_the_hub_it_chooses_and_the_hub_that_is_missing_holds_only_its_own() {
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("tenants"), unique("dead"), unique("g"));
    let server = Server::builder().hub("tenant-a", 2).hub("tenant-b", 2).hub("tenant-idle", 2);
    let server = server.start().unwrap();
    kafka.create_topic(&topic, 3);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, places().map(|(partition, n)| written(partition, n)));
    let audit = |name: &'static str| {
        let auditor = Auditor::of(&topic, 3).written(written);
        let auditor = auditor.excuse(move |at| tenant(at) != name);
        auditor.begin(kafka, &group, &server.hub(&format!("tenant-{name}")))
    };
    let [a, b] = [audit("a"), audit("b")];
    let bridge = Settings::new(kafka, &group, &server).with(&mapping(&topic, &target)).start();
    for (audit, name) in [(&a, "a"), (&b, "b")] {
        let before = places().filter(|at| tenant(*at) == name && (at.0 < 2 || at.1 < 2));
        audit.wait_records(before.count() as u64);
    }
    wait_for("the partitions without a record for it are done", PATIENCE, || {
        let done = |partition| kafka.committed(&group, &topic, partition) == Some(EACH);
        (done(0) && done(1)).then_some(())
    });
    let why = wait_held(&bridge, &[("namespace", "default"), ("hub", "tenant-c")]);
    assert!(why.contains("no such hub"), "{why}");
    let detail = bridge.wait_status("the last partition waits", |status: &Document| {
        let last = &status.topics.first()?.partitions[2];
        last.detail.clone().filter(|_| last.state == Reading::Held)
    });
    assert!(detail.contains("hub `default/tenant-c`"), "{detail}");
    wait_for("it stands at its first record for it", PATIENCE, || {
        (kafka.committed(&group, &topic, 2) == Some(2)).then_some(())
    });

    server.create_hub("tenant-c", 2).unwrap();
    let c = audit("c");
    for (audit, name) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        audit.wait_records(count(name));
    }
    wait_for("all is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 2) == Some(EACH)).then_some(())
    });
    let mapping = bridge.status::<Document>().mappings.remove(0);
    assert_eq!((mapping.hub.as_str(), mapping.hubs.map(|hubs| hubs.len())), (HUB, Some(4)));
    let sent = |hub: &str| bridge.count("bridge_events_sent_total", &[&format!("hub=\"{hub}\"")]);
    assert_eq!(
        [sent("tenant-a"), sent("tenant-c"), sent("tenant-idle")],
        [count("a"), count("c"), 0]
    );
    let links =
        |hub: &str| bridge.count("bridge_links_attached_total", &[&format!("hub=\"{hub}\"")]);
    assert!(links("tenant-a") > 0 && links("tenant-idle") == 0, "nothing goes there");
    bridge.stop();
    for (audit, name) in [(a, "a"), (b, "b"), (c, "c")] {
        assert_eq!(audit.finish(&[EACH; 3]).duplicates, []);
        assert_only(&server, name);
    }
    assert_letters(&kafka.records(&target, 0));
}

/// What is in the hub of a tenant is of that tenant.
fn assert_only(server: &Server, name: &str) {
    let hub = server.hub(&format!("tenant-{name}"));
    for event in hub.partitions().iter().flat_map(eventhubs_local::Partition::events) {
        let (_, partition, offset) = event.message_id().and_then(place).expect("a place");
        assert_eq!(tenant((partition, offset)), name, "{partition}/{offset}");
    }
}

/// One for each record of nobody, and nothing of the record in what is said.
fn assert_letters(letters: &[Out]) {
    assert_eq!(letters.len() as u64, count("nobody"));
    let said = |letter: &Out, name: &str| {
        let header = letter.headers.iter().rev().find(|(it, _)| it == name.as_bytes());
        String::from_utf8(header.unwrap().1.clone().unwrap()).unwrap()
    };
    for letter in letters {
        let of = ["bridge_reason", "bridge_hub"].map(|name| said(letter, name));
        assert_eq!(of, ["unknown_hub", HUB]);
        let detail = said(letter, "bridge_detail");
        assert!(detail.contains("not in `hubs`") && !detail.contains("nobody"), "{detail}");
    }
}
