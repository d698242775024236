//! The client of the crate `amqp` against this server, in memory.

mod histories;
mod reading;

use std::io::IoSlice;

use amqp::client::{
    Answer, Attach, Connection as Client, DeliveryId, End, Event, LinkId, Login, Offer, Receives,
    SessionId, Settings as ClientSettings, Why,
};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// A client, a server, and what is on its way between them.
struct Line {
    namespace: Arc<Namespace>,
    client: Client,
    server: Connection,
    up: Vec<u8>,
    down: Vec<u8>,
    now: Instant,
    events: Vec<Event>,
}

impl Line {
    fn new(namespace: &Arc<Namespace>, settings: ClientSettings) -> Self {
        let now = Instant::now();
        let handle = namespace.registry.open("test".into());
        Self {
            namespace: Arc::clone(namespace),
            client: Client::new(settings, now),
            server: Connection::new(Arc::clone(namespace), handle),
            up: Vec::new(),
            down: Vec::new(),
            now,
            events: Vec::new(),
        }
    }

    fn settings() -> ClientSettings {
        ClientSettings::new("test", "client", Login::Anonymous)
    }

    /// The client writes so many bytes, at most.
    fn write(&mut self, most: usize) -> usize {
        let mut slices = [IoSlice::new(&[]); 3];
        let filled = self.client.slices(&mut slices);
        let bytes: Vec<u8> =
            slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        let count = bytes.len().min(most);
        self.up.extend_from_slice(&bytes[..count]);
        self.client.written(count, self.now);
        count
    }

    /// So many bytes of what is on its way reach the server.
    fn reach(&mut self, most: usize) -> bool {
        let count = self.up.len().min(most);
        let used = self.server.receive(&self.up[..count], self.now);
        self.up.drain(..used);
        self.server.pump();
        self.down.append(self.server.out());
        used > 0
    }

    /// So many bytes of what is on its way reach the client.
    fn come(&mut self, most: usize) -> bool {
        let count = self.down.len().min(most);
        let bytes: Vec<u8> = self.down.drain(..count).collect();
        self.client.received(&bytes, self.now);
        self.hear();
        count > 0
    }

    fn hear(&mut self) {
        while let Some(event) = self.client.event() {
            self.events.push(event);
        }
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
        self.server.tick(self.now);
        self.client.tick(self.now);
        self.down.append(self.server.out());
        self.hear();
    }

    /// Until nothing moves any more.
    fn settle(&mut self) {
        loop {
            let wrote = self.write(usize::MAX) > 0;
            let reached = self.reach(usize::MAX);
            let came = self.come(usize::MAX);
            if !wrote && !reached && !came {
                return;
            }
        }
    }

    fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A client with an open connection and a session.
    fn open(namespace: &Arc<Namespace>) -> (Self, SessionId) {
        let mut line = Self::new(namespace, Self::settings());
        line.settle();
        assert_eq!(line.take(), [Event::Opened]);
        let session = line.client.begin().unwrap();
        line.settle();
        assert_eq!(line.take(), [Event::Begun(session)]);
        (line, session)
    }

    fn attach(&mut self, session: SessionId, name: &str, address: &str) -> LinkId {
        let attach = Attach { name, address, own: "", receives: None };
        self.client.attach(session, &attach).unwrap()
    }
}

fn payload(id: &str, size: usize) -> Bytes {
    Bytes::from(event(id, &vec![b'x'; size]))
}

fn ids(namespace: &Namespace, partition: u32) -> Vec<String> {
    let events = namespace.hub("orders").unwrap().partition(partition).events();
    events.iter().map(|event| event.message_id().unwrap_or("?").to_owned()).collect()
}

#[test]
fn what_is_sent_is_stored_and_answered() {
    let namespace = namespace(|_, _| {});
    let (mut line, session) = Line::open(&namespace);
    let link = line.attach(session, "a", "orders/Partitions/1");
    line.settle();
    let (max_message_size, offer) = (Some(1_048_576), Offer::default());
    let attached = Event::Attached { link, max_message_size, offer };
    assert_eq!(line.take(), [attached]);
    let sent: Vec<DeliveryId> = (0..20)
        .map(|n| line.client.send(link, payload(&n.to_string(), n * 20_000), 0).unwrap())
        .collect();
    line.settle();
    let expected: Vec<Event> = sent
        .iter()
        .map(|delivery| Event::Settled { link, delivery: *delivery, answer: Answer::Accepted })
        .collect();
    assert_eq!(line.take(), expected);
    let expected: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert_eq!(ids(&namespace, 1), expected);
    line.client.close();
    line.settle();
    let end = |why| {
        [
            Event::Detached { link, why },
            Event::Ended { session, why: Why::Asked },
            Event::Closed(End::Asked),
        ]
    };
    assert_eq!(line.take(), end(Why::Asked));
    assert!(line.client.is_over());
}

