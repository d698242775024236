//! Senders that number their events.

use super::*;
use crate::faults::Faults;

const ACCEPTED: u64 = 0x24;
const PLACE: &str = "orders/Partitions/1";
const READER: &str = "orders/ConsumerGroups/$Default/Partitions/1";
const EPOCH: &str = "com.microsoft:producer-epoch";
const ID: &str = "com.microsoft:producer-id";
const NUMBER: &str = "com.microsoft:producer-sequence-number";

fn said(epoch: Value, id: Value, number: Value) -> Value {
    Value::Map(vec![(symbol(EPOCH), epoch), (symbol(ID), id), (symbol(NUMBER), number)])
}

/// Attaches a sender that wants to number its events.
fn attach(peer: &mut Peer, handle: u32, address: &str, properties: Value) -> Vec<Sent> {
    let desired = Value::Array(vec![symbol("com.microsoft:idempotent-producer")]);
    let more = [Value::Uint(0), Value::Null, Value::Null, desired, properties];
    peer.attach_with(handle, true, address, &more, Value::Null)
}

/// What an answering attach says: epoch, id and last number.
fn told(sent: &[Sent]) -> (i64, i64, i64) {
    let offered = Value::Array(vec![symbol("com.microsoft:idempotent-producer")]);
    assert_eq!(sent[0].fields[11..13], [offered, Value::Null]);
    let Value::Map(pairs) = &sent[0].fields[13] else { panic!("{sent:?}") };
    let value = |name| pairs.iter().find(|(key, _)| key.as_str() == Some(name)).unwrap().1.clone();
    let types = (value(EPOCH), value(ID), value(NUMBER));
    let (Value::Short(epoch), Value::Long(id), Value::Int(number)) = types else {
        panic!("{types:?}")
    };
    (epoch.into(), id, number.into())
}

fn anew(peer: &mut Peer, handle: u32) -> (i64, i64, i64) {
    told(&attach(peer, handle, PLACE, said(Value::Null, Value::Null, Value::Null)))
}

fn numbered(name: &str, (epoch, id): (i64, i64), number: i32) -> Vec<u8> {
    let annotations = [
        (symbol("custom"), Value::Uint(3)),
        (symbol(EPOCH), Value::Short(epoch as i16)),
        (symbol(ID), Value::Long(id)),
        (symbol(NUMBER), Value::Int(number)),
    ];
    let properties = described(0x73, Value::List(vec![text(name)]));
    encode(&[described(0x72, Value::Map(annotations.into())), properties, data(b"body")])
}

fn run(names: &[&str], of: (i64, i64), first: i32) -> Vec<u8> {
    let events = names.iter().zip(first..).map(|(name, number)| numbered(name, of, number));
    batch(None, &events.collect::<Vec<_>>())
}

fn ids(namespace: &Namespace) -> Vec<String> {
    let events = namespace.hub("orders").unwrap().partition(1).events();
    events.iter().map(|event| event.message_id().unwrap().to_owned()).collect()
}

#[test]
fn a_batch_that_comes_again_on_another_link_is_stored_once() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let (epoch, id, last) = anew(&mut peer, 0);
    assert_eq!(last, 0);
    let payload = run(&["a", "b"], (epoch, id), 1);
    peer.transfer(0, 0, BATCH, false, &payload);
    assert_eq!(peer.only().outcome(), Some(ACCEPTED));

    let mut other = Peer::open(&namespace);
    let mine = said(Value::Short(epoch as i16), Value::Long(id), Value::Int(0));
    assert_eq!(told(&attach(&mut other, 0, PLACE, mine)), (epoch, id, 2), "what is stored counts");
    other.transfer(0, 0, BATCH, false, &payload);
    assert_eq!(other.only().outcome(), Some(ACCEPTED));
    // One event by itself is numbered likewise.
    other.transfer(0, 1, 0, false, &numbered("c", (epoch, id), 3));
    assert_eq!(other.only().outcome(), Some(ACCEPTED));
    assert_eq!(ids(&namespace), ["a", "b", "c"]);
    let counters = namespace.hub("orders").unwrap().partition(1).counters();
    assert_eq!((counters.deliveries, counters.repeated, counters.refused), (2, 1, 0));
}

#[test]
fn what_does_not_follow_is_rejected_and_the_link_goes_on() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let (epoch, id, _) = anew(&mut peer, 0);
    let of = (epoch, id);
    let hole = batch(None, &[numbered("a", of, 1), numbered("c", of, 3)]);
    let out_of_order = "com.microsoft:out-of-order-sequence";
    for (number, (payload, condition)) in [
        (run(&["b"], of, 2), out_of_order),
        (hole, out_of_order),
        (run(&["a"], (epoch, id + 1), 1), "amqp:not-allowed"),
        (run(&["a"], (epoch + 1, id), 1), "amqp:not-allowed"),
        (batch(None, &[event("a", b"")]), "amqp:not-allowed"),
    ]
    .into_iter()
    .enumerate()
    {
        peer.transfer(0, number as u32, BATCH, false, &payload);
        assert_eq!(peer.only().condition(), Some(condition), "{number}");
    }
    peer.transfer(0, 9, BATCH, false, &run(&["a"], of, 1));
    assert_eq!(peer.only().outcome(), Some(ACCEPTED));
    assert_eq!(ids(&namespace), ["a"]);
}

