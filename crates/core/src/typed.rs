//! Keys and headers in the type that their mapping says they have.
//!
//! What a value becomes is settled by its type and never by its bytes: a reader meets one form in a topic. A type without a
//! width takes every value; of one with a width, a value of another length is refused, since whatever else it became
//! would be a second form. Every key has a partition key, the same for the same bytes, and no other key has it.
//!
//! Pure: no I/O, no clock. What is text already is lent, and nothing is allocated for it.

mod text;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::mapping::Type;

/// The longest partition key, in UTF-16 code units: the service and its clients count as .NET does.
const LONGEST: usize = 128;
/// What a stand-in begins with. No whole key is written so.
const STAND_IN: &str = "sha256:";

/// A value that has not the length of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{of} has {found} bytes, and its type `{}` needs {wanted}", typed.as_str())]
pub struct WrongType {
    /// The key, or which header.
    of: String,
    typed: Type,
    wanted: usize,
    found: usize,
}

impl WrongType {
    /// The metric label, and the reason in a dead letter.
    pub const REASON: &str = "wrong_type";

    pub(crate) fn in_header(self, name: &str) -> Self {
        Self { of: format!("header `{name}`"), ..self }
    }
}

/// A key as its event carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key<'a> {
    /// The partition key: text of 1 to 128 characters.
    pub partition_key: Cow<'a, str>,
    /// Whether the partition key is all of it. Otherwise the event carries the key beside it.
    pub is_whole: bool,
}

impl<'a> Key<'a> {
    /// `key`, which is of `typed`.
    pub fn of(key: &'a [u8], typed: Type) -> Result<Self, WrongType> {
        let written = match typed {
            Type::Text => match text::as_it_is(key) {
                Some(text) => Some(Cow::Borrowed(text)),
                None => as_text(key, typed)?,
            },
            // Bytes are no partition key; this one is at hand for those who see no other.
            Type::Binary => as_text(key, Type::Hex)?,
            typed => as_text(key, typed)?,
        };
        // Whoever knows the bytes can tell the stand-in.
        let is_key = |text: &Cow<'_, str>| fits(text) && !text.starts_with(STAND_IN);
        let partition_key = written.filter(is_key);
        let is_whole = partition_key.is_some() && typed != Type::Binary;
        let partition_key = partition_key.unwrap_or_else(|| stand_in(key).into());
        Ok(Self { partition_key, is_whole })
    }
}

/// Whether the service takes it for a partition key.
fn fits(text: &str) -> bool {
    // A code unit is at least a byte, so a short key need not be counted.
    let is_short = text.len() <= LONGEST || text.encode_utf16().count() <= LONGEST;
    is_short && !text.is_empty()
}

/// `key` written out, unless that can only be too long.
fn as_text<'a>(key: &[u8], typed: Type) -> Result<Option<Cow<'a, str>>, WrongType> {
    // A code unit is three bytes at most, or two of them are four.
    let size = text_size(key, typed)?;
    if size > 3 * LONGEST {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(size);
    write_text(key, typed, &mut out);
    Ok(Some(Cow::Owned(string(out))))
}

/// What stands for a key that is no partition key: it differs where the keys differ.
fn stand_in(key: &[u8]) -> String {
    let mut out = STAND_IN.as_bytes().to_vec();
    hex(&Sha256::digest(key), &mut out);
    string(out)
}

fn string(written: Vec<u8>) -> String {
    String::from_utf8(written).expect("what is written of any type is UTF-8")
}

/// Bytes of `value` as [`Type::Text`]: as many as it has when it is written as it is.
pub(crate) fn as_text_size(value: &[u8]) -> usize {
    text::size(value)
}

/// Bytes of `value` as text.
pub(crate) fn text_size(value: &[u8], typed: Type) -> Result<usize, WrongType> {
    Ok(match typed {
        Type::Text => text::size(value),
        Type::Binary => value.len(),
        Type::Hex => 2 * value.len(),
        Type::Base64 => value.len().div_ceil(3) * 4,
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => digits(number(value, typed)?),
        Type::Uuid => {
            of_width::<16>(value, typed)?;
            36
        }
    })
}

/// Writes them. The caller has asked for their size.
pub(crate) fn write_text(value: &[u8], typed: Type, out: &mut Vec<u8>) {
    match typed {
        Type::Text => text::write(value, out),
        Type::Binary => out.extend_from_slice(value),
        Type::Hex => hex(value, out),
        Type::Base64 => {
            let start = out.len();
            out.resize(start + value.len().div_ceil(3) * 4, 0);
            let written = STANDARD.encode_slice(value, &mut out[start..]);
            debug_assert_eq!(written, Ok(out.len() - start), "the size is computed exactly");
        }
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => {
            decimal(out, number(value, typed).unwrap_or_default());
        }
        Type::Uuid => {
            for (index, byte) in value.iter().enumerate() {
                if [4, 6, 8, 10].contains(&index) {
                    out.push(b'-');
                }
                hex(&[*byte], out);
            }
        }
    }
}

/// The number that `value` is.
pub(crate) fn number(value: &[u8], typed: Type) -> Result<i64, WrongType> {
    Ok(match typed {
        Type::Int8 => i64::from(i8::from_be_bytes(of_width(value, typed)?)),
        Type::Int16 => i64::from(i16::from_be_bytes(of_width(value, typed)?)),
        Type::Int32 => i64::from(i32::from_be_bytes(of_width(value, typed)?)),
        _ => i64::from_be_bytes(of_width(value, typed)?),
    })
}

fn of_width<const N: usize>(value: &[u8], typed: Type) -> Result<[u8; N], WrongType> {
    let of = || "the key".to_owned();
    value.try_into().map_err(|_| WrongType { of: of(), typed, wanted: N, found: value.len() })
}

fn hex(value: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pair = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    out.extend(value.iter().flat_map(pair));
}

/// A number in decimal. The formatter of the standard library costs as much as all the rest of an event's properties.
pub(crate) fn decimal(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Characters of a number in decimal.
pub(crate) fn digits(number: i64) -> usize {
    let sign = usize::from(number < 0);
    number.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1) + sign
}

#[cfg(test)]
pub(crate) mod tests;
