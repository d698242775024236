//! A client's senders: attach, routing, limits, credit, answers.

use super::*;
use crate::connection::ingest::CREDIT;

const ACCEPTED: u64 = 0x24;
const REJECTED: u64 = 0x25;

fn ids(namespace: &Namespace, partition: u32) -> Vec<String> {
    let events = namespace.hub("orders").unwrap().partition(partition).events();
    events.iter().map(|event| event.message_id().unwrap().to_owned()).collect()
}

#[test]
fn an_attach_is_echoed_with_its_modes_and_a_limit() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let fields = [
        text("my link"),
        Value::Uint(5),
        Value::Bool(false),
        Value::Ubyte(1),
        Value::Ubyte(1),
        described(0x28, Value::List(vec![text("here")])),
        described(0x29, Value::List(vec![text("amqps://host/orders/Partitions/2")])),
    ];
    peer.send(0, ATTACH, &fields, &[]);
    let sent = peer.sent();
    let attach = &sent[0];
    assert_eq!((attach.code, attach.fields.len()), (ATTACH, 14));
    assert_eq!(attach.fields[..2], fields[..2]);
    assert_eq!(attach.fields[2], Value::Bool(true));
    assert_eq!(attach.fields[3..7], fields[3..7]);
    assert_eq!(attach.fields[10], Value::Ulong(1_048_576));
    let flow = &sent[1];
    assert_eq!((flow.code, flow.fields.len()), (FLOW, 11));
    assert_eq!(flow.fields[4..7], [Value::Uint(5), Value::Uint(0), Value::Uint(CREDIT)]);
}

#[test]
fn a_refused_attach_has_no_ends_and_is_detached_with_the_reason() {
    let namespace = namespace(|_, _| {});
    for (sender, address, condition) in [
        (true, "unknown", "amqp:not-found"),
        (true, "orders/Partitions/4", "com.microsoft:argument-out-of-range"),
        (true, "orders/Partitions/x", "com.microsoft:argument-out-of-range"),
        (true, "orders/ConsumerGroups/$Default/Partitions/0", "amqp:not-allowed"),
        (false, "orders", "amqp:not-allowed"),
        (
            false,
            "orders/ConsumerGroups/$Default/Partitions/4",
            "com.microsoft:argument-out-of-range",
        ),
        (false, "payments/ConsumerGroups/unknown/Partitions/0", "amqp:not-found"),
        (true, "", "amqp:not-found"),
    ] {
        let mut peer = Peer::open(&namespace);
        let sent = peer.attach(1, sender, address);
        assert_eq!(sent.len(), 2, "{address}: {sent:?}");
        assert_eq!(sent[0].fields[5..7], [Value::Null, Value::Null]);
        assert_eq!(sent[1].fields[..2], [Value::Uint(1), Value::Bool(true)]);
        assert_eq!(sent[1].condition(), Some(condition), "{address}");
        // What was on its way is ignored, the detach not answered, and the handle free.
        peer.transfer(1, 0, 0, false, &event("late", b""));
        peer.send(0, DETACH, &[Value::Uint(1), Value::Bool(true)], &[]);
        assert_eq!(peer.sent(), []);
        peer.sender(1, "orders");
    }
}

#[test]
fn a_link_needs_a_token_when_there_are_keys() {
    let namespace = namespace(|keys, _| keys.add("root".into(), "secret".into()));
    let mut peer = Peer::open(&namespace);
    let sent = peer.attach(0, true, "orders/Partitions/1");
    assert_eq!(sent[1].condition(), Some("amqp:unauthorized-access"));
}

