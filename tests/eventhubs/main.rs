//! The Event Hubs side alone, against a server that stores, lies, refuses and dies on demand: what a lane is told, and
//! what the hub then holds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use eventhubs_local::Server;
use kafka_eventhubs_bridge::config;
use kafka_eventhubs_bridge::eventhubs::encode::{EventPlan, Layout, write_envelope};
use kafka_eventhubs_bridge::eventhubs::{
    Cause, ConnectError, LaneEvent, LaneSender, NamespaceClient, SendError, Target,
};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::Record;

/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

mod late;
mod limits;
mod links;
mod numbered;
mod reading;

struct World {
    server: Server,
    runtime: tokio::runtime::Runtime,
}

struct Opened {
    lane: LaneSender,
    told: Receiver<LaneEvent>,
    /// What the link said it takes, each time it was attached.
    limits: RefCell<Vec<u64>>,
}

impl World {
    fn new() -> Self {
        Self::with(Server::builder().hub("orders", 4).listen("127.0.0.1:0").start().unwrap())
    }

    fn with(server: Server) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self { server, runtime }
    }

    fn namespace(&self, connection_string: &str) -> NamespaceClient {
        self.namespace_by(connection_string, config::ConnectionSettings::default())
    }

    fn namespace_by(
        &self,
        connection_string: &str,
        way: config::ConnectionSettings,
    ) -> NamespaceClient {
        let string = connection_string.parse::<config::ConnectionString>().unwrap();
        let lifetime = Duration::from_secs(3600);
        let sas = config::Sas { first: string.access, second: None, lifetime };
        let settings = config::Namespace {
            address: string.address,
            credential: config::Credential::Sas(sas),
            way,
            send_timeout: Duration::from_millis(700),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(10),
        };
        let runtime = self.runtime.handle().clone();
        let metrics = Arc::new(Metrics::default());
        NamespaceClient::new("default", &settings, 0, runtime, metrics, None)
    }

    fn lane(&self, partition: &str) -> Opened {
        self.lane_to(Target::Partition(partition.to_owned()))
    }

    fn lane_to(&self, target: Target) -> Opened {
        let namespace = self.namespace(&self.server.connection_string());
        let (tell, told) = sync_channel(1024);
        let lane = namespace.lane("orders", target, move |event| drop(tell.send(event)));
        Opened { lane, told, limits: RefCell::default() }
    }

    fn bodies(&self, partition: u32) -> Vec<String> {
        let events = self.server.hub("orders").partition(partition).events();
        let text = |body: Option<_>| String::from_utf8(body.map(Vec::from).unwrap_or_default());
        events.iter().map(|event| text(event.body()).unwrap()).collect()
    }
}

impl Opened {
    /// Sends, and returns what the lane is told of it.
    fn send(&self, batch: Bytes) -> Result<(), SendError> {
        self.lane.send(batch);
        loop {
            match self.told.recv_timeout(PATIENCE).expect("every send ends") {
                LaneEvent::Settled(result) => return result,
                LaneEvent::Ready { max_message_size } => {
                    self.limits.borrow_mut().push(max_message_size);
                }
            }
        }
    }

    /// What the pump does: the same again until it is accepted.
    fn send_until_accepted(&self, batch: Bytes) -> Vec<Cause> {
        let mut causes = Vec::new();
        loop {
            match self.send(batch.clone()) {
                Ok(()) => return causes,
                Err(SendError::Retry { cause, .. }) => causes.push(cause),
                Err(other) => panic!("not to be sent again: {other}"),
            }
        }
    }
}

fn batch(values: &[&str]) -> Bytes {
    batch_of(None, values)
}

fn batch_of(key: Option<&str>, values: &[&str]) -> Bytes {
    let layout = Layout::new(&config::Events::default());
    let mut batch = Vec::new();
    write_envelope(key, &mut batch);
    for value in values {
        let record = Record {
            topic: "orders",
            partition: 1,
            offset: 7,
            timestamp: Some(1_700_000_000_000),
            key: Some(b"k1"),
            value: Some(value.as_bytes()),
            headers: &[],
        };
        EventPlan::new(&record, &layout).unwrap().write_section(&mut batch);
    }
    batch.into()
}

fn cause(result: Result<(), SendError>) -> Cause {
    match result {
        Err(SendError::Retry { cause, .. }) => cause,
        other => panic!("to be sent again, yet {other:?}"),
    }
}