#[test]
fn a_link_that_is_refused_says_why() {
    let namespace = namespace(|_, _| {});
    let (mut line, session) = Line::open(&namespace);
    let link = line.attach(session, "a", "nowhere");
    line.settle();
    let [Event::Detached { link: refused, why: Why::Peer(Some(failure)) }] = &line.take()[..]
    else {
        panic!("not refused")
    };
    assert_eq!((*refused, &*failure.condition), (link, "amqp:not-found"));
    assert!(failure.description.contains("nowhere"), "{failure}");
    assert_eq!(line.client.send(link, payload("1", 1), 0), None);
    // Its handle is free again.
    let next = line.attach(session, "b", "orders");
    line.settle();
    assert!(matches!(line.take()[..], [Event::Attached { link, .. }] if link == next));
}

#[test]
fn a_question_is_answered() {
    let namespace = namespace(|_, _| {});
    let (mut line, session) = Line::open(&namespace);
    let node = "$management";
    let asks = Attach { name: "asks", address: node, own: "me", receives: None };
    let hears = Attach { name: "hears", receives: Some(Receives::kept(10, 65_536)), ..asks };
    let asks = line.client.attach(session, &asks).unwrap();
    let hears = line.client.attach(session, &hears).unwrap();
    line.settle();
    assert_eq!(line.take().len(), 2);
    let what = [("operation", "READ"), ("type", "com.microsoft:eventhub"), ("name", "orders")];
    let what = what.map(|(key, value)| (text(key), text(value))).to_vec();
    for number in 0..30u64 {
        let mut properties = vec![Value::Ulong(number), Value::Null, Value::Null, Value::Null];
        properties.push(text("me"));
        let question = encode(&[
            described(0x73, Value::List(properties)),
            described(0x74, Value::Map(what.clone())),
        ]);
        line.client.send(asks, question.into(), 0).unwrap();
        line.settle();
        let events = line.take();
        let answer = events.iter().find_map(|event| match event {
            Event::Received { link, message } if *link == hears => Some(message),
            _ => None,
        });
        let answer = answer.expect("an answer");
        let value = amqp::sections::Sections::find(answer, amqp::sections::VALUE).unwrap();
        let ids = amqp::sections::lookup(value, "partition_ids").unwrap().value().unwrap();
        assert_eq!(ids, Value::Array((0..4).map(|n| text(&n.to_string())).collect()));
    }
}

#[test]
fn what_has_no_credit_can_be_taken_back_and_is_not_sent() {
    let namespace = namespace(|_, _| {});
    let (mut line, session) = Line::open(&namespace);
    let link = line.attach(session, "a", "orders/Partitions/0");
    line.settle();
    line.take();
    // It waits for its turn, so nothing of it is on its way.
    let back = line.client.send(link, payload("back", 10), 0).unwrap();
    let gone = line.client.send(link, payload("gone", 10), 0).unwrap();
    assert!(line.client.withdraw(link, back));
    assert!(!line.client.withdraw(link, back), "it is not there any more");
    line.settle();
    assert!(!line.client.withdraw(link, gone), "it was sent");
    assert_eq!(ids(&namespace, 0), ["gone"]);
}

#[test]
fn a_peer_that_is_silent_ends_the_connection_and_one_that_lives_does_not() {
    let namespace = namespace(|_, settings| settings.idle_time_out = Duration::from_secs(20));
    let (mut line, _) = Line::open(&namespace);
    for _ in 0..100 {
        line.wait(Duration::from_secs(5));
        line.settle();
    }
    assert_eq!(line.take(), [], "both say so in time that they live");
    let before = line.now;
    while !line.client.is_over() {
        line.now = line.client.deadline().expect("a deadline");
        line.client.tick(line.now);
        line.write(usize::MAX);
    }
    line.hear();
    assert_eq!(line.take().last(), Some(&Event::Closed(End::Silent)));
    assert_eq!(line.now - before, Duration::from_secs(60));
}

proptest! {
    #[test]
    fn any_bytes_are_taken_or_end_it(bytes in prop::collection::vec(any::<u8>(), 0..400), after in 0..4usize) {
        let namespace = namespace(|_, _| {});
        let mut line = Line::new(&namespace, Line::settings());
        for _ in 0..after {
            line.write(usize::MAX);
            line.reach(usize::MAX);
            line.come(usize::MAX);
        }
        line.client.received(&bytes, line.now);
        line.write(usize::MAX);
    }
}
