//! `$cbs` and `$management`.

use super::*;
use crate::condition::Condition;
use crate::faults::Faults;

/// Attaches both links of a node, with credit for replies.
fn node(namespace: &Arc<Namespace>, name: &str) -> Peer {
    let mut peer = Peer::open(namespace);
    peer.sender(0, name);
    assert_eq!(peer.attach(1, false, name).len(), 1);
    peer.grant(1, 0, 100, (0, 5_000));
    peer
}

fn request(id: Value, properties: &[(&str, &str)], body: Option<Value>) -> Vec<u8> {
    let pairs = properties.iter().map(|(key, value)| (text(key), text(value))).collect();
    let mut sections =
        vec![described(0x73, Value::List(vec![id])), described(0x74, Value::Map(pairs))];
    sections.extend(body.map(|body| described(0x77, body)));
    encode(&sections)
}

/// Correlation-id, status, condition and body of a reply.
fn reply(peer: &mut Peer) -> (Value, i64, Option<String>, Value) {
    let sent = peer.sent();
    assert_eq!(sent.iter().map(|sent| sent.code).collect::<Vec<_>>(), [DISPOSITION, TRANSFER]);
    let mut reader = Reader::new(&sent[1].payload);
    let mut section = || match reader.value().unwrap() {
        Value::Described(_, value) => *value,
        other => panic!("{other:?}"),
    };
    let (Value::List(properties), Value::Map(application)) = (section(), section()) else {
        panic!("{sent:?}")
    };
    let get = |name: &str| application.iter().find(|(key, _)| key.as_str() == Some(name));
    let status = get("status-code").unwrap().1.clone();
    assert!(matches!(status, Value::Int(_)), "{status:?}");
    let condition = get("error-condition").map(|(_, value)| value.as_str().unwrap().to_owned());
    (properties[5].clone(), status.as_i64().unwrap(), condition, section())
}

const PUT: [(&str, &str); 3] = [
    ("operation", "put-token"),
    ("type", "servicebus.windows.net:sastoken"),
    ("name", "amqps://ns/orders/Partitions/1"),
];

#[test]
fn a_token_is_accepted_and_the_reply_correlated_by_type_and_value() {
    let namespace = namespace(|_, _| {});
    for id in [Value::Ulong(7), Value::Uuid([3; 16]), text("id"), Value::Ulong(0)] {
        let mut peer = node(&namespace, "$cbs");
        peer.transfer(0, 0, 0, false, &request(id.clone(), &PUT, Some(text("any"))));
        assert_eq!(reply(&mut peer), (id, 202, None, Value::Null));
    }
}

#[test]
fn bad_requests_for_tokens_are_refused() {
    let namespace = namespace(|keys, _| keys.add("root".into(), "secret".into()));
    let mut peer = node(&namespace, "$cbs");
    let unknown = [PUT[0], PUT[1], ("name", "amqps://ns/unknown")];
    let delete = [("operation", "delete-token"), PUT[1], PUT[2]];
    let body = Some(text("SharedAccessSignature sr=x&sig=y&se=1&skn=root"));
    for (n, (properties, body, status, condition)) in [
        (&PUT[..], body.clone(), 401, "com.microsoft:auth-failed"),
        (&unknown, body.clone(), 404, "amqp:not-found"),
        (&delete, body.clone(), 400, "amqp:invalid-field"),
        (&PUT[..2], body, 400, "amqp:invalid-field"),
        (&PUT, None, 400, "amqp:invalid-field"),
    ]
    .into_iter()
    .enumerate()
    {
        peer.transfer(0, n as u32, 0, false, &request(text("id"), properties, body));
        let (_, found, reason, _) = reply(&mut peer);
        assert_eq!((found, reason.as_deref()), (status, Some(condition)));
    }
}

