//! Members of the group come, go and are replaced while records flow: nothing is lost, and nothing comes twice.

use crate::scene::{Scene, count};
use crate::support::{Bridge, Kafka};

/// Waits until this member itself has taken records.
fn wait_busy(bridge: &Bridge) {
    bridge.wait_ready(200);
    bridge.wait_metric("bridge_records_received_total", &[], 500.0);
}

/// Nothing was let go before it was settled.
fn assert_orderly(bridge: &Bridge) {
    for reason in ["lost", "deadline"] {
        let label = format!("reason=\"{reason}\"");
        let let_go = count(bridge, "bridge_records_let_go_total", &[&label]);
        assert!(let_go == 0, "{let_go} records {reason}");
    }
}

#[test]
fn a_second_member_joins_and_leaves() {
    let scene = Scene::new(Kafka::shared(), "second");
    let first = scene.settings.start();
    wait_busy(&first);
    for _ in 0..2 {
        let second = scene.settings.start();
        wait_busy(&second);
        scene.wait_more(1_000);
        assert_orderly(&second);
        second.stop();
        scene.wait_more(1_000);
    }
    assert_orderly(&first);
    assert_eq!(scene.finish(&first), []);
}

#[test]
fn members_are_replaced_one_after_the_other() {
    let scene = Scene::new(Kafka::shared(), "rolling");
    let mut members = [scene.settings.start(), scene.settings.start()];
    for _ in 0..2 {
        for member in &mut members {
            wait_busy(member);
            assert_orderly(member);
            member.stop();
            *member = scene.settings.start();
        }
    }
    let [first, second] = members;
    wait_busy(&first);
    wait_busy(&second);
    first.stop();
    assert_eq!(scene.finish(&second), []);
}

#[test]
fn a_static_member_comes_back_to_its_partitions() {
    let mut scene = Scene::new(Kafka::shared(), "static");
    let settings = scene.settings.clone();
    let start = |id: &str| settings.clone().with(&format!("[kafka]\ninstance_id = '{id}'")).start();
    let (stays, mut goes) = (start("pod-0"), start("pod-1"));
    wait_busy(&stays);
    wait_busy(&goes);
    let rebalances = || count(&stays, "bridge_rebalances_total", &[]);
    let before = rebalances();
    for _ in 0..2 {
        goes.stop();
        goes = start("pod-1");
        wait_busy(&goes);
    }
    assert!(rebalances() == before, "the other member notices nothing");
    // Its partitions wait for it: it brings over what came meanwhile.
    let ends = scene.wait_all();
    goes.stop();
    stays.stop();
    assert_eq!(scene.audit.finish(&ends).duplicates, []);
}
