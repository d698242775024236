//! A client's receivers: what they get, when, and who may read.

use super::*;
use crate::envelope::Arrival;

const READER: &str = "orders/ConsumerGroups/$Default/Partitions/0";

fn store(namespace: &Namespace, events: &[Vec<u8>]) {
    let hub = namespace.hub("orders").unwrap();
    let arrival = Arrival::open(BATCH, batch(None, events).into()).unwrap();
    hub.append(hub.partition(0), arrival, None).unwrap();
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| event(&n.to_string(), b"body")).collect()
}

/// Where a receiver shall start.
fn start(expression: &str) -> Value {
    let name = "apache.org:selector-filter:string";
    Value::Map(vec![(symbol(name), described(0x468C_0000_0004, text(expression)))])
}

fn ids(sent: &[Sent]) -> Vec<String> {
    let transfers = sent.iter().filter(|sent| sent.code == TRANSFER);
    let event = |sent: &Sent| crate::event::Event {
        sequence: 0,
        offset: 0,
        enqueued_ms: 0,
        raw: sent.payload.clone().into(),
    };
    transfers.map(|sent| event(sent).message_id().unwrap().to_owned()).collect()
}

/// The sections of a delivered event, decoded.
fn sections(sent: &Sent) -> Vec<(i64, Value)> {
    let mut reader = Reader::new(&sent.payload);
    let mut sections = Vec::new();
    while !reader.is_empty() {
        let Value::Described(code, value) = reader.value().unwrap() else { panic!("{sent:?}") };
        sections.push((code.as_i64().unwrap(), *value));
    }
    sections
}

#[test]
fn a_stored_event_comes_back_with_the_annotations_of_the_service_and_else_unchanged() {
    let namespace = namespace(|_, _| {});
    let forged = [
        (symbol("x-opt-partition-key"), text("k")),
        (symbol("x-opt-sequence-number"), Value::Long(99)),
        (symbol("custom"), Value::Null),
    ];
    let header = described(0x70, Value::List(vec![Value::Bool(true)]));
    let rest = [
        described(0x73, Value::List(vec![text("id"), Value::Null])),
        described(0x74, Value::Map(vec![(text("n"), Value::Int(1)), (text("n"), Value::Int(2))])),
        data(b"body"),
        described(0x78, Value::Map(vec![])),
    ];
    let hop = described(0x71, Value::Map(vec![(symbol("hop"), Value::Int(1))]));
    let annotations = described(0x72, Value::Map(forged.to_vec()));
    let head = encode(std::slice::from_ref(&header));
    let tail = encode(&rest);
    let stored = [head.clone(), encode(&[hop, annotations]), tail.clone()].concat();
    store(&namespace, &[stored]);

    let mut peer = Peer::open(&namespace);
    peer.attach(0, false, READER);
    peer.grant(0, 0, 10, (0, 5_000));
    let transfer = peer.only();
    assert_eq!((transfer.code, transfer.fields.len()), (TRANSFER, 11));
    assert_eq!(transfer.fields[3], Value::Uint(0), "a message of its own");
    assert!(transfer.payload.starts_with(&head));
    assert!(transfer.payload.ends_with(&tail));
    let sections = sections(&transfer);
    let codes: Vec<i64> = sections.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [0x70, 0x72, 0x73, 0x74, 0x75, 0x78]);
    let Value::Map(annotations) = &sections[1].1 else { panic!("{sections:?}") };
    let names: Vec<_> = annotations.iter().map(|(name, _)| name.as_str().unwrap()).collect();
    let own = ["x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time"];
    assert_eq!(names, [&["x-opt-partition-key", "custom"][..], &own].concat());
    assert_eq!(annotations[2].1, Value::Long(0));
    assert!(matches!(annotations[3].1, Value::String(_)), "{annotations:?}");
    assert!(matches!(annotations[4].1, Value::Timestamp(_)), "{annotations:?}");
}

