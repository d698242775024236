//! One stored event as a test or a person looks at it.
//!
//! Cheap to make and to keep (a slice of the batch it came in); each question decodes only the section it needs. What
//! cannot be decoded reads as absent.

use amqp::read::Reader;
use amqp::sections::{self, Sections, lookup};
use amqp::value::Value;
use bytes::Bytes;

/// The annotation that holds an event's partition key.
pub(crate) const PARTITION_KEY: &str = "x-opt-partition-key";

/// An event in a partition.
#[derive(Debug, Clone)]
pub struct Event {
    pub(crate) sequence: i64,
    pub(crate) offset: i64,
    pub(crate) enqueued_ms: i64,
    pub(crate) raw: Bytes,
}

impl Event {
    /// Its number in the partition, from 0, without holes.
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Its offset, as receivers get it.
    pub fn offset(&self) -> String {
        self.offset.to_string()
    }

    /// When it was stored, in milliseconds since the Unix epoch.
    pub fn enqueued_ms(&self) -> i64 {
        self.enqueued_ms
    }

    /// The encoded AMQP message exactly as it was sent.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The data sections of the body, joined; `None` when the body is something else or missing.
    pub fn body(&self) -> Option<Bytes> {
        let mut data = Sections::of(&self.raw)
            .map_while(Result::ok)
            .filter(|section| section.code == sections::DATA)
            .filter_map(|section| Reader::new(section.value).binary().ok());
        let first = data.next()?;
        let rest: Vec<&[u8]> = data.collect();
        if rest.is_empty() {
            return Some(self.raw.slice_ref(first));
        }
        Some(std::iter::once(first).chain(rest).flatten().copied().collect())
    }

    /// How many data sections the body has.
    pub fn data_sections(&self) -> usize {
        Sections::of(&self.raw)
            .map_while(Result::ok)
            .filter(|section| section.code == sections::DATA)
            .count()
    }

    /// The partition key, when the sender set one.
    pub fn partition_key(&self) -> Option<&str> {
        partition_key(&self.raw)
    }

    /// The message-id, when it is a string.
    pub fn message_id(&self) -> Option<&str> {
        let mut fields =
            Reader::new(Sections::find(&self.raw, sections::PROPERTIES)?).list().ok()?;
        fields.text().ok()?
    }

    /// The properties section: message-id, user-id, to, subject, reply-to, correlation-id, content-type, …, in AMQP's
    /// order; nulls and fields not written are `Value::Null`.
    pub fn properties(&self) -> Vec<Value> {
        match Sections::value(&self.raw, sections::PROPERTIES) {
            Some(Value::List(fields)) => fields,
            _ => Vec::new(),
        }
    }

    /// The content-type, whether symbol or string.
    pub fn content_type(&self) -> Option<String> {
        self.properties().get(6)?.as_str().map(str::to_owned)
    }

    /// The application properties, in the order they were written.
    pub fn application_properties(&self) -> Vec<(String, Value)> {
        text_keyed(Sections::value(&self.raw, sections::APPLICATION_PROPERTIES))
    }

    /// One application property; the first of that name.
    pub fn application_property(&self, name: &str) -> Option<Value> {
        lookup(Sections::find(&self.raw, sections::APPLICATION_PROPERTIES)?, name)?.value().ok()
    }

    /// The message annotations the sender wrote.
    pub fn annotations(&self) -> Vec<(String, Value)> {
        text_keyed(Sections::value(&self.raw, sections::MESSAGE_ANNOTATIONS))
    }
}

/// The partition key among a message's annotations; one that is not a string does not count, as at the service.
pub(crate) fn partition_key(message: &[u8]) -> Option<&str> {
    lookup(Sections::find(message, sections::MESSAGE_ANNOTATIONS)?, PARTITION_KEY)?.text().ok()
}

fn text_keyed(map: Option<Value>) -> Vec<(String, Value)> {
    let Some(Value::Map(pairs)) = map else { return Vec::new() };
    let named = |(key, value): (Value, Value)| match key {
        Value::String(key) | Value::Symbol(key) => Some((key, value)),
        _ => None,
    };
    pairs.into_iter().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one keyed event of the Java client, as measured on the wire.
    #[test]
    fn an_event_of_an_official_client_is_read() {
        let hex = "005372c11a02a313782d6f70742d706172746974696f6e2d6b6579a1026b31\
                   005373d00000001c00000007a1056d69642d314040404040a30a746578742f706c61696e\
                   005374c10e04a10173a103737472a10169542a005375a00568656c6c6f";
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let raw: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let event = Event { sequence: 0, offset: 0, enqueued_ms: 0, raw: raw.into() };
        assert_eq!(event.partition_key(), Some("k1"));
        assert_eq!(event.message_id(), Some("mid-1"));
        assert_eq!(event.content_type().as_deref(), Some("text/plain"));
        assert_eq!(event.application_property("i"), Some(Value::Int(42)));
        assert_eq!(
            event.application_properties(),
            [("s".into(), Value::String("str".into())), ("i".into(), Value::Int(42))]
        );
        assert_eq!(event.body().unwrap(), "hello");
        assert_eq!(event.data_sections(), 1);
    }
}
