//! Where the brokers lead the group (KIP-848, `group.protocol = "consumer"`): what holds among members that share it out themselves
//! holds here. `GROUP_PROTOCOL=consumer cargo test --test promises` plays every other promise so, too.

use stage::scene::PARTITIONS;
use stage::{Bridge, Kafka, PATIENCE, Scene, Settings, wait_for};

use crate::members::{assert_takes_over, stop_together, wait_busy};

/// The usual scene, with a group that the brokers lead.
fn scene(kafka: &Kafka, name: &str) -> Scene {
    let mut scene = Scene::new(kafka, name);
    scene.settings = scene.settings.led_by_broker();
    scene
}

#[test]
fn members_come_and_are_replaced_and_nothing_comes_twice() {
    let scene = scene(Kafka::shared(), "led");
    let mut members = [scene.settings.start(), scene.settings.start()];
    for _ in 0..2 {
        for member in &mut members {
            wait_busy(member);
            member.stop();
            *member = scene.settings.start();
        }
    }
    let [first, second] = members;
    wait_busy(&first);
    wait_busy(&second);
    // Once all partitions have an owner, a third member gets what another gives away.
    let owned = |bridge: &Bridge| bridge.metrics().matches("\nbridge_in_flight_records{").count();
    wait_for("every partition is owned", PATIENCE, || {
        (owned(&first) + owned(&second) == PARTITIONS as usize).then_some(())
    });
    let third = scene.settings.start();
    wait_busy(&third);
    let revokes = |bridge: &Bridge| bridge.count("bridge_rebalances_total", &["kind=\"revoke\""]);
    assert!(revokes(&first) + revokes(&second) > 0, "partitions moved");
    third.stop();
    second.stop();
    assert_eq!(scene.finish(&first), []);
}

/// The epoch of a member that stops is often stale: the brokers are giving it what another has just left.
#[test]
fn all_members_stop_together() {
    stop_together(scene(Kafka::shared(), "ledtogether"), |member| {
        assert_eq!(member.logged("the last commit of revoked partitions failed"), 0);
    });
}

/// librdkafka tells nobody of a member that is given nothing.
#[test]
fn a_member_without_partitions_is_ready_and_takes_over() {
    assert_takes_over("ledsingle", Settings::led_by_broker);
}

#[test]
fn after_sigkill_another_member_goes_on() {
    let scene = scene(Kafka::shared(), "ledkilled");
    let first = scene.settings.start();
    wait_busy(&first);
    let second = scene.settings.start();
    wait_busy(&second);
    first.kill();
    scene.wait_more(2_000);
    second.stop();
    let last = scene.settings.start();
    // What was in flight comes again, and nothing is missing.
    let duplicates = scene.finish(&last);
    let once = duplicates.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(once, "only once: {duplicates:?}");
}

/// librdkafka itself would read on, and be ready, for as long as the coordinator is away.
#[test]
fn a_member_that_has_lost_its_coordinator_is_not_ready_and_goes_on_when_it_is_back() {
    let kafka = Kafka::start(1);
    let scene = scene(&kafka, "ledlost").with("[kafka.client]\n'session.timeout.ms' = 6000");
    let bridge = scene.settings.start();
    wait_busy(&bridge);
    kafka.freeze(1);
    bridge.wait_log(&[
        "WARN",
        "the group coordinator did not answer for",
        "longer than the session timeout",
    ]);
    bridge.wait_metric("bridge_rebalances_total", &["kind=\"lost\""], 1.0);
    bridge.wait_ready(503);
    kafka.thaw(1);
    wait_busy(&bridge);
    scene.wait_more(1_000);
    let duplicates = scene.finish(&bridge);
    let once = duplicates.windows(2).all(|pair| pair[0] != pair[1]);
    assert!(once, "what was in flight came again, and only once: {duplicates:?}");
}

/// Members of both kinds do not always find together, so all of the one kind stop before the first of the other starts.
#[test]
fn a_group_moves_to_the_brokers_and_back_when_all_its_members_stop() {
    let scene = Scene::new(Kafka::shared(), "ledmoves");
    let (classic, led) = (scene.settings.clone(), scene.settings.clone().led_by_broker());
    for settings in [&classic, &led, &classic, &led] {
        let members = [settings.start(), settings.start()];
        for member in &members {
            wait_busy(member);
        }
        for member in &members {
            member.stop();
        }
    }
    let last = classic.start();
    assert_eq!(scene.finish(&last), []);
}
