//! What an operator sees: how far each Kafka partition is behind, in records and in time, and how each hub partition stands.

use std::time::{SystemTime, UNIX_EPOCH};

use eventhubs_local::Server;
use serde_json::Value;
use stage::produce::Out;
use stage::scene::HUB;
use stage::{Bridge, Kafka, PATIENCE, Scene, Settings, unique, wait_for};

const STATE: &str = "bridge_hub_partition_state_timestamp_seconds";
/// The age of old records, and what a record or a state of now is younger than.
const HOUR: i64 = 3600;
const FRESH: f64 = 600.0;

fn unix_seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// The value of a gauge of one Kafka partition, if there is one.
fn gauge(bridge: &Bridge, name: &str, partition: i32) -> Option<f64> {
    let page = bridge.metrics();
    let label = format!("partition=\"{partition}\"");
    let line =
        page.lines().find(|it| it.starts_with(&format!("{name}{{")) && it.contains(&label))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Waits until the gauge of each partition is as it should be.
#[track_caller]
fn wait_gauges(bridge: &Bridge, name: &str, should: impl Fn(i32, f64) -> bool) {
    wait_for(name, PATIENCE, || {
        (0..3).all(|it| gauge(bridge, name, it).is_some_and(|is| should(it, is))).then_some(())
    });
}

/// Waits until `/readyz` tells of something in that state, and gives its entry.
#[track_caller]
fn wait_state(bridge: &Bridge, state: &str) -> Value {
    wait_for(&format!("/readyz tells of {state}"), PATIENCE, || {
        let body: Value = serde_json::from_str(&bridge.readiness().1).expect("JSON");
        body["held"].as_array().expect("a list").iter().find(|it| it["state"] == state).cloned()
    })
}

fn wait_no_state(bridge: &Bridge) {
    wait_for("/readyz tells of no state", PATIENCE, || {
        (!bridge.readiness().1.contains("\"state\"")).then_some(())
    });
}

/// One partition has records of an hour ago, one has new ones, one has none; and then the hub takes them.
#[test]
fn how_far_behind_is_told_from_the_assignment_on_for_every_partition() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("behind"), unique("g"));
    kafka.create_topic(&topic, 3);
    let old = Out::value("old").to(1).at((unix_seconds() - HOUR) * 1000);
    let new = Out::value("new").to(2);
    kafka.produce(&topic, [&old, &old, &old, &new].map(Clone::clone));
    let server = Server::builder().hub(HUB, 2).start().unwrap();
    let refusing = server.faults().hub(HUB).released();
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB);
    let bridge = settings.start();
    let records = "bridge_consumer_lag_records";
    wait_gauges(&bridge, records, |partition, is| is as i64 == [0, 3, 1][partition as usize]);
    wait_gauges(&bridge, "bridge_lag_seconds", |partition, is| match partition {
        0 => is == 0.0,
        1 => (HOUR as f64..HOUR as f64 + FRESH).contains(&is),
        _ => is > 0.0 && is < FRESH,
    });
    // It grows though nothing is accepted.
    kafka.produce(&topic, [old.clone(), old]);
    wait_gauges(&bridge, records, |partition, is| is as i64 == [0, 5, 1][partition as usize]);
    refusing.clear();
    wait_gauges(&bridge, records, |_, is| is == 0.0);
    wait_gauges(&bridge, "bridge_lag_seconds", |_, is| is == 0.0);
    bridge.stop();
    // Nothing comes any more, and it is known all the same.
    let bridge = settings.start();
    wait_gauges(&bridge, records, |_, is| is == 0.0);
    bridge.stop();
}

#[test]
fn a_hub_partition_in_trouble_is_named_until_it_is_over() {
    let scene = Scene::new(Kafka::shared(), "states");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    let of = |partition: &'static str, state: &'static str| {
        let labels = [
            "eventhubs_namespace=\"default\"",
            "hub=\"orders\"",
            &*format!("hub_partition=\"{partition}\""),
            &format!("state=\"{state}\""),
        ];
        bridge.metric(STATE, &labels)
    };
    let wait = |partition, state| {
        wait_for(&format!("{partition} is {state}"), PATIENCE, || {
            (of(partition, state) > 0.0).then(|| of(partition, state))
        })
    };
    wait("2", "sending");
    let fault = scene.server.faults().hub(HUB).partition(2).released();
    let since = wait("2", "retrying");
    assert!((since - unix_seconds() as f64).abs() < FRESH, "{since} is a time");
    assert!(of("2", "sending") == 0.0, "one state at a time");
    wait("1", "sending");
    let said = bridge.wait_log(&["WARN", "does not accept events", "namespace=default", HUB]);
    assert!(said.contains("partition 2 has accepted nothing for"), "{said}");
    let entry = wait_state(&bridge, "retrying");
    assert!(entry["namespace"] == "default" && entry["hub"] == HUB, "{entry}");
    let detail = entry["detail"].as_str().expect("words");
    assert!(detail.contains("failed, the next") && detail.contains("released"), "{detail}");
    fault.clear();
    bridge.wait_log(&["INFO", "event hubs accepts events again", "default", "lasted"]);
    wait("2", "sending");
    assert!(of("2", "retrying") == 0.0);
    wait_no_state(&bridge);
    assert_eq!(bridge.logged("event hubs does not accept events"), 1, "{}", bridge.log());
    assert_eq!(scene.finish(&bridge), []);
}

#[test]
fn a_throttle_is_told_while_it_lasts_and_when_it_ends() {
    let scene = Scene::new(Kafka::shared(), "throttled");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    let busy = scene.server.faults().hub(HUB).server_busy();
    let entry = wait_state(&bridge, "throttled");
    assert_eq!(entry["namespace"], "default");
    let tried = wait_for("a second try is told", PATIENCE, || {
        let entry = wait_state(&bridge, "throttled");
        let detail = entry["detail"].as_str().expect("words");
        detail.contains("2 tries failed, the next").then(|| detail.to_owned())
    });
    assert!(tried.contains("of hub `orders`") && tried.contains("server-busy"), "{tried}");
    bridge.wait_metric(STATE, &["hub=\"orders\"", "state=\"throttled\""], 1.0);
    assert_eq!(bridge.logged("throttled by event hubs: "), 1, "{}", bridge.log());
    busy.clear();
    bridge.wait_log(&["INFO", "no longer throttled", "default", "lasted"]);
    wait_no_state(&bridge);
    assert_eq!(scene.finish(&bridge), []);
}
