//! The pieces of JSON: text, numbers, bytes, each appended to what is there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::form::{Bytes, Integers, NonFinite};

/// The largest integer up to which every integer has a double of its own.
const SAFE: u64 = (1 << 53) - 1;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What a byte of text becomes: 0 is itself, `u` is `\u00..`, another is that after a backslash.
const ESCAPE: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 0x20 {
        table[at] = b'u';
        at += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends `text` in quotes.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = ESCAPE[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        if escape == b'u' {
            out.extend_from_slice(b"\\u00");
            hex(*byte, out);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

fn hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

/// Appends the digits of `number`.
pub(crate) fn digits(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the digits of `number`, zeros before them until they are `width`.
pub(crate) fn padded(number: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number).as_bytes();
    out.resize(out.len() + width.saturating_sub(text.len()), b'0');
    out.extend_from_slice(text);
}

/// Appends an integer of 64 bits.
pub(crate) fn long(number: i64, form: Integers, out: &mut Vec<u8>) {
    let quoted = match form {
        Integers::Safe => number.unsigned_abs() > SAFE,
        Integers::Number => false,
        Integers::Text => true,
    };
    if quoted {
        out.push(b'"');
        digits(number, out);
        out.push(b'"');
    } else {
        digits(number, out);
    }
}

/// Appends a float, which is `finite` or stands for what is not.
pub(crate) fn float<F: zmij::Float>(number: F, wide: f64, form: NonFinite, out: &mut Vec<u8>) {
    let said: &[u8] = if wide.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        return;
    } else if form == NonFinite::Null {
        b"null"
    } else if wide.is_nan() {
        br#""NaN""#
    } else if wide > 0.0 {
        br#""Infinity""#
    } else {
        br#""-Infinity""#
    };
    out.extend_from_slice(said);
}

/// Appends bytes.
pub(crate) fn bytes(bytes: &[u8], form: Bytes, out: &mut Vec<u8>) {
    match form {
        Bytes::Base64 => {
            out.push(b'"');
            let from = out.len();
            out.resize(from + bytes.len().div_ceil(3) * 4, 0);
            let written =
                STANDARD.encode_slice(bytes, &mut out[from..]).expect("room for all of it");
            out.truncate(from + written);
            out.push(b'"');
        }
        Bytes::Hex => {
            out.push(b'"');
            for byte in bytes {
                hex(*byte, out);
            }
            out.push(b'"');
        }
        Bytes::Latin1 => {
            let characters: String = bytes.iter().copied().map(char::from).collect();
            text(&characters, out);
        }
    }
}

/// Appends the sixteen bytes of a UUID as text.
pub(crate) fn uuid(bytes: &[u8; 16], out: &mut Vec<u8>) {
    out.push(b'"');
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        hex(*byte, out);
    }
    out.push(b'"');
}
