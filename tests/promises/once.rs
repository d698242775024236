//! `delivery = "effectively_once"`: whatever is killed, cut or late, each event stands in its hub once.

use std::time::Duration;

use stage::reader::{Next, Source};
use stage::scene::HUB;
use stage::{Bridge, Kafka, PATIENCE, Scene, wait_for};

use crate::members::wait_busy;

const ONCE: &str = "[effectively_once]
    lease = '1s'
    late = '1s'
    clock_skew = '5s'";

/// A life begins where the one before ended, and not when its session is over.
const SAME: &str = "kafka.instance_id = 'same'
    kafka.commit_interval = '1s'";

/// The usual scene, delivered that way.
fn scene(name: &str, delivery: &str) -> Scene {
    let mut scene = Scene::new(Kafka::shared(), name).with(SAME);
    scene.settings = scene.settings.each_mapping(&format!("delivery = '{delivery}'"));
    if delivery == "effectively_once" { scene.with(ONCE) } else { scene }
}

const SPARED: &str = "bridge_events_already_stored_total";

/// Lives that end by SIGKILL, each in the middle of sending.
const LIVES: usize = 8;

/// Some would have come twice.
fn wait_spared(bridge: &Bridge) {
    let some = || (bridge.count(SPARED, &[]) > 0).then_some(());
    wait_for("events that are there are not sent", PATIENCE, some);
}

/// The same lives without it: what is spared here comes twice there.
#[test]
fn killed_again_and_again_it_doubles_nothing() {
    for delivery in ["effectively_once", "at_least_once"] {
        let (scene, once) = (scene("once", delivery), delivery == "effectively_once");
        scene.server.faults().hub(HUB).delay_ack(Duration::from_millis(20));
        for _ in 0..LIVES {
            let bridge = scene.settings.start();
            scene.wait_more(2_000);
            bridge.kill();
        }
        let last = scene.settings.start();
        scene.wait_more(1_000);
        if once {
            wait_spared(&last);
        }
        let duplicates = scene.finish(&last);
        if once {
            assert_eq!(duplicates, [], "each stands there once");
        } else {
            assert!(!duplicates.is_empty());
        }
    }
}

/// A clean stop says so, and whoever comes next neither waits nor reads the hub.
#[test]
fn after_a_clean_stop_nothing_is_looked_for() {
    let scene = scene("tidy", "effectively_once");
    for _ in 0..3 {
        let bridge = scene.settings.start();
        scene.wait_more(2_000);
        assert_eq!(bridge.count("bridge_lookup_events_read_total", &[]), 0);
        bridge.stop();
    }
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), []);
}

/// Each of these leaves a batch of which nobody knows whether it is stored.
#[test]
fn a_lost_answer_doubles_nothing() {
    let scene = scene("lost-answer", "effectively_once").with("eventhubs.send_timeout = '2s'");
    let bridge = scene.settings.start();
    wait_busy(&bridge);
    for round in 0..3 {
        let hub = || scene.server.faults().hub(HUB);
        for fault in [hub().times(3).forget_ack(), hub().times(3).drop_after_store()] {
            wait_for("answers are lost", PATIENCE, || (fault.fired() == 3).then_some(()));
            scene.wait_more(2_000);
        }
        let fault = hub().partition(round).times(1).drop_before_store();
        wait_for("a batch is lost", PATIENCE, || (fault.fired() == 1).then_some(()));
        scene.server.faults().drop_connections();
        scene.wait_more(2_000);
    }
    wait_spared(&bridge);
    assert_eq!(scene.finish(&bridge), []);
}

/// What the network hands over when the hub was looked into already: stored twice, unless the service recognises it.
#[test]
fn a_lost_answer_is_recognised_by_the_service() {
    for recognised in [true, false] {
        let setting = format!("effectively_once.idempotent_producer = {recognised}");
        let scene = scene("numbered", "effectively_once")
            .with("eventhubs.send_timeout = '2s'")
            .with(&setting);
        let bridge = scene.settings.start();
        wait_busy(&bridge);
        let hub = || scene.server.faults().hub(HUB);
        for fault in [hub().times(3).late(), hub().times(3).forget_ack()] {
            wait_for("answers are lost", PATIENCE, || (fault.fired() == 3).then_some(()));
            scene.wait_more(2_000);
            scene.server.faults().drop_connections();
            scene.wait_more(2_000);
        }
        let server = scene.server.hub(HUB);
        let repeated: u64 = server.partitions().iter().map(|it| it.counters().repeated).sum();
        let event = server.partition(0).events().pop().unwrap();
        let is_numbered = event.annotations().iter().any(|(name, _)| name.ends_with("producer-id"));
        assert_eq!(is_numbered, recognised);
        let source = Source {
            address: scene.server.addr().to_string(),
            connection_string: scene.server.connection_string(),
            hub: HUB.to_owned(),
            partition: 0,
        };
        source.read(|event| {
            let names: Vec<_> = event.system_properties().keys().collect();
            assert!(!names.iter().any(|name| name.contains("producer")), "{names:?}");
            Next::Enough
        });
        let duplicates = scene.finish(&bridge);
        if recognised {
            assert!(repeated > 0, "some came twice");
            assert_eq!(duplicates, [], "and are stored once");
        } else {
            assert_eq!(repeated, 0);
            assert!(!duplicates.is_empty(), "the same without it");
        }
    }
}
