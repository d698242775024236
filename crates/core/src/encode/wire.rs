//! AMQP's own ways to write values, sections and their lengths.

use crate::mapping::Type;
use crate::typed::{self, WrongType};

// AMQP 1.0 constructors and section descriptors (part 1, section 1.6; part 3, section 3.2).
pub(super) const SMALL_ULONG: u8 = 0x53;
pub(super) const ANNOTATIONS: u8 = 0x72;
pub(super) const PROPERTIES: u8 = 0x73;
pub(super) const APPLICATION_PROPERTIES: u8 = 0x74;
pub(super) const DATA: u8 = 0x75;
pub(super) const NULL: u8 = 0x40;
pub(super) const TRUE: u8 = 0x41;
pub(super) const INT: u8 = 0x71;
pub(super) const LONG: u8 = 0x81;
pub(super) const TIMESTAMP: u8 = 0x83;
pub(super) const BINARY: [u8; 2] = [0xa0, 0xb0];
pub(super) const STRING: [u8; 2] = [0xa1, 0xb1];
pub(super) const SYMBOL: [u8; 2] = [0xa3, 0xb3];
pub(super) const LIST32: u8 = 0xd0;
pub(super) const MAP32: u8 = 0xd1;

/// A variable-width value of `len` bytes with its constructor and length.
pub(super) const fn sized(len: usize) -> usize {
    if len < 256 { len + 2 } else { len + 5 }
}

/// A section that is a list or map with 32-bit size and count.
pub(super) fn compound(out: &mut Vec<u8>, section: u8, constructor: u8, size: usize, count: u32) {
    out.extend_from_slice(&[0, SMALL_ULONG, section, constructor]);
    out.extend_from_slice(&(size as u32 + 4).to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
}

pub(super) fn head(out: &mut Vec<u8>, [small, large]: [u8; 2], len: usize) {
    if len < 256 {
        out.extend_from_slice(&[small, len as u8]);
    } else {
        out.push(large);
        out.extend_from_slice(&(len as u32).to_be_bytes());
    }
}

pub(super) fn variable(out: &mut Vec<u8>, constructors: [u8; 2], value: &[u8]) {
    head(out, constructors, value.len());
    out.extend_from_slice(value);
}

/// Bytes of a value as a property, its constructor among them.
pub(super) fn value_size(value: &[u8], typed: Type) -> Result<usize, WrongType> {
    let size = typed::text_size(value, typed)?;
    Ok(match typed {
        Type::Int8 | Type::Int16 | Type::Int32 => 5,
        Type::Int64 => 9,
        _ => sized(size),
    })
}

/// A value that was measured, as a property: a number as a number, of the two widths that every client reads.
pub(super) fn write_value(value: &[u8], typed: Type, out: &mut Vec<u8>) {
    let number = || typed::number(value, typed).unwrap_or_default();
    match typed {
        Type::Int8 | Type::Int16 | Type::Int32 => {
            out.push(INT);
            out.extend_from_slice(&(number() as i32).to_be_bytes());
        }
        Type::Int64 => {
            out.push(LONG);
            out.extend_from_slice(&number().to_be_bytes());
        }
        Type::Binary => variable(out, BINARY, value),
        typed => {
            let size = typed::text_size(value, typed).unwrap_or_default();
            head(out, STRING, size);
            typed::write_text(value, typed, out);
        }
    }
}