#[test]
fn a_batch_is_stored_as_its_events_in_order() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Partitions/1");
    let events = [event("a", b"1"), event("b", b""), event("c", &[7; 300])];
    peer.transfer(0, 9, BATCH, false, &batch(Some(keyed("other")), &events));
    let disposition = peer.only();
    assert_eq!((disposition.code, disposition.fields.len()), (DISPOSITION, 6));
    let expected = [Value::Bool(true), Value::Uint(9), Value::Uint(9), Value::Bool(true)];
    assert_eq!(disposition.fields[..4], expected);
    assert_eq!(disposition.outcome(), Some(ACCEPTED));
    assert_eq!(ids(&namespace, 1), ["a", "b", "c"]);
    let stored = namespace.hub("orders").unwrap().partition(1).events();
    let raw: Vec<_> = stored.iter().map(|event| event.raw().to_vec()).collect();
    assert_eq!(raw, events);
    assert_eq!(stored.iter().map(crate::Event::sequence).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(stored[0].partition_key(), None, "only the envelope had a key");
}

#[test]
fn the_envelope_routes_and_the_events_keep_their_keys() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders");
    // `key0` is of partition 2 of 4, `customer-17` of 3.
    let inner = encode(&[keyed("customer-17"), data(b"x")]);
    peer.transfer(0, 0, BATCH, false, &batch(Some(keyed("key0")), &[inner]));
    peer.transfer(0, 1, 0, false, &encode(&[keyed("customer-17"), data(b"y")]));
    let hub = namespace.hub("orders").unwrap();
    let key_of =
        |partition| hub.partition(partition).events()[0].partition_key().map(str::to_owned);
    assert_eq!(key_of(2).as_deref(), Some("customer-17"));
    assert_eq!(key_of(3).as_deref(), Some("customer-17"));
    assert_eq!(hub.total(), 2);
}

#[test]
fn without_a_key_that_counts_partitions_take_turns() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders");
    let number = described(0x72, Value::Map(vec![(symbol("x-opt-partition-key"), Value::Int(7))]));
    for (id, annotations) in [None, Some(keyed("")), Some(number), None].into_iter().enumerate() {
        let payload = batch(annotations, &[event("a", b"")]);
        peer.transfer(0, id as u32, BATCH, false, &payload);
    }
    for partition in 0..4 {
        assert_eq!(ids(&namespace, partition), ["a"]);
    }
}

#[test]
fn a_publisher_sticks_to_one_partition() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Publishers/customer-17");
    for id in 0..3 {
        peer.transfer(0, id, 0, false, &event("a", b""));
    }
    assert_eq!(ids(&namespace, 3).len(), 3);
}

#[test]
fn wrong_deliveries_are_rejected_and_the_link_goes_on() {
    let namespace = namespace(|_, settings| settings.max_message_size = 200);
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders");
    let late_header = encode(&[data(b"x"), described(0x70, Value::List(vec![]))]);
    let cases: [(u32, Vec<u8>, &str); 7] = [
        (0, event("a", &[0; 300]), "amqp:link:message-size-exceeded"),
        (
            BATCH,
            batch(None, &[event("a", &[0; 90]), event("b", &[0; 90])]),
            "amqp:link:message-size-exceeded",
        ),
        (0, b"junk".to_vec(), "amqp:decode-error"),
        (BATCH, batch(None, &[event("a", b""), b"junk".to_vec()]), "amqp:decode-error"),
        (BATCH, batch(None, &[late_header]), "amqp:decode-error"),
        (7, event("a", b""), "amqp:not-implemented"),
        (BATCH, batch(Some(keyed(&"k".repeat(129))), &[]), "com.microsoft:argument-error"),
    ];
    for (id, (format, payload, condition)) in cases.into_iter().enumerate() {
        peer.transfer(0, id as u32, format, false, &payload);
        let disposition = peer.only();
        assert_eq!(disposition.outcome(), Some(REJECTED), "{disposition:?}");
        assert_eq!(disposition.condition(), Some(condition));
    }
    assert_eq!(namespace.hub("orders").unwrap().total(), 0);
    peer.transfer(0, 99, 0, false, &event("a", b""));
    assert_eq!(peer.only().outcome(), Some(ACCEPTED));
}

