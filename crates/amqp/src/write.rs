//! Encoding into a byte buffer, always in the widest-read form: lists and maps with 32-bit sizes, written in full.

use crate::value::Value;

/// An open list, map or array whose size is not known yet.
#[derive(Debug)]
#[must_use]
pub struct Open {
    at: usize,
}

/// `null`.
pub fn null(out: &mut Vec<u8>) {
    out.push(0x40);
}

/// A boolean.
pub fn bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0x41 } else { 0x42 });
}

/// A ubyte.
pub fn ubyte(out: &mut Vec<u8>, value: u8) {
    out.extend_from_slice(&[0x50, value]);
}

/// A short.
pub fn short(out: &mut Vec<u8>, value: i16) {
    out.push(0x61);
    out.extend_from_slice(&value.to_be_bytes());
}

/// A ushort.
pub fn ushort(out: &mut Vec<u8>, value: u16) {
    out.push(0x60);
    out.extend_from_slice(&value.to_be_bytes());
}

/// A uint, as short as it can be.
pub fn uint(out: &mut Vec<u8>, value: u32) {
    match value {
        0 => out.push(0x43),
        1..=255 => out.extend_from_slice(&[0x52, value as u8]),
        _ => {
            out.push(0x70);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// A ulong, as short as it can be.
pub fn ulong(out: &mut Vec<u8>, value: u64) {
    match value {
        0 => out.push(0x44),
        1..=255 => out.extend_from_slice(&[0x53, value as u8]),
        _ => {
            out.push(0x80);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// An int.
pub fn int(out: &mut Vec<u8>, value: i32) {
    out.push(0x71);
    out.extend_from_slice(&value.to_be_bytes());
}

/// A long.
pub fn long(out: &mut Vec<u8>, value: i64) {
    out.push(0x81);
    out.extend_from_slice(&value.to_be_bytes());
}

/// A timestamp, in milliseconds since the Unix epoch.
pub fn timestamp(out: &mut Vec<u8>, millis: i64) {
    out.push(0x83);
    out.extend_from_slice(&millis.to_be_bytes());
}

/// A string.
pub fn string(out: &mut Vec<u8>, value: &str) {
    variable(out, 0xa1, value.as_bytes());
}

/// A symbol.
pub fn symbol(out: &mut Vec<u8>, value: &str) {
    variable(out, 0xa3, value.as_bytes());
}

/// A binary.
pub fn binary(out: &mut Vec<u8>, value: &[u8]) {
    variable(out, 0xa0, value);
}

/// `narrow` is the constructor for lengths below 256; the wide one is 0x10 above it.
fn variable(out: &mut Vec<u8>, narrow: u8, bytes: &[u8]) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        out.extend_from_slice(&[narrow, length]);
    } else {
        out.push(narrow + 0x10);
        out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    }
    out.extend_from_slice(bytes);
}

/// The bytes before a described value: its descriptor as a small ulong.
pub fn descriptor(out: &mut Vec<u8>, code: u8) {
    out.extend_from_slice(&[0x00, 0x53, code]);
}

/// Begins a list; [`close`] ends it.
pub fn open_list(out: &mut Vec<u8>) -> Open {
    open(out, 0xd0)
}

/// Begins a map; [`close`] ends it.
pub fn open_map(out: &mut Vec<u8>) -> Open {
    open(out, 0xd1)
}

fn open(out: &mut Vec<u8>, constructor: u8) -> Open {
    out.push(constructor);
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    Open { at }
}

/// Writes size and count of what was opened; a map counts keys and values.
pub fn close(out: &mut [u8], open: &Open, count: u32) {
    let size = (out.len() - open.at - 4) as u32;
    out[open.at..open.at + 4].copy_from_slice(&size.to_be_bytes());
    out[open.at + 4..open.at + 8].copy_from_slice(&count.to_be_bytes());
}

/// An array of strings (`symbols`: of symbols).
pub fn text_array<'a>(out: &mut Vec<u8>, items: impl IntoIterator<Item = &'a str>, symbols: bool) {
    let opened = open(out, 0xf0);
    out.push(if symbols { 0xb3 } else { 0xb1 });
    let mut count = 0;
    for item in items {
        out.extend_from_slice(&(item.len() as u32).to_be_bytes());
        out.extend_from_slice(item.as_bytes());
        count += 1;
    }
    close(out, &opened, count);
}

/// Any value.
pub fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::List(items) => {
            let opened = open_list(out);
            for item in items {
                self::value(out, item);
            }
            close(out, &opened, items.len() as u32);
        }
        Value::Map(pairs) => {
            let opened = open_map(out);
            for (key, item) in pairs {
                self::value(out, key);
                self::value(out, item);
            }
            close(out, &opened, pairs.len() as u32 * 2);
        }
        Value::Array(items) => array(out, items),
        Value::Described(descriptor, inner) => {
            out.push(0x00);
            self::value(out, descriptor);
            self::value(out, inner);
        }
        Value::Null => null(out),
        Value::Bool(v) => bool(out, *v),
        Value::Uint(v) => uint(out, *v),
        Value::Ulong(v) => ulong(out, *v),
        Value::Binary(v) => binary(out, v),
        Value::String(v) => string(out, v),
        Value::Symbol(v) => symbol(out, v),
        fixed => {
            out.push(wide_constructor(fixed));
            wide_bytes(out, fixed);
        }
    }
}

fn array(out: &mut Vec<u8>, items: &[Value]) {
    let opened = open(out, 0xf0);
    out.push(items.first().map_or(0x40, wide_constructor));
    for item in items {
        wide_bytes(out, item);
    }
    close(out, &opened, items.len() as u32);
}

/// The constructor of a scalar in its widest form, the only one all elements of an array can share.
fn wide_constructor(value: &Value) -> u8 {
    match value {
        Value::Bool(_) => 0x56,
        Value::Ubyte(_) => 0x50,
        Value::Ushort(_) => 0x60,
        Value::Uint(_) => 0x70,
        Value::Ulong(_) => 0x80,
        Value::Byte(_) => 0x51,
        Value::Short(_) => 0x61,
        Value::Int(_) => 0x71,
        Value::Long(_) => 0x81,
        Value::Float(_) => 0x72,
        Value::Double(_) => 0x82,
        Value::Char(_) => 0x73,
        Value::Decimal32(_) => 0x74,
        Value::Decimal64(_) => 0x84,
        Value::Decimal128(_) => 0x94,
        Value::Timestamp(_) => 0x83,
        Value::Uuid(_) => 0x98,
        Value::Binary(_) => 0xb0,
        Value::String(_) => 0xb1,
        Value::Symbol(_) => 0xb3,
        // Compounds are not written as array elements.
        Value::Null | Value::List(_) | Value::Map(_) | Value::Array(_) | Value::Described(_, _) => {
            0x40
        }
    }
}

/// The bytes after `wide_constructor`.
fn wide_bytes(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::Ubyte(v) => out.push(*v),
        Value::Byte(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Ushort(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Short(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Uint(v) | Value::Char(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Int(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Ulong(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Long(v) | Value::Timestamp(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Float(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Double(v) => out.extend_from_slice(&v.to_be_bytes()),
        Value::Decimal32(v) => out.extend_from_slice(v),
        Value::Decimal64(v) => out.extend_from_slice(v),
        Value::Decimal128(v) | Value::Uuid(v) => out.extend_from_slice(v),
        Value::Binary(v) => wide_variable(out, v),
        Value::String(v) | Value::Symbol(v) => wide_variable(out, v.as_bytes()),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Array(_) | Value::Described(_, _) => {
        }
    }
}

fn wide_variable(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}
