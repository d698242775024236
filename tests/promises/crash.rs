//! The process ends, well or badly, and begins again: nothing is lost, and what comes twice is told.

use eventhubs_local::Server;

use crate::support::audit::Auditor;
use crate::support::{Kafka, Settings, Supply, unique};

#[test]
fn a_clean_stop_and_a_restart_lose_nothing_and_double_nothing() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("clean"), unique("g"));
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let mut supply = Supply::new(kafka, &topic, 6);
    supply.write(500);
    let audit = Auditor::of(&topic, 6).begin(kafka, &group, &server.hub("orders"));
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let pour = supply.pour();
    for _ in 0..3 {
        let before = audit.records();
        let bridge = settings.start();
        audit.wait_records(before + 4_000);
        bridge.stop();
    }
    let supply = pour.stop();
    let bridge = settings.start();
    audit.wait_records(supply.total());
    bridge.wait_ready(200);
    bridge.stop();
    let report = audit.finish(supply.ends());
    assert_eq!(report.duplicates, []);
}
