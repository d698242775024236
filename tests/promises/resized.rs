//! A hub that has other partitions than before, under a running bridge: all that it has now are used, and nothing is lost,
//! doubled or out of order.

use eventhubs_local::Server;
use stage::audit::Auditor;
use stage::{Kafka, PATIENCE, Settings, Supply, unique, wait_for};

const HUB: &str = "orders";
const PARTITIONS: i32 = 4;
/// Records of each partition before and after the change.
const BEFORE: i64 = 200;
const AFTER: i64 = 300;

/// Records wait for the hub while it becomes another.
fn resized(before: u32, after: u32, change: impl FnOnce(&Server)) {
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HUB, before).start().unwrap();
    let (topic, group) = (unique("resized"), unique("g"));
    let mut supply = Supply::new(kafka, &topic, PARTITIONS);
    supply.write(BEFORE);
    let audit = Auditor::of(&topic, PARTITIONS).begin(kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, HUB)
        .with("[kafka]\ndiscovery_interval = '1s'")
        .start();
    audit.wait_records(supply.total());
    wait_for("everything is committed", PATIENCE, || audit.uncommitted().is_empty().then_some(()));
    let stuck = server.faults().hub(HUB).released();
    supply.write(AFTER);
    wait_for("all wait", PATIENCE, || {
        (bridge.count("bridge_records_received_total", &[]) == supply.total()).then_some(())
    });
    // One made anew holds only what was not stored in the other. What waited for a partition that is gone comes behind what
    // waited for one that stays: a key keeps its order, a partition does not.
    let is_new = after < before;
    let audit = if is_new {
        audit.stop();
        change(&server);
        Auditor::of(&topic, PARTITIONS).patient().excuse(|(_, offset)| offset < BEFORE).begin(
            kafka,
            &group,
            &server.hub(HUB),
        )
    } else {
        change(&server);
        audit
    };
    stuck.clear();
    bridge.wait_log(&[HUB, &format!("before={before}"), &format!("after={after}")]);
    supply.write(AFTER);
    let stored_before = if is_new { PARTITIONS as u64 * BEFORE as u64 } else { 0 };
    audit.wait_records(supply.total() - stored_before);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
    let now = server.hub(HUB);
    assert_eq!(now.partitions().len(), after as usize);
    let used = now.partitions().iter().filter(|partition| partition.next_sequence() > 0);
    assert_eq!(used.count(), after as usize, "all partitions are used");
}

#[test]
fn a_hub_that_grows_is_used_whole() {
    resized(2, 8, |server| server.grow_hub(HUB, 8).unwrap());
}

#[test]
fn a_hub_made_anew_with_fewer_partitions_gets_what_waited_for_the_others() {
    resized(8, 2, |server| {
        server.delete_hub(HUB).unwrap();
        server.create_hub(HUB, 2).unwrap();
    });
}
