//! Events as they must be, and as they are: read from the hub's own log, or by Microsoft's client.
//!
//! What must be is written down here a second time, from the documentation and not from the bridge's code.

use std::collections::BTreeMap;

use azure_messaging_eventhubs::models::{AmqpSimpleValue, MessageId, ReceivedEventData};
use eventhubs_local::{Event, Value};
use sha2::{Digest, Sha256};

use crate::Out;

/// An application property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    /// No value.
    Null,
    /// `boolean`
    Bool(bool),
    /// `int`
    Int(i32),
    /// `long`
    Long(i64),
    /// Milliseconds since the Unix epoch.
    Timestamp(i64),
    /// `string`
    Text(String),
    /// `binary`
    Binary(Vec<u8>),
    /// Of a type the bridge never writes.
    Other(String),
}

/// An event, as far as it is the bridge's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Topic, partition and offset of its record.
    pub message_id: String,
    /// The partition key.
    pub key: Option<String>,
    /// Of the properties of the message.
    pub content_type: Option<String>,
    /// The application properties.
    pub properties: BTreeMap<String, Property>,
    /// The data.
    pub body: Vec<u8>,
}

/// What events are to carry: `[events]` of the configuration.
#[derive(Debug, Clone)]
pub struct Form {
    /// `None`: no source properties.
    pub prefix: Option<&'static str>,
    /// Headers are carried over.
    pub headers: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { prefix: Some("kafka_"), headers: true }
    }
}

/// Bytes as text: a character of control, or a byte that is none of UTF-8, is `\xHH`; and so is a backslash that could be taken
/// for one.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let character = (1..=rest.len().min(4)).find_map(|len| str::from_utf8(&rest[..len]).ok());
        let (taken, behind) = rest.split_at(character.map_or(1, str::len));
        let looks_escaped = taken == b"\\"
            && behind.first() == Some(&b'x')
            && behind.get(1..3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        match character {
            Some("\t" | "\n" | "\r") => text.push(char::from(taken[0])),
            Some(it) if !looks_escaped && !it.contains(char::is_control) => text.push_str(it),
            _ => text.extend(taken.iter().map(|byte| format!("\\x{byte:02x}"))),
        }
        rest = behind;
    }
    text
}

/// The partition key of a key that is text, and whether it is all of it.
pub fn partition_key(key: &[u8]) -> (String, bool) {
    let text = shown(key);
    if (1..=128).contains(&text.encode_utf16().count()) && !text.starts_with("sha256:") {
        return (text, true);
    }
    let digest =
        Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    (format!("sha256:{digest}"), false)
}

/// The event that `record`, read from that place, must become.
pub fn expected(record: &Out, topic: &str, partition: i32, offset: i64, form: &Form) -> Seen {
    let mut properties = BTreeMap::new();
    let mut content_type = None;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let own = ["topic", "partition", "offset", "timestamp", "key", "tombstone", "replayed"];
    let own_name = |name: &str| {
        let rest = form.prefix.and_then(|prefix| name.strip_prefix(prefix));
        rest.is_some_and(|rest| own.contains(&rest))
    };
    for (name, value) in record.headers.iter().filter(|_| form.headers) {
        let name = text(name).unwrap_or_else(|| escaped(name));
        let value = match value {
            None => Property::Null,
            Some(value) => Property::Text(shown(value)),
        };
        match value {
            Property::Text(value) if name == "content-type" && value.is_ascii() => {
                content_type = Some(value);
            }
            // Of headers with one name the last counts.
            value if !own_name(&name) => drop(properties.insert(name, value)),
            _ => {}
        }
    }
    let key = record.key.as_ref().map(|key| partition_key(key));
    if let Some(prefix) = form.prefix {
        let mut set = |name: &str, value| properties.insert(format!("{prefix}{name}"), value);
        set("topic", Property::Text(topic.to_owned()));
        set("partition", Property::Int(partition));
        set("offset", Property::Long(offset));
        if let Some(timestamp) = record.timestamp {
            set("timestamp", Property::Timestamp(timestamp));
        }
        if let (Some(whole), Some((_, false))) = (&record.key, &key) {
            set("key", Property::Text(shown(whole)));
        }
        if record.value.is_none() {
            set("tombstone", Property::Bool(true));
        }
    }
    Seen {
        message_id: format!("{topic}/{partition}/{offset}"),
        key: key.map(|(key, _)| key),
        content_type,
        properties,
        body: record.value.clone().unwrap_or_default(),
    }
}

/// Percent-encoded where it is not ASCII, and so `%` too.
fn escaped(name: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_control() && byte != b'%';
    name.iter().fold(String::new(), |text, byte| match plain(*byte) {
        true => text + char::from(*byte).encode_utf8(&mut [0; 4]),
        false => text + &format!("%{byte:02X}"),
    })
}

/// Topic, partition and offset in a message-id.
pub fn place(message_id: &str) -> Option<(&str, i32, i64)> {
    let mut parts = message_id.rsplitn(3, '/');
    let offset = parts.next()?.parse().ok()?;
    let partition = parts.next()?.parse().ok()?;
    Some((parts.next()?, partition, offset))
}

impl Seen {
    /// An event of the hub's log.
    pub fn stored(event: &Event) -> Self {
        let properties = event.application_properties();
        let count = properties.len();
        let properties: BTreeMap<_, _> =
            properties.into_iter().map(|(name, value)| (name, property(value))).collect();
        assert_eq!(properties.len(), count, "a name stands once");
        assert_eq!(event.data_sections(), 1, "every client reads one data section");
        Self {
            message_id: event.message_id().expect("a message-id").to_owned(),
            key: event.partition_key().map(str::to_owned),
            content_type: event.content_type(),
            properties,
            body: event.body().expect("a body").to_vec(),
        }
    }

    /// An event as Microsoft's client gives it.
    pub fn received(received: &ReceivedEventData) -> Self {
        let event = received.event_data();
        let Some(MessageId::String(message_id)) = event.message_id() else {
            panic!("the message-id is a string: {:?}", event.message_id());
        };
        let named = |(name, value): (&String, &AmqpSimpleValue)| (name.clone(), simple(value));
        Self {
            message_id: message_id.clone(),
            key: received.partition_key().clone(),
            content_type: event.content_type().map(str::to_owned),
            properties: event.properties().into_iter().flatten().map(named).collect(),
            body: event.body().expect("a body").to_vec(),
        }
    }
}

fn property(value: Value) -> Property {
    match value {
        Value::Null => Property::Null,
        Value::Bool(value) => Property::Bool(value),
        Value::Int(value) => Property::Int(value),
        Value::Long(value) => Property::Long(value),
        Value::Timestamp(value) => Property::Timestamp(value),
        Value::String(value) => Property::Text(value),
        Value::Binary(value) => Property::Binary(value.to_vec()),
        other => Property::Other(format!("{other:?}")),
    }
}

fn simple(value: &AmqpSimpleValue) -> Property {
    match value {
        AmqpSimpleValue::Null => Property::Null,
        AmqpSimpleValue::Boolean(value) => Property::Bool(*value),
        AmqpSimpleValue::Int(value) => Property::Int(*value),
        AmqpSimpleValue::Long(value) => Property::Long(*value),
        AmqpSimpleValue::TimeStamp(value) => {
            let since = value.0.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            Property::Timestamp(since.map_or(i64::MIN, |since| since.as_millis() as i64))
        }
        AmqpSimpleValue::String(value) => Property::Text(value.clone()),
        AmqpSimpleValue::Binary(value) => Property::Binary(value.clone()),
        other => Property::Other(format!("{other:?}")),
    }
}
