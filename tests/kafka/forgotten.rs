//! A cluster whose last broker, while it stops, lists no broker at all.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::member::{Member, Sink};
use kafka_eventhubs_bridge::config::Holds;
use kafka_eventhubs_bridge::kafka::{DeadLetter, DeadLetters, Logins};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::TopicPartition;

const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
/// So many that librdkafka is still reading the list when its own disconnection, which begins with the first line, is over.
const TOPICS: usize = 9_999;
const PATIENCE: Duration = Duration::from_mins(3);

/// A broker that says what it speaks and who is in its cluster, and answers nothing else. No real one can be stopped at the
/// right moment.
struct Broker {
    /// Where clients begin.
    bootstrap: String,
    /// The address of the only broker, as the cluster lists it.
    listed: SocketAddr,
    /// How often that one was asked for the cluster.
    asked: AtomicUsize,
    /// How many of these times it lists no broker.
    empty: usize,
}

impl Broker {
    /// Gives the broker, and when it has listed itself again after it has not.
    fn start(empty: usize) -> (Arc<Self>, mpsc::Receiver<()>) {
        let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [bootstrap, listed] = listeners.each_ref().map(|l| l.local_addr().unwrap());
        let asked = AtomicUsize::new(0);
        let broker = Arc::new(Self { bootstrap: bootstrap.to_string(), listed, asked, empty });
        let (tell, told) = mpsc::sync_channel(1);
        for listener in listeners {
            let (broker, tell) = (Arc::clone(&broker), tell.clone());
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let (broker, tell) = (Arc::clone(&broker), tell.clone());
                    // Ends when the client closes the connection.
                    thread::spawn(move || broker.serve(stream.unwrap(), &tell).ok());
                }
            });
        }
        (broker, told)
    }

    fn serve(&self, mut stream: TcpStream, tell: &mpsc::SyncSender<()>) -> io::Result<()> {
        let is_listed = stream.local_addr()? == self.listed;
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut request = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut request)?;
            let [key, version] =
                [0, 2].map(|at| i16::from_be_bytes([request[at], request[at + 1]]));
            let body = match key {
                // An error, with the versions that are spoken, for all but version 0.
                API_VERSIONS => versions(if version == 0 { 0 } else { 35 }),
                METADATA if is_listed => {
                    if self.asked.fetch_add(1, Ordering::Relaxed) < self.empty {
                        self.cluster(0, TOPICS)
                    } else {
                        tell.try_send(()).ok();
                        self.cluster(1, 1)
                    }
                }
                METADATA => self.cluster(1, 1),
                _ => continue,
            };
            let mut answer = (body.len() as i32 + 4).to_be_bytes().to_vec();
            answer.extend(&request[4..8]);
            answer.extend(body);
            stream.write_all(&answer)?;
        }
    }

    /// Metadata, version 1.
    fn cluster(&self, brokers: i32, topics: usize) -> Vec<u8> {
        let mut body = brokers.to_be_bytes().to_vec();
        for _ in 0..brokers {
            body.extend(1_i32.to_be_bytes());
            text(&mut body, "127.0.0.1");
            body.extend(i32::from(self.listed.port()).to_be_bytes());
            body.extend((-1_i16).to_be_bytes());
        }
        body.extend(1_i32.to_be_bytes());
        body.extend((topics as i32).to_be_bytes());
        for topic in 0..topics {
            body.extend(0_i16.to_be_bytes());
            text(&mut body, &format!("topic-{topic:0>100}"));
            body.push(0);
            body.extend(0_i32.to_be_bytes());
        }
        body
    }
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as i16).to_be_bytes());
    body.extend(text.as_bytes());
}

/// An answer of version 0: metadata are spoken up to version 1.
fn versions(error: i16) -> Vec<u8> {
    let numbers = [error, 0, 2, METADATA, 0, 1, API_VERSIONS, 0, 0];
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

#[test]
fn a_member_that_was_told_of_no_broker_asks_again() {
    let (broker, again) = Broker::start(1);
    let member = Member::at(&broker.bootstrap, "g", "t").join(&Sink::default());
    again.recv_timeout(PATIENCE).unwrap();
    member.leave();
}

#[test]
fn so_does_the_desk_for_dead_letters() {
    // Both of its clients.
    let (broker, again) = Broker::start(2);
    let config = Member::at(&broker.bootstrap, "g", "t").kafka;
    let access = Logins::open(&config).unwrap();
    let metrics = Arc::new(Metrics::default());
    let desk = DeadLetters::start(&config, 0, access, metrics, None, Box::new(|_, _| {})).unwrap();
    desk.try_send(DeadLetter {
        id: 0,
        source: TopicPartition::new("t", 0),
        offset: 0,
        holds: Holds::Record,
        target: "dead".into(),
        hub: "orders".into(),
        namespace: "default".into(),
        reason: "refused",
        detail: "".into(),
    })
    .unwrap();
    again.recv_timeout(PATIENCE).unwrap();
}