#[test]
fn each_start_means_what_it_says() {
    let namespace = namespace(|_, _| {});
    store(&namespace, &numbered(3));
    store(&namespace, &numbered(6)[3..]);
    let stored = namespace.hub("orders").unwrap().partition(0).events();
    let offset = stored[3].offset();
    let time = stored[0].enqueued_ms();
    for (expression, first) in [
        ("amqp.annotation.x-opt-offset > '-1'".to_owned(), 0),
        ("amqp.annotation.x-opt-offset > '@latest'".to_owned(), 6),
        (format!("amqp.annotation.x-opt-offset > '{offset}'"), 4),
        (format!("amqp.annotation.x-opt-offset >= '{offset}'"), 3),
        ("amqp.annotation.x-opt-sequence-number > '1'".to_owned(), 2),
        ("amqp.annotation.x-opt-sequence-number >= 1".to_owned(), 1),
        ("amqp.annotation.x-opt-sequence-number > '100'".to_owned(), 6),
        (format!("amqp.annotation.x-opt-enqueued-time > '{}'", time - 1), 0),
        (format!("amqp.annotation.x-opt-enqueued-time > '{}'", time + 60_000), 6),
    ] {
        let mut peer = Peer::open(&namespace);
        peer.attach_with(0, false, READER, &[], start(&expression));
        peer.grant(0, 0, 100, (0, 5_000));
        let expected: Vec<String> = (first..6).map(|n: i32| n.to_string()).collect();
        assert_eq!(ids(&peer.sent()), expected, "{expression}");
    }
    let mut peer = Peer::open(&namespace);
    let sent = peer.attach_with(0, false, READER, &[], start("> no offset"));
    assert_eq!(sent[1].condition(), Some("amqp:invalid-field"));
}

#[test]
fn no_more_comes_than_there_is_credit_for() {
    let namespace = namespace(|_, _| {});
    store(&namespace, &numbered(10));
    let mut peer = Peer::open(&namespace);
    let attach = peer.attach(0, false, READER);
    assert_eq!(attach[0].fields[9], Value::Uint(0), "initial-delivery-count");
    assert_eq!(attach.len(), 1);
    peer.grant(0, 0, 3, (0, 5_000));
    assert_eq!(ids(&peer.sent()), ["0", "1", "2"]);
    // The same grant again is no more credit; one more is one more.
    peer.grant(0, 0, 3, (3, 5_000));
    assert_eq!(peer.sent(), []);
    peer.grant(0, 0, 4, (3, 5_000));
    assert_eq!(ids(&peer.sent()), ["3"]);
    peer.grant(0, 4, 100, (4, 5_000));
    assert_eq!(ids(&peer.sent()), ["4", "5", "6", "7", "8", "9"]);
}

#[test]
fn a_drain_gives_what_is_there_and_takes_the_rest_of_the_credit() {
    let namespace = namespace(|_, _| {});
    store(&namespace, &numbered(2));
    let mut peer = Peer::open(&namespace);
    peer.attach(0, false, READER);
    let mut flow = vec![Value::Uint(0), Value::Uint(5_000), Value::Uint(0), Value::Uint(5_000)];
    flow.extend([Value::Uint(0), Value::Uint(0), Value::Uint(50), Value::Null, Value::Bool(true)]);
    peer.send(0, FLOW, &flow, &[]);
    let sent = peer.sent();
    assert_eq!(ids(&sent), ["0", "1"]);
    let drained = sent.last().unwrap();
    assert_eq!(drained.code, FLOW);
    assert_eq!(drained.fields[5..7], [Value::Uint(50), Value::Uint(0)]);
    store(&namespace, &numbered(1));
    assert_eq!(peer.woken(), []);
}

#[test]
fn a_small_frame_limit_and_window_are_kept_to() {
    let namespace = namespace(|_, _| {});
    let body = vec![5; 2_000];
    store(&namespace, &[event("large", &body)]);
    let mut peer = Peer::open_with(&namespace, 512, 2);
    peer.attach(0, false, READER);
    peer.grant(0, 0, 10, (0, 2));
    let mut payload = Vec::new();
    let mut frames = 0;
    loop {
        let sent = peer.sent();
        assert!(sent.len() <= 2, "beyond the window");
        for frame in &sent {
            assert!(frame.payload.len() <= 512);
            frames += 1;
            payload.extend_from_slice(&frame.payload);
        }
        if sent.last().is_none_or(|last| last.fields[5] == Value::Bool(false)) {
            break;
        }
        peer.grant(0, 0, 10, (frames, 2));
    }
    assert!(payload.ends_with(&event("large", &body)[6..]));
    assert!(frames >= 5);
}

