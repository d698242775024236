//! Event Hubs is away, in trouble, or silent: nothing is lost, everything goes on without a restart, and it is said.

use std::time::{Duration, Instant};

use eventhubs_local::{Condition, Fault};
use stage::scene::HUB;
use stage::{Bridge, Kafka, PATIENCE, Scene, wait_for};

/// Waits until a fault has happened that often.
#[track_caller]
fn wait_fired(fault: &Fault, times: u64) {
    wait_for("the fault happens", PATIENCE, || (fault.fired() >= times).then_some(()));
}

fn retries(bridge: &Bridge, cause: &str) -> u64 {
    bridge.count("bridge_send_retries_total", &[&format!("cause=\"{cause}\"")])
}

/// Everything arrives, nothing was let go, and nobody was told to act.
fn finish(scene: Scene, bridge: &Bridge) -> Vec<(i32, i64)> {
    let let_go = bridge.count("bridge_records_let_go_total", &[]);
    assert!(let_go == 0, "{let_go} records were let go");
    let duplicates = scene.finish(bridge);
    assert_eq!(bridge.logged("ERROR"), 0, "{}", bridge.log());
    duplicates
}

#[test]
fn absent_at_the_start_and_gone_in_mid_flow() {
    let scene = Scene::new(Kafka::shared(), "absent").with("[eventhubs]\nconnect_timeout = '2s'");
    scene.server.stop();
    let bridge = scene.settings.start();
    let said = bridge.wait_log(&["WARN", "cannot connect to event hubs", HUB, "default"]);
    assert!(said.contains("refused"), "{said}");
    bridge.wait_unready(&["`default` is not connected", "refused"]);
    bridge.wait_metric("bridge_eventhubs_connects_total", &["outcome=\"failed\""], 2.0);
    scene.server.restart().unwrap();
    scene.wait_more(2_000);
    bridge.wait_ready(200);
    for _ in 0..2 {
        scene.server.stop();
        bridge.wait_unready(&["`default` is not connected"]);
        assert!(bridge.count("bridge_eventhubs_connected", &[]) == 0);
        // It goes on trying, and keeps what it holds.
        let failed = || bridge.count("bridge_eventhubs_connects_total", &["outcome=\"failed\""]);
        let before = failed();
        wait_for("more attempts", PATIENCE, || (failed() > before + 1).then_some(()));
        scene.server.restart().unwrap();
        scene.wait_more(2_000);
        bridge.wait_ready(200);
    }
    assert!(retries(&bridge, "connection") > 0, "{}", bridge.metrics());
    // A batch that was stored and whose answer was lost with the connection comes again, whole.
    let duplicates = finish(scene, &bridge);
    assert!(duplicates.windows(2).all(|pair| pair[0] != pair[1]), "once again, not more");
}

#[test]
fn what_is_not_accepted_is_sent_again_and_stored_once() {
    let scene = Scene::new(Kafka::shared(), "not-stored");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    let next = || scene.server.faults().hub(HUB).times(6);
    let no_reason = |plan: eventhubs_local::Plan<'_>| plan.rejected_without_reason();
    let faults: [(&str, Fault); 6] = [
        ("released", next().released()),
        ("modified", next().modified()),
        ("service", no_reason(next())),
        ("service", next().rejected(Condition::internal_error())),
        ("service", next().rejected(Condition::new("com.microsoft:never-heard-of", "what?"))),
        ("link", next().detach(Condition::detach_forced())),
    ];
    for (cause, fault) in &faults {
        // One after the other: a fault is asked for once those before it are over.
        wait_fired(fault, 6);
        wait_for(&format!("{cause} is counted"), PATIENCE, || {
            (retries(&bridge, cause) >= 6).then_some(())
        });
    }
    assert!(retries(&bridge, "service") >= 18);
    scene.wait_more(2_000);
    assert!(
        bridge.logged("a batch was not stored; the bridge sends it again") > 0,
        "{}",
        bridge.log()
    );
    assert_eq!(finish(scene, &bridge), []);
}

