//! Answers that come late, never, or as from a hub that is gone: of everything, of one hub, of one partition.

use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::support::{Client, send, soon, start, stored, until};
use eventhubs_local::Server;
use fe2o3_amqp::types::messaging::Outcome;

const LATENCY: Duration = Duration::from_millis(100);
const PARTITION_1: &str = "orders/Partitions/1";
const PARTITION_2: &str = "orders/Partitions/2";

fn server() -> Server {
    Server::builder().hub("orders", 4).hub("payments", 1).start().unwrap()
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_))
}

/// How long that takes.
fn time<'a, T: 'a>(
    what: impl Future<Output = T> + 'a,
) -> Pin<Box<dyn Future<Output = (T, Duration)> + 'a>> {
    let what = Box::pin(soon(what));
    Box::pin(async move {
        let begun = Instant::now();
        (what.await, begun.elapsed())
    })
}

#[tokio::test]
async fn a_long_line_lets_everything_wait_and_nothing_wait_for_another() {
    let server = Server::builder().hub("orders", 4).latency(LATENCY).start().unwrap();
    let (mut client, opening) = time(Client::connect(&server)).await;
    // Two headers, a choice of mechanism, an open: each is answered before the next is said.
    assert!(opening >= LATENCY * 3, "{opening:?}");
    let (token, putting) = time(client.put_token("orders", "any")).await;
    assert!(token.is_ok() && putting >= LATENCY * 3, "a session, a link, an answer: {putting:?}");
    let (mut sender, attaching) = time(client.sender(PARTITION_1)).await;
    assert!(attaching >= LATENCY * 2, "a session, a link: {attaching:?}");

    let begun = Instant::now();
    let mut answers = Vec::new();
    for id in ["a", "b", "c", "d", "e"] {
        answers.push(start(&mut sender, &[id]).await);
    }
    until(|| stored(&server, 1).len() == 5).await;
    assert!(begun.elapsed() < LATENCY, "what is sent waits for answers");
    for answer in answers {
        assert!(is_accepted(&soon(answer).await.unwrap()));
        assert!(begun.elapsed() >= LATENCY);
    }
    assert!(begun.elapsed() < LATENCY * 3, "the delays add up: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_slow_partition_is_slow_in_everything_and_its_neighbour_is_not() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut quick = client.sender(PARTITION_2).await;
    let slow = server.faults().hub("orders").partition(1).latency(LATENCY);
    let (mut sender, attaching) = time(client.sender(PARTITION_1)).await;
    assert!(attaching >= LATENCY, "{attaching:?}");
    let (answer, sending) = time(send(&mut sender, &["a"])).await;
    assert!(is_accepted(&answer) && sending >= LATENCY, "{sending:?}");
    let (token, putting) = time(client.put_token(PARTITION_1, "any")).await;
    assert!(token.is_ok() && putting >= LATENCY, "{putting:?}");
    // While one waits, the other does not.
    let late = start(&mut sender, &["b"]).await;
    let (answer, sending) = time(send(&mut quick, &["c"])).await;
    assert!(is_accepted(&answer) && sending < LATENCY, "{sending:?}");
    assert!(is_accepted(&soon(late).await.unwrap()));
    let (closed, closing) = time(sender.close()).await;
    assert!(closed.is_ok() && closing >= LATENCY, "{closing:?}");
    assert_eq!(slow.fired(), 5);

    // A connection as a whole can be made slow, and quick again.
    let line = server.faults().everywhere().latency(LATENCY);
    let (answer, sending) = time(send(&mut quick, &["d"])).await;
    assert!(is_accepted(&answer) && sending >= LATENCY, "{sending:?}");
    line.clear();
    let (answer, sending) = time(send(&mut quick, &["e"])).await;
    assert!(is_accepted(&answer) && sending < LATENCY, "{sending:?}");
}

#[tokio::test]
async fn a_silent_hub_says_nothing_and_its_connection_goes_on() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut other = client.sender("payments").await;
    let mut sender = client.sender(PARTITION_1).await;
    let silent = server.faults().hub("orders").silent();
    let mut never = std::pin::pin!(start(&mut sender, &["a"]).await);
    let mut second = Client::connect(&server).await;
    let attach = tokio::spawn(async move { second.try_sender(PARTITION_2).await.is_ok() });
    let mut third = Client::connect(&server).await;
    let token = tokio::spawn(async move { third.put_token("orders", "any").await.is_ok() });
    until(|| silent.fired() == 3).await;
    assert!(is_accepted(&send(&mut other, &["b"]).await));
    assert!(tokio::time::timeout(Duration::ZERO, &mut never).await.is_err());
    assert!(!attach.is_finished() && !token.is_finished());
    assert!(server.hub("orders").partition(1).is_empty(), "nothing is stored");
    silent.clear();
    assert!(is_accepted(&send(&mut sender, &["c"]).await));
    assert_eq!(stored(&server, 1), ["c"]);
    attach.abort();
    token.abort();
}

#[tokio::test]
async fn a_partition_that_is_missing_is_refused_and_comes_back_with_what_it_held() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut gone = client.sender(PARTITION_1).await;
    let mut kept = client.sender(PARTITION_2).await;
    assert!(is_accepted(&send(&mut gone, &["a"]).await));
    let missing = server.faults().hub("orders").partition(1).missing();
    let detached = format!("{:?}", soon(gone.on_detach()).await);
    assert!(detached.contains("NotFound"), "{detached}");
    let refused = client.try_sender(PARTITION_1).await.unwrap_err();
    assert!(format!("{refused:?}").contains("NotFound"), "{refused:?}");
    assert!(is_accepted(&send(&mut kept, &["b"]).await));
    assert!(client.put_token(PARTITION_1, "any").await.is_err());
    missing.clear();
    let mut back = client.sender(PARTITION_1).await;
    assert!(is_accepted(&send(&mut back, &["c"]).await));
    assert_eq!(stored(&server, 1), ["a", "c"]);
}

#[tokio::test]
async fn thousands_of_links_are_held_and_seen() {
    const SESSIONS: usize = 26;
    const LINKS: usize = 250;
    let partitions = (SESSIONS * LINKS) as u32 / 32 + 1;
    let mut builder = Server::builder();
    for hub in 0..partitions {
        builder = builder.hub(format!("hub-{hub}"), 32);
    }
    let server = builder.start().unwrap();
    let mut client = Client::connect(&server).await;
    let mut kept = Vec::new();
    for session in 0..SESSIONS {
        let mut session_handle = client.session().await;
        for link in 0..LINKS {
            let lane = session * LINKS + link;
            let address = format!("hub-{}/Partitions/{}", lane / 32, lane % 32);
            let attach =
                fe2o3_amqp::Sender::attach(&mut session_handle, format!("{lane}"), address);
            kept.push(soon(attach).await.unwrap());
        }
        client.keep(session_handle);
    }
    assert_eq!(server.connections()[0].links.len(), SESSIONS * LINKS);
    let mut last = kept.pop().unwrap();
    assert!(is_accepted(&send(&mut last, &["a"]).await));
    soon(last.close()).await.unwrap();
    assert_eq!(server.connections()[0].links.len(), SESSIONS * LINKS - 1);
}