#[test]
fn a_waiting_receiver_is_woken_by_the_next_event() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.attach_with(0, false, READER, &[], start("amqp.annotation.x-opt-offset > '@latest'"));
    peer.grant(0, 0, 10, (0, 5_000));
    assert_eq!(peer.sent(), []);
    store(&namespace, &numbered(2));
    assert_eq!(ids(&peer.woken()), ["0", "1"]);
}

#[test]
fn runtime_metrics_come_when_asked_for() {
    let namespace = namespace(|_, _| {});
    store(&namespace, &numbered(3));
    let mut peer = Peer::open(&namespace);
    let wanted = Value::Array(vec![symbol("com.microsoft:enable-receiver-runtime-metric")]);
    let more = [Value::Null, Value::Null, Value::Null, wanted];
    peer.attach_with(0, false, READER, &more, Value::Null);
    peer.grant(0, 0, 1, (0, 5_000));
    let sections = sections(&peer.only());
    let (0x71, Value::Map(metrics)) = &sections[0] else { panic!("{sections:?}") };
    assert_eq!(metrics[0], (symbol("last_enqueued_sequence_number"), Value::Long(2)));
    assert!(matches!(metrics[1].1, Value::String(_)));
    assert!(matches!(metrics[2].1, Value::Timestamp(_)));
}

#[test]
fn a_receiver_may_ask_for_settled_events_and_need_not_answer_others() {
    let namespace = namespace(|_, _| {});
    store(&namespace, &numbered(1));
    for (mode, settled) in [(Value::Ubyte(1), true), (Value::Ubyte(0), false)] {
        let mut peer = Peer::open(&namespace);
        let fields = [
            text("link"),
            Value::Uint(0),
            Value::Bool(true),
            mode.clone(),
            Value::Ubyte(1),
            described(0x28, Value::List(vec![text(READER)])),
            described(0x29, Value::List(vec![])),
        ];
        peer.send(0, ATTACH, &fields, &[]);
        assert_eq!(peer.only().fields[3..5], [mode, Value::Ubyte(1)]);
        peer.grant(0, 0, 1, (0, 5_000));
        assert_eq!(peer.only().fields[4], Value::Bool(settled));
        // A receiver in mode `second` wants its disposition confirmed.
        peer.send(0, DISPOSITION, &[Value::Bool(true), Value::Uint(0)], &[]);
        let confirmed = peer.only();
        assert_eq!(confirmed.fields[..2], [Value::Bool(false), Value::Uint(0)]);
    }
}

#[test]
fn a_higher_epoch_takes_the_partition_over() {
    let namespace = namespace(|_, _| {});
    let epoch = |epoch: i64| {
        let properties = Value::Map(vec![(symbol("com.microsoft:epoch"), Value::Long(epoch))]);
        vec![Value::Null, Value::Null, Value::Null, Value::Null, properties]
    };
    let mut old = Peer::open(&namespace);
    let mut new = Peer::open(&namespace);
    assert_eq!(old.attach_with(0, false, READER, &epoch(1), Value::Null).len(), 1);
    let lower = new.attach_with(0, false, READER, &epoch(0), Value::Null);
    assert_eq!(lower[1].condition(), Some("amqp:link:stolen"));
    assert_eq!(old.woken(), []);
    // The group is written as some clients do.
    let address = "orders/consumergroups/$default/partitions/0";
    assert_eq!(new.attach_with(1, false, address, &epoch(2), Value::Null).len(), 1);
    let stolen = old.woken().pop().unwrap();
    assert_eq!((stolen.code, stolen.condition()), (DETACH, Some("amqp:link:stolen")));
    // Other groups and partitions are not touched; a link that ends makes room.
    let other = "orders/ConsumerGroups/other/Partitions/0";
    assert_eq!(old.attach(1, false, other).len(), 1);
    new.send(0, DETACH, &[Value::Uint(1), Value::Bool(true)], &[]);
    assert_eq!(new.only().code, DETACH);
    old.send(0, DETACH, &[Value::Uint(0), Value::Bool(true)], &[]);
    assert_eq!(old.attach(0, false, READER).len(), 1);
}

#[test]
fn a_connection_that_ends_gives_its_readers_up() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    let properties = Value::Map(vec![(symbol("com.microsoft:epoch"), Value::Long(5))]);
    let more = [Value::Null, Value::Null, Value::Null, Value::Null, properties];
    peer.attach_with(0, false, READER, &more, Value::Null);
    drop(peer);
    assert_eq!(Peer::open(&namespace).attach(0, false, READER).len(), 1);
}
