//! Dates and times, as ISO 8601 has them.

use crate::json;

/// What a number counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    /// How many there are in a second, and how many digits that is.
    fn of_second(self) -> (i64, usize) {
        match self {
            Self::Millis => (1_000, 3),
            Self::Micros => (1_000_000, 6),
            Self::Nanos => (1_000_000_000, 9),
        }
    }
}

/// Whether a time is one and the same everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Zone {
    Utc,
    Local,
}

const DAY: i64 = 86_400;

/// Appends the day that is `days` after the first of January 1970.
pub(crate) fn date(days: i32, out: &mut Vec<u8>) {
    out.push(b'"');
    day(i64::from(days), out);
    out.push(b'"');
}

/// Appends a time of day. Says false, and appends nothing, when `time` is none.
pub(crate) fn of_day(time: i64, unit: Unit, out: &mut Vec<u8>) -> bool {
    let (per_second, _) = unit.of_second();
    if !(0..DAY * per_second).contains(&time) {
        return false;
    }
    out.push(b'"');
    clock(time, unit, out);
    out.push(b'"');
    true
}

/// Appends a day and a time of day.
pub(crate) fn stamp(time: i64, unit: Unit, zone: Zone, out: &mut Vec<u8>) {
    let (per_second, _) = unit.of_second();
    let per_day = DAY * per_second;
    out.push(b'"');
    day(time.div_euclid(per_day), out);
    out.push(b'T');
    clock(time.rem_euclid(per_day), unit, out);
    if matches!(zone, Zone::Utc) {
        out.push(b'Z');
    }
    out.push(b'"');
}

/// Appends the second that is `seconds` after the beginning of 1970, without quotes.
pub(crate) fn seconds(seconds: i64, out: &mut Vec<u8>) {
    day(seconds.div_euclid(DAY), out);
    out.push(b'T');
    hands(seconds.rem_euclid(DAY) as u64, out);
}

/// Appends Avro's duration: months, days and milliseconds, each of four bytes.
pub(crate) fn duration(bytes: &[u8; 12], out: &mut Vec<u8>) {
    let part =
        |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (months, days, millis) = (part(0), part(4), part(8));
    out.extend_from_slice(b"\"P");
    for (number, sign) in [(months, b'M'), (days, b'D')] {
        if number > 0 {
            json::digits(number, out);
            out.push(sign);
        }
    }
    if millis > 0 || (months == 0 && days == 0) {
        out.push(b'T');
        json::digits(millis / 1_000, out);
        if millis % 1_000 > 0 {
            out.push(b'.');
            json::padded(u64::from(millis % 1_000), 3, out);
        }
        out.push(b'S');
    }
    out.push(b'"');
}

fn clock(time: i64, unit: Unit, out: &mut Vec<u8>) {
    let (per_second, width) = unit.of_second();
    let (seconds, rest) = ((time / per_second) as u64, (time % per_second) as u64);
    hands(seconds, out);
    out.push(b'.');
    json::padded(rest, width, out);
}

fn hands(seconds: u64, out: &mut Vec<u8>) {
    json::padded(seconds / 3_600, 2, out);
    out.push(b':');
    json::padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    json::padded(seconds % 60, 2, out);
}

/// Appends year, month and day of the Gregorian calendar, which is taken to have been there always.
fn day(days: i64, out: &mut Vec<u8>) {
    // Years that begin in March, in eras of 400 years: the day of the leap year is the last then.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    if (0..=9_999).contains(&year) {
        json::padded(year as u64, 4, out);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        json::padded(year.unsigned_abs(), 6, out);
    }
    out.push(b'-');
    json::padded(month as u64, 2, out);
    out.push(b'-');
    json::padded(day as u64, 2, out);
}
