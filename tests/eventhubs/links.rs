//! Many lanes, slow ways, silent partitions: what an estate asks of the links.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use eventhubs_local::{Fault, Server};
use kafka_eventhubs_bridge::config;
use kafka_eventhubs_bridge::eventhubs::{
    Cause, LaneEvent, LaneSender, NamespaceClient, SendError, Target,
};

use super::{PATIENCE, World, batch};

/// A way to the server. Every byte takes a while; what the first connection sends can be held up.
pub(super) struct Way {
    port: u16,
    pub(super) gate: Arc<Gate>,
    connections: Arc<AtomicUsize>,
}

#[derive(Default)]
pub(super) struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(super) fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let shut = self.shut.lock().unwrap();
        drop(self.opened.wait_while(shut, |shut| *shut).unwrap());
    }
}

pub(super) fn way(target: u16, delay: Duration) -> Way {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (gate, connections) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
    let (hold, count) = (Arc::clone(&gate), Arc::clone(&connections));
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let first = count.fetch_add(1, SeqCst) == 0;
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else { continue };
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (back, forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            pipe(back, forth, first.then(|| Arc::clone(&hold)), delay);
            pipe(server, client, None, delay);
        }
    });
    Way { port, gate, connections }
}

/// Copies, each piece `delay` after it came.
fn pipe(mut from: TcpStream, mut to: TcpStream, gate: Option<Arc<Gate>>, delay: Duration) {
    let (tx, rx) = sync_channel::<(Instant, Vec<u8>)>(4096);
    std::thread::spawn(move || {
        // Nobody sends here: it is the clock that a delayed piece waits for.
        let (_clock, tick) = sync_channel::<()>(1);
        for (at, bytes) in rx {
            let wait = (at + delay).saturating_duration_since(Instant::now());
            tick.recv_timeout(wait).ok();
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Write));
    });
    std::thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        loop {
            // While the gate is shut, what comes stays in the network.
            if let Some(gate) = &gate {
                from.peek(&mut [0]).ok();
                gate.pass();
            }
            match from.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(n) if tx.send((Instant::now(), buffer[..n].to_vec())).is_err() => return,
                Ok(_) => {}
            }
        }
    });
}

impl World {
    fn by(&self, way: &Way) -> NamespaceClient {
        self.by_means_of(way, config::ConnectionSettings::default())
    }

    /// The same, in TLS or a WebSocket.
    pub(super) fn by_means_of(
        &self,
        way: &Way,
        means: config::ConnectionSettings,
    ) -> NamespaceClient {
        let own = format!(":{}", self.server.addr().port());
        let there = self.server.connection_string().replace(&own, &format!(":{}", way.port));
        self.namespace_by(&there, means)
    }
}

/// Lanes of hub `orders`, and what they are told.
fn lanes(
    namespace: &NamespaceClient,
    count: usize,
) -> (Vec<LaneSender>, Receiver<(usize, LaneEvent)>) {
    let (tell, told) = sync_channel(1 << 16);
    let lanes = (0..count).map(|id| {
        let (tell, target) = (tell.clone(), Target::Partition(id.to_string()));
        namespace.lane("orders", target, move |event| drop(tell.send((id, event))))
    });
    (lanes.collect(), told)
}

/// Sends one batch on each lane, again until it is accepted.
fn send_on_all(lanes: &[LaneSender], told: &Receiver<(usize, LaneEvent)>) -> Vec<Cause> {
    for (id, lane) in lanes.iter().enumerate() {
        lane.send(batch(&[&id.to_string()]));
    }
    let (mut open, mut causes) = (lanes.len(), Vec::new());
    while open > 0 {
        let (id, event) = told.recv_timeout(PATIENCE).expect("every send ends");
        match event {
            LaneEvent::Settled(Ok(())) => open -= 1,
            LaneEvent::Settled(Err(SendError::Retry { cause, .. })) => {
                causes.push(cause);
                lanes[id].send(batch(&[&id.to_string()]));
            }
            LaneEvent::Settled(result) => panic!("{result:?}"),
            LaneEvent::Ready { .. } => {}
        }
    }
    causes
}

#[test]
fn hundreds_of_lanes_are_attached_by_one_slow_connection() {
    let world = World::with(Server::builder().hub("orders", 400).start().unwrap());
    let way = way(world.server.addr().port(), Duration::from_millis(10));
    let namespace = world.by(&way);
    let (lanes, told) = lanes(&namespace, 400);
    assert_eq!(send_on_all(&lanes, &told), [], "nobody's wait for a turn was taken for silence");
    assert_eq!(way.connections.load(SeqCst), 1);
    assert_eq!(world.server.hub("orders").total(), 400);
}

