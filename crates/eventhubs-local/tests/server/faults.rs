//! Each fault as a sender meets it, and what is stored after it.

use std::time::{Duration, Instant};

use crate::support::{Client, batch, send, soon, start, stored, until};
use eventhubs_local::{Condition, Server};
use fe2o3_amqp::types::messaging::Outcome;

const PARTITION_1: &str = "orders/Partitions/1";

fn server() -> Server {
    Server::builder().hub("orders", 4).start().unwrap()
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_))
}

/// Condition and text of a rejection.
fn rejection(outcome: Outcome) -> (String, String) {
    let Outcome::Rejected(rejected) = outcome else { panic!("{outcome:?} is no rejection") };
    let error = rejected.error.expect("an error");
    (format!("{:?}", error.condition), error.description.unwrap_or_default())
}

#[tokio::test]
async fn each_outcome_is_answered_as_often_as_asked_and_nothing_is_stored() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    let orders = || server.faults().hub("orders").partition(1).times(1);
    let faults = [
        orders().released(),
        orders().modified(),
        orders().server_busy(),
        orders().rejected_without_reason(),
    ];

    assert!(matches!(send(&mut sender, &["a"]).await, Outcome::Released(_)));
    assert!(matches!(send(&mut sender, &["a"]).await, Outcome::Modified(_)));
    let (condition, text) = rejection(send(&mut sender, &["a"]).await);
    assert!(condition.contains("com.microsoft:server-busy"), "{condition}");
    assert!(text.contains("50002"), "{text}");
    assert!(matches!(send(&mut sender, &["a"]).await, Outcome::Rejected(r) if r.error.is_none()));
    assert!(server.hub("orders").partition(1).is_empty());
    assert!(faults.iter().all(|fault| fault.fired() == 1));

    assert!(is_accepted(&send(&mut sender, &["a", "b"]).await));
    assert_eq!(stored(&server, 1), ["a", "b"]);
    assert_eq!(server.hub("orders").partition(1).counters().refused, 4);
}

#[tokio::test]
async fn a_fault_stays_in_its_place_until_it_is_cleared() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut one = client.sender(PARTITION_1).await;
    let mut two = client.sender("orders/Partitions/2").await;
    let fault = server.faults().hub("orders").partition(1).released();
    for _ in 0..3 {
        assert!(matches!(send(&mut one, &["a"]).await, Outcome::Released(_)));
        assert!(is_accepted(&send(&mut two, &["b"]).await));
    }
    assert_eq!(fault.fired(), 3);
    fault.clear();
    assert!(is_accepted(&send(&mut one, &["a"]).await));
}

#[tokio::test]
async fn late_answers_do_not_hold_up_other_deliveries() {
    let delay = Duration::from_millis(150);
    let server = Server::builder().hub("orders", 4).ack_delay(delay).start().unwrap();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    let begun = Instant::now();
    let mut answers = Vec::new();
    for id in ["a", "b", "c", "d", "e"] {
        answers.push(start(&mut sender, &[id]).await);
    }
    until(|| stored(&server, 1).len() == 5).await;
    assert!(begun.elapsed() < delay, "storing waits for answers");
    for answer in answers {
        assert!(is_accepted(&soon(answer).await.unwrap()));
        assert!(begun.elapsed() >= delay);
    }
    assert!(begun.elapsed() < delay * 3, "the delays add up");
    assert_eq!(stored(&server, 1), ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_cut_before_storing_loses_the_delivery_and_one_after_it_does_not() {
    let server = server();
    for (cut_after, expected) in [(false, 0), (true, 1)] {
        let mut client = Client::connect(&server).await;
        let mut sender = client.sender(PARTITION_1).await;
        let once = server.faults().hub("orders").times(1);
        let fault = if cut_after { once.drop_after_store() } else { once.drop_before_store() };
        let answer = start(&mut sender, &["a"]).await;
        soon(sender.on_detach()).await;
        assert!(!matches!(tokio::time::timeout(Duration::ZERO, answer).await, Ok(Ok(_))));
        assert_eq!(fault.fired(), 1);
        assert_eq!(server.hub("orders").partition(1).len(), expected);
    }
}

#[tokio::test]
async fn a_forgotten_answer_leaves_the_event_stored_and_the_link_alive() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    server.faults().hub("orders").times(1).forget_ack();
    let mut forgotten = std::pin::pin!(start(&mut sender, &["a"]).await);
    assert!(is_accepted(&send(&mut sender, &["b"]).await));
    assert_eq!(stored(&server, 1), ["a", "b"]);
    let answer = tokio::time::timeout(Duration::ZERO, &mut forgotten).await;
    assert!(answer.is_err(), "answered after all");
}

#[tokio::test]
async fn a_black_hole_stores_nothing_and_sends_no_heartbeat() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    server.faults().hub("orders").times(1).black_hole();
    let _never = start(&mut sender, &["a"]).await;
    // The client expects to hear something every second, and gives up when it does not.
    soon(sender.on_detach()).await;
    assert!(server.hub("orders").partition(1).is_empty());
    let mut other = Client::connect(&server).await;
    assert!(is_accepted(&send(&mut other.sender(PARTITION_1).await, &["b"]).await));
}

