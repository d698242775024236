//! The server as its owner uses it: stop and restart, keys, groups, looking at what was stored, waiting for it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eventhubs_local::{Retention, Server, StartError};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::types::messaging::Outcome;
use hmac::{Hmac, KeyInit, Mac};
use tokio::io::AsyncWriteExt;

use crate::support::{Client, LIMIT, send, soon, stored, until};

const PARTITION_1: &str = "orders/Partitions/1";

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_))
}

#[tokio::test]
async fn a_stopped_server_is_gone_and_a_restarted_one_has_what_was_stored() {
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let addr = server.addr();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    assert!(is_accepted(&send(&mut sender, &["a"]).await));

    server.stop();
    soon(sender.on_detach()).await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    assert!(server.connections().is_empty());
    assert_eq!(stored(&server, 1), ["a"]);

    server.restart().unwrap();
    assert_eq!(server.addr(), addr);
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    assert!(is_accepted(&send(&mut sender, &["b"]).await));
    assert_eq!(stored(&server, 1), ["a", "b"]);
    server.restart().unwrap();
    assert!(is_accepted(&send(&mut sender, &["c"]).await), "a second restart does nothing");
}

#[test]
fn a_server_needs_no_runtime_around_it() {
    let server = Server::builder().hub("orders", 1).start().unwrap();
    let mut tcp = std::net::TcpStream::connect(server.addr()).unwrap();
    tcp.set_read_timeout(Some(LIMIT)).unwrap();
    std::io::Write::write_all(&mut tcp, b"AMQP\x00\x01\x00\x00").unwrap();
    let mut header = [0; 8];
    std::io::Read::read_exact(&mut tcp, &mut header).unwrap();
    assert_eq!(&header, b"AMQP\x00\x01\x00\x00");
    drop(server);
    assert_eq!(std::io::Read::read(&mut tcp, &mut header).unwrap_or(0), 0);
}

#[test]
fn what_cannot_be_started_says_why() {
    let server = Server::builder().hub("orders", 1).start().unwrap();
    let taken = Server::builder().hub("orders", 1).listen(server.addr().to_string()).start();
    assert!(matches!(taken, Err(StartError::Listen { .. })), "{taken:?}");
    for (name, partitions) in [("", 1), ("a/b", 1), ("$cbs", 1), ("orders", 0), ("orders", 9_999)] {
        let refused = Server::builder().hub(name, partitions).start();
        assert!(matches!(refused, Err(StartError::Hub { .. })), "{name}: {refused:?}");
    }
    let twice = Server::builder().hub("orders", 1).hub("Orders", 1).start();
    assert!(matches!(twice, Err(StartError::Hub { .. })), "{twice:?}");
}

fn token(key: &str, resource: &str, expiry: u64) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{resource}\n{expiry}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = signature.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d");
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=root")
}

fn in_seconds(seconds: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() + seconds
}

#[tokio::test]
async fn with_a_key_only_its_holder_gets_in() {
    let server = Server::builder().hub("orders", 4).key("root", "right").start().unwrap();
    assert!(server.connection_string().contains("SharedAccessKeyName=root;SharedAccessKey=right"));
    let mut client = Client::connect(&server).await;
    assert!(client.try_sender(PARTITION_1).await.is_err());

    let wrong = token("wrong", "amqps%3a%2f%2flocalhost%2forders", in_seconds(60));
    let refused = client.put_token(PARTITION_1, &wrong).await.unwrap_err();
    assert!(refused.contains("401"), "{refused}");
    let old = token("right", "amqps%3a%2f%2flocalhost%2forders", 1);
    assert!(client.put_token(PARTITION_1, &old).await.unwrap_err().contains("401"));
    let elsewhere = token("right", "amqps%3a%2f%2flocalhost%2fpayments", in_seconds(60));
    assert!(client.put_token(PARTITION_1, &elsewhere).await.unwrap_err().contains("401"));

    let right = token("right", "amqps%3a%2f%2flocalhost%2forders", in_seconds(60));
    client.put_token(PARTITION_1, &right).await.unwrap();
    assert!(is_accepted(&send(&mut client.sender(PARTITION_1).await, &["a"]).await));
    // The token was put for one partition; another connection has none.
    assert!(client.try_sender("orders/Partitions/2").await.is_err());
    assert!(Client::connect(&server).await.try_sender(PARTITION_1).await.is_err());

    let plain =
        |password: &str| SaslProfile::Plain { username: "root".into(), password: password.into() };
    assert!(Client::with_profile(&server, plain("wrong")).await.is_err());
    let mut client = Client::with_profile(&server, plain("right")).await.unwrap();
    client.sender("orders").await;
}

