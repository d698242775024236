//! The beginning and the end of a connection.

use amqp::frame::SASL_HEADER;

use super::*;

/// Lists are as long as AMQP defines them, and what clients compute with is there.
#[test]
fn performatives_are_written_in_full() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::new(&namespace);
    peer.bytes(&AMQP_HEADER);
    assert_eq!(peer.connection.out().drain(..8).as_slice(), AMQP_HEADER);
    peer.send(0, OPEN, &[text("test")], &[]);
    let open = peer.only();
    assert_eq!((open.code, open.fields.len()), (OPEN, 10));
    assert_eq!(open.fields[2..4], [Value::Uint(65_536), Value::Ushort(4_999)]);

    peer.send(3, BEGIN, &[Value::Null, Value::Uint(7), Value::Uint(10), Value::Uint(10)], &[]);
    let begin = peer.only();
    assert_eq!((begin.code, begin.channel, begin.fields.len()), (BEGIN, 3, 8));
    assert_eq!(begin.fields[0], Value::Ushort(3));
    assert!(begin.fields[4].as_i64().is_some(), "handle-max");
    peer.send(3, END, &[], &[]);
    assert_eq!(peer.only().code, END);
    // A detach that comes too late costs nothing.
    peer.send(3, DETACH, &[Value::Uint(0), Value::Bool(true)], &[]);
    assert!(peer.sent().is_empty());
    peer.send(0, CLOSE, &[], &[]);
    assert_eq!(peer.only().code, CLOSE);
    assert_eq!(peer.fate(), Fate::Finish);
}

fn sasl(mechanism: &str, response: &[u8], namespace: &Arc<Namespace>) -> (Peer, u8) {
    let mut peer = Peer::new(namespace);
    peer.bytes(&SASL_HEADER);
    let out = std::mem::take(peer.connection.out());
    assert_eq!(out[..8], SASL_HEADER);
    for offered in ["MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL"] {
        assert!(out.windows(offered.len()).any(|part| part == offered.as_bytes()), "{offered}");
    }
    let mut init = Vec::new();
    let fields = vec![symbol(mechanism), Value::Binary(response.to_vec().into())];
    frame::write(&mut init, Kind::Sasl, 0, |out| {
        write::value(out, &described(0x41, Value::List(fields)));
    });
    peer.bytes(&init);
    let outcome = peer.only();
    assert_eq!((outcome.code, outcome.fields.len()), (0x44, 2));
    let Value::Ubyte(code) = outcome.fields[0] else { panic!("{outcome:?}") };
    (peer, code)
}

#[test]
fn every_mechanism_of_the_clients_is_taken() {
    let namespace = namespace(|_, _| {});
    for mechanism in ["ANONYMOUS", "MSSBCBS", "EXTERNAL"] {
        let (mut peer, code) = sasl(mechanism, b"", &namespace);
        assert_eq!(code, 0, "{mechanism}");
        peer.bytes(&AMQP_HEADER);
        peer.connection.out().drain(..8);
        peer.send(0, OPEN, &[text("test")], &[]);
        assert_eq!(peer.only().code, OPEN);
    }
    let (peer, code) = sasl("SCRAM-SHA-1", b"", &namespace);
    assert_eq!((code, peer.fate()), (1, Fate::Finish));
}

#[test]
fn plain_is_a_key_and_opens_every_entity() {
    let namespace = namespace(|keys, _| keys.add("root".into(), "secret".into()));
    let (peer, code) = sasl("PLAIN", b"\0root\0wrong", &namespace);
    assert_eq!((code, peer.fate()), (1, Fate::Finish));
    let (mut peer, code) = sasl("PLAIN", b"\0root\0secret", &namespace);
    assert_eq!(code, 0);
    peer.bytes(&AMQP_HEADER);
    peer.connection.out().drain(..8);
    peer.send(0, OPEN, &[text("test")], &[]);
    peer.send(0, BEGIN, &[Value::Null, Value::Uint(0), Value::Uint(9), Value::Uint(9)], &[]);
    peer.sent();
    peer.sender(0, "orders");
}

#[test]
fn another_protocol_is_answered_with_the_one_wanted() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::new(&namespace);
    peer.bytes(b"GET / HT");
    assert_eq!(peer.connection.out()[..], SASL_HEADER);
    assert_eq!(peer.fate(), Fate::Finish);
}

#[test]
fn what_breaks_the_rules_closes_the_connection_with_the_reason() {
    let begin = [Value::Null, Value::Uint(0), Value::Uint(9), Value::Uint(9)];
    let cases: [(u64, &[Value], u16, &str); 4] = [
        (OPEN, &[text("again")], 0, "amqp:not-allowed"),
        (BEGIN, &begin, 0, "amqp:not-allowed"),
        (DISPOSITION, &[Value::Bool(true), Value::Uint(0)], 8, "amqp:not-found"),
        (ATTACH, &[Value::Null], 0, "amqp:decode-error"),
    ];
    for (code, fields, channel, condition) in cases {
        let mut peer = Peer::open(&namespace(|_, _| {}));
        peer.send(channel, code, fields, &[]);
        let close = peer.only();
        assert_eq!((close.code, close.condition()), (CLOSE, Some(condition)));
        assert_eq!(peer.fate(), Fate::Finish);
    }
    let mut peer = Peer::open(&namespace(|_, _| {}));
    peer.bytes(&[0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0]);
    assert_eq!(peer.only().condition(), Some("amqp:connection:framing-error"));
}

#[test]
fn a_peer_that_asks_for_heartbeats_gets_them_and_a_silent_one_is_closed() {
    let namespace = namespace(|_, settings| settings.idle_time_out = Duration::from_secs(10));
    let mut peer = Peer::new(&namespace);
    peer.bytes(&AMQP_HEADER);
    peer.connection.out().clear();
    let open = [text("test"), Value::Null, Value::Null, Value::Null, Value::Uint(4_000)];
    peer.send(0, OPEN, &open, &[]);
    assert_eq!(peer.only().fields[4], Value::Uint(10_000));
    peer.connection.tick(Instant::now() + Duration::from_millis(1_900));
    assert!(peer.connection.out().is_empty());
    peer.connection.tick(Instant::now() + Duration::from_millis(2_000));
    assert_eq!(peer.connection.out()[..], frame::HEARTBEAT);
    peer.connection.out().clear();

    assert!(peer.later(Duration::from_secs(19)).is_empty());
    let close = peer.later(Duration::from_secs(21)).pop().unwrap();
    assert_eq!((close.code, close.condition()), (CLOSE, Some("amqp:connection:forced")));
}