#[tokio::test]
async fn an_idle_connection_is_kept_alive_by_heartbeats() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    // Longer than the client's patience.
    let gone = tokio::time::timeout(Duration::from_millis(2_500), sender.on_detach()).await;
    assert!(gone.is_err(), "{gone:?}");
    assert!(is_accepted(&send(&mut sender, &["a"]).await));
}

#[tokio::test]
async fn a_link_is_detached_with_its_condition() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    let mut other = client.sender("orders/Partitions/2").await;
    server.faults().hub("orders").partition(1).times(1).detach(Condition::detach_forced());
    let _answer = start(&mut sender, &["a"]).await;
    let detach = format!("{:?}", soon(sender.on_detach()).await);
    assert!(detach.contains("DetachForced"), "{detach}");
    assert!(server.hub("orders").partition(1).is_empty());
    assert!(is_accepted(&send(&mut other, &["b"]).await));

    server.faults().hub("orders").partition(2).detach_links("com.microsoft:container-close");
    let detach = format!("{:?}", soon(other.on_detach()).await);
    assert!(detach.contains("com.microsoft:container-close"), "{detach}");
}

#[tokio::test]
async fn an_attach_is_refused_as_often_as_asked() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let fault = server.faults().hub("orders").partition(1).times(2);
    let fault = fault.refuse_attach(Condition::internal_error());
    assert!(client.try_sender(PARTITION_1).await.is_err());
    assert!(is_accepted(&send(&mut client.sender("orders/Partitions/2").await, &["a"]).await));
    assert!(client.try_sender(PARTITION_1).await.is_err());
    assert!(is_accepted(&send(&mut client.sender(PARTITION_1).await, &["a"]).await));
    assert_eq!(fault.fired(), 2);
}

#[tokio::test]
async fn only_batches_with_a_wrong_event_are_refused() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    let wrong = |event: &eventhubs_local::Event| event.message_id() == Some("bad");
    let fault = server.faults().hub("orders").reject_if(wrong, "com.microsoft:argument-error");
    let (condition, _) = rejection(send(&mut sender, &["a", "bad", "b"]).await);
    assert!(condition.contains("com.microsoft:argument-error"), "{condition}");
    assert!(is_accepted(&send(&mut sender, &["a"]).await));
    rejection(send(&mut sender, &["bad"]).await);
    assert!(is_accepted(&send(&mut sender, &["b"]).await));
    assert_eq!(stored(&server, 1), ["a", "b"]);
    assert_eq!(fault.fired(), 2);
}

#[tokio::test]
async fn a_smaller_limit_holds_for_new_links_only() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let old = client.sender(PARTITION_1).await;
    server.faults().hub("orders").max_message_size(1_000);
    let mut new = client.sender(PARTITION_1).await;
    assert_eq!(old.max_message_size(), Some(1_048_576));
    assert_eq!(new.max_message_size(), Some(1_000));
    let refused = new.send(batch(&["a".repeat(120).as_str(); 10])).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn every_connection_is_closed_with_the_condition() {
    let server = server();
    let mut clients = [Client::connect(&server).await, Client::connect(&server).await];
    server.faults().close_connections(Condition::connection_forced());
    for client in &mut clients {
        let closed = format!("{:?}", soon(client.connection.on_close()).await);
        assert!(closed.contains("ConnectionForced"), "{closed}");
    }
    until(|| server.connections().is_empty()).await;
    let mut client = Client::connect(&server).await;
    assert!(is_accepted(&send(&mut client.sender(PARTITION_1).await, &["a"]).await));
    assert_eq!(server.connections_opened(), 3);

    server.faults().drop_connections();
    assert!(soon(client.connection.on_close()).await.is_err());
}

#[tokio::test]
async fn a_refused_token_can_be_put_again() {
    let server = server();
    let mut client = Client::connect(&server).await;
    server.faults().hub("orders").times(1).refuse_token(401, "no");
    let refused = client.put_token(PARTITION_1, "any").await.unwrap_err();
    assert!(refused.contains("401"), "{refused}");
    client.put_token(PARTITION_1, "any").await.unwrap();
}

#[tokio::test]
async fn expired_tokens_cost_the_links_until_a_new_one_is_put() {
    let server = server();
    let mut client = Client::connect(&server).await;
    client.put_token(PARTITION_1, "any").await.unwrap();
    let mut sender = client.sender(PARTITION_1).await;
    server.faults().expire_tokens();
    let detach = format!("{:?}", soon(sender.on_detach()).await);
    assert!(detach.contains("DetachForced") && detach.contains("RenewToken"), "{detach}");
    assert!(client.try_sender(PARTITION_1).await.is_err());
    client.put_token(PARTITION_1, "any").await.unwrap();
    assert!(is_accepted(&send(&mut client.sender(PARTITION_1).await, &["a"]).await));
}

#[tokio::test]
async fn a_silent_server_accepts_and_says_nothing() {
    let server = server();
    let fault = server.faults().everywhere().silent_accept();
    let tcp = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    tcp.writable().await.unwrap();
    tcp.try_write(b"AMQP\x03\x01\x00\x00").unwrap();
    let answer = tokio::time::timeout(Duration::from_millis(100), tcp.readable()).await;
    assert!(answer.is_err(), "the server spoke");
    assert_eq!(fault.fired(), 1);
    server.faults().clear();
    Client::connect(&server).await;
}
