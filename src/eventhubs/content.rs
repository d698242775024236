//! What an encoded event holds, as those who read it from the hub see it.

use amqp::read::Reader;
use amqp::sections::{self, Sections, lookup};
use amqp::value::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// The partition key.
    pub partition_key: Option<String>,
    /// The message-id.
    pub message_id: Option<String>,
    /// The content-type.
    pub content_type: Option<String>,
    /// The application properties, in the order in which they were written. A timestamp is text in RFC 3339, bytes are
    /// `{"base64": …}`.
    pub properties: Vec<(String, serde_json::Value)>,
    /// The body.
    pub body: Bytes,
}

impl Content {
    /// Reads an encoded event. What it does not have is left out.
    pub fn of(message: &Bytes) -> Self {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let annotations = Sections::find(message, sections::MESSAGE_ANNOTATIONS);
        let key = annotations.and_then(|map| lookup(map, "x-opt-partition-key"));
        let key = key.and_then(|mut value| value.text().ok().map(str::to_owned));
        let fields = match Sections::value(message, sections::PROPERTIES) {
            Some(Value::List(fields)) => fields,
            _ => Vec::new(),
        };
        let pairs = match Sections::value(message, sections::APPLICATION_PROPERTIES) {
            Some(Value::Map(pairs)) => pairs,
            _ => Vec::new(),
        };
        let named = |(name, value): (Value, Value)| Some((name.as_str()?.to_owned(), seen(&value)));
        let body = Sections::find(message, sections::DATA);
        let body = body.and_then(|data| Reader::new(data).binary().ok());
        Self {
            partition_key: key,
            message_id: text(fields.first()),
            content_type: text(fields.get(6)),
            properties: pairs.into_iter().filter_map(named).collect(),
            body: body.map_or_else(Bytes::new, |body| message.slice_ref(body)),
        }
    }
}

fn seen(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(is) => json!(is),
        Value::String(text) | Value::Symbol(text) => json!(text),
        Value::Binary(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
        Value::Timestamp(millis) => match jiff::Timestamp::from_millisecond(*millis) {
            Ok(time) => json!(time.to_string()),
            Err(_) => json!(millis),
        },
        number => number.as_i64().map_or(serde_json::Value::Null, |number| json!(number)),
    }
}

#[cfg(test)]
mod tests {
    use bridge_core::record::{Header, Record};

    use super::*;
    use crate::config::Events;
    use crate::eventhubs::encode::{Layout, encode};

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let headers = [
            Header { name: b"content-type", value: Some(b"application/json") },
            Header { name: b"none", value: None },
        ];
        let record = Record {
            topic: "orders",
            partition: 3,
            offset: 17,
            timestamp: Some(1_767_225_600_000),
            key: Some(b"k1"),
            value: Some(b"{}"),
            headers: &headers,
        };
        let message = encode(&record, &Layout::new(&Events::default())).unwrap().into();
        let content = Content::of(&message);
        let named =
            |name: &str| content.properties.iter().find(|it| it.0 == name).map(|it| it.1.clone());
        assert_eq!(content.partition_key.as_deref(), Some("k1"));
        assert_eq!(content.message_id.as_deref(), Some("orders/3/17"));
        assert_eq!(content.content_type.as_deref(), Some("application/json"));
        assert_eq!(named("kafka_partition"), Some(json!(3)));
        assert_eq!(named("kafka_offset"), Some(json!(17)));
        assert_eq!(named("kafka_timestamp"), Some(json!("2026-01-01T00:00:00Z")));
        assert_eq!(named("none"), Some(json!(null)));
        assert_eq!(content.body, "{}");
    }
}
