//! The service's idempotent producer: a batch that comes again is stored once, and one that is not the same is never taken for it.

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use eventhubs_local::{Condition, Counters, Server};
use kafka_eventhubs_bridge::config;
use kafka_eventhubs_bridge::eventhubs::{Cause, Lessor, NamespaceClient, SendError, Target};

use super::links::way;
use super::{Opened, PATIENCE, World, batch, cause};

/// A lane whose events are numbered, and what keeps its lease.
struct Numbered {
    lane: Opened,
    _lessor: Lessor,
}

fn numbered_to(namespace: &NamespaceClient, target: Target) -> Numbered {
    namespace.number_events();
    let lessor = Lessor::default();
    lessor.lasts(Some(Instant::now() + Duration::from_hours(1)));
    let (tell, told) = sync_channel(1024);
    let tell = move |event| drop(tell.send(event));
    let lane = namespace.lane_within(Some(lessor.lease()), "orders", target, tell);
    Numbered { lane: Opened { lane, told, limits: std::cell::RefCell::default() }, _lessor: lessor }
}

fn numbered(world: &World) -> Numbered {
    let namespace = world.namespace(&world.server.connection_string());
    numbered_to(&namespace, Target::Partition("0".into()))
}

fn counters(world: &World) -> Counters {
    world.server.hub("orders").partition(0).counters()
}

/// The numbers of the events of the partition.
fn numbers(world: &World) -> Vec<i64> {
    let events = world.server.hub("orders").partition(0).events();
    let name = "com.microsoft:producer-sequence-number";
    let number = |event: &eventhubs_local::Event| {
        let found = event.annotations().into_iter().find(|(key, _)| key == name);
        found.and_then(|(_, value)| value.as_i64()).unwrap()
    };
    events.iter().map(number).collect()
}

fn is_doubtful(result: &Result<(), SendError>) -> bool {
    matches!(result, Err(SendError::Retry { doubtful: true, .. }))
}

