//! The messages of Google's that have JSON of their own. One that only has such a name, and other fields, is written as any other.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::write::Pass;
use crate::json;
use crate::time;
use crate::unreadable::{Fail, Reason, brief};

/// The seconds of the years 1 to 9999.
const STAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The seconds of 10 000 years.
const DURATIONS: std::ops::RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;

const BILLION: i64 = 1_000_000_000;

/// Appends `message` when it is one of them; says whether it did.
pub(super) fn write(
    pass: &mut Pass<'_>,
    message: &DynamicMessage,
    deeper: usize,
) -> Result<bool, Fail> {
    let descriptor = message.descriptor();
    let Some(name) = descriptor.full_name().strip_prefix("google.protobuf.") else {
        return Ok(false);
    };
    match name {
        "Timestamp" => timestamp(pass, message),
        "Duration" => duration(pass, message),
        "FieldMask" => Ok(mask(pass, message)),
        "Struct" | "ListValue" | "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value"
        | "Int32Value" | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue" => {
            only(pass, message, deeper)
        }
        "Value" => choice(pass, message, deeper),
        "Any" => any(pass, message, deeper),
        _ => Ok(false),
    }
}

/// The value of the only field stands for the message.
fn only(pass: &mut Pass<'_>, message: &DynamicMessage, deeper: usize) -> Result<bool, Fail> {
    let Some(field) = message.descriptor().get_field(1) else {
        return Ok(false);
    };
    pass.value(&message.get_field(&field), &field.kind(), deeper)?;
    Ok(true)
}

/// The value of the field that is set stands for the message.
fn choice(pass: &mut Pass<'_>, message: &DynamicMessage, deeper: usize) -> Result<bool, Fail> {
    match message.fields().next() {
        Some((field, value)) => pass.value(value, &field.kind(), deeper)?,
        None => pass.out.extend_from_slice(b"null"),
    }
    Ok(true)
}

/// Seconds and nanoseconds.
fn parts(message: &DynamicMessage) -> Option<(i64, i64)> {
    let seconds = message.get_field_by_number(1)?.as_i64()?;
    let nanos = message.get_field_by_number(2)?.as_i32()?;
    Some((seconds, i64::from(nanos)))
}

fn timestamp(pass: &mut Pass<'_>, message: &DynamicMessage) -> Result<bool, Fail> {
    let Some((seconds, nanos)) = parts(message) else {
        return Ok(false);
    };
    if !STAMPS.contains(&seconds) || !(0..BILLION).contains(&nanos) {
        return Err(Reason::Time.into());
    }
    pass.out.push(b'"');
    time::seconds(seconds, pass.out);
    fraction(nanos as u64, pass.out);
    pass.out.extend_from_slice(b"Z\"");
    Ok(true)
}

fn duration(pass: &mut Pass<'_>, message: &DynamicMessage) -> Result<bool, Fail> {
    let Some((seconds, nanos)) = parts(message) else {
        return Ok(false);
    };
    let signs = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
    if !DURATIONS.contains(&seconds) || nanos.abs() >= BILLION || signs {
        return Err(Reason::Time.into());
    }
    pass.out.push(b'"');
    if seconds < 0 || nanos < 0 {
        pass.out.push(b'-');
    }
    json::digits(seconds.unsigned_abs(), pass.out);
    fraction(nanos.unsigned_abs(), pass.out);
    pass.out.extend_from_slice(b"s\"");
    Ok(true)
}

/// None, three, six or nine digits, as few as are enough.
fn fraction(nanos: u64, out: &mut Vec<u8>) {
    let (number, width) = match nanos {
        0 => return,
        _ if nanos.is_multiple_of(1_000_000) => (nanos / 1_000_000, 3),
        _ if nanos.is_multiple_of(1_000) => (nanos / 1_000, 6),
        _ => (nanos, 9),
    };
    out.push(b'.');
    json::padded(number, width, out);
}

/// Paths with commas between, each name in `lowerCamelCase`.
fn mask(pass: &mut Pass<'_>, message: &DynamicMessage) -> bool {
    let paths = message.get_field_by_number(1);
    let Some(paths) = paths.as_deref().and_then(Value::as_list) else {
        return false;
    };
    let mut text = String::new();
    for path in paths.iter().filter_map(Value::as_str) {
        if !text.is_empty() {
            text.push(',');
        }
        let mut raise = false;
        for character in path.chars() {
            if character == '_' {
                raise = true;
            } else {
                text.push(if raise { character.to_ascii_uppercase() } else { character });
                raise = false;
            }
        }
    }
    json::text(&text, pass.out);
    true
}

/// What is inside, with the name of its type.
fn any(pass: &mut Pass<'_>, message: &DynamicMessage, deeper: usize) -> Result<bool, Fail> {
    let (url, value) = (message.get_field_by_number(1), message.get_field_by_number(2));
    let url = url.as_deref().and_then(Value::as_str);
    let value = value.as_deref().and_then(Value::as_bytes);
    let (Some(url), Some(bytes)) = (url, value) else {
        return Ok(false);
    };
    pass.out.push(b'{');
    if url.is_empty() && bytes.is_empty() {
        pass.out.push(b'}');
        return Ok(true);
    }
    let name = url.rsplit_once('/').map_or(url, |(_, name)| name);
    let descriptor = message.descriptor().parent_pool().get_message_by_name(name);
    let descriptor = descriptor.ok_or(Reason::NoMessage)?;
    let inner = DynamicMessage::decode(descriptor, bytes.as_ref())
        .map_err(|error| Reason::Protobuf(brief(error.to_string())))?;
    let mut first = true;
    pass.key("@type", &mut first);
    json::text(url, pass.out);
    let deeper = deeper.checked_sub(1).ok_or(Reason::Nesting(super::write::DEPTH))?;
    // What is no object, or any object, has no room for the name of its type.
    if name.strip_prefix("google.protobuf.").is_some_and(|it| OWN.contains(&it)) {
        pass.key("value", &mut first);
        pass.message(&inner, deeper)?;
    } else {
        pass.fields(&inner, first, deeper)?;
    }
    pass.out.push(b'}');
    Ok(true)
}

/// The messages whose JSON is their own.
const OWN: [&str; 16] = [
    "Any",
    "BoolValue",
    "BytesValue",
    "DoubleValue",
    "Duration",
    "FieldMask",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "ListValue",
    "StringValue",
    "Struct",
    "Timestamp",
    "UInt32Value",
    "UInt64Value",
    "Value",
];
