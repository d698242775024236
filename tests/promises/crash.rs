//! The process ends, well or badly, and begins again: nothing is lost, and what comes twice is told.

use std::time::{Duration, Instant};

use crate::scene::{HUB, PARTITIONS, Scene};
use crate::support::audit::Place;
use crate::support::{Kafka, PATIENCE, wait_for};

#[test]
fn a_clean_stop_and_a_restart_double_nothing() {
    let scene = Scene::new(Kafka::shared(), "clean");
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGTERM] {
        let bridge = scene.settings.start();
        scene.wait_more(2_000);
        bridge.signal(signal);
        assert_eq!(bridge.wait_exit(Duration::from_secs(30)), 0);
    }
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), []);
}

#[test]
fn after_sigkill_only_what_was_in_flight_comes_twice() {
    let scene = Scene::new(Kafka::shared(), "killed").with(
        "[kafka]
        commit_interval = '1s'
        [kafka.client]
        'session.timeout.ms' = 6000
        'heartbeat.interval.ms' = 1000",
    );
    scene.server.faults().hub(HUB).delay_ack(Duration::from_millis(20));
    let mut in_flight = Vec::new();
    for _ in 0..2 {
        let bridge = scene.settings.start();
        scene.wait_more(4_000);
        bridge.kill();
        scene.wait_alone();
        let more = scene.audit.uncommitted();
        assert!(!more.is_empty(), "it was killed between two commits");
        in_flight.extend(more);
    }
    let last = scene.settings.start();
    let duplicates = scene.finish(&last);
    assert!(!duplicates.is_empty(), "what was not committed is sent again");
    assert_within(duplicates, in_flight);
}

/// Nothing came more often than it was in flight. Less is possible: the last commit of a dead bridge may arrive late.
fn assert_within(duplicates: Vec<Place>, mut in_flight: Vec<Place>) {
    in_flight.sort_unstable();
    let mut allowed = in_flight.into_iter();
    for place in duplicates {
        assert!(allowed.any(|it| it == place), "{place:?} came again and was not in flight");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let scene = Scene::new(Kafka::shared(), "impatient");
    let bridge = scene.settings.start();
    scene.wait_more(1_000);
    // Nothing that is sent from now on is answered, so there is something to wait for.
    let silence = scene.server.faults().hub(HUB).forget_ack();
    wait_for("something is in flight", PATIENCE, || (silence.fired() > 0).then_some(()));
    bridge.terminate();
    bridge.wait_log(&["draining"]);
    assert_eq!(bridge.exit_code(), None, "it waits for what is in flight");
    let asked = Instant::now();
    // What comes within 200 ms of the first is the first.
    wait_for("a second signal ends it", Duration::from_secs(10), || {
        bridge.signal(libc::SIGTERM);
        bridge.exit_code()
    });
    assert_eq!(bridge.wait_exit(PATIENCE), 130);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    scene.wait_alone();
    silence.clear();
    let in_flight = scene.audit.uncommitted();
    let last = scene.settings.start();
    assert_within(scene.finish(&last), in_flight);
}

#[test]
fn a_drain_ends_at_its_deadline_and_commits_no_more_than_is_stored() {
    let scene = Scene::new(Kafka::shared(), "deadline").with("[limits]\ndrain_timeout = '2s'");
    let bridge = scene.settings.start();
    scene.wait_more(1_000);
    let silence = scene.server.faults().hub(HUB).black_hole();
    wait_for("batches are swallowed", PATIENCE, || (silence.fired() > 0).then_some(()));
    let asked = Instant::now();
    bridge.terminate();
    assert_eq!(bridge.wait_exit(Duration::from_secs(30)), 0);
    let took = asked.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(8)).contains(&took), "{took:?}");
    bridge.wait_log(&["WARN", "let go before everything was acknowledged", &scene.topic]);
    scene.wait_alone();
    silence.clear();
    // Stored, but the answer went into the hole too.
    let mut unanswered = scene.audit.uncommitted();
    unanswered.sort_unstable();
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), unanswered);
}

/// However long the interval is: the first commit waits for the first acknowledgement, and for nothing else.
#[test]
fn killed_soon_after_its_first_acknowledgement_again_and_again_it_gets_on() {
    let scene = Scene::new(Kafka::shared(), "again").with(
        "[kafka]
        commit_interval = '5m'
        instance_id = 'same'",
    );
    let group = Kafka::shared().group(&scene.group);
    let partitions = (0..PARTITIONS).collect::<Vec<_>>();
    let sum = || {
        let committed = group.committed(&scene.topic, &partitions).unwrap_or_default();
        committed.into_iter().flatten().sum::<i64>()
    };
    let mut in_flight = Vec::new();
    for _ in 0..6 {
        let before = sum();
        let bridge = scene.settings.start();
        wait_for("it commits at once", PATIENCE, || (sum() > before).then_some(()));
        bridge.kill();
        scene.wait_alone();
        in_flight.extend(scene.audit.uncommitted());
    }
    let last = scene.settings.clone().with("[kafka]\ncommit_interval = '50ms'").start();
    assert_within(scene.finish(&last), in_flight);
}
