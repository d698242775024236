//! The protocol machine without a socket: frames in, frames out, byte for byte.

mod client;
mod fuzz;
mod handshake;
mod idle;
mod limits;
mod mutated;
mod nodes;
mod numbered;
mod receiving;
mod sending;

use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::frame::{self, AMQP_HEADER, Kind};
use amqp::read::Reader;
use amqp::value::Value;
use amqp::write;

use super::{Connection, Fate};
use crate::auth::Keys;
use crate::hub::Hub;
use crate::log::Retention;
use crate::namespace::{Namespace, Settings};

const OPEN: u64 = 0x10;
const BEGIN: u64 = 0x11;
const ATTACH: u64 = 0x12;
const FLOW: u64 = 0x13;
const TRANSFER: u64 = 0x14;
const DISPOSITION: u64 = 0x15;
const DETACH: u64 = 0x16;
const END: u64 = 0x17;
const CLOSE: u64 = 0x18;
const BATCH: u32 = crate::envelope::BATCH_FORMAT;

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn symbol(text: &str) -> Value {
    Value::Symbol(text.into())
}

fn described(code: u64, value: Value) -> Value {
    Value::Described(Box::new(Value::Ulong(code)), Box::new(value))
}

/// Encodes values one after the other.
fn encode(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        write::value(&mut out, value);
    }
    out
}

/// A frame the server sent.
#[derive(Debug, Clone, PartialEq)]
struct Sent {
    channel: u16,
    code: u64,
    fields: Vec<Value>,
    payload: Vec<u8>,
}

impl Sent {
    /// The condition of an error that is the last of the fields, or inside it.
    fn condition(&self) -> Option<&str> {
        fn find(value: &Value) -> Option<&str> {
            match value {
                Value::Described(code, fields) if **code == Value::Ulong(0x1d) => {
                    let Value::List(fields) = &**fields else { return None };
                    fields[0].as_str()
                }
                Value::Described(_, inner) => find(inner),
                Value::List(items) => items.iter().find_map(find),
                _ => None,
            }
        }
        self.fields.iter().find_map(find)
    }

    /// The descriptor of a disposition's outcome.
    fn outcome(&self) -> Option<u64> {
        match &self.fields[4] {
            Value::Described(code, _) => code.as_i64().map(|code| code as u64),
            _ => None,
        }
    }
}

/// What serves all connections of a test.
fn namespace(change: impl FnOnce(&mut Keys, &mut Settings)) -> Arc<Namespace> {
    let mut keys = Keys::default();
    let mut settings = Settings::default();
    change(&mut keys, &mut settings);
    let groups = ["inventory".to_owned()];
    let hub = |name: &str, groups| Hub::new(name.into(), 4, groups, Retention::default());
    Arc::new(Namespace {
        hubs: vec![Arc::new(hub("orders", &[])), Arc::new(hub("payments", &groups))].into(),
        keys,
        settings,
        ..Namespace::default()
    })
}

/// A client that knows AMQP's bytes and nothing else.
struct Peer {
    connection: Connection,
}

impl Peer {
    fn new(namespace: &Arc<Namespace>) -> Self {
        let handle = namespace.registry.open("test".into());
        Self { connection: Connection::new(Arc::clone(namespace), handle) }
    }

    /// A peer with an open connection and a session on channel 0.
    fn open(namespace: &Arc<Namespace>) -> Self {
        Self::open_with(namespace, u32::MAX, 5_000)
    }

    fn open_with(namespace: &Arc<Namespace>, max_frame: u32, window: u32) -> Self {
        let mut peer = Self::new(namespace);
        peer.bytes(&AMQP_HEADER);
        peer.connection.out().drain(..8);
        peer.send(0, OPEN, &[text("test"), Value::Null, Value::Uint(max_frame)], &[]);
        peer.send(
            0,
            BEGIN,
            &[Value::Null, Value::Uint(0), Value::Uint(window), Value::Uint(9)],
            &[],
        );
        let codes: Vec<u64> = peer.sent().iter().map(|sent| sent.code).collect();
        assert_eq!(codes, [OPEN, BEGIN]);
        peer
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let used = self.connection.receive(bytes, Instant::now());
        assert_eq!(used, bytes.len());
        self.connection.pump();
    }

