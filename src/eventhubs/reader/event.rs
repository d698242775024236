//! An event as it was read: what the service says of it, and what its sender wrote.

use amqp::Decoded;
use amqp::read::Reader;
use amqp::sections::{
    APPLICATION_PROPERTIES, DATA, MESSAGE_ANNOTATIONS, PROPERTIES, Sections, VALUE,
};
use amqp::value::Value;
use bytes::Bytes;

/// The last byte of the descriptor of a body that is a list.
const SEQUENCE: u8 = 0x76;

/// An event of a hub.
#[derive(Debug, Clone, PartialEq)]
pub struct HubEvent {
    /// Its number in the partition.
    pub sequence: i64,
    /// Its offset, which is of any form.
    pub offset: String,
    /// When it was stored, in milliseconds since the Unix epoch.
    pub enqueued_ms: i64,
    /// The partition key, if the sender set one.
    pub key: Option<String>,
    /// The message-id; one that is no text, as text.
    pub message_id: Option<String>,
    /// The content-type.
    pub content_type: Option<String>,
    /// The content-encoding.
    pub content_encoding: Option<String>,
    /// The application properties, in the order they were written.
    pub properties: Vec<(String, Property)>,
    /// The other message annotations.
    pub annotations: Vec<(String, Property)>,
    /// The body.
    pub body: EventBody,
}

/// The body of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    /// Bytes.
    Bytes(Bytes),
    /// A value of AMQP, which other senders than the bridge may write.
    Value(Property),
    /// There is none.
    Missing,
}

impl EventBody {
    /// The bytes; `None` when it is something else.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) | Self::Value(Property::Bytes(bytes)) => Some(bytes),
            Self::Value(Property::Text(text)) => Some(text.as_bytes()),
            Self::Value(_) | Self::Missing => None,
        }
    }
}

/// A value that a sender wrote.
#[derive(Debug, Clone, PartialEq)]
pub enum Property {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number of any width.
    Number(i64),
    /// A number with a fraction.
    Real(f64),
    /// A time, in milliseconds since the Unix epoch.
    Time(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
    /// Anything else, as text.
    Other(String),
}

impl From<Value> for Property {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Timestamp(millis) => Self::Time(millis),
            Value::String(text) | Value::Symbol(text) => Self::Text(text),
            Value::Binary(bytes) => Self::Bytes(bytes),
            Value::Float(value) => Self::Real(value.into()),
            Value::Double(value) => Self::Real(value),
            Value::Uuid(bytes) => Self::Other(uuid(bytes)),
            other => match other.as_i64() {
                Some(number) => Self::Number(number),
                None => Self::Other(format!("{other:?}")),
            },
        }
    }
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl std::fmt::Display for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(value) | Self::Time(value) => write!(f, "{value}"),
            Self::Real(value) => write!(f, "{value}"),
            Self::Text(text) | Self::Other(text) => f.write_str(text),
            Self::Bytes(bytes) => write!(f, "{}", bytes.escape_ascii()),
        }
    }
}

impl HubEvent {
    /// Reads an encoded message as the service delivers it. One that was not stored yet has the sequence number -1.
    pub fn decode(message: &Bytes) -> Result<Self, String> {
        read(message).map_err(|error| error.to_string())
    }

