//! A conversation that is right but for a few bytes: what a broken client or wire sends.

use amqp::frame::SASL_HEADER;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Everything a client says in a session: SASL, tokens, properties, batches, reading, and good-bye.
fn conversation() -> Vec<Vec<u8>> {
    let mut frames = vec![SASL_HEADER.to_vec()];
    let mut add = |kind, code, fields: Vec<Value>, payload: &[u8]| {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, kind, 0, |out| {
            write::value(out, &described(code, Value::List(fields)));
            out.extend_from_slice(payload);
        });
        frames.push(bytes);
    };
    add(Kind::Sasl, 0x41, vec![symbol("ANONYMOUS")], &[]);
    add(Kind::Amqp, OPEN, vec![text("me"), text("ns"), Value::Uint(65_536)], &[]);
    let window = Value::Uint(5_000);
    let begin = vec![Value::Null, Value::Uint(0), window.clone(), window.clone()];
    add(Kind::Amqp, BEGIN, begin, &[]);
    for (handle, receiver, address) in [
        (0, false, "$cbs"),
        (1, true, "$cbs"),
        (2, false, "orders"),
        (3, true, "orders/ConsumerGroups/$Default/Partitions/0"),
        (4, false, "$management"),
    ] {
        let filter = "amqp.annotation.x-opt-offset > '-1'";
        let filter = Value::Described(Box::new(symbol("f")), Box::new(text(filter)));
        let filter = Value::Map(vec![(symbol("apache.org:selector-filter:string"), filter)]);
        let mut source = vec![text(address)];
        source.resize(7, Value::Null);
        source.push(filter);
        let attach = vec![
            text("link"),
            Value::Uint(handle),
            Value::Bool(receiver),
            Value::Ubyte(0),
            Value::Ubyte(0),
            described(0x28, Value::List(source)),
            described(0x29, Value::List(vec![text(address)])),
            Value::Null,
            Value::Null,
            Value::Uint(0),
        ];
        add(Kind::Amqp, ATTACH, attach, &[]);
    }
    let flow = [0u32, 5_000, 0, 5_000, 3, 0, 100].map(Value::Uint).to_vec();
    add(Kind::Amqp, FLOW, flow, &[]);
    let put = [("operation", "put-token"), ("name", "sb://ns/orders"), ("type", "jwt")];
    let put = put.map(|(key, value)| (text(key), text(value))).to_vec();
    let put = encode(&[described(0x74, Value::Map(put)), described(0x77, text("a.b.c"))]);
    add(Kind::Amqp, TRANSFER, transfer(0, 0, 0, false, false), &put);
    let read = [("operation", "READ"), ("name", "orders"), ("type", "com.microsoft:eventhub")];
    let read = read.map(|(key, value)| (text(key), text(value))).to_vec();
    let read = encode(&[described(0x74, Value::Map(read))]);
    add(Kind::Amqp, TRANSFER, transfer(4, 1, 0, false, false), &read);
    let events = batch(Some(keyed("k")), &[event("a", b"one"), event("b", b"two")]);
    let (one, two) = events.split_at(events.len() / 2);
    add(Kind::Amqp, TRANSFER, transfer(2, 2, BATCH, false, true), one);
    add(Kind::Amqp, TRANSFER, transfer(2, 2, BATCH, false, false), two);
    add(Kind::Amqp, DISPOSITION, vec![Value::Bool(true), Value::Uint(0)], &[]);
    add(Kind::Amqp, DETACH, vec![Value::Uint(2), Value::Bool(true)], &[]);
    add(Kind::Amqp, END, vec![], &[]);
    add(Kind::Amqp, CLOSE, vec![], &[]);
    frames.insert(2, AMQP_HEADER.to_vec());
    frames
}

/// What happens to a frame on its way.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, Index, u8),
    Cut(Index, Index),
    Twice(Index),
    Lose(Index),
    Swap(Index, Index),
    Insert(Index, Index, Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        4 => (at(), at(), any::<u8>()).prop_map(|(f, b, to)| Change::Byte(f, b, to)),
        1 => (at(), at()).prop_map(|(f, b)| Change::Cut(f, b)),
        1 => at().prop_map(Change::Twice),
        1 => at().prop_map(Change::Lose),
        1 => (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
        1 => (at(), at(), vec(any::<u8>(), 1..9)).prop_map(|(f, b, new)| Change::Insert(f, b, new)),
    ]
}

impl Change {
    /// Applies it; when `whole`, the size of the frame is made right again.
    fn apply(&self, frames: &mut Vec<Vec<u8>>, whole: bool) {
        let length = frames.len();
        match self {
            Self::Byte(f, b, to) => {
                let frame = &mut frames[f.index(length)];
                let at = b.index(frame.len());
                frame[at] = *to;
            }
            Self::Cut(f, b) => {
                let frame = &mut frames[f.index(length)];
                let at = b.index(frame.len()).max(1);
                frame.truncate(at);
            }
            Self::Insert(f, b, new) => {
                let frame = &mut frames[f.index(length)];
                let at = b.index(frame.len());
                frame.splice(at..at, new.iter().copied());
            }
            Self::Twice(f) => {
                let again = frames[f.index(length)].clone();
                frames.insert(f.index(length), again);
            }
            Self::Lose(f) => drop(frames.remove(f.index(length))),
            Self::Swap(a, b) => frames.swap(a.index(length), b.index(length)),
        }
        if whole {
            for frame in frames.iter_mut().filter(|frame| !frame.starts_with(b"AMQP")) {
                let size = (frame.len() as u32).to_be_bytes();
                let count = frame.len().min(4);
                frame[..count].copy_from_slice(&size[..count]);
            }
        }
    }
}

/// The conversation is right as it stands, or the mutants of it would say nothing.
#[test]
fn the_conversation_goes_through() {
    let namespace = namespace(|_, _| {});
    let mut peer = Peer::new(&namespace);
    for bytes in conversation() {
        peer.bytes(&bytes);
    }
    assert_eq!(peer.fate(), Fate::Finish);
    assert_eq!(namespace.hub("orders").unwrap().total(), 2);
}

proptest! {
    #[test]
    fn a_few_changes_neither_break_the_server_nor_make_it_grow(
        changes in vec(change(), 1..5),
        whole in any::<bool>(),
        cuts in vec(1usize..200, 1..8),
    ) {
        let namespace = namespace(|_, settings| settings.max_message_size = 4_096);
        let mut frames = conversation();
        for change in &changes {
            change.apply(&mut frames, whole);
        }
        let mut peer = Peer::new(&namespace);
        let stream = frames.concat();
        // In pieces, as a socket gives them; what is not used comes again with the next.
        let (mut start, mut end) = (0, 0);
        for cut in cuts.iter().cycle() {
            end = (end + cut).min(stream.len());
            start += peer.connection.receive(&stream[start..end], Instant::now());
            peer.connection.pump();
            prop_assert!(start <= end);
            prop_assert!(peer.connection.out().len() < 1 << 20);
            if end == stream.len() || peer.fate() != Fate::Running {
                break;
            }
        }
        peer.connection.tick(Instant::now() + Duration::from_secs(60));
        // Another client finds the server as it should be.
        let mut other = Peer::open(&namespace);
        other.sender(0, "orders/Partitions/1");
        other.transfer(0, 0, 0, false, &event("a", b""));
        prop_assert_eq!(other.only().code, DISPOSITION);
    }
}