    fn send(&mut self, channel: u16, code: u64, fields: &[Value], payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, Kind::Amqp, channel, |out| {
            write::value(out, &described(code, Value::List(fields.to_vec())));
            out.extend_from_slice(payload);
        });
        self.bytes(&bytes);
    }

    /// Attaches a sender (of the client) or receiver with that handle.
    fn attach(&mut self, handle: u32, sender: bool, address: &str) -> Vec<Sent> {
        self.attach_with(handle, sender, address, &[], Value::Null)
    }

    /// The same with a filter or properties: `more` are the fields of an attach from the tenth on.
    fn attach_with(
        &mut self,
        handle: u32,
        sender: bool,
        address: &str,
        more: &[Value],
        filter: Value,
    ) -> Vec<Sent> {
        let node = |code, filter: &Value| {
            let mut fields = vec![text(address)];
            if *filter != Value::Null {
                fields.resize(7, Value::Null);
                fields.push(filter.clone());
            }
            described(code, Value::List(fields))
        };
        let (source, target) = if sender {
            (described(0x28, Value::List(vec![])), node(0x29, &Value::Null))
        } else {
            (node(0x28, &filter), described(0x29, Value::List(vec![])))
        };
        let mut fields = vec![
            text("link"),
            Value::Uint(handle),
            Value::Bool(!sender),
            Value::Null,
            Value::Null,
            source,
            target,
            Value::Null,
            Value::Null,
        ];
        fields.extend_from_slice(more);
        self.send(0, ATTACH, &fields, &[]);
        self.sent()
    }

    /// Attaches a sender that must be accepted.
    fn sender(&mut self, handle: u32, address: &str) {
        let sent = self.attach(handle, true, address);
        assert_eq!(sent.iter().map(|sent| sent.code).collect::<Vec<_>>(), [ATTACH, FLOW]);
    }

    /// Sends one frame of a delivery.
    fn transfer(&mut self, handle: u32, id: u32, format: u32, more: bool, payload: &[u8]) {
        self.send(0, TRANSFER, &transfer(handle, id, format, false, more), payload);
    }

    fn grant(&mut self, handle: u32, count: u32, credit: u32, window: (u32, u32)) {
        let fields = [
            Value::Uint(window.0),
            Value::Uint(window.1),
            Value::Uint(0),
            Value::Uint(5_000),
            Value::Uint(handle),
            Value::Uint(count),
            Value::Uint(credit),
        ];
        self.send(0, FLOW, &fields, &[]);
    }

    /// Lets that much time pass.
    fn later(&mut self, time: Duration) -> Vec<Sent> {
        self.connection.tick(Instant::now() + time);
        self.connection.pump();
        self.sent()
    }

    /// What others asked of this connection.
    fn woken(&mut self) -> Vec<Sent> {
        self.connection.woken();
        self.connection.pump();
        self.sent()
    }

    fn fate(&self) -> Fate {
        self.connection.fate()
    }

    /// All frames sent since the last look.
    fn sent(&mut self) -> Vec<Sent> {
        let out = std::mem::take(self.connection.out());
        let mut rest = &out[..];
        let mut sent = Vec::new();
        while let Some(frame) = frame::parse(rest, 1 << 20).unwrap() {
            rest = &rest[frame.size..];
            let mut reader = Reader::new(frame.body);
            let Ok(Value::Described(code, fields)) = reader.value() else { continue };
            let Value::List(fields) = *fields else { panic!("{fields:?} are no fields") };
            let code = code.as_i64().unwrap() as u64;
            let payload = reader.rest().to_vec();
            sent.push(Sent { channel: frame.channel, code, fields, payload });
        }
        assert!(rest.is_empty(), "half a frame");
        sent
    }

    /// The one frame sent since the last look.
    fn only(&mut self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }
}

fn transfer(handle: u32, id: u32, format: u32, settled: bool, more: bool) -> Vec<Value> {
    vec![
        Value::Uint(handle),
        Value::Uint(id),
        Value::Binary(id.to_be_bytes().to_vec().into()),
        Value::Uint(format),
        Value::Bool(settled),
        Value::Bool(more),
    ]
}

fn data(bytes: &[u8]) -> Value {
    described(0x75, Value::Binary(bytes.to_vec().into()))
}

/// An event with a message-id and a body.
fn event(id: &str, body: &[u8]) -> Vec<u8> {
    encode(&[described(0x73, Value::List(vec![text(id)])), data(body)])
}

/// The annotations that hold a partition key.
fn keyed(key: &str) -> Value {
    described(0x72, Value::Map(vec![(symbol("x-opt-partition-key"), text(key))]))
}

fn batch(annotations: Option<Value>, events: &[Vec<u8>]) -> Vec<u8> {
    let sections = annotations.into_iter().chain(events.iter().map(|event| data(event)));
    encode(&sections.collect::<Vec<_>>())
}
