//! Faults of one connection, link or partition; and those that are about time, bytes and frames.

use std::time::{Duration, Instant};

use crate::support::{Client, send, soon, start, stored, until};
use eventhubs_local::{Condition, Server};
use fe2o3_amqp::types::messaging::Outcome;

const PARTITION_1: &str = "orders/Partitions/1";

fn server() -> Server {
    Server::builder().hub("orders", 4).start().unwrap()
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(_))
}

fn is_busy(outcome: &Outcome) -> bool {
    let text = format!("{outcome:?}");
    text.contains("com.microsoft:server-busy") && text.contains("50002")
}

#[tokio::test]
async fn a_fault_of_one_connection_or_link_leaves_the_others_alone() {
    let server = server();
    let mut one = Client::connect(&server).await;
    let mut two = Client::connect(&server).await;
    let first = server.connections()[0].id;
    let mut of_one = one.try_named_sender("a", PARTITION_1).await.unwrap();
    let mut other_of_one = one.try_named_sender("b", PARTITION_1).await.unwrap();
    let mut of_two = two.try_named_sender("a", PARTITION_1).await.unwrap();

    let fault = server.faults().connection(first).released();
    assert!(matches!(send(&mut of_one, &["a"]).await, Outcome::Released(_)));
    assert!(is_accepted(&send(&mut of_two, &["b"]).await));
    fault.clear();
    let fault = server.faults().everywhere().link("a").modified();
    assert!(matches!(send(&mut of_two, &["a"]).await, Outcome::Modified(_)));
    assert!(is_accepted(&send(&mut other_of_one, &["c"]).await));
    fault.clear();
    server.faults().connection(first).link("b").refuse_attach(Condition::internal_error());
    assert!(one.try_named_sender("b", "orders/Partitions/2").await.is_err());
    assert!(two.try_named_sender("b", "orders/Partitions/2").await.is_ok());

    server.faults().connection(first).link("a").detach_links(Condition::detach_forced());
    soon(of_one.on_detach()).await;
    assert!(is_accepted(&send(&mut other_of_one, &["d"]).await));
    server.faults().connection(first).drop_connections();
    soon(other_of_one.on_detach()).await;
    assert!(is_accepted(&send(&mut of_two, &["e"]).await));
    assert_eq!(stored(&server, 1), ["b", "c", "d", "e"]);
}

#[tokio::test]
async fn connections_can_be_chosen_by_the_links_they_have() {
    let server = server();
    let mut one = Client::connect(&server).await;
    let mut two = Client::connect(&server).await;
    let _of_one = one.sender(PARTITION_1).await;
    let mut of_two = two.sender("orders/Partitions/2").await;
    let chosen = server.faults().hub("orders").partition(1);
    chosen.close_connections(Condition::connection_forced());
    let closed = format!("{:?}", soon(one.connection.on_close()).await);
    assert!(closed.contains("ConnectionForced"), "{closed}");
    assert!(is_accepted(&send(&mut of_two, &["a"]).await));
}

#[tokio::test]
async fn beyond_the_rate_of_a_throughput_unit_the_server_is_busy_for_a_while() {
    let server = server();
    let fault = server.faults().hub("orders").throughput_units(1);
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    let ids = vec!["a"; 1_500];
    assert!(is_accepted(&send(&mut sender, &ids).await));
    let begun = Instant::now();
    let refused = send(&mut sender, &["b"]).await;
    assert!(is_busy(&refused), "{refused:?}");
    // 500 events too many are half a second of the unit.
    while !is_accepted(&send(&mut sender, &["b"]).await) {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert!(begun.elapsed() > Duration::from_millis(350), "{:?}", begun.elapsed());
    assert!(fault.fired() > 0);
    assert_eq!(server.hub("orders").total(), 1_501);
    assert_eq!(server.hub("orders").partition(1).counters().refused, fault.fired());
}

#[tokio::test]
async fn a_slow_reader_holds_its_sender_up_and_no_other() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut other = Client::connect(&server).await;
    let slow = server.connections()[0].id;
    let mut sender = client.sender(PARTITION_1).await;
    let mut quick = other.sender("orders/Partitions/2").await;
    server.faults().connection(slow).slow_reads(200_000);
    let id = "x".repeat(100);
    let ids = vec![id.as_str(); 500]; // 110 kB
    let begun = Instant::now();
    let answer = start(&mut sender, &ids).await;
    assert!(is_accepted(&send(&mut quick, &["a"]).await));
    assert!(begun.elapsed() < Duration::from_millis(400), "the other waits too");
    assert!(is_accepted(&soon(answer).await.unwrap()));
    assert!(begun.elapsed() > Duration::from_millis(400), "{:?}", begun.elapsed());
    server.faults().clear();
    let begun = Instant::now();
    assert!(is_accepted(&send(&mut sender, &ids).await));
    assert!(begun.elapsed() < Duration::from_millis(400), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_corrupt_frame_ends_the_connection_from_the_other_side() {
    let server = server();
    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    let fault = server.faults().hub("orders").times(1).corrupt_ack();
    let answer = start(&mut sender, &["a"]).await;
    soon(sender.on_detach()).await;
    assert!(!matches!(tokio::time::timeout(Duration::ZERO, answer).await, Ok(Ok(_))));
    assert_eq!(fault.fired(), 1);
    assert_eq!(stored(&server, 1), ["a"], "it is stored all the same");

    let mut client = Client::connect(&server).await;
    let mut sender = client.sender(PARTITION_1).await;
    assert!(is_accepted(&send(&mut sender, &["b"]).await));
    server.faults().everywhere().corrupt_frame();
    assert!(soon(client.connection.on_close()).await.is_err());
    until(|| server.connections().is_empty()).await;
}
