//! What a peer allows, what is asked of it at the same time, and links that come and go with their use.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use eventhubs_local::{Builder, Server};
use kafka_eventhubs_bridge::eventhubs::{
    Cause, LaneEvent, LaneSender, NamespaceClient, SendError, Target,
};

use super::{Opened, PATIENCE, World, batch};

/// A peer in the middle that holds answers back until enough was asked.
struct Middle {
    asked: &'static [u8],
    wanted: usize,
    count: Mutex<usize>,
    enough: Condvar,
}

impl Middle {
    /// Once `asked` is seen, nothing is answered before it is seen `wanted` times.
    fn begin(server: &Server, asked: &'static [u8], wanted: usize) -> (u16, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let middle = Self { asked, wanted, count: Mutex::default(), enough: Condvar::new() };
        let (middle, to) = (Arc::new(middle), server.addr());
        let shared = Arc::clone(&middle);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(to).unwrap());
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (back, forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (asks, answers) = (Arc::clone(&shared), Arc::clone(&shared));
                copy(back, forth, move |bytes| asks.hear(bytes));
                copy(server, client, move |_| answers.hold());
            }
        });
        (port, middle)
    }

    fn hear(&self, bytes: &[u8]) {
        let seen = bytes.windows(self.asked.len()).filter(|part| *part == self.asked).count();
        *self.count.lock().unwrap() += seen;
        self.enough.notify_all();
    }

    fn hold(&self) {
        let count = self.count.lock().unwrap();
        let few = |count: &mut usize| (1..self.wanted).contains(count);
        drop(self.enough.wait_timeout_while(count, PATIENCE, few).unwrap());
    }

    fn count(&self) -> usize {
        *self.count.lock().unwrap()
    }
}

/// What is asked is small, and comes whole.
fn copy(mut from: TcpStream, mut to: TcpStream, with: impl Fn(&[u8]) + Send + 'static) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            with(&buffer[..count]);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        to.shutdown(Shutdown::Write).ok();
    });
}

impl World {
    fn through(&self, port: u16) -> NamespaceClient {
        let own = format!(":{}", self.server.addr().port());
        self.namespace(&self.server.connection_string().replace(&own, &format!(":{port}")))
    }
}

fn hubs(count: usize) -> Server {
    let named = |builder: Builder, id| builder.hub(format!("hub-{id}"), 1);
    (0..count).fold(Server::builder(), named).start().unwrap()
}

type Told = Receiver<(usize, LaneEvent)>;

fn lanes(
    namespace: &NamespaceClient,
    count: usize,
    at: impl Fn(usize) -> (String, u32),
) -> (Vec<LaneSender>, Told) {
    let (tell, told) = sync_channel(1 << 16);
    let lanes = (0..count).map(|id| {
        let (tell, (hub, partition)) = (tell.clone(), at(id));
        let target = Target::Partition(partition.to_string());
        namespace.lane(&hub, target, move |event| drop(tell.send((id, event))))
    });
    (lanes.collect(), told)
}

