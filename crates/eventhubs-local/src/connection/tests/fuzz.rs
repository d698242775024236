//! Whatever comes, the server neither panics nor grows.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn peer() -> Peer {
    let mut peer = Peer::open(&namespace(|_, settings| settings.max_message_size = 4_096));
    peer.sender(0, "orders");
    peer.sender(1, "$cbs");
    peer.sender(2, "$management");
    peer.attach(3, false, "$management");
    peer.attach(4, false, "orders/ConsumerGroups/$Default/Partitions/0");
    peer.grant(4, 0, 1_000, (0, 5_000));
    peer.sent();
    peer
}

/// Takes bytes as they come; what is left over waits for more.
fn feed(peer: &mut Peer, bytes: &[u8]) {
    let used = peer.connection.receive(bytes, Instant::now());
    assert!(used <= bytes.len());
    peer.connection.pump();
    assert!(peer.connection.out().len() < 4 << 20);
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u8>().prop_map(Value::Ubyte),
        (0u32..8).prop_map(Value::Uint),
        any::<u32>().prop_map(Value::Uint),
        any::<u64>().prop_map(Value::Ulong),
        any::<i64>().prop_map(Value::Long),
        vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Binary(bytes.into())),
        "[a-z$/]{0,12}".prop_map(Value::String),
        prop_oneof![Just("orders"), Just("$cbs"), Just("orders/Partitions/0")].prop_map(text),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::List),
            vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
            (0x28u64..0x79, inner).prop_map(|(code, value)| described(code, value)),
        ]
    })
}

/// What Microsoft's Python client says on four connections: where a fuzzer begins.
const SEEDS: [&[u8]; 4] = [
    include_bytes!("../../../fuzz/seeds/connection/properties"),
    include_bytes!("../../../fuzz/seeds/connection/send"),
    include_bytes!("../../../fuzz/seeds/connection/send-to-partition"),
    include_bytes!("../../../fuzz/seeds/connection/receive"),
];

proptest! {
    #[test]
    fn a_conversation_with_some_bytes_changed(
        seed in 0..SEEDS.len(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)
    ) {
        let mut bytes = SEEDS[seed].to_vec();
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        crate::fuzzing::connection(&bytes);
    }

    #[test]
    fn any_bytes_from_the_start(bytes in vec(any::<u8>(), 0..400), header in 0..3) {
        let mut peer = Peer::new(&namespace(|_, _| {}));
        if header > 0 {
            feed(&mut peer, if header == 1 { b"AMQP\x03\x01\x00\x00" } else { &AMQP_HEADER });
        }
        feed(&mut peer, &bytes);
    }

    #[test]
    fn any_body_of_a_frame(bodies in vec((vec(any::<u8>(), 0..200), 0u16..3), 1..5)) {
        let mut peer = peer();
        for (body, channel) in bodies {
            let mut bytes = Vec::new();
            frame::write(&mut bytes, Kind::Amqp, channel, |out| out.extend_from_slice(&body));
            feed(&mut peer, &bytes);
        }
    }

    #[test]
    fn any_fields_of_a_performative(
        frames in vec((0x10u64..0x19, vec(value(), 0..14), vec(any::<u8>(), 0..60)), 1..12)
    ) {
        let mut peer = peer();
        for (code, fields, payload) in frames {
            let mut bytes = Vec::new();
            frame::write(&mut bytes, Kind::Amqp, 0, |out| {
                write::value(out, &described(code, Value::List(fields)));
                out.extend_from_slice(&payload);
            });
            feed(&mut peer, &bytes);
        }
    }

    #[test]
    fn any_message_on_any_link(
        messages in vec((0u32..3, vec(value(), 0..6), any::<bool>()), 1..20)
    ) {
        let mut peer = peer();
        for (id, (handle, sections, batched)) in messages.into_iter().enumerate() {
            let message = encode(&sections);
            let (format, message) =
                if batched { (BATCH, batch(None, &[message])) } else { (0, message) };
            let mut bytes = Vec::new();
            frame::write(&mut bytes, Kind::Amqp, 0, |out| {
                let fields = transfer(handle, id as u32, format, false, false);
                write::value(out, &described(TRANSFER, Value::List(fields)));
                out.extend_from_slice(&message);
            });
            feed(&mut peer, &bytes);
            prop_assert_eq!(peer.fate(), Fate::Running, "a bad message costs no connection");
        }
    }
}