#[test]
fn a_delivery_in_many_frames_is_one() {
    let namespace = namespace(|_, settings| settings.max_message_size = 1_000);
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Partitions/0");
    peer.sender(1, "orders/Partitions/1");
    let send = |peer: &mut Peer, id, size| {
        let payload = event("a", &vec![1; size]);
        let (first, rest) = payload.split_at(10);
        peer.transfer(0, id, 0, true, first);
        // Another link's delivery comes between.
        peer.transfer(1, id + 1, 0, false, &event("b", b""));
        peer.transfer(0, id, 0, true, &[]);
        peer.transfer(0, id, 0, false, rest);
        peer.sent().last().unwrap().outcome()
    };
    assert_eq!(send(&mut peer, 0, 900), Some(ACCEPTED));
    assert_eq!(send(&mut peer, 2, 1_000), Some(REJECTED));
    assert_eq!(send(&mut peer, 4, 0), Some(ACCEPTED));
    assert_eq!(ids(&namespace, 0), ["a", "a"]);
    assert_eq!(ids(&namespace, 1).len(), 3);

    // One that is given up leaves nothing.
    peer.transfer(0, 6, 0, true, &event("a", b"")[..5]);
    let mut aborted = transfer(0, 6, 0, false, false);
    aborted.extend([Value::Null, Value::Null, Value::Null, Value::Bool(true)]);
    peer.send(0, TRANSFER, &aborted, &[]);
    assert_eq!(peer.sent(), []);
    peer.transfer(0, 7, 0, false, &event("c", b""));
    assert_eq!(ids(&namespace, 0), ["a", "a", "c"]);
}

#[test]
fn what_is_sent_settled_is_not_answered() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Partitions/0");
    peer.send(0, TRANSFER, &transfer(0, 0, 0, true, false), &event("a", b""));
    assert_eq!(peer.sent(), []);
    assert_eq!(ids(&namespace, 0), ["a"]);
}

#[test]
fn credit_is_restored_at_half_and_never_exceeds_what_is_unanswered() {
    let namespace = namespace(|_, settings| settings.ack_delay = Some(Duration::from_secs(1)));
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Partitions/0");
    for id in 0..CREDIT {
        peer.transfer(0, id, 0, false, &event("a", b""));
    }
    assert_eq!(peer.sent(), [], "neither answers nor credit");
    let sent = peer.later(Duration::from_secs(2));
    let answers = sent.iter().filter(|sent| sent.code == DISPOSITION).count();
    assert_eq!(answers, CREDIT as usize);
    let flow = sent.iter().rfind(|sent| sent.code == FLOW).unwrap();
    assert!(flow.fields[6].as_i64().unwrap() > i64::from(CREDIT / 2), "{flow:?}");
    assert_eq!(flow.fields[5], Value::Uint(CREDIT));
}

#[test]
fn a_client_that_sends_without_credit_loses_the_link() {
    let namespace = namespace(|_, settings| settings.ack_delay = Some(Duration::from_secs(1)));
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Partitions/0");
    for id in 0..=CREDIT {
        peer.transfer(0, id, 0, false, &event("a", b""));
    }
    let detach = peer.only();
    assert_eq!(detach.condition(), Some("amqp:link:transfer-limit-exceeded"));
}

#[test]
fn the_session_window_is_renewed_before_it_ends() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.sender(0, "orders/Partitions/0");
    for _ in 0..2_499 {
        peer.transfer(0, 0, 0, true, b"");
    }
    assert_eq!(peer.sent(), []);
    peer.transfer(0, 0, 0, true, b"");
    let flow = peer.only();
    assert_eq!((flow.code, flow.fields.len()), (FLOW, 11));
    assert_eq!(flow.fields[..2], [Value::Uint(2_500), Value::Uint(5_000)]);
    assert_eq!(flow.fields[4], Value::Null);
}