#[test]
fn a_batch_whose_answer_was_lost_is_stored_once() {
    let world = World::new();
    let Numbered { lane, _lessor } = numbered(&world);
    assert_eq!(lane.send(batch(&["a", "b"])), Ok(()));
    world.server.faults().hub("orders").times(1).drop_after_store();
    assert_eq!(cause(lane.send(batch(&["c"]))), Cause::Connection);
    lane.send_until_accepted(batch(&["c"]));
    world.server.faults().hub("orders").times(1).forget_ack();
    assert_eq!(cause(lane.send(batch(&["d", "e"]))), Cause::Timeout);
    lane.send_until_accepted(batch(&["d", "e"]));
    world.server.faults().hub("orders").times(1).drop_before_store();
    assert_eq!(cause(lane.send(batch(&["f"]))), Cause::Connection);
    lane.send_until_accepted(batch(&["f"]));
    assert_eq!(world.bodies(0), ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(numbers(&world), [1, 2, 3, 4, 5, 6]);
    assert_eq!(counters(&world).repeated, 2);
    let event = &world.server.hub("orders").partition(0).events()[0];
    assert_eq!(event.partition_key(), Some("k1"), "what else it says is as it was");
    assert_eq!(event.message_id(), Some("orders/1/7"));
}

/// The network has all of a batch, is silent for long, and hands it over when the lane has gone on.
#[test]
fn a_batch_that_arrives_late_is_not_stored_again_and_hides_no_other() {
    let world = World::new();
    let way = way(world.server.addr().port(), Duration::ZERO);
    let namespace = world.by_means_of(&way, config::ConnectionSettings::default());
    let Numbered { lane, _lessor } = numbered_to(&namespace, Target::Partition("0".into()));
    assert_eq!(lane.send(batch(&["a"])), Ok(()));
    way.gate.set(true);
    assert!(is_doubtful(&lane.send(batch(&["b", "c"]))), "it is in the network");
    // As after a look-up that found `b`, which somebody else had sent.
    lane.send_until_accepted(batch(&["c", "d"]));
    way.gate.set(false);
    // What is late is there before what is asked for now.
    let other = world.by_means_of(&way, config::ConnectionSettings::default());
    let other = other.lane("orders", Target::Partition("1".into()), |_| {});
    other.send(batch(&["other"]));
    let deadline = Instant::now() + PATIENCE;
    while world.bodies(1).is_empty() {
        assert!(Instant::now() < deadline, "the other lane's event arrives");
        std::thread::yield_now();
    }
    lane.send_until_accepted(batch(&["e"]));
    assert_eq!(world.bodies(0), ["a", "c", "d", "e"]);
}

/// It was stored after all, as the service counts: what is like it has to be looked for once more, what is not goes on.
#[test]
fn a_batch_that_shares_events_with_one_that_was_stored_is_in_doubt() {
    let world = World::new();
    let Numbered { lane, _lessor } = numbered(&world);
    for (sent, next) in [(&["a", "b"][..], &["b", "c"][..]), (&["d"], &["e"])] {
        world.server.faults().hub("orders").times(1).drop_after_store();
        assert!(is_doubtful(&lane.send(batch(sent))));
        let deadline = Instant::now() + PATIENCE;
        let result = loop {
            match lane.send(batch(next)) {
                Err(SendError::Retry { doubtful: false, .. }) if Instant::now() < deadline => {}
                result => break result,
            }
        };
        assert_eq!(is_doubtful(&result), sent.len() > 1, "{result:?}");
        if result.is_err() {
            assert_eq!(lane.send(batch(&["c"])), Ok(()), "it was looked for");
        }
    }
    assert_eq!(world.bodies(0), ["a", "b", "c", "d", "e"]);
}

#[test]
fn what_is_refused_without_being_stored_is_repeated_on_the_same_link() {
    let world = World::new();
    let Numbered { lane, _lessor } = numbered(&world);
    world.server.faults().hub("orders").times(1).server_busy();
    assert!(lane.send(batch(&["a"])).is_err());
    world.server.faults().hub("orders").times(1).released();
    assert!(lane.send(batch(&["a"])).is_err());
    lane.send_until_accepted(batch(&["a"]));
    assert_eq!(numbers(&world), [1]);
    assert_eq!(*lane.limits.borrow(), [1_048_576], "one link");
}

#[test]
fn a_service_that_counts_differently_meets_another_producer() {
    let world = World::new();
    let Numbered { lane, _lessor } = numbered(&world);
    assert_eq!(lane.send(batch(&["a"])), Ok(()));
    for condition in ["com.microsoft:out-of-order-sequence", "com.microsoft:producer-epoch-stolen"]
    {
        world.server.faults().hub("orders").times(1).rejected(condition);
        assert!(is_doubtful(&lane.send(batch(&[condition]))), "{condition}");
        assert_eq!(lane.send(batch(&[condition])), Ok(()));
        let stolen = Condition::new(condition, "elsewhere");
        world.server.faults().hub("orders").times(1).detach(stolen);
        assert!(is_doubtful(&lane.send(batch(&["d"]))), "{condition}");
        lane.send_until_accepted(batch(&["d"]));
    }
    assert_eq!(numbers(&world), [1, 1, 1, 1, 1], "each began anew");
}

#[test]
fn a_service_that_knows_nothing_of_it_gets_events_without() {
    let server = Server::builder().hub("orders", 4).idempotent_producers(false);
    let world = World::with(server.listen("127.0.0.1:0").start().unwrap());
    let Numbered { lane, _lessor } = numbered(&world);
    assert_eq!(lane.send(batch(&["a"])), Ok(()));
    world.server.faults().hub("orders").times(1).drop_before_store();
    assert!(lane.send(batch(&["b"])).is_err());
    lane.send_until_accepted(batch(&["b"]));
    assert_eq!(world.bodies(0), ["a", "b"]);
    let event = &world.server.hub("orders").partition(0).events()[0];
    assert_eq!(event.annotations().len(), 1, "only its key: {:?}", event.annotations());
}
