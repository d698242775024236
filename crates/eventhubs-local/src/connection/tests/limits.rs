//! What one connection can make the server hold.

use super::*;
use crate::faults::Faults;

#[test]
fn a_session_has_only_so_many_handles_and_a_connection_so_many_links() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let begin = [Value::Null, Value::Uint(0), Value::Uint(9), Value::Uint(9)];
    let mut links = 0;
    'all: for channel in 0..40 {
        if channel > 0 {
            peer.send(channel, BEGIN, &begin, &[]);
        }
        for handle in 0..256 {
            // A link that is refused is held as well, until the client's detach.
            let target = described(0x29, Value::List(vec![text("nowhere")]));
            let fields = [
                text("link"),
                Value::Uint(handle),
                Value::Bool(false),
                Value::Null,
                Value::Null,
                Value::Null,
                target,
            ];
            peer.send(channel, ATTACH, &fields, &[]);
            if peer.fate() != Fate::Running {
                break 'all;
            }
            links += 1;
        }
    }
    assert_eq!(links, 10_000);
    let close = peer.sent().pop().unwrap();
    assert_eq!((close.code, close.condition()), (CLOSE, Some("amqp:resource-limit-exceeded")));

    let mut peer = Peer::open(&namespace);
    peer.attach(256, true, "orders");
    assert_eq!(peer.fate(), Fate::Finish);
}

#[test]
fn the_limits_that_are_announced_are_those_that_hold() {
    let namespace = namespace(|_, settings| {
        settings.channel_max = 3;
        settings.handle_max = 1;
    });
    let mut peer = Peer::new(&namespace);
    peer.bytes(&AMQP_HEADER);
    peer.connection.out().drain(..8);
    peer.send(0, OPEN, &[text("test")], &[]);
    assert_eq!(peer.only().fields[3], Value::Ushort(3));
    let begin = [Value::Null, Value::Uint(0), Value::Uint(9), Value::Uint(9)];
    peer.send(3, BEGIN, &begin, &[]);
    assert_eq!(peer.only().fields[4], Value::Uint(1));
    peer.send(4, BEGIN, &begin, &[]);
    assert_eq!(peer.only().condition(), Some("amqp:not-allowed"));

    let mut peer = Peer::open(&namespace);
    peer.sender(1, "orders");
    peer.attach(2, true, "orders");
    assert_eq!(peer.fate(), Fate::Finish);
}

#[test]
fn half_arrived_deliveries_have_one_budget_and_the_link_that_exceeds_it_goes() {
    let namespace = namespace(|_, settings| settings.max_message_size = 200 << 20);
    let mut peer = Peer::open(&namespace);
    let part = vec![0; 60_000];
    let fill = |peer: &mut Peer, handle: u32, bytes: usize| {
        peer.sender(handle, "orders");
        for _ in 0..bytes / part.len() {
            peer.transfer(handle, handle, 0, true, &part);
        }
        peer.sent().into_iter().filter(|sent| sent.code == DETACH).collect::<Vec<_>>()
    };
    assert_eq!(fill(&mut peer, 0, 100 << 20), []);
    let detached = fill(&mut peer, 1, 190 << 20);
    assert_eq!(detached[0].condition(), Some("amqp:resource-limit-exceeded"));
    // What it held is free again, and the other link goes on.
    assert_eq!(fill(&mut peer, 2, 50 << 20), []);
    peer.transfer(0, 0, 0, false, &part);
    assert_eq!(peer.fate(), Fate::Running);
    assert!(peer.sent().iter().any(|sent| sent.code == DISPOSITION));
}

#[test]
fn a_client_that_is_never_answered_runs_out_of_credit() {
    let namespace = namespace(|_, _| {});
    let faults = Faults {
        book: &namespace.faults,
        registry: &namespace.registry,
        namespace: &namespace.name,
    };
    faults.everywhere().forget_ack();
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Partitions/0");
    for id in 0..1_000 {
        peer.transfer(0, id, 0, false, &event("a", b""));
    }
    assert!(peer.sent().iter().all(|sent| sent.code != DETACH));
    peer.transfer(0, 1_000, 0, false, &event("a", b""));
    let detach = peer.only();
    assert_eq!(detach.condition(), Some("amqp:link:transfer-limit-exceeded"));
    assert_eq!(namespace.hub("orders").unwrap().partition(0).len(), 1_000);
}

#[test]
fn replies_that_are_not_read_are_not_kept_for_ever() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "$management");
    peer.attach(1, false, "$management");
    let pairs = [("operation", "READ"), ("name", "orders"), ("type", "com.microsoft:eventhub")];
    let pairs = pairs.map(|(key, value)| (text(key), text(value))).to_vec();
    let request = encode(&[described(0x74, Value::Map(pairs))]);
    for id in 0..2_000 {
        peer.transfer(0, id, 0, false, &request);
    }
    peer.sent();
    peer.grant(1, 0, 2_000, (0, 5_000));
    let replies = peer.sent().iter().filter(|sent| sent.code == TRANSFER).count();
    assert_eq!(replies, 256, "the newest are kept");
}
