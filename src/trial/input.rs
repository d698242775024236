//! A record as a line of JSON: `{"topic": "orders", "key": "k1", "value": {"id": 1}, "headers": {"type": "created"}}`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::record::{Header, OwnedRecord, Record};

/// What a line may say. What it leaves out is that of the line's number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputLine {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<InputTime>,
    key: Option<Box<RawValue>>,
    key_base64: Option<Base64>,
    /// Also where it says `null`.
    #[serde(default, deserialize_with = "said")]
    value: Option<Box<RawValue>>,
    value_base64: Option<Base64>,
    #[serde(default)]
    headers: InputHeaders,
}

fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

/// Milliseconds since the Unix epoch, or RFC 3339.
#[derive(Deserialize)]
#[serde(untagged)]
enum InputTime {
    Millis(i64),
    Said(jiff::Timestamp),
}

/// Bytes, written in base64.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Base64(Vec<u8>);

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self)
    }
}

/// The value of a header: text, nothing, or bytes.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeaderValue {
    Text(String),
    Bytes { base64: Base64 },
    Null(()),
}

/// An object, or a list of pairs where a name comes twice; in order.
#[derive(Default)]
struct InputHeaders(Vec<(String, HeaderValue)>);

impl<'de> Deserialize<'de> for InputHeaders {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = InputHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers, or a list of pairs of name and value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InputHeaders, A::Error> {
                let mut all = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    all.push(pair);
                }
                Ok(InputHeaders(all))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<InputHeaders, A::Error> {
                let mut all = Vec::new();
                while let Some(pair) = list.next_element()? {
                    all.push(pair);
                }
                Ok(InputHeaders(all))
            }
        }
        from.deserialize_any(Either)
    }
}

/// Reads the record of line `number`, from 0 on, which is of `topic` unless it says another.
pub(super) fn read(line: &str, number: i64, topic: Option<&str>) -> Result<OwnedRecord, String> {
    let line: InputLine = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let topic = line.topic.as_deref().or(topic).ok_or(
        "`topic` is missing, and the mappings have several: add it, or select one mapping",
    )?;
    let key = match (line.key, line.key_base64) {
        (Some(_), Some(_)) => return Err("it has both `key` and `key_base64`".to_owned()),
        (key, None) => key.map(|json| bytes(&json)),
        (None, Some(Base64(bytes))) => Some(bytes),
    };
    let value = match (line.value, line.value_base64) {
        (Some(_), Some(_)) => return Err("it has both `value` and `value_base64`".to_owned()),
        (None, None) => {
            let missing = "it has no `value`: add one, `null` for a tombstone, or `value_base64`";
            return Err(missing.to_owned());
        }
        (Some(value), None) => (value.get() != "null").then(|| bytes(&value)),
        (None, Some(Base64(bytes))) => Some(bytes),
    };
    let value_of = |value: HeaderValue| match value {
        HeaderValue::Text(text) => Some(text.into_bytes()),
        HeaderValue::Bytes { base64 } => Some(base64.0),
        HeaderValue::Null(()) => None,
    };
    let headers = line.headers.0.into_iter().map(|(name, value)| (name, value_of(value)));
    let headers: Vec<_> = headers.collect();
    let lent = headers
        .iter()
        .map(|(name, value)| Header { name: name.as_bytes(), value: value.as_deref() });
    let timestamp = line.timestamp.map(|time| match time {
        InputTime::Millis(millis) => millis,
        InputTime::Said(time) => time.as_millisecond(),
    });
    Ok(OwnedRecord::copy_of(&Record {
        topic,
        partition: line.partition.unwrap_or(0),
        offset: line.offset.unwrap_or(number),
        timestamp,
        key: key.as_deref(),
        value: value.as_deref(),
        headers: &lent.collect::<Vec<_>>(),
    }))
}

/// A JSON string is its text; anything else is its JSON, byte for byte.
fn bytes(json: &RawValue) -> Vec<u8> {
    match serde_json::from_str::<String>(json.get()) {
        Ok(text) => text.into_bytes(),
        Err(_) => json.get().as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_record() {
        let line = r#"{"partition": 2, "timestamp": "2026-01-01T00:00:00Z", "key": 7, "value": {"a":1.50},
            "headers": [["h", "x"], ["h", null], ["b", {"base64": "AP8="}]]}"#;
        read(line, 5, Some("orders")).unwrap().with(|record| {
            assert_eq!((record.topic, record.partition, record.offset), ("orders", 2, 5));
            assert_eq!(record.timestamp, Some(1_767_225_600_000));
            assert_eq!(record.key, Some(&b"7"[..]));
            assert_eq!(record.value, Some(&br#"{"a":1.50}"#[..]), "byte for byte");
            let header = |name: &'static str, value| Header { name: name.as_bytes(), value };
            let expected =
                [header("h", Some(&b"x"[..])), header("h", None), header("b", Some(&[0, 255][..]))];
            assert_eq!(record.headers, expected);
        });
        let line =
            r#"{"topic": "t", "key_base64": "", "value": null, "headers": {"b": "1", "a": "2"}}"#;
        read(line, 0, None).unwrap().with(|record| {
            assert_eq!((record.topic, record.value, record.key), ("t", None, Some(&[][..])));
            let names: Vec<_> = record.headers.iter().map(|header| header.name).collect();
            assert_eq!(names, [b"b", b"a"], "in order");
        });
        let text = read(r#"{"value": "text"}"#, 0, Some("t")).unwrap();
        text.with(|record| assert_eq!(record.value, Some(&b"text"[..])));
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong() {
        let wrong = |line: &str, says: &str| {
            let error = read(line, 0, Some("t")).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        };
        wrong("", "EOF");
        wrong("{}", "no `value`");
        wrong(r#"{"value": 1, "value_base64": ""}"#, "both `value`");
        wrong(r#"{"value": 1, "key": 1, "key_base64": ""}"#, "both `key`");
        wrong(r#"{"value_base64": "?"}"#, "nvalid");
        wrong(r#"{"value": 1, "offsett": 1}"#, "offsett");
        wrong(r#"{"value": 1, "headers": "x"}"#, "headers");
        assert!(read(r#"{"value": 1}"#, 0, None).unwrap_err().contains("`topic` is missing"));
    }
}