#[test]
fn a_larger_epoch_ends_the_links_of_the_smaller() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let (epoch, id, _) = anew(&mut peer, 0);
    let larger = said(Value::Short(epoch as i16 + 1), Value::Long(id), Value::Int(0));
    assert_eq!(told(&attach(&mut peer, 1, PLACE, larger)), (epoch + 1, id, 0));
    peer.transfer(0, 0, BATCH, false, &run(&["late"], (epoch, id), 1));
    let detach = peer.only();
    assert_eq!(detach.code, DETACH);
    assert_eq!(detach.condition(), Some("com.microsoft:producer-epoch-stolen"));
    let smaller = said(Value::Short(epoch as i16), Value::Long(id), Value::Int(0));
    let sent = attach(&mut peer, 2, PLACE, smaller);
    assert_eq!(sent[1].condition(), Some("com.microsoft:producer-epoch-stolen"));
    peer.transfer(1, 1, BATCH, false, &run(&["a"], (epoch + 1, id), 1));
    assert_eq!(ids(&namespace), ["a"]);
}

#[test]
fn it_is_for_one_partition_and_needs_all_that_it_says() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let nothing = || said(Value::Null, Value::Null, Value::Null);
    for (handle, (address, properties, condition)) in [
        ("orders", nothing(), "amqp:not-allowed"),
        ("orders/Publishers/p", nothing(), "amqp:not-allowed"),
        (PLACE, Value::Map(vec![(symbol(ID), Value::Null)]), "amqp:invalid-field"),
        (PLACE, said(Value::Short(-1), Value::Null, Value::Null), "amqp:invalid-field"),
        (PLACE, said(Value::Null, Value::Null, text("7")), "amqp:invalid-field"),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = attach(&mut peer, handle as u32, address, properties);
        assert_eq!(sent[1].condition(), Some(condition), "{handle}");
    }
    let sent = attach(&mut peer, 9, PLACE, Value::Null);
    assert_eq!(told(&sent).0, 0, "all is left to the server");
}

#[test]
fn a_server_without_it_is_silent_about_it() {
    let namespace = namespace(|_, settings| settings.numbers = false);
    let mut peer = Peer::open(&namespace);
    let sent = attach(&mut peer, 0, PLACE, said(Value::Null, Value::Null, Value::Null));
    assert_eq!(sent[0].fields[11..], [Value::Null, Value::Null, Value::Null]);
    peer.transfer(0, 0, BATCH, false, &batch(None, &[event("a", b"")]));
    assert_eq!(peer.only().outcome(), Some(ACCEPTED));
}

#[test]
fn readers_are_not_told_of_the_numbers() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let (epoch, id, _) = anew(&mut peer, 0);
    peer.transfer(0, 0, BATCH, false, &run(&["a"], (epoch, id), 1));
    peer.sent();
    peer.attach_with(1, false, READER, &[], Value::Null);
    peer.grant(1, 0, 10, (0, 100));
    let sent = peer.sent();
    let transfer = sent.iter().find(|sent| sent.code == TRANSFER).unwrap();
    let annotations = amqp::sections::Sections::value(&transfer.payload, 0x72);
    let Some(Value::Map(pairs)) = annotations else { panic!("{transfer:?}") };
    let names: Vec<_> = pairs.iter().filter_map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["custom", "x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time"]);
}

#[test]
fn what_arrives_late_is_met_by_its_numbers() {
    let namespace = namespace(|_, _| {});
    let faults = Faults {
        book: &namespace.faults,
        registry: &namespace.registry,
        namespace: &namespace.name,
    };
    let mut peer = Peer::open(&namespace);
    let (epoch, id, _) = anew(&mut peer, 0);
    let payload = run(&["a"], (epoch, id), 1);
    for (number, larger) in [(1, 0), (2, 1)] {
        faults.everywhere().times(1).late();
        let mut cut = Peer::open(&namespace);
        let mine = said(Value::Short(epoch as i16), Value::Long(id), Value::Int(number - 1));
        attach(&mut cut, 0, PLACE, mine);
        let late = if number == 1 { payload.clone() } else { run(&["late"], (epoch, id), number) };
        cut.transfer(0, 0, BATCH, false, &late);
        assert_eq!(cut.fate(), Fate::Abort);
        // The same, or another that has taken over.
        let epoch = epoch + larger;
        let mut next = Peer::open(&namespace);
        let mine = said(Value::Short(epoch as i16), Value::Long(id), Value::Int(number - 1));
        assert_eq!(told(&attach(&mut next, 0, PLACE, mine)).2, i64::from(number) - 1);
        let again = if larger == 0 { payload.clone() } else { run(&["b"], (epoch, id), number) };
        next.transfer(0, 0, BATCH, false, &again);
        assert_eq!(next.only().outcome(), Some(ACCEPTED));
    }
    assert_eq!(ids(&namespace), ["a", "b"]);
    assert_eq!(namespace.hub("orders").unwrap().partition(1).counters().repeated, 1);
}
