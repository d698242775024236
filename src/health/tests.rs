use super::*;

/// The drain timeout of these tests is none.
const LIMIT: Duration = SILENCE;

fn way(namespace: &str, hub: &str) -> HubPath {
    (namespace.into(), Some(hub.into()))
}

fn of(shards: u32, ways: &[(&str, &str)]) -> Health {
    let ways = ways.iter().map(|(namespace, hub)| way(namespace, hub));
    Health::new(shards, ways, ["orders".into()], Duration::ZERO)
}

fn two_shards() -> Health {
    of(2, &[("default", "orders")])
}

fn hub(namespace: &str, hub: &str) -> Trouble {
    Trouble::Hub { namespace: namespace.into(), hub: hub.into() }
}

fn all_well(health: &Health) {
    for shard in 0..2 {
        let shard = health.shard(shard);
        shard.joined(true);
        shard.namespace("default", true, "");
    }
}

#[test]
fn what_has_not_spoken_is_not_ready() {
    let health = two_shards();
    assert_eq!(
        health.ready().reasons,
        [
            "shard 0: not a member of its consumer group",
            "shard 0: namespace `default` is not connected: not tried yet",
            "shard 1: not a member of its consumer group",
            "shard 1: namespace `default` is not connected: not tried yet",
        ]
    );
    all_well(&health);
    assert!(health.ready().is_good());
}

#[test]
fn a_member_without_partitions_is_ready_to_take_over() {
    let health = of(1, &[("default", "orders")]);
    health.looked("default", Some("connection refused"));
    let [_, down] = &health.ready().reasons[..] else { panic!("{:?}", health.ready()) };
    assert_eq!(down, "shard 0: namespace `default` is not connected: connection refused");
    health.looked("default", None);
    let [_, waits] = &health.ready().reasons[..] else { panic!("{:?}", health.ready()) };
    assert_eq!(waits, "shard 0: namespace `default` waits for partitions to be assigned");
    health.shard(0).joined(true);
    assert!(health.ready().is_good());
    health.shard(0).namespace("default", false, "connection refused");
    assert!(!health.ready().is_good());
}

#[test]
fn what_a_shard_knows_by_itself_is_not_overruled_by_a_look() {
    let health = of(1, &[("default", "orders")]);
    health.shard(0).joined(true);
    health.shard(0).namespace("default", true, "");
    health.looked("default", Some("no answer"));
    assert!(health.ready().is_good());
}

#[test]
fn readiness_goes_and_comes_with_each_part() {
    let health = two_shards();
    all_well(&health);
    let shard = health.shard(1);
    shard.namespace("default", false, "connection refused");
    assert_eq!(
        health.ready().reasons,
        ["shard 1: namespace `default` is not connected: connection refused"]
    );
    shard.namespace("default", true, "");
    assert!(health.ready().is_good());
    shard.joined(false);
    assert_eq!(health.ready().reasons, ["shard 1: not a member of its consumer group"]);
    shard.kafka(Some("wrong password".to_owned()));
    let why = "shard 1: not a member of its consumer group: wrong password";
    assert_eq!(health.ready().reasons, [why]);
    shard.joined(true);
    health.draining();
    assert_eq!(health.ready().reasons, ["draining"]);
}

#[test]
fn one_of_two_is_enough_and_the_other_is_told() {
    let health = of(1, &[("default", "orders"), ("west", "orders")]);
    let shard = health.shard(0);
    shard.joined(true);
    shard.namespace("default", true, "");
    shard.namespace("west", false, "connection refused");
    let verdict = health.ready();
    assert!(verdict.is_good(), "{:?}", verdict.reasons);
    assert_eq!(verdict.down.len(), 1);
    assert_eq!(verdict.down["west"], "is not connected: connection refused");

    shard.refused(hub("default", "orders"), "no such hub");
    let verdict = health.ready();
    assert_eq!(
        verdict.reasons,
        ["shard 0: namespace `west` is not connected: connection refused"],
        "the only hub that could be reached is held"
    );
    assert_eq!(
        (&verdict.held[0].what, &*verdict.held[0].detail),
        (&hub("default", "orders"), "no such hub")
    );
}

