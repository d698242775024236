//! Avro's decimals: a whole number in two's complement, the high byte first, and how many of its digits are behind the point.

use crate::form::Decimals;
use crate::json;
use crate::unreadable::{Fail, Reason};

/// The longest number: more than 300 digits.
const LONGEST: usize = 128;

/// The most digits behind the point, and the most zeros before it.
pub(super) const SCALE: i64 = 400;

/// Appends the decimal.
pub(super) fn write(
    unscaled: &[u8],
    scale: i64,
    form: Decimals,
    out: &mut Vec<u8>,
) -> Result<(), Fail> {
    if unscaled.len() > LONGEST || !(-SCALE..=SCALE).contains(&scale) {
        return Err(Reason::Decimal(LONGEST).into());
    }
    let (negative, digits) = digits(unscaled);
    let quote = form == Decimals::Text;
    if quote {
        out.push(b'"');
    }
    if negative {
        out.push(b'-');
    }
    let behind = usize::try_from(scale).unwrap_or(0);
    if digits.len() > behind {
        let (whole, rest) = digits.split_at(digits.len() - behind);
        out.extend_from_slice(whole);
        if whole != b"0" {
            let zeros = usize::try_from(-scale).unwrap_or(0);
            out.resize(out.len() + zeros, b'0');
        }
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
    } else {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + behind - digits.len(), b'0');
        out.extend_from_slice(&digits);
    }
    if quote {
        out.push(b'"');
    }
    Ok(())
}

/// Whether the number is below zero, and its digits.
fn digits(bytes: &[u8]) -> (bool, Vec<u8>) {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut out = Vec::with_capacity(40);
    if bytes.len() <= 16 {
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        wide[16 - bytes.len()..].copy_from_slice(bytes);
        json::digits(i128::from_be_bytes(wide).unsigned_abs(), &mut out);
        return (negative, out);
    }
    let mut parts = Vec::new();
    let mut left = magnitude(bytes, negative);
    while left.iter().any(|part| *part != 0) {
        parts.push(divide(&mut left));
    }
    json::digits(parts.pop().unwrap_or(0), &mut out);
    for part in parts.iter().rev() {
        json::padded(u64::from(*part), 9, &mut out);
    }
    (negative, out)
}

/// The number without its sign, the high part first.
fn magnitude(bytes: &[u8], negative: bool) -> Vec<u32> {
    let fill = if negative { 0xff } else { 0 };
    let mut padded = vec![fill; bytes.len().next_multiple_of(4) - bytes.len()];
    padded.extend_from_slice(bytes);
    let mut parts: Vec<u32> =
        padded.chunks_exact(4).map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]])).collect();
    if negative {
        let mut carry = true;
        for part in parts.iter_mut().rev() {
            let (sum, over) = (!*part).overflowing_add(u32::from(carry));
            (*part, carry) = (sum, over);
        }
    }
    parts
}

/// Divides by a thousand million, and returns what is left.
fn divide(parts: &mut [u32]) -> u32 {
    let mut rest = 0_u64;
    for part in parts {
        let number = rest << 32 | u64::from(*part);
        *part = (number / 1_000_000_000) as u32;
        rest = number % 1_000_000_000;
    }
    rest as u32
}