#[test]
fn all_lanes_in_use_are_back_after_a_lost_connection() {
    let world = World::with(Server::builder().hub("orders", 300).start().unwrap());
    let namespace = world.namespace(&world.server.connection_string());
    let (lanes, told) = lanes(&namespace, 300);
    assert_eq!(send_on_all(&lanes, &told), []);
    world.server.faults().drop_connections();
    send_on_all(&lanes, &told);
    assert_eq!(world.server.hub("orders").total(), 600);
}

/// A partition that never acknowledges: its neighbours on the same connection lose nothing and send nothing twice.
#[test]
fn a_silent_partition_costs_its_neighbours_nothing() {
    let world = World::new();
    let namespace = world.namespace(&world.server.connection_string());
    let (lanes, told) = lanes(&namespace, 4);
    assert_eq!(send_on_all(&lanes, &told), []);
    world.server.faults().hub("orders").partition(0).forget_ack();
    let (mut timeouts, mut sent) = (0, [1; 4]);
    for lane in &lanes {
        lane.send(batch(&["a"]));
    }
    let mut open = 4;
    while open > 0 {
        let (id, event) = told.recv_timeout(PATIENCE).expect("every send ends");
        let LaneEvent::Settled(result) = event else { continue };
        match (id, result) {
            (0, Err(SendError::Retry { cause: Cause::Timeout | Cause::Link, .. })) => {
                timeouts += 1;
                if timeouts < 5 {
                    lanes[0].send(batch(&["a"]));
                } else {
                    open -= 1;
                }
            }
            (1.., Ok(())) => {
                sent[id] += 1;
                match timeouts >= 5 {
                    true => open -= 1,
                    false => lanes[id].send(batch(&["a"])),
                }
            }
            (id, result) => panic!("lane {id}: {result:?}"),
        }
    }
    for (id, sent) in sent.iter().enumerate().skip(1) {
        assert_eq!(world.bodies(id as u32).len(), *sent, "partition {id}: each once");
    }
    assert_eq!(world.server.connections_opened(), 1);
}

/// Partitions that answer nothing, not even a detach: their links end with the connection only. The others leave it first.
#[test]
fn links_that_do_not_even_end_cost_their_neighbours_nothing() {
    let world = World::new();
    let namespace = world.namespace(&world.server.connection_string());
    let (lanes, told) = lanes(&namespace, 4);
    assert_eq!(send_on_all(&lanes, &told), []);
    let orders = || world.server.faults().hub("orders");
    let silent = [orders().partition(0).silent(), orders().partition(1).silent()];
    // One of the others has a batch under way all the time.
    orders().partition(2).delay_ack(Duration::from_millis(100));
    let mut expected: Vec<Vec<String>> = (0..4).map(|id| vec![id.to_string()]).collect();
    let mut next = |id: usize| {
        let value = expected[id].len().to_string();
        lanes[id].send(batch(&[&value]));
        expected[id].push(value);
    };
    (0..4).for_each(&mut next);
    let (mut unanswered, mut heard, mut open) = (Vec::new(), false, 4);
    let deadline = Instant::now() + PATIENCE;
    while open > 0 {
        assert!(Instant::now() < deadline, "{} of the silent ones were told so", unanswered.len());
        let (id, event) = told.recv_timeout(PATIENCE).expect("every send ends");
        let LaneEvent::Settled(result) = event else { continue };
        match (id, result) {
            (0 | 1, Err(SendError::Retry { cause: Cause::Timeout, .. })) if !heard => {
                unanswered.push(id);
                if unanswered.len() == 2 {
                    silent.iter().for_each(Fault::clear);
                    heard = true;
                    // What both have sent.
                    unanswered.drain(..).for_each(|id: usize| lanes[id].send(batch(&["1"])));
                }
            }
            // They go on until the two are heard again.
            (2.., Ok(())) if open > 2 => next(id),
            (_, Ok(())) => open -= 1,
            (id, result) => panic!("lane {id}: {result:?}"),
        }
    }
    for (id, expected) in expected.iter().enumerate() {
        assert_eq!(world.bodies(id as u32), *expected, "partition {id}: each once, in order");
    }
    assert_eq!(world.server.connections_opened(), 2);
}
