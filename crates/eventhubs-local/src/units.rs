//! Times and sizes as people write them: `250us`, `10ms`, `1m30s`, `7d`; `65536`, `64KiB`, `1GiB`.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};

const TIMES: &[(&str, u64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];
const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// One or more numbers, each with its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let micros = sum(text, TIMES)
        .ok_or_else(|| format!("`{text}` is not a duration: write `10ms`, `1m30s` or `7d`"))?;
    Ok(Duration::from_micros(micros))
}

/// A number of bytes, with a unit or without.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    sum(text, SIZES)
        .ok_or_else(|| format!("`{text}` is not a size: write `65536`, `64KiB` or `1GiB`"))
}

fn sum(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(number);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(*factor)?)?;
        rest = next;
    }
    (!text.trim().is_empty()).then_some(total)
}

/// A duration in a file: text.
pub(crate) fn duration_in_file<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text: String = serde::Deserialize::deserialize(deserializer)?;
    duration(&text).map(Some).map_err(de::Error::custom)
}

/// A size in a file: text, or a plain number of bytes.
pub(crate) fn bytes_in_file<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = u64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size such as `64KiB`")
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<u64, E> {
            u64::try_from(value).map_err(|_| E::custom("a size is not negative"))
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            bytes(text).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Bytes).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_nonsense_is_named() {
        assert_eq!(duration("250us").unwrap(), Duration::from_micros(250));
        assert_eq!(duration("1m30s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("7d").unwrap(), Duration::from_secs(604_800));
        assert_eq!(bytes("65536").unwrap(), 65_536);
        assert_eq!(bytes("64KiB").unwrap(), 65_536);
        assert_eq!(bytes("2GB").unwrap(), 2_000_000_000);
        for text in ["", "10", "ms", "10 ms", "1.5s", "99999999999999999999s", "5parsecs"] {
            assert!(duration(text).unwrap_err().contains(&format!("`{text}`")), "{text}");
        }
        for text in ["", "-1", "10XiB", "18446744073709551615KiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