#[test]
fn every_hub_held_is_not_ready_though_connected() {
    let health = of(1, &[("default", "orders"), ("default", "returns")]);
    let shard = health.shard(0);
    shard.joined(true);
    shard.namespace("default", true, "");
    shard.trouble(hub("default", "orders"), Some("busy"));
    assert!(health.ready().is_good());
    shard.trouble(hub("default", "returns"), Some("busy"));
    assert_eq!(health.ready().reasons, ["shard 0: no hub is usable"]);
    assert_eq!(health.ready().held.len(), 2);
    shard.trouble(hub("default", "returns"), None);
    assert!(health.ready().is_good());
}

#[test]
fn a_trouble_is_over_when_nobody_has_it_any_more() {
    let health = two_shards();
    let orders = || hub("default", "orders");
    health.refused(orders(), "no such hub");
    health.shard(0).trouble(orders(), Some("no answer"));
    let held = health.ready().held;
    assert_eq!(
        (held.len(), &*held[0].detail),
        (1, "no such hub"),
        "what needs somebody goes first"
    );
    health.trouble(orders(), None);
    assert_eq!(health.ready().held[0].detail, "no answer");
    assert_eq!(health.hubs().first().map(|(_, _, held)| *held), Some(true));
    health.shard(0).ended();
    assert!(health.ready().held.is_empty(), "who has stopped says nothing");
    assert_eq!(health.hubs().first().map(|(_, _, held)| *held), Some(false));
}

#[test]
fn topics_are_told_by_name() {
    let health = two_shards();
    assert_eq!(health.topics(), [("orders".into(), false)]);
    health.trouble(Trouble::Topic("orders".into()), Some("no such topic"));
    assert_eq!(health.topics(), [("orders".into(), true)]);
    health.trouble(Trouble::Topic("orders".into()), None);
    assert_eq!(health.topics(), [("orders".into(), false)]);
}

#[test]
fn a_shard_that_has_not_begun_is_alive_however_long() {
    let health = two_shards();
    assert!(health.live(Instant::now() + Duration::from_hours(24)).is_good());
}

#[test]
fn a_thread_that_begun_and_fell_silent_is_dead() {
    let health = two_shards();
    health.shard(1).beat_pump();
    assert!(health.live(Instant::now()).is_good(), "nothing had time to be silent");
    let later = Instant::now() + LIMIT + Duration::from_secs(1);
    // The event thread has never beaten, and the pump shows that it should have.
    assert_eq!(
        health.live(later).reasons,
        ["shard 1: pump thread silent for 31 s", "shard 1: event thread silent for 31 s"]
    );
    for (thread, name) in [(Thread::Amqp, "amqp"), (Thread::Letters, "dead letter")] {
        health.shard(1).beat(thread);
        let said = format!("shard 1: {name} thread silent for 31 s");
        assert!(health.live(later).reasons.contains(&said), "{:?}", health.live(later));
    }
    health.shard(1).ended();
    assert!(health.live(later).is_good(), "an ended shard need not beat");
    health.shard(1).begins();
    assert!(health.live(later).is_good(), "nor one that has just been started again");
    health.shard(1).beat_pump();
    assert!(!health.live(later).is_good());
}

#[test]
fn a_beat_counts_for_its_own_thread_only() {
    let health = of(1, &[]);
    let shard = health.shard(0);
    shard.beat(Thread::Events);
    let before = Instant::now();
    // The clock of the beats goes by milliseconds.
    while before.elapsed() < Duration::from_millis(20) {
        std::thread::yield_now();
    }
    shard.beat_pump();
    let late = before + LIMIT + Duration::from_millis(10);
    assert_eq!(health.live(late).reasons, ["shard 0: event thread silent for 30 s"]);
}
