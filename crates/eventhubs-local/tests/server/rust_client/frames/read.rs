//! Frames as texts that can be compared: what is absent, or null, is left out, and names that a client makes up are one word.

use std::collections::{BTreeMap, HashMap};

use amqp::frame::{self, AMQP_HEADER, Kind, SASL_HEADER};
use amqp::read::Reader;
use amqp::value::Value;

/// The fields of the first frame of each kind.
pub(super) type Said = BTreeMap<String, BTreeMap<String, String>>;

const OPEN: [&str; 10] = [
    "container-id",
    "hostname",
    "max-frame-size",
    "channel-max",
    "idle-time-out",
    "outgoing-locales",
    "incoming-locales",
    "offered-capabilities",
    "desired-capabilities",
    "properties",
];
const BEGIN: [&str; 8] = [
    "remote-channel",
    "next-outgoing-id",
    "incoming-window",
    "outgoing-window",
    "handle-max",
    "offered-capabilities",
    "desired-capabilities",
    "properties",
];
const ATTACH: [&str; 14] = [
    "name",
    "handle",
    "role",
    "snd-settle-mode",
    "rcv-settle-mode",
    "source",
    "target",
    "unsettled",
    "incomplete-unsettled",
    "initial-delivery-count",
    "max-message-size",
    "offered-capabilities",
    "desired-capabilities",
    "properties",
];
const FLOW: [&str; 11] = [
    "next-incoming-id",
    "incoming-window",
    "next-outgoing-id",
    "outgoing-window",
    "handle",
    "delivery-count",
    "link-credit",
    "available",
    "drain",
    "echo",
    "properties",
];
const TRANSFER: [&str; 11] = [
    "handle",
    "delivery-id",
    "delivery-tag",
    "message-format",
    "settled",
    "more",
    "rcv-settle-mode",
    "state",
    "resume",
    "aborted",
    "batchable",
];
const DISPOSITION: [&str; 6] = ["role", "first", "last", "settled", "state", "batchable"];
const SOURCE: [&str; 11] = [
    "address",
    "durable",
    "expiry-policy",
    "timeout",
    "dynamic",
    "dynamic-node-properties",
    "distribution-mode",
    "filter",
    "default-outcome",
    "outcomes",
    "capabilities",
];
const TARGET: [&str; 7] = [
    "address",
    "durable",
    "expiry-policy",
    "timeout",
    "dynamic",
    "dynamic-node-properties",
    "capabilities",
];
/// What a client makes up, or numbers as it likes.
const OWN: [&str; 7] =
    ["container-id", "name", "delivery-tag", "handle", "delivery-id", "first", "last"];

const MADE_UP: &str = "its own";

/// What the connections of a client said.
pub(super) fn said(connections: &[Vec<u8>]) -> Said {
    let mut said = Said::new();
    for connection in connections {
        one(connection, &mut said);
    }
    said
}

fn one(mut bytes: &[u8], said: &mut Said) {
    // The links, by channel and handle.
    let mut links = HashMap::new();
    while !bytes.is_empty() {
        if let Some(rest) =
            bytes.strip_prefix(&SASL_HEADER).or_else(|| bytes.strip_prefix(&AMQP_HEADER))
        {
            bytes = rest;
            continue;
        }
        let Some(frame) = frame::parse(bytes, usize::MAX).unwrap() else { break };
        bytes = &bytes[frame.size..];
        if !frame.body.is_empty() {
            let (kind, fields) = performative(frame.kind, frame.channel, frame.body, &mut links);
            said.entry(kind).or_insert(fields);
        }
    }
}

type Links = HashMap<(u16, String), String>;

fn performative(
    kind: Kind,
    channel: u16,
    body: &[u8],
    links: &mut Links,
) -> (String, BTreeMap<String, String>) {
    let value = Reader::new(body).value().expect("a performative");
    let Value::Described(code, list) = value else { panic!("no performative") };
    let (Value::Ulong(code), Value::List(list)) = (*code, *list) else { panic!("no list") };
    if kind == Kind::Sasl {
        return ("sasl-init".into(), fields(&["mechanism", "response", "hostname"], &list));
    }
    let raw = |place: usize| list.get(place).map(show).unwrap_or_default();
    let (name, names): (&str, &[&str]) = match code {
        0x10 => ("open", &OPEN),
        0x11 => ("begin", &BEGIN),
        0x12 => ("attach", &ATTACH),
        0x13 => ("flow", &FLOW),
        0x14 => ("transfer", &TRANSFER),
        0x15 => ("disposition", &DISPOSITION),
        0x16 => ("detach", &["handle", "closed", "error"]),
        0x17 => ("end", &["error"]),
        0x18 => ("close", &["error"]),
        other => panic!("{other:#x}"),
    };
    let mut fields = fields(names, &list);
    let handle = match code {
        0x12 => {
            let there = if raw(2) == "true" { "source.address" } else { "target.address" };
            let way = if raw(2) == "true" { "from" } else { "to" };
            let address = fields.get(there).cloned().unwrap_or_default();
            let here = if raw(2) == "true" { "target.address" } else { "source.address" };
            hide(&mut fields, here);
            links.insert((channel, raw(1)), format!("{way} {}", node(&address)));
            raw(1)
        }
        // The version of the library, and of the system.
        0x10 => {
            hide(&mut fields, "properties");
            String::new()
        }
        0x13 => raw(4),
        0x14 | 0x16 => raw(0),
        _ => String::new(),
    };
    match links.get(&(channel, handle)) {
        Some(link) => (format!("{name} {link}"), fields),
        None => (name.to_owned(), fields),
    }
}

/// What is there and made up differs between any two connections.
fn hide(fields: &mut BTreeMap<String, String>, field: &str) {
    if let Some(text) = fields.get_mut(field) {
        MADE_UP.clone_into(text);
    }
}

/// The node of an address, which may be written as a URL.
fn node(address: &str) -> String {
    let path = address
        .split_once("://")
        .map_or(address, |(_, rest)| rest.split_once('/').map_or(rest, |(_, path)| path));
    path.trim_matches('"').to_owned()
}

fn fields(names: &[&str], list: &[Value]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in names.iter().zip(list) {
        match (*name, value) {
            (_, Value::Null) => {}
            ("source" | "target", Value::Described(_, terminus)) => {
                let Value::List(inner) = &**terminus else { panic!("no list") };
                let names: &[&str] = if *name == "source" { &SOURCE } else { &TARGET };
                let inner = fields(names, inner);
                found.extend(
                    inner.into_iter().map(|(field, text)| (format!("{name}.{field}"), text)),
                );
            }
            (own, _) if OWN.contains(&own) => {
                found.insert(own.to_owned(), MADE_UP.to_owned());
            }
            (name, value) => {
                found.insert(name.to_owned(), show(value));
            }
        }
    }
    found
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Ubyte(value) => value.to_string(),
        Value::Ushort(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Ulong(value) => value.to_string(),
        Value::String(text) => format!("\"{text}\""),
        Value::Symbol(text) => text.clone(),
        Value::Array(values) | Value::List(values) => {
            let values: Vec<_> = values.iter().map(show).collect();
            format!("[{}]", values.join(", "))
        }
        Value::Map(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(key, value)| format!("{}={}", show(key), show(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Described(code, value) => format!("{}:{}", show(code), show(value)),
        Value::Binary(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        other => format!("{other:?}"),
    }
}
