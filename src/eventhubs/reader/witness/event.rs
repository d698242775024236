//! From an event as Microsoft's client gives it to one of ours.

use std::time::{SystemTime, UNIX_EPOCH};

use azure_messaging_eventhubs::models::{AmqpSimpleValue, AmqpValue, MessageId, ReceivedEventData};
use bytes::Bytes;

use super::super::{EventBody, HubEvent, Property};

/// What our own reader keeps apart from the other annotations.
const KNOWN: [&str; 4] =
    ["x-opt-sequence-number", "x-opt-enqueued-time", "x-opt-offset", "x-opt-partition-key"];

/// Reads an event. Its properties stand in the order of their names: the client does not keep that of the sender.
pub(super) fn read(received: &ReceivedEventData) -> HubEvent {
    let event = received.event_data();
    let properties = event.properties().into_iter().flatten();
    let properties = properties.map(|(name, value)| (name.clone(), simple(value)));
    let annotations = received.system_properties().iter();
    let annotations = annotations
        .filter(|(name, _)| !KNOWN.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), any(value)));
    let more = received.raw_amqp_message().properties.as_ref();
    HubEvent {
        sequence: received.sequence_number().unwrap_or(-1),
        offset: received.offset().clone().unwrap_or_default(),
        enqueued_ms: received.enqueued_time().map_or(0, millis),
        key: received.partition_key().clone(),
        message_id: event.message_id().map(id),
        content_type: event.content_type().map(str::to_owned),
        content_encoding: more
            .and_then(|it| it.content_encoding.as_ref())
            .map(|symbol| symbol.0.clone()),
        properties: sorted(properties.collect()),
        annotations: sorted(annotations.collect()),
        body: event
            .body()
            .map_or(EventBody::Missing, |body| EventBody::Bytes(Bytes::copy_from_slice(body))),
    }
}

fn sorted(mut named: Vec<(String, Property)>) -> Vec<(String, Property)> {
    named.sort_by(|(one, _), (other, _)| one.cmp(other));
    named
}

fn millis(at: SystemTime) -> i64 {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_millis() as i64,
        Err(before) => -(before.duration().as_millis() as i64),
    }
}

fn id(id: &MessageId) -> String {
    match id {
        MessageId::String(text) => text.clone(),
        MessageId::Ulong(number) => number.to_string(),
        MessageId::Uuid(uuid) => uuid.to_string(),
        MessageId::Binary(bytes) => Property::Bytes(Bytes::copy_from_slice(bytes)).to_string(),
    }
}

fn simple(value: &AmqpSimpleValue) -> Property {
    use AmqpSimpleValue as Value;
    match value {
        Value::Null => Property::Null,
        Value::Boolean(value) => Property::Bool(*value),
        Value::UByte(value) => Property::Number((*value).into()),
        Value::Byte(value) => Property::Number((*value).into()),
        Value::UShort(value) => Property::Number((*value).into()),
        Value::Short(value) => Property::Number((*value).into()),
        Value::UInt(value) => Property::Number((*value).into()),
        Value::Int(value) => Property::Number((*value).into()),
        Value::Long(value) => Property::Number(*value),
        Value::ULong(value) => number(*value),
        Value::Float(value) => Property::Real((*value).into()),
        Value::Double(value) => Property::Real(*value),
        Value::TimeStamp(at) => Property::Time(at.0.map_or(0, millis)),
        Value::Uuid(uuid) => Property::Other(uuid.to_string()),
        Value::String(text) => Property::Text(text.clone()),
        Value::Symbol(symbol) => Property::Text(symbol.0.clone()),
        Value::Binary(bytes) => Property::Bytes(Bytes::copy_from_slice(bytes)),
        other => Property::Other(format!("{other:?}")),
    }
}

fn any(value: &AmqpValue) -> Property {
    match value {
        AmqpValue::Null => Property::Null,
        AmqpValue::Boolean(value) => Property::Bool(*value),
        AmqpValue::Int(value) => Property::Number((*value).into()),
        AmqpValue::Long(value) => Property::Number(*value),
        AmqpValue::ULong(value) => number(*value),
        AmqpValue::TimeStamp(at) => Property::Time(at.0.map_or(0, millis)),
        AmqpValue::String(text) => Property::Text(text.clone()),
        AmqpValue::Symbol(symbol) => Property::Text(symbol.0.clone()),
        AmqpValue::Binary(bytes) => Property::Bytes(Bytes::copy_from_slice(bytes)),
        other => Property::Other(format!("{other:?}")),
    }
}

fn number(value: u64) -> Property {
    i64::try_from(value).map_or_else(|_| Property::Other(value.to_string()), Property::Number)
}
