//! A namespace that takes so many events a second and no more: its hubs share that, few batches are refused, and everything
//! arrives once and in order.

use eventhubs_local::Server;
use stage::audit::{Audit, Auditor};
use stage::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};

const PARTITIONS: u32 = 32;
/// Of each partition.
const RECORDS: i64 = 600;
/// What the namespace takes in a second: a hundred batches.
const EVENTS: u64 = 2_000;
/// By then every lane has been refused, and its turn has come.
const BEGIN: u64 = 5 * EVENTS;
/// Events in which refusals are counted.
const WINDOW: u64 = 8 * EVENTS;

/// How many batches were accepted.
fn accepted(bridge: &Bridge) -> u64 {
    bridge.count("bridge_send_duration_seconds_count", &[])
}

#[test]
fn two_hubs_share_what_their_namespace_takes() {
    let kafka = Kafka::shared();
    let hubs = ["first", "second"];
    let builder = hubs.iter().fold(Server::builder(), |it, hub| it.hub(*hub, PARTITIONS));
    let server = builder.start().unwrap();
    let throttle = server.faults().everywhere().throttle(1 << 30, EVENTS);
    let group = unique("g");
    let mut settings = Settings::new(kafka, &group, &server).with("[batch]\nmax_events = 20");
    let sides: Vec<(Audit, Supply)> = hubs
        .iter()
        .map(|hub| {
            let topic = unique(hub);
            let mut supply = Supply::new(kafka, &topic, PARTITIONS as i32);
            supply.write(RECORDS);
            let auditor = Auditor::of(&topic, PARTITIONS as i32);
            (auditor.begin(kafka, &group, &server.hub(hub)), supply)
        })
        .collect();
    for (hub, (_, supply)) in hubs.iter().zip(&sides) {
        settings = settings.with(&format!(
            "[[mappings]]\ntopic = '{}'\nhub = '{hub}'\npartitioning = 'mirror'",
            supply.topic()
        ));
    }
    let bridge = settings.start();

    let arrived = || sides.iter().map(|(audit, _)| audit.records()).collect::<Vec<_>>();
    let wait_arrived = |events: u64| {
        wait_for("more arrives", PATIENCE, || {
            (arrived().iter().sum::<u64>() >= events).then_some(())
        });
    };
    wait_arrived(BEGIN);
    let (passed, refused, before) = (accepted(&bridge), throttle.fired(), arrived());
    bridge.wait_log(&["WARN", "throttled", "server-busy", "default"]);
    bridge.wait_metric("bridge_throttled_bytes_per_second", &["\"default\""], 1.0);
    wait_arrived(BEGIN + WINDOW);
    let (passed, refused) = (accepted(&bridge) - passed, throttle.fired() - refused);
    // 64 lanes that each come back after four seconds would be refused 14 times a second, at 100 batches that pass.
    assert!(refused * 25 <= passed, "{refused} are refused and {passed} pass");
    let after = arrived();
    let shares: Vec<_> = after.iter().zip(before).map(|(now, before)| now - before).collect();
    let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
    assert!(*most <= 2 * *least, "each hub has its share: {shares:?}");

    throttle.clear();
    for (audit, supply) in &sides {
        audit.wait_records(supply.total());
    }
    bridge.wait_log(&["INFO", "no longer throttled", "default"]);
    wait_for("nothing is governed", PATIENCE, || {
        (!bridge.metrics().contains("bridge_throttled_lanes_waiting{")).then_some(())
    });
    assert_eq!(bridge.count("bridge_records_let_go_total", &[]), 0);
    bridge.stop();
    for (audit, supply) in sides {
        // It panics about what is lost or out of order.
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}