#[tokio::test]
async fn a_link_lives_as_long_as_its_token() {
    let server = Server::builder()
        .hub("orders", 4)
        .require_tokens(true)
        .expire_tokens(true)
        .start()
        .unwrap();
    let mut client = Client::connect(&server).await;
    assert!(client.try_sender(PARTITION_1).await.is_err());
    let soon_over = token("any", "amqps%3a%2f%2flocalhost%2forders", in_seconds(2));
    client.put_token(PARTITION_1, &soon_over).await.unwrap();
    let lasting = token("any", "amqps%3a%2f%2flocalhost%2forders", in_seconds(60));
    client.put_token("orders/Partitions/2", &lasting).await.unwrap();
    let mut short = client.sender(PARTITION_1).await;
    let mut long = client.sender("orders/Partitions/2").await;
    let detach = format!("{:?}", soon(short.on_detach()).await);
    assert!(detach.contains("DetachForced") && detach.contains("'Send' claim"), "{detach}");
    assert!(is_accepted(&send(&mut long, &["a"]).await));
    // A renewed token is as good as the first.
    client.put_token(PARTITION_1, &lasting).await.unwrap();
    assert!(is_accepted(&send(&mut client.sender(PARTITION_1).await, &["a"]).await));
}

#[tokio::test]
async fn what_is_stored_can_be_followed_and_waited_for() {
    let retention = Retention { events: 4, ..Retention::default() };
    let server = Server::builder().hub("orders", 2).retention(retention).start().unwrap();
    let hub = server.hub("ORDERS");
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;

    let waiting = tokio::spawn({
        let hub = hub.clone();
        async move { hub.reached(4).await }
    });
    let blocking = tokio::task::spawn_blocking({
        let hub = hub.clone();
        move || hub.wait_for(4, LIMIT)
    });
    assert!(is_accepted(&send(&mut sender, &["a", "b"]).await));
    assert!(!hub.wait_for(4, Duration::from_millis(1)));
    let seen = hub.partition(1).next_sequence();
    send(&mut sender, &["c", "d", "e"]).await;
    soon(waiting).await.unwrap();
    assert!(soon(blocking).await.unwrap());

    let new: Vec<String> = hub
        .partition(1)
        .events_from(seen)
        .map(|event| format!("{} {}", event.sequence(), event.message_id().unwrap()))
        .collect();
    assert_eq!(new, ["2 c", "3 d", "4 e"]);
    send(&mut sender, &["f", "g"]).await;
    assert_eq!(stored(&server, 1), ["c", "d", "e", "f", "g"], "all that is needed for four");
    assert_eq!(hub.total(), 7);
    assert_eq!(hub.partition(1).counters().deliveries, 3);
    assert_eq!(hub.partition(0).next_sequence(), 0);
}

#[tokio::test]
async fn connections_and_their_links_are_listed() {
    let server = Server::builder().hub("orders", 2).start().unwrap();
    let mut client = Client::connect(&server).await;
    let sender = client.sender(PARTITION_1).await;
    let connections = server.connections();
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0].container_id.as_deref(), Some("test"));
    let links = &connections[0].links;
    assert_eq!((links[0].sender, links[0].address.as_str()), (true, PARTITION_1));
    soon(sender.close()).await.unwrap();
    until(|| server.connections()[0].links.is_empty()).await;
    soon(client.connection.close()).await.unwrap();
    until(|| server.connections().is_empty()).await;
}

/// An AMQP frame around an encoded performative.
fn frame(body: &[u8]) -> Vec<u8> {
    let size = (body.len() + 8) as u32;
    [&size.to_be_bytes()[..], &[2, 0, 0, 0], body].concat()
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_listened_to_and_disturbs_nobody() {
    let server = Server::builder().hub("orders", 2).start().unwrap();
    let mut deaf = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let open = frame(b"\x00\x53\x10\xc0\x07\x01\xa1\x04deaf");
    deaf.write_all(&[b"AMQP\x00\x01\x00\x00", &open[..]].concat()).await.unwrap();
    // Begins and ends a session without end, and reads none of the answers.
    let begin = frame(b"\x00\x53\x11\xc0\x06\x04\x40\x43\x52\x09\x43");
    let flood = [begin, frame(b"\x00\x53\x17\x45")].concat().repeat(4_096);
    let mut taken = 0;
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), deaf.write_all(&flood)).await
    {
        written.unwrap();
        taken += flood.len();
        assert!(taken < 256 << 20, "the server takes all there is");
    }
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    assert!(is_accepted(&send(&mut sender, &["a"]).await));
}