    /// One of the application properties.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

fn read(message: &Bytes) -> Decoded<HubEvent> {
    let mut event = HubEvent {
        sequence: -1,
        offset: String::new(),
        enqueued_ms: 0,
        key: None,
        message_id: None,
        content_type: None,
        content_encoding: None,
        properties: Vec::new(),
        annotations: Vec::new(),
        body: EventBody::Missing,
    };
    for section in Sections::of(message) {
        let section = section?;
        let mut reader = Reader::new(section.value);
        match section.code {
            MESSAGE_ANNOTATIONS => annotations(&mut event, reader.value()?),
            PROPERTIES => properties(&mut event, reader.value()?),
            APPLICATION_PROPERTIES => event.properties = named(reader.value()?),
            DATA => {
                let bytes = message.slice_ref(reader.binary()?);
                event.body = match event.body {
                    // A body may come in pieces.
                    EventBody::Bytes(before) => EventBody::Bytes([before, bytes].concat().into()),
                    _ => EventBody::Bytes(bytes),
                };
            }
            VALUE | SEQUENCE => event.body = EventBody::Value(reader.value()?.into()),
            _ => {}
        }
    }
    Ok(event)
}

fn annotations(event: &mut HubEvent, map: Value) {
    for (name, value) in named(map) {
        match (&*name, value) {
            ("x-opt-sequence-number", Property::Number(number)) => event.sequence = number,
            ("x-opt-enqueued-time", Property::Time(millis)) => event.enqueued_ms = millis,
            ("x-opt-offset", offset) => event.offset = offset.to_string(),
            ("x-opt-partition-key", Property::Text(key)) => event.key = Some(key),
            (_, value) => event.annotations.push((name, value)),
        }
    }
}

/// Message-id, five fields that nobody needs here, content-type and content-encoding.
fn properties(event: &mut HubEvent, list: Value) {
    let Value::List(fields) = list else { return };
    let text = |value: Value| match Property::from(value) {
        Property::Null => None,
        other => Some(other.to_string()),
    };
    for (at, field) in fields.into_iter().enumerate() {
        match at {
            0 => event.message_id = text(field),
            6 => event.content_type = text(field),
            7 => event.content_encoding = text(field),
            _ => {}
        }
    }
}

fn named(map: Value) -> Vec<(String, Property)> {
    let Value::Map(pairs) = map else { return Vec::new() };
    let name = |key: Value| match key {
        Value::String(name) | Value::Symbol(name) => name,
        other => Property::from(other).to_string(),
    };
    pairs.into_iter().map(|(key, value)| (name(key), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use amqp::write;

    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    fn section(out: &mut Vec<u8>, code: u8, value: &Value) {
        write::descriptor(out, code);
        write::value(out, value);
    }

    #[test]
    fn what_the_service_and_the_sender_say_is_read() {
        let symbol = |text: &str| Value::Symbol(text.into());
        let mut out = Vec::new();
        let annotations = vec![
            (symbol("x-opt-sequence-number"), Value::Long(7)),
            (symbol("x-opt-offset"), text("1:2:3")),
            (symbol("x-opt-enqueued-time"), Value::Timestamp(1_700_000_000_000)),
            (symbol("x-opt-partition-key"), text("k")),
            (symbol("x-opt-else"), Value::Int(3)),
        ];
        section(&mut out, MESSAGE_ANNOTATIONS, &Value::Map(annotations));
        let mut fields = vec![text("orders/1/7")];
        fields.resize(6, Value::Null);
        fields.extend([symbol("text/plain"), symbol("gzip")]);
        section(&mut out, PROPERTIES, &Value::List(fields));
        let all = vec![
            (text("n"), Value::Long(-1)),
            (text("t"), Value::Timestamp(5)),
            (text("b"), Value::Binary(Bytes::from_static(b"\0x"))),
        ];
        section(&mut out, APPLICATION_PROPERTIES, &Value::Map(all));
        section(&mut out, DATA, &Value::Binary(Bytes::from_static(b"hel")));
        section(&mut out, DATA, &Value::Binary(Bytes::from_static(b"lo")));
        let message = Bytes::from(out);
        let event = HubEvent::decode(&message).unwrap();
        assert_eq!((event.sequence, &*event.offset), (7, "1:2:3"));
        assert_eq!((event.enqueued_ms, event.key.as_deref()), (1_700_000_000_000, Some("k")));
        assert_eq!(event.annotations, [("x-opt-else".to_owned(), Property::Number(3))]);
        assert_eq!(event.message_id.as_deref(), Some("orders/1/7"));
        assert_eq!(event.content_type.as_deref(), Some("text/plain"));
        assert_eq!(event.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(event.property("n"), Some(&Property::Number(-1)));
        assert_eq!(event.property("t"), Some(&Property::Time(5)));
        assert_eq!(event.property("b").unwrap().to_string(), "\\x00x");
        assert_eq!(event.body.bytes(), Some(&b"hello"[..]));
        assert!(HubEvent::decode(&message.slice(..message.len() - 1)).is_err(), "cut short");
    }

    #[test]
    fn what_other_senders_write_is_read_too() {
        let mut out = Vec::new();
        let bytes = std::array::from_fn(|at| at as u8);
        section(&mut out, PROPERTIES, &Value::List(vec![Value::Uuid(bytes)]));
        section(&mut out, VALUE, &text("a text"));
        let event = HubEvent::decode(&out.into()).unwrap();
        let id = "00010203-0405-0607-0809-0a0b0c0d0e0f";
        assert_eq!(event.message_id.as_deref(), Some(id));
        assert_eq!(event.body, EventBody::Value(Property::Text("a text".into())));
        assert_eq!(event.sequence, -1);
        assert_eq!(HubEvent::decode(&Bytes::new()).unwrap().body, EventBody::Missing);
    }
}
