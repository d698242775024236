//! Faults planted among the events of a hub: what `verify` has to find.

use std::net::SocketAddr;

use eventhubs_local::{Event, Hub};
use serde_json::{Value, json};

use crate::Out;

/// The encoded events of each partition of a hub.
pub type Lanes = Vec<Vec<Vec<u8>>>;

/// All that a hub holds.
pub fn lanes(hub: &Hub) -> Lanes {
    let raw = |event: Event| event.raw().to_vec();
    hub.partitions().iter().map(|it| it.events().into_iter().map(raw).collect()).collect()
}

/// A fault that `verify` has a name for.
pub struct Plant {
    /// What `verify` calls it.
    pub fault: &'static str,
    /// What `verify` tells to be different.
    pub differs: Value,
    /// Plants it.
    pub change: Box<dyn Fn(&mut Lanes)>,
}

/// Sends all of them to a hub over our own client, a link for each partition.
pub fn put(server: SocketAddr, hub: &str, lanes: &Lanes) {
    use amqp::client::{Answer, Login, Settings as Terms};
    use amqp::driver::{Connection, Outcome};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(server).await.unwrap();
        let connection =
            Connection::spawn(stream, Terms::new("localhost", "planter", Login::Anonymous), |_| {});
        connection.opened().await.unwrap();
        let session = connection.begin().await.unwrap();
        for (id, events) in lanes.iter().enumerate() {
            let address = format!("{hub}/Partitions/{id}");
            let sender = session.sender(&format!("planter-{id}"), &address).await.unwrap();
            for event in events {
                let sent = sender.send(event.clone().into(), 0).unwrap();
                assert_eq!(sent.await, Outcome::Answered(Answer::Accepted));
            }
        }
        drop(session);
        connection.close().await;
    });
}

/// A record with the key, header and value that the plants know.
pub fn record(n: usize) -> Out {
    let record = Out::value(format!(r#"{{"n":{n}}}"#)).to((n % 2) as i32);
    let record = record.at(1_767_225_600_000 + n as i64).header("type", Some(b"created"));
    if n.is_multiple_of(7) { record } else { record.key(format!("key-{}", n % 20)) }
}

/// The record of partition 1 whose event is to be at fault.
#[derive(Clone)]
struct Target {
    topic: String,
    offset: i64,
}

impl Target {
    /// Where its event is.
    fn place(&self, lanes: &Lanes) -> (usize, usize) {
        let is = |event: &Vec<u8>| self.offset_of(event) == Some(self.offset);
        let mut lanes = lanes.iter().enumerate();
        let found = lanes.find_map(|(lane, events)| Some((lane, events.iter().position(is)?)));
        found.expect("it is there")
    }

    /// The offset of the record of the same partition that an event is of.
    fn offset_of(&self, event: &[u8]) -> Option<i64> {
        let of = format!("{}/1/", self.topic).into_bytes();
        let at = event.windows(of.len()).position(|part| part == of)? + of.len();
        let digits = event[at..].iter().take_while(|byte| byte.is_ascii_digit());
        str::from_utf8(&digits.copied().collect::<Vec<_>>()).unwrap().parse().ok()
    }

    fn remove(&self, lanes: &mut Lanes) {
        let (lane, at) = self.place(lanes);
        lanes[lane].remove(at);
    }

    fn double(&self, lanes: &mut Lanes) {
        let (lane, at) = self.place(lanes);
        let again = lanes[lane][at].clone();
        lanes[lane].push(again);
    }

    fn alter(&self, lanes: &mut Lanes) {
        let (lane, at) = self.place(lanes);
        *lanes[lane][at].last_mut().unwrap() ^= 1;
    }

    fn replace(&self, lanes: &mut Lanes, from: &str, to: &str) {
        let (lane, at) = self.place(lanes);
        let bytes = &mut lanes[lane][at];
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes());
        let at = at.expect("it is there");
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }

    fn move_on(&self, lanes: &mut Lanes) {
        let (lane, at) = self.place(lanes);
        let moved = lanes[lane].remove(at);
        let next = (lane + 1) % lanes.len();
        // Before the first later one of the same Kafka partition, so that the order is kept.
        let is_later = |event: &Vec<u8>| self.offset_of(event) > Some(self.offset);
        let later = lanes[next].iter().position(is_later);
        let later = later.unwrap_or(lanes[next].len());
        lanes[next].insert(later, moved);
    }

    fn swap(&self, lanes: &mut Lanes) {
        let (lane, at) = self.place(lanes);
        // The one before of the same Kafka partition.
        let before = (0..at).rev().find(|at| self.offset_of(&lanes[lane][*at]).is_some());
        lanes[lane].swap(before.unwrap(), at);
    }
}

/// What is done to the event of the target.
type Change = fn(&Target, &mut Lanes);

/// A fault of each kind; that of number n is at the record `first` + 10 n of partition 1.
pub fn plants(topic: &str, first: i64) -> Vec<(i64, Plant)> {
    let key = |target: &Target, lanes: &mut Lanes| target.replace(lanes, "key-1", "kez-1");
    let header = |target: &Target, lanes: &mut Lanes| target.replace(lanes, "created", "deleted");
    let kinds: [(&'static str, &[&str], Change); 7] = [
        ("missing", &[], Target::remove),
        ("twice", &[], Target::double),
        ("altered", &["body"], Target::alter),
        ("altered", &["headers"], header),
        ("altered", &["key"], key),
        ("wrong_partition", &[], Target::move_on),
        ("out_of_order", &[], Target::swap),
    ];
    let mut plants = Vec::new();
    for (offset, (fault, differs, change)) in (first..).step_by(10).zip(kinds) {
        let target = Target { topic: topic.to_owned(), offset };
        let change = Box::new(move |lanes: &mut Lanes| change(&target, lanes));
        plants.push((offset, Plant { fault, differs: json!(differs), change }));
    }
    plants
}