#[test]
fn a_throttle_is_obeyed() {
    let scene = Scene::new(Kafka::shared(), "throttle");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    let begun = Instant::now();
    let busy = scene.server.faults().hub(HUB).server_busy();
    // There are four lanes: the fifth refusal is of a second attempt.
    wait_fired(&busy, 5);
    assert!(begun.elapsed() >= Duration::from_secs(4), "the service asked for four seconds");
    bridge.wait_log(&["WARN", "throttled", "server-busy"]);
    bridge.wait_metric("bridge_send_retries_total", &["cause=\"throttled\""], 5.0);
    busy.clear();
    scene.wait_more(2_000);
    assert_eq!(finish(scene, &bridge), []);
}

#[test]
fn silence_ends_at_the_time_limit() {
    let scene = Scene::new(Kafka::shared(), "silent")
        .with("[eventhubs]\nsend_timeout = '1s'\nconnect_timeout = '1s'");
    let bridge = scene.settings.start();
    for _ in 0..2 {
        scene.wait_more(500);
        let hole = scene.server.faults().hub(HUB).times(1).black_hole();
        wait_fired(&hole, 1);
        scene.wait_more(2_000);
    }
    assert!(retries(&bridge, "timeout") > 0, "{}", bridge.metrics());
    // The whole namespace falls silent, for new connections too.
    let silent = scene.server.faults().everywhere().silent_accept();
    scene.server.faults().black_hole_connections();
    bridge.wait_unready(&["`default` is not connected"]);
    wait_fired(&silent, 2);
    silent.clear();
    scene.wait_more(2_000);
    bridge.wait_ready(200);
    assert_eq!(finish(scene, &bridge), [], "what was swallowed had not been stored");
}

#[test]
fn an_answer_that_is_lost_costs_one_batch_twice() {
    let scene = Scene::new(Kafka::shared(), "lost-answer").with("[eventhubs]\nsend_timeout = '1s'");
    let bridge = scene.settings.start();
    scene.wait_more(500);
    for _ in 0..2 {
        let forgotten = scene.server.faults().hub(HUB).times(1).forget_ack();
        wait_fired(&forgotten, 1);
        scene.wait_more(1_000);
        let cut = scene.server.faults().hub(HUB).times(1).drop_after_store();
        wait_fired(&cut, 1);
        scene.wait_more(1_000);
    }
    let rewinds = scene.audit.report().rewinds;
    assert!((1..=4 * 6 * 4).contains(&rewinds), "{rewinds}");
    let duplicates = finish(scene, &bridge);
    assert!(!duplicates.is_empty(), "what was stored and not answered came again");
}

#[test]
fn links_tokens_and_connections_come_back() {
    let scene = Scene::new(Kafka::shared(), "comes-back");
    let bridge = scene.settings.start();
    let faults = scene.server.faults();
    let links = || bridge.count("bridge_links_attached_total", &[]);
    let disturbances: [(&str, &dyn Fn()); 5] = [
        ("links detached", &|| faults.hub(HUB).detach_links(Condition::detach_forced())),
        ("tokens expired", &|| faults.expire_tokens()),
        ("connection closed", &|| faults.close_connections(Condition::connection_forced())),
        ("links refused", &|| {
            drop(faults.hub(HUB).times(3).refuse_attach(Condition::not_found(HUB)));
            faults.hub(HUB).detach_links(Condition::internal_error());
        }),
        ("tokens refused", &|| {
            drop(faults.everywhere().times(3).refuse_token(503, "busy"));
            faults.close_connections(Condition::connection_forced());
        }),
    ];
    for (name, disturb) in disturbances {
        scene.wait_more(1_000);
        let before = links();
        disturb();
        wait_for(&format!("new links after: {name}"), PATIENCE, || {
            (links() > before).then_some(())
        });
        scene.wait_more(1_000);
        bridge.wait_ready(200);
    }
    let duplicates = finish(scene, &bridge);
    assert!(duplicates.windows(3).all(|three| three[0] != three[2]), "{duplicates:?}");
}