#[test]
fn an_accepted_batch_is_in_its_partition_in_order() {
    let world = World::new();
    let lane = world.lane("2");
    assert_eq!(world.server.connections_opened(), 0, "nothing is attached before it is used");
    assert_eq!(lane.send(batch(&["a", "b"])), Ok(()));
    assert_eq!(lane.send(batch(&["c"])), Ok(()));
    assert_eq!(*lane.limits.borrow(), [1_048_576], "one link for both");
    assert_eq!(world.bodies(2), ["a", "b", "c"]);
    let stored = &world.server.hub("orders").partition(2).events()[0];
    assert_eq!(stored.partition_key(), Some("k1"));
    assert_eq!(stored.message_id(), Some("orders/1/7"));
}

#[test]
fn a_gateway_batch_goes_where_the_service_puts_its_key() {
    let world = World::new();
    let lane = world.lane_to(Target::Gateway { lane: 0 });
    assert_eq!(lane.send(batch_of(Some("customer-17"), &["a"])), Ok(()));
    assert_eq!(world.bodies(3), ["a"], "lookup3 of `customer-17` over four partitions");
}

#[test]
fn released_modified_and_rejected_are_not_stored() {
    let world = World::new();
    let lane = world.lane("0");
    let faults = world.server.faults();
    faults.hub("orders").times(1).released();
    assert_eq!(cause(lane.send(batch(&["a"]))), Cause::Released);
    faults.hub("orders").times(1).modified();
    assert_eq!(cause(lane.send(batch(&["a"]))), Cause::Modified);
    faults.hub("orders").times(1).server_busy();
    let Err(SendError::Retry { cause: Cause::Throttled, after, .. }) = lane.send(batch(&["a"]))
    else {
        panic!("throttled")
    };
    assert_eq!(after, Some(Duration::from_secs(4)));
    faults.hub("orders").times(1).rejected("amqp:not-allowed");
    let both = batch(&["a", "b"]);
    let result = lane.send(both.clone());
    assert!(matches!(result, Err(SendError::Refused { .. })), "{result:?}");
    assert_eq!(world.bodies(0), [""; 0]);
    assert_eq!(lane.send(both), Ok(()));
    assert_eq!(world.bodies(0), ["a", "b"], "the link was good all the time");
    assert_eq!(world.server.connections_opened(), 1);
}

#[test]
fn a_lost_connection_ends_the_send_and_the_next_one_has_a_new_one() {
    let world = World::new();
    let lane = world.lane("0");
    world.server.faults().hub("orders").times(1).drop_before_store();
    assert_eq!(cause(lane.send(batch(&["a"]))), Cause::Connection);
    lane.send_until_accepted(batch(&["a"]));
    assert_eq!(world.bodies(0), ["a"]);

    world.server.faults().hub("orders").times(1).drop_after_store();
    assert_eq!(cause(lane.send(batch(&["b"]))), Cause::Connection);
    lane.send_until_accepted(batch(&["b"]));
    assert_eq!(world.bodies(0), ["a", "b", "b"], "stored, but nobody said so");
}

#[test]
fn a_detached_link_is_attached_again_on_the_same_connection() {
    let world = World::new();
    let lane = world.lane("0");
    assert_eq!(lane.send(batch(&["a"])), Ok(()));
    world.server.faults().hub("orders").detach_links("amqp:link:detach-forced");
    lane.send_until_accepted(batch(&["b"]));
    world.server.faults().hub("orders").times(1).detach("amqp:link:detach-forced");
    assert_eq!(cause(lane.send(batch(&["c"]))), Cause::Link);
    lane.send_until_accepted(batch(&["c"]));
    assert_eq!(world.bodies(0), ["a", "b", "c"]);
    assert_eq!(*lane.limits.borrow(), [1_048_576; 3]);
    assert_eq!(world.server.connections_opened(), 1);
}

#[test]
fn silence_is_a_time_out_and_a_new_connection() {
    let world = World::new();
    let lane = world.lane("0");
    world.server.faults().hub("orders").times(1).forget_ack();
    assert_eq!(cause(lane.send(batch(&["a"]))), Cause::Timeout);
    lane.send_until_accepted(batch(&["b"]));
    assert_eq!(world.bodies(0), ["a", "b"]);

    world.server.faults().black_hole_connections();
    assert_eq!(cause(lane.send(batch(&["c"]))), Cause::Timeout);
    lane.send_until_accepted(batch(&["c"]));
    assert_eq!(world.bodies(0), ["a", "b", "c"]);
}

