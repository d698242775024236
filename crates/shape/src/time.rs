//! Times of records, as RFC 3339 has them.

use jiff::Timestamp;

/// `millis` since the Unix epoch; nothing beyond the year 9999.
pub(crate) fn rfc3339(millis: i64) -> Option<String> {
    Timestamp::from_millisecond(millis).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc() {
        assert_eq!(rfc3339(1_767_225_600_001).as_deref(), Some("2026-01-01T00:00:00.001Z"));
        assert_eq!(rfc3339(-1).as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(rfc3339(i64::MAX), None);
    }
}
