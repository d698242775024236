//! The process ends, well or badly, and begins again: nothing is lost, and what comes twice is told.

use std::time::{Duration, Instant};

use eventhubs_local::Server;
use stage::audit::{Auditor, Place};
use stage::scene::{HUB, PARTITIONS};
use stage::{Kafka, PATIENCE, Scene, Settings, Supply, rest, unique, wait_for};

#[test]
fn a_clean_stop_and_a_restart_double_nothing() {
    let scene = Scene::new(Kafka::shared(), "clean");
    // A supervisor, Ctrl-C, Ctrl-\\, a script that rotates logs.
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1] {
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
    bridge.wait_log(&[
        "WARN",
        "partition released before all its events were acknowledged",
        &scene.topic,
    ]);
    scene.wait_alone();
    silence.clear();
    // Stored, but the answer went into the hole too.
    let mut unanswered = scene.audit.uncommitted();
    unanswered.sort_unstable();
    let last = scene.settings.start();
    assert_eq!(scene.finish(&last), unanswered);
}

/// Copies of a record that are stored, at most, when every life is two seconds long: it commits each second, so half of what a
/// life sends is sent again by the next, and at times a little more.
const COPIES: f64 = 3.0;

#[test]
fn killed_every_two_seconds_twenty_times_it_gets_on_each_time() {
    let kafka = Kafka::shared();
    // Some thousand records a second, and far more of them than that for all lives.
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let (topic, group) = (unique("twenty"), unique("g"));
    let mut supply = Supply::new(kafka, &topic, PARTITIONS);
    supply.write(40_000);
    let audit = Auditor::of(&topic, PARTITIONS).begin(kafka, &group, &server.hub(HUB));
    let slow = server.faults().hub(HUB).delay_ack(Duration::from_millis(25));
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB);
    let settings = settings.without("kafka.commit_interval").with(
        "kafka.instance_id = 'same'
        batch.max_events = 15",
    );
    let partitions = (0..PARTITIONS).collect::<Vec<_>>();
    let group = kafka.group(&group);
    let committed = || {
        wait_for("kafka answers", PATIENCE, || group.committed(&topic, &partitions))
            .into_iter()
            .flatten()
            .sum::<i64>()
    };
    let hub = server.hub(HUB);
    let mut reached = vec![0];
    for life in 0..20 {
        let stored = hub.total();
        let bridge = settings.start();
        wait_for("a batch is acknowledged", PATIENCE, || (hub.total() > stored).then_some(()));
        rest(Duration::from_secs(2));
        bridge.kill();
        wait_for("its connections end", PATIENCE, || server.connections().is_empty().then_some(()));
        reached.push(committed());
        assert!(reached[life + 1] > reached[life], "a life without progress: {reached:?}");
    }
    let (stored, records) = (hub.total(), audit.records());
    let copies = stored as f64 / records as f64;
    assert!(records < supply.total(), "it was over before the last life: {reached:?}");
    assert!(copies < COPIES, "{stored} events of {records} records: {reached:?}");
    slow.clear();
    let last = settings.without("batch.max_events").start();
    audit.wait_records(supply.total());
    last.stop();
    drop(audit.finish(supply.ends()));
}

/// What was written while nobody was there is new to the group: it had begun before.
#[test]
fn killed_before_its_first_record_a_group_that_starts_at_the_end_skips_nothing() {
    const BEFORE: i64 = 5;
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HUB, 4).start().unwrap();
    let (topic, group) = (unique("latest"), unique("g"));
    let mut supply = Supply::new(kafka, &topic, PARTITIONS);
    supply.write(BEFORE);
    let audit = Auditor::of(&topic, PARTITIONS).excuse(|(_, offset)| offset < BEFORE).begin(
        kafka,
        &group,
        &server.hub(HUB),
    );
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB).with(
        "[kafka]
        start = 'latest'
        instance_id = 'same'",
    );
    let first = settings.start();
    first.wait_log(&["partitions assigned", &format!("{topic}/0")]);
    first.kill();
    assert_eq!(server.hub(HUB).total(), 0, "nothing was read yet");
    supply.write(50);
    let next = settings.start();
    let new = 50 * PARTITIONS as u64;
    audit.wait_records(new);
    next.stop();
    let report = audit.finish(supply.ends());
    assert_eq!((report.records, report.duplicates), (new, vec![]), "and of before nothing");
}

/// However long the interval is: the first commit waits for the first acknowledgement, and for nothing else. What comes
/// before, such as a record that was sent and not answered yet, is none.
#[test]
fn killed_soon_after_its_first_acknowledgement_again_and_again_it_gets_on() {
    let scene = Scene::new(Kafka::shared(), "again").with(
        "[kafka]
        commit_interval = '5m'
        instance_id = 'same'",
    );
    scene.server.faults().hub(HUB).delay_ack(Duration::from_millis(200));
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
    scene.server.faults().clear();
    let last = scene.settings.clone().with("[kafka]\ncommit_interval = '50ms'").start();
    assert_within(scene.finish(&last), in_flight);
}