#[test]
fn a_reply_waits_for_credit_and_finds_its_link_by_the_name_given() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::open(&namespace);
    peer.send(1, BEGIN, &[Value::Null, Value::Uint(0), Value::Uint(9), Value::Uint(9)], &[]);
    peer.sent();
    peer.sender(0, "$cbs");
    // The other link is on another session; its target is what the request names.
    let attach = [
        text("replies"),
        Value::Uint(0),
        Value::Bool(true),
        Value::Null,
        Value::Null,
        described(0x28, Value::List(vec![text("$cbs")])),
        described(0x29, Value::List(vec![text("me")])),
    ];
    peer.send(1, ATTACH, &attach, &[]);
    peer.sent();
    let pairs = PUT.iter().map(|(key, value)| (text(key), text(value))).collect();
    let properties = vec![text("id"), Value::Null, Value::Null, Value::Null, text("me")];
    let message = encode(&[
        described(0x73, Value::List(properties)),
        described(0x74, Value::Map(pairs)),
        described(0x77, text("token")),
    ]);
    peer.transfer(0, 0, 0, false, &message);
    assert_eq!(peer.only().code, DISPOSITION);
    let flow = [0, 5_000, 0, 5_000, 0, 0, 1].map(Value::Uint);
    peer.send(1, FLOW, &flow, &[]);
    let transfer = peer.only();
    assert_eq!((transfer.code, transfer.channel), (TRANSFER, 1));
}

#[test]
fn a_detach_on_cbs_is_not_answered_when_the_end_follows() {
    let namespace = namespace(|_, _| {});
    let mut peer = node(&namespace, "$cbs");
    peer.send(0, DETACH, &[Value::Uint(0), Value::Bool(true)], &[]);
    peer.send(0, DETACH, &[Value::Uint(1), Value::Bool(true)], &[]);
    peer.send(0, END, &[], &[]);
    assert_eq!(peer.only().code, END);
    assert_eq!(peer.later(Duration::from_secs(1)), []);

    let mut peer = node(&namespace, "$cbs");
    peer.send(0, DETACH, &[Value::Uint(0), Value::Bool(true)], &[]);
    assert_eq!(peer.sent(), []);
    let detach = peer.later(Duration::from_secs(1)).pop().unwrap();
    assert_eq!(detach.code, DETACH);
    assert_eq!(detach.fields, [Value::Uint(0), Value::Bool(true), Value::Null]);
}

fn read(
    peer: &mut Peer,
    id: u32,
    properties: &[(&str, &str)],
) -> (i64, Option<String>, Vec<(String, Value)>) {
    peer.transfer(0, id, 0, false, &request(text("id"), properties, None));
    let (_, status, condition, body) = reply(peer);
    let Value::Map(body) = body else { return (status, condition, Vec::new()) };
    let named = |(key, value): (Value, Value)| (key.as_str().unwrap().to_owned(), value);
    (status, condition, body.into_iter().map(named).collect())
}

const HUB: [(&str, &str); 3] =
    [("operation", "READ"), ("name", "orders"), ("type", "com.microsoft:eventhub")];
const PARTITION: [(&str, &str); 4] = [
    ("operation", "READ"),
    ("name", "orders"),
    ("type", "com.microsoft:partition"),
    ("partition", "2"),
];

#[test]
fn the_properties_of_a_hub_have_the_types_clients_insist_on() {
    let namespace = namespace(|_, _| {});
    let mut peer = node(&namespace, "$management");
    let (status, _, body) = read(&mut peer, 0, &HUB);
    assert_eq!(status, 200);
    let created = Value::Timestamp(namespace.hub("orders").unwrap().created_ms);
    let expected = [
        ("name", text("orders")),
        ("type", text("com.microsoft:eventhub")),
        ("created_at", created),
        ("partition_count", Value::Int(4)),
        ("partition_ids", Value::Array(["0", "1", "2", "3"].map(text).to_vec())),
        ("georeplication_factor", Value::Int(1)),
    ];
    assert_eq!(body, expected.map(|(key, value)| (key.to_owned(), value)));
}

