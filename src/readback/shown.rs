//! An event, for people and for scripts. Pure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::eventhubs::reader::{EventBody, HubEvent, Property};
use crate::plain;

use super::{By, HubPlace};

/// An event as it is shown. `docs/commands.md` says what each key of its JSON means.
#[derive(Debug, Serialize)]
pub struct SeenEvent {
    namespace: String,
    hub: String,
    hub_partition: String,
    sequence: i64,
    offset: String,
    enqueued: Value,
    partition_key: Option<String>,
    message_id: Option<String>,
    content_type: Option<String>,
    content_encoding: Option<String>,
    properties: Named,
    annotations: Named,
    size: usize,
    /// JSON where the body is JSON, or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Text>,
    /// Where it is neither.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    read_by: &'static str,
}

#[derive(Debug)]
struct Named(Vec<(String, Value)>);

impl Serialize for Named {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl From<Vec<(String, Property)>> for Named {
    fn from(named: Vec<(String, Property)>) -> Self {
        Self(named.into_iter().map(|(name, property)| (name, value(property))).collect())
    }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Text {
    Json(Box<RawValue>),
    Plain(String),
}

/// A time in RFC 3339; one that no calendar has, in milliseconds.
fn time(millis: i64) -> Value {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => json!(time.to_string()),
        Err(_) => json!(millis),
    }
}

fn value(property: Property) -> Value {
    match property {
        Property::Null => Value::Null,
        Property::Bool(is) => json!(is),
        Property::Number(number) => json!(number),
        Property::Real(number) => json!(number),
        Property::Time(millis) => time(millis),
        Property::Text(text) | Property::Other(text) => json!(text),
        Property::Bytes(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

impl SeenEvent {
    /// An event of that partition of `place`, and who has read it.
    pub fn of(event: HubEvent, place: &HubPlace, partition: &str, by: By) -> Self {
        let bytes = event.body.bytes();
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        // `RawValue` keeps every digit; what is not one line of JSON is shown as text.
        let body = text.filter(|text| !text.is_empty()).map(|text| {
            match serde_json::from_str::<Box<RawValue>>(text) {
                Ok(json) if !text.contains('\n') => Text::Json(json),
                _ => Text::Plain(text.to_owned()),
            }
        });
        let other = match &event.body {
            EventBody::Value(property) if bytes.is_none() => {
                Some(Text::Plain(property.to_string()))
            }
            _ => None,
        };
        let body_base64 = bytes.filter(|_| text.is_none()).map(|bytes| STANDARD.encode(bytes));
        Self {
            namespace: place.namespace.clone(),
            hub: place.hub.clone(),
            hub_partition: partition.to_owned(),
            sequence: event.sequence,
            enqueued: time(event.enqueued_ms),
            size: bytes.map_or(0, <[u8]>::len),
            body: body.or(other),
            body_base64,
            offset: event.offset,
            partition_key: event.key,
            message_id: event.message_id,
            content_type: event.content_type,
            content_encoding: event.content_encoding,
            properties: event.properties.into(),
            annotations: event.annotations.into(),
            read_by: by.as_str(),
        }
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        plain::json(&serde_json::to_string(self).expect("its maps have names"))
    }
}

impl fmt::Display for SeenEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, hub, hub_partition, sequence, size, .. } = self;
        let enqueued = self.enqueued.as_str().map_or(self.enqueued.to_string(), str::to_owned);
        let offset = plain::line(&self.offset);
        write!(f, "{}/{}", plain::line(namespace), plain::line(hub))?;
        write!(f, ", partition {}, event {sequence}", plain::line(hub_partition))?;
        write!(f, " at offset {offset}, stored {enqueued}, {size} bytes")?;
        for (name, text) in [
            ("key", &self.partition_key),
            ("message-id", &self.message_id),
            ("content-type", &self.content_type),
            ("content-encoding", &self.content_encoding),
        ] {
            if let Some(text) = text {
                write!(f, "\n  {name}: {}", plain::line(text))?;
            }
        }
        for (name, value) in self.annotations.0.iter().chain(&self.properties.0) {
            write!(f, "\n  {}: {}", plain::line(name), plain::json(&value.to_string()))?;
        }
        match (&self.body, &self.body_base64) {
            (Some(Text::Json(json)), _) => write!(f, "\n{}", plain::block(json.get(), "  | ")),
            (Some(Text::Plain(text)), _) => write!(f, "\n{}", plain::block(text, "  | ")),
            (None, Some(base64)) => write!(f, "\n  body, in base64: {base64}"),
            (None, None) => write!(f, "\n  no body"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn seen(body: EventBody) -> SeenEvent {
        let event = HubEvent {
            sequence: 7,
            offset: "4096".to_owned(),
            enqueued_ms: 1_767_225_600_000,
            key: Some("k\u{1b}[2J".to_owned()),
            message_id: None,
            content_type: Some("text/plain".to_owned()),
            content_encoding: None,
            properties: vec![
                ("kafka_timestamp".to_owned(), Property::Time(1_767_225_600_000)),
                ("evil\u{202e}".to_owned(), Property::Text("\u{9b}31m".to_owned())),
                ("raw".to_owned(), Property::Bytes(Bytes::from_static(&[0, 255]))),
            ],
            annotations: vec![("x-opt-else".to_owned(), Property::Number(3))],
            body,
        };
        let place = HubPlace { namespace: "default".to_owned(), hub: "orders".to_owned() };
        SeenEvent::of(event, &place, "3", By::Microsoft)
    }

    #[test]
    fn a_terminal_obeys_nothing_of_an_event() {
        let text = Bytes::from_static("\u{1b}]0;x\u{7}\nhint: rm".as_bytes());
        let shown = seen(EventBody::Bytes(text)).to_string();
        assert_eq!(
            shown,
            "default/orders, partition 3, event 7 at offset 4096, stored 2026-01-01T00:00:00Z, 15 bytes\
             \n  key: k\\u{1b}[2J\
             \n  content-type: text/plain\
             \n  x-opt-else: 3\
             \n  kafka_timestamp: \"2026-01-01T00:00:00Z\"\
             \n  evil\\u{202e}: \"\\u009b31m\"\
             \n  raw: {\"base64\":\"AP8=\"}\
             \n  | \\u{1b}]0;x\\u{7}\
             \n  | hint: rm"
        );
    }

    #[test]
    fn a_body_is_json_text_or_base64() {
        let json = |body: EventBody| serde_json::from_str::<Value>(&seen(body).json()).unwrap();
        let of = |bytes: &'static [u8]| json(EventBody::Bytes(Bytes::from_static(bytes)));
        let document = of(br#"{"n": 1.50}"#);
        assert_eq!(document["body"], json!({ "n": 1.5 }));
        assert!(
            seen(EventBody::Bytes(Bytes::from_static(b"1.50"))).json().contains("\"body\":1.50,")
        );
        assert_eq!((&document["sequence"], &document["offset"]), (&json!(7), &json!("4096")));
        assert_eq!(document["enqueued"], "2026-01-01T00:00:00Z");
        assert_eq!(document["hub_partition"], "3");
        assert_eq!(document["read_by"], "microsoft");
        assert_eq!(document["partition_key"], "k\u{1b}[2J");
        assert_eq!(of(b"text")["body"], "text");
        assert_eq!(of(&[0, 255])["body_base64"], "AP8=");
        assert_eq!(of(b"").get("body"), None);
        assert_eq!(json(EventBody::Value(Property::Number(9)))["body"], "9");
        assert_eq!(json(EventBody::Missing).get("body"), None);
    }
}
