//! Positions that are gone: the partition stands where it is told to, and keeps no other; what is made again is read whole.

use eventhubs_local::Server;
use stage::audit::Auditor;
use stage::records::record;
use stage::{Kafka, PATIENCE, Settings, Supply, unique, wait_for};

use crate::partial::wait_held;

const HALT: &str = "[kafka]\nout_of_range = 'halt'";

/// Retention was quicker than the bridge.
#[test]
fn a_position_that_is_gone_holds_its_partition_and_no_other() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("gone"), unique("g"));
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let hub = server.hub("orders");
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, (0..40).flat_map(|n| [record(0, n), record(1, n)]));
    kafka.delete_records(&topic, 0, 12);
    kafka.commit(&group, &topic, 0, 5);
    kafka.commit(&group, &topic, 1, 0);
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let bridge = settings.clone().with(HALT).start();
    assert!(hub.wait_for(40, PATIENCE), "the other partition flows");
    let words = ["ERROR", "halted", &format!("{topic}/0"), "`kafka.out_of_range`", "12 to 40"];
    bridge.wait_log(&words);
    let why = wait_held(&bridge, &[("topic", &topic)]);
    assert!(why.contains("committed position 5"), "{why}");
    let labels = [&*format!("topic=\"{topic}\""), "partition=\"0\"", "reason=\"halted\""];
    bridge.wait_metric("bridge_partition_held", &labels, 1.0);
    assert_eq!(bridge.count("bridge_partition_held", &[]), 1);
    bridge.wait_metric("bridge_lag_seconds", &labels[..2], 0.1);
    wait_for("the other partition is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 1) == Some(40)).then_some(())
    });
    bridge.stop();
    assert_eq!((kafka.committed(&group, &topic, 0), hub.total()), (Some(5), 40));

    let bridge = settings.start();
    assert!(hub.wait_for(40 + 28, PATIENCE), "what is there comes");
    bridge.wait_metric("bridge_records_expired_total", &[labels[0]], 7.0);
    bridge.stop();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(40));
}

/// Nobody need decide: all of it is new.
#[test]
fn a_topic_made_again_is_read_whole_whatever_is_said_of_positions_that_are_gone() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("again"), unique("g"));
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let hub = server.hub("orders");
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders").with(HALT);
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(100);
    let audit = Auditor::of(&topic, 2).begin(kafka, &group, &hub);
    let bridge = settings.start();
    audit.wait_records(supply.total());
    bridge.stop();
    drop(audit.finish(supply.ends()));
    kafka.delete_topic(&topic);
    let audit = Auditor::of(&topic, 2).only_new().begin(kafka, &unique("nobody"), &hub);
    let mut supply = Supply::new(kafka, &topic, 2);
    supply.write(40);
    let bridge = settings.start();
    audit.wait_records(supply.total());
    bridge.stop();
    drop(audit.stop());
}