#[test]
fn the_properties_of_a_partition_tell_its_newest_event() {
    let namespace = namespace(|_, _| {});
    let mut peer = node(&namespace, "$management");
    let (status, _, empty) = read(&mut peer, 0, &PARTITION);
    let of = |body: &[(String, Value)], name: &str| {
        body.iter().find(|(key, _)| key == name).unwrap_or_else(|| panic!("{name}")).1.clone()
    };
    assert_eq!(status, 200);
    assert_eq!(of(&empty, "partition"), text("2"));
    assert_eq!(of(&empty, "begin_sequence_number"), Value::Long(0));
    assert_eq!(of(&empty, "begin_sequence_number_epoch"), Value::Int(-1));
    assert_eq!(of(&empty, "last_enqueued_sequence_number"), Value::Long(-1));
    assert_eq!(of(&empty, "last_enqueued_sequence_number_epoch"), Value::Int(-1));
    assert_eq!(of(&empty, "last_enqueued_offset"), text("-1"));
    assert_eq!(of(&empty, "last_enqueued_time_utc"), Value::Timestamp(-62_135_596_800_000));
    assert_eq!(of(&empty, "is_partition_empty"), Value::Bool(true));

    let mut sender = Peer::open(&namespace);
    sender.sender(0, "orders/Partitions/2");
    sender.transfer(0, 0, 0, false, &event("a", b""));
    let (_, _, body) = read(&mut peer, 1, &PARTITION);
    let event = &namespace.hub("orders").unwrap().partition(2).events()[0];
    assert_eq!(of(&body, "last_enqueued_sequence_number"), Value::Long(0));
    assert_eq!(of(&body, "last_enqueued_offset"), text(&event.offset()));
    assert_eq!(of(&body, "last_enqueued_time_utc"), Value::Timestamp(event.enqueued_ms()));
    assert_eq!(of(&body, "is_partition_empty"), Value::Bool(false));
}

#[test]
fn wrong_reads_have_the_status_of_the_service() {
    let namespace = namespace(|_, _| {});
    let mut peer = node(&namespace, "$management");
    let unknown = [HUB[0], ("name", "unknown"), HUB[2]];
    let outside = [PARTITION[0], PARTITION[1], PARTITION[2], ("partition", "4")];
    let update = [("operation", "UPDATE"), HUB[1], HUB[2]];
    for (n, (properties, status, condition)) in [
        (&unknown[..], 404, "amqp:not-found"),
        (&outside, 400, "com.microsoft:argument-out-of-range"),
        (&HUB[..2], 400, "com.microsoft:argument-error"),
        (&HUB[..1], 400, "com.microsoft:argument-error"),
        (&PARTITION[..3], 400, "com.microsoft:argument-out-of-range"),
        (&update, 501, "amqp:not-implemented"),
    ]
    .into_iter()
    .enumerate()
    {
        let (found, reason, _) = read(&mut peer, n as u32, properties);
        assert_eq!((found, reason.as_deref()), (status, Some(condition)));
    }
}

#[test]
fn a_read_can_be_refused_for_one_partition() {
    let namespace = namespace(|_, _| {});
    let faults = Faults {
        book: &namespace.faults,
        registry: &namespace.registry,
        namespace: &namespace.name,
    };
    let fault = faults.hub("orders").partition(2).refuse_read(503, Condition::server_busy());
    let mut peer = node(&namespace, "$management");
    assert_eq!(read(&mut peer, 0, &HUB).0, 200);
    let (status, condition, _) = read(&mut peer, 1, &PARTITION);
    assert_eq!((status, condition.as_deref()), (503, Some("com.microsoft:server-busy")));
    let other = [PARTITION[0], PARTITION[1], PARTITION[2], ("partition", "1")];
    assert_eq!(read(&mut peer, 2, &other).0, 200);
    assert_eq!(fault.fired(), 1);
}

#[test]
fn with_keys_a_read_needs_a_token() {
    let namespace = namespace(|keys, _| keys.add("root".into(), "secret".into()));
    let mut peer = node(&namespace, "$management");
    let carried = [HUB[0], HUB[1], HUB[2], ("security_token", "SharedAccessSignature bad")];
    for (n, properties) in [&HUB[..], &carried].into_iter().enumerate() {
        let (status, condition, _) = read(&mut peer, n as u32, properties);
        assert_eq!((status, condition.as_deref()), (401, Some("amqp:unauthorized-access")));
    }
}