#[test]
fn a_server_that_comes_late_or_again_is_found() {
    let world = World::new();
    world.server.stop();
    let lane = world.lane("0");
    assert_eq!(cause(lane.send(batch(&["a"]))), Cause::Connection);
    world.server.restart().unwrap();
    lane.send_until_accepted(batch(&["a"]));
    world.server.stop();
    assert_eq!(cause(lane.send(batch(&["b"]))), Cause::Connection);
    world.server.restart().unwrap();
    lane.send_until_accepted(batch(&["b"]));
    assert_eq!(world.bodies(0), ["a", "b"]);
}

#[test]
fn a_refused_token_or_link_is_asked_for_again() {
    let world = World::new();
    world.server.faults().everywhere().times(1).refuse_token(401, "not yet");
    world.server.faults().everywhere().times(1).refuse_attach("amqp:unauthorized-access");
    let lane = world.lane("0");
    let causes = lane.send_until_accepted(batch(&["a"]));
    assert_eq!(causes, [Cause::Unauthorized; 2], "the token, then the link");
}

#[test]
fn the_limit_of_the_link_is_told_and_kept() {
    let server = Server::builder().hub("orders", 4).max_message_size(1000).start().unwrap();
    let world = World::with(server);
    let lane = world.lane("0");
    let large = "x".repeat(1000);
    assert_eq!(lane.send(batch(&[&large])), Err(SendError::TooLarge { limit: 1000 }));
    assert_eq!(*lane.limits.borrow(), [1000]);
    assert_eq!(lane.send(batch(&["a"])), Ok(()), "the link is still good");
    assert_eq!(world.bodies(0), ["a"]);
}

#[test]
fn many_lanes_share_one_connection() {
    let world = World::new();
    let namespace = world.namespace(&world.server.connection_string());
    let (tell, told) = sync_channel(1024);
    let lanes: BTreeMap<u32, LaneSender> = (0..4)
        .map(|id: u32| {
            let tell = tell.clone();
            let target = Target::Partition(id.to_string());
            (id, namespace.lane("orders", target, move |event| drop(tell.send((id, event)))))
        })
        .collect();
    for lane in lanes.values() {
        lane.send(batch(&["a"]));
    }
    let mut accepted = 0;
    while accepted < 4 * 50 {
        let (id, event) = told.recv_timeout(PATIENCE).expect("the lanes speak");
        if let LaneEvent::Settled(result) = event {
            assert_eq!(result, Ok(()));
            accepted += 1;
            lanes[&id].send(batch(&["a"]));
        }
    }
    assert_eq!(world.server.connections_opened(), 1);
}

/// The service has let the tokens of a connection go: that refuses nobody.
#[test]
fn a_hub_is_read_again_with_a_new_token_when_the_one_before_has_ended() {
    let world = World::new();
    let namespace = world.namespace(&world.server.connection_string());
    for _ in 0..3 {
        let found = world.runtime.block_on(namespace.hub("orders"));
        assert!(found.is_ok(), "{found:?}");
        world.server.faults().expire_tokens();
    }
}

#[test]
fn the_partitions_of_a_hub_are_read_and_refusals_named() {
    let server = Server::builder()
        .hub("orders", 4)
        .key("RootManageSharedAccessKey", "right")
        .start()
        .unwrap();
    let world = World::with(server);
    let good = world.namespace(&world.server.connection_string());
    let ask = |namespace: &NamespaceClient, hub: &str| world.runtime.block_on(namespace.hub(hub));
    assert_eq!(ask(&good, "orders").unwrap().partition_ids, ["0", "1", "2", "3"]);
    let missing = ask(&good, "nowhere").unwrap_err();
    assert!(matches!(missing, ConnectError::NoSuchHub(_)), "{missing}");
    assert!(missing.is_for_good());

    let wrong = world.namespace(&world.server.connection_string().replace("right", "wrong"));
    let refused = ask(&wrong, "orders").unwrap_err();
    assert!(matches!(refused, ConnectError::Unauthorized(_)), "{refused}");
    assert!(!refused.to_string().contains("wrong"), "a key is a secret");

    world.server.stop();
    let absent = ask(&world.namespace(&world.server.connection_string()), "orders").unwrap_err();
    assert!(matches!(absent, ConnectError::Unreachable(_)), "{absent}");
}
