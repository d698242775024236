//! The floor of sending with the bridge's own client: one thread, batches encoded before the clock starts, one in flight a
//! partition.

use amqp::client::{Answer, Login, Settings};
use amqp::driver::{Connection, Outcome, Sender, Session};
use amqp::sections::DATA;
use amqp::write;
use bytes::Bytes;
use tokio::net::TcpStream;

use crate::case::PARTITIONS;
use crate::hub;
use crate::send::{Args, BATCH_FORMAT, BATCHES, clocked, events, on_one_thread};

struct Lane {
    sender: Sender,
    batches: Vec<Bytes>,
    _session: Session,
}

/// Sends; prints CPU-µs and wall µs per event, the first tenth not counted.
pub(crate) fn measure(args: &Args) {
    on_one_thread(send(args));
}

async fn send(args: &Args) {
    let stream = TcpStream::connect(("127.0.0.1", args.port)).await.expect("the hub listens");
    stream.set_nodelay(true).expect("a socket");
    let settings = Settings::new("localhost", "floor", Login::Anonymous);
    let connection = Connection::spawn(stream, settings, |_| {});
    connection.opened().await.expect("a connection");
    let mut lanes = Vec::new();
    for partition in 0..PARTITIONS {
        let session = connection.begin().await.expect("a session");
        let path = format!("{}/Partitions/{partition}", hub::NAME);
        let sender = session.sender(&path, &path).await.expect("a link");
        lanes.push(Lane { sender, batches: batches(args, partition), _session: session });
    }
    clocked(args, async |count| run(&mut lanes, count).await).await;
}

/// All lanes at once, `count` batches each.
async fn run(lanes: &mut Vec<Lane>, count: usize) {
    let tasks = lanes.drain(..).map(|lane| {
        tokio::spawn(async move {
            for number in 0..count {
                let batch = lane.batches[number % BATCHES].clone();
                let delivery = lane.sender.send(batch, BATCH_FORMAT).expect("a link");
                let outcome = delivery.await;
                assert_eq!(outcome, Outcome::Answered(Answer::Accepted), "the hub accepts");
            }
            lane
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        lanes.push(task.await.expect("a lane"));
    }
}

fn batches(args: &Args, partition: i32) -> Vec<Bytes> {
    let batch = |number: usize| {
        let mut out = Vec::new();
        for event in events(args, number, partition) {
            write::descriptor(&mut out, DATA);
            write::binary(&mut out, &event);
        }
        Bytes::from(out)
    };
    (0..BATCHES).map(batch).collect()
}
