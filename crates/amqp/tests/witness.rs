//! The client against a server that was written by others, `fe2o3-amqp`: a misreading of the standard cannot agree with
//! itself.

use std::time::Duration;

use amqp::client::{Answer, Attach, Login, Receives, Settings, Why};
use amqp::driver::{Connection, Gone, Outcome};
use amqp::sections::{DATA, Sections};
use amqp::write;
use bytes::Bytes;
use fe2o3_amqp::acceptor::{
    ConnectionAcceptor, LinkAcceptor, LinkEndpoint, ListenerSessionHandle, SaslAnonymousMechanism,
    SessionAcceptor,
};
use fe2o3_amqp::connection::Error as ConnectionError;
use fe2o3_amqp_types::messaging::{Body, Data, Modified};
use serde_amqp::Value;
use tokio::io::{DuplexStream, duplex};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

fn message(size: usize) -> Bytes {
    let mut out = Vec::new();
    write::descriptor(&mut out, DATA);
    write::binary(&mut out, &vec![7; size]);
    out.into()
}

fn modified() -> Modified {
    Modified { delivery_failed: Some(true), undeliverable_here: None, message_annotations: None }
}

async fn server(stream: DuplexStream, serve: impl AsyncFnOnce(&mut ListenerSessionHandle)) {
    let acceptor = ConnectionAcceptor::builder()
        .container_id("witness")
        .max_frame_size(4_096)
        .sasl_acceptor(SaslAnonymousMechanism::new())
        .build();
    let mut connection = acceptor.accept(stream).await.expect("a connection");
    let mut session = SessionAcceptor::new().accept(&mut connection).await.expect("a session");
    serve(&mut session).await;
    let closed = connection.on_close().await;
    assert!(matches!(closed, Err(ConnectionError::RemoteClosed)), "{closed:?}");
}

fn client(stream: DuplexStream) -> Connection {
    Connection::spawn(stream, Settings::new("host", "me", Login::Anonymous), |_| {})
}

/// Both sides, within the time.
async fn both(client: impl Future<Output = ()>, server: impl Future<Output = ()>) {
    timeout(PATIENCE, async { tokio::join!(client, server) }).await.expect("both end");
}

#[tokio::test]
async fn messages_of_many_frames_arrive_whole_and_each_answer_is_understood() {
    let (near, far) = duplex(10_000);
    let sizes = [0, 1, 200, 300, 5_000, 100_000, 1_000_000, 3];
    let serve = async |session: &mut ListenerSessionHandle| {
        let link = LinkAcceptor::new().accept(session).await.expect("a link");
        let LinkEndpoint::Receiver(mut receiver) = link else { panic!("the client sends") };
        for (number, size) in sizes.into_iter().enumerate() {
            let delivery = receiver.recv::<Body<Value>>().await.expect("a message");
            let Body::Data(data) = delivery.body() else { panic!("{:?}", delivery.body()) };
            let bytes: Vec<u8> = data.iter().flat_map(|Data(data)| data.to_vec()).collect();
            assert_eq!(bytes, vec![7; size]);
            match number % 4 {
                0 => receiver.accept(&delivery).await.unwrap(),
                1 => receiver.reject(&delivery, None).await.unwrap(),
                2 => receiver.release(&delivery).await.unwrap(),
                _ => receiver.modify(&delivery, modified()).await.unwrap(),
            }
        }
        assert!(receiver.recv::<Body<Value>>().await.is_err(), "the client detaches");
        receiver.close().await.ok();
    };
    let send = async {
        let connection = client(near);
        connection.opened().await.unwrap();
        let session = connection.begin().await.unwrap();
        let mut sender = session.sender("link", "node").await.unwrap();
        for (number, size) in sizes.into_iter().enumerate() {
            let outcome = sender.send(message(size), 0).unwrap().await;
            let expected =
                [Answer::Accepted, Answer::Rejected(None), Answer::Released, Answer::Modified];
            assert_eq!(outcome, Outcome::Answered(expected[number % 4].clone()), "{number}");
        }
        assert_eq!(sender.detach().await, Why::Asked);
        assert!(matches!(sender.send(message(1), 0), Err(Gone::NoPlace)));
        connection.close().await;
    };
    both(send, Box::pin(server(far, serve))).await;
}

#[tokio::test]
async fn what_the_other_sends_is_received_with_credit_renewed() {
    let (near, far) = duplex(10_000);
    let serve = async |session: &mut ListenerSessionHandle| {
        let link = LinkAcceptor::new().accept(session).await.expect("a link");
        let LinkEndpoint::Sender(mut sender) = link else { panic!("the client receives") };
        for size in 0..30usize {
            let body: Body<Value> = Body::Data(vec![Data::from(vec![9; size * 1_000])].into());
            let outcome = sender.send(body).await.expect("credit");
            assert!(outcome.is_accepted(), "{outcome:?}");
        }
        sender.close().await.expect("the client answers");
    };
    let receive = async {
        let connection = client(near);
        connection.opened().await.unwrap();
        let session = connection.begin().await.unwrap();
        let attach = Attach {
            name: "link",
            address: "node",
            own: "me",
            receives: Some(Receives::kept(3, 65_536)),
        };
        let (tell, told) = std::sync::mpsc::sync_channel(100);
        let hear = move |message: Bytes| tell.send(message).expect("room");
        let mut receiver = session.receiver(&attach, hear).await.unwrap();
        assert_eq!(receiver.gone().await, Why::Peer(None));
        let sizes: Vec<usize> = told
            .try_iter()
            .map(|message| {
                let data = Sections::find(&message, DATA).expect("data");
                amqp::read::Reader::new(data).binary().expect("bytes").len()
            })
            .collect();
        assert_eq!(sizes, (0..30).map(|size| size * 1_000).collect::<Vec<_>>());
        connection.close().await;
    };
    both(receive, Box::pin(server(far, serve))).await;
}

#[tokio::test]
async fn what_ends_with_its_handle_ends_there_too() {
    let (near, far) = duplex(10_000);
    let serve = async |session: &mut ListenerSessionHandle| {
        let link = LinkAcceptor::new().accept(session).await.expect("a link");
        let LinkEndpoint::Receiver(mut receiver) = link else { panic!("the client sends") };
        assert!(receiver.recv::<Body<Value>>().await.is_err(), "the client detaches");
        receiver.close().await.ok();
        session.on_end().await.expect("the client ends the session");
    };
    let drops = async {
        let connection = client(near);
        connection.opened().await.unwrap();
        let session = connection.begin().await.unwrap();
        drop(session.sender("link", "node").await.unwrap());
        drop(session);
        drop(connection);
    };
    both(drops, Box::pin(server(far, serve))).await;
}