/// Sends one batch on each lane, once. Gives what was said of those that were not accepted.
fn send_once(lanes: &[LaneSender], told: &Told) -> Vec<SendError> {
    for lane in lanes {
        lane.send(batch(&["a"]));
    }
    let (mut open, mut errors) = (lanes.len(), Vec::new());
    while open > 0 {
        if let (_, LaneEvent::Settled(result)) = told.recv_timeout(PATIENCE).unwrap() {
            open -= 1;
            errors.extend(result.err());
        }
    }
    errors
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn what_a_peer_allows_is_kept_with_more_sessions_and_connections() {
    // Four sessions of four links; two of the sessions are for tokens and questions.
    let builder = Server::builder().hub("orders", 40).channel_max(3).handle_max(3);
    let world = World::with(builder.start().unwrap());
    let namespace = world.namespace(&world.server.connection_string());
    let (lanes, told) = lanes(&namespace, 40, |id| ("orders".into(), id as u32));
    assert_eq!(send_once(&lanes, &told), []);
    assert_eq!(world.server.connections_opened(), 5);
    for connection in world.server.connections() {
        let links = connection.links.iter().filter(|link| link.address.starts_with("orders"));
        assert_eq!(links.count(), 8, "{}", connection.id);
    }
}

#[test]
fn thousands_of_lanes_take_more_than_one_connection() {
    let world = World::with(Server::builder().hub("orders", 500).start().unwrap());
    let namespace = world.namespace(&world.server.connection_string());
    let (lanes, told) = lanes(&namespace, 2_000, |id| ("orders".into(), id as u32 % 500));
    assert_eq!(send_once(&lanes, &told), []);
    assert_eq!(world.server.connections_opened(), 2);
    assert_eq!(world.server.hub("orders").total(), 2_000);
    let names = world.server.connections().into_iter().flat_map(|connection| connection.links);
    let mut names: Vec<_> =
        names.filter(|link| link.address.starts_with("orders")).map(|link| link.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 2_000, "each link has a name of its own");
}

#[test]
fn tokens_of_many_hubs_are_put_at_the_same_time() {
    let world = World::with(hubs(40));
    let (port, middle) = Middle::begin(&world.server, b"put-token", 40);
    let namespace = world.through(port);
    let (lanes, told) = lanes(&namespace, 80, |id| (format!("hub-{}", id / 2), 0));
    assert_eq!(send_once(&lanes, &told), []);
    assert_eq!(middle.count(), 40, "one token serves all links of a hub");
    assert_eq!(world.server.connections_opened(), 1);
}

#[test]
fn many_hubs_are_asked_for_their_partitions_at_the_same_time() {
    let world = World::with(hubs(40));
    let (port, _) = Middle::begin(&world.server, b"READ", 40);
    let namespace = world.through(port);
    let ask = |id| {
        let namespace = namespace.clone();
        world.runtime.spawn(async move { namespace.hub(&format!("hub-{id}")).await })
    };
    let answers: Vec<_> = (0..40).map(ask).collect();
    for answer in answers {
        let properties = world.runtime.block_on(answer).unwrap().unwrap();
        assert_eq!(properties.partition_ids, ["0"]);
    }
    assert_eq!(world.server.connections_opened(), 1);
}

#[test]
fn a_link_that_is_not_used_is_released_and_comes_back() {
    let world = World::new();
    let namespace = world.namespace(&world.server.connection_string());
    namespace.release_idle_links_after(Duration::from_millis(50));
    let (tell, told) = sync_channel(16);
    let target = Target::Partition("0".into());
    let lane = namespace.lane("orders", target, move |event| drop(tell.send(event)));
    let lane = Opened { lane, told, limits: std::cell::RefCell::default() };
    for round in 1..=3 {
        assert_eq!(lane.send(batch(&["a"])), Ok(()));
        assert_eq!(lane.limits.borrow().len(), round, "a new link");
        wait_until("the link is released", || {
            let connections = world.server.connections();
            let mut links = connections.iter().flat_map(|connection| &connection.links);
            !links.any(|link| link.address.starts_with("orders"))
        });
    }
    assert_eq!(world.bodies(0), ["a", "a", "a"]);
    assert_eq!(world.server.connections_opened(), 1, "the connection stays");
}

#[test]
fn lanes_that_failed_without_a_connection_are_told_of_the_next_one() {
    let world = World::with(Server::builder().hub("orders", 300).start().unwrap());
    let namespace = world.namespace(&world.server.connection_string());
    let connected = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connected);
    namespace.on_connected(move || {
        count.fetch_add(1, SeqCst);
    });
    let (lanes, told) = lanes(&namespace, 300, |id| ("orders".into(), id as u32));
    assert_eq!(send_once(&lanes, &told), []);
    assert_eq!(connected.load(SeqCst), 1);
    world.server.stop();
    let errors = send_once(&lanes, &told);
    assert_eq!(errors.len(), 300);
    for error in errors {
        let want_of_connection =
            matches!(error, SendError::Retry { cause: Cause::Connection, after: None, .. });
        assert!(want_of_connection, "{error:?}");
    }
    // Nobody sends; it is looked for all the same.
    world.server.restart().unwrap();
    wait_until("there is a connection again", || connected.load(SeqCst) == 2);
    assert_eq!(send_once(&lanes, &told), []);
    assert_eq!(world.server.hub("orders").total(), 600);
}

#[test]
fn nobody_waits_for_ever_behind_a_link_that_is_not_answered() {
    let world = World::with(Server::builder().hub("orders", 8).start().unwrap());
    let namespace = world.namespace(&world.server.connection_string());
    let silent = world.server.faults().hub("orders").partition(0).silent();
    let (lanes, told) = lanes(&namespace, 8, |id| ("orders".into(), id as u32));
    let errors = send_once(&lanes, &told);
    let of_a_link =
        |error: &SendError| matches!(error, SendError::Retry { cause: Cause::Link, .. });
    assert!(errors.len() == 1 && errors.iter().all(of_a_link), "{errors:?}");
    assert_eq!(world.server.hub("orders").total(), 7);
    // It does not stand before the others again.
    assert_eq!(send_once(&lanes, &told).len(), 1);
    silent.clear();
    assert_eq!(send_once(&lanes, &told), []);
    assert_eq!(world.server.hub("orders").total(), 7 + 7 + 8);
    assert_eq!(world.server.connections_opened(), 1);
}
