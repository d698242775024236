//! A record for tests.

use bridge_core::record::{Header, Record};

/// Record 42 of partition 3 of `orders`, of the first second of 2026.
pub(crate) fn record<'a>(
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header<'a>],
) -> Record<'a> {
    let (topic, partition, offset) = ("orders", 3, 42);
    Record { topic, partition, offset, timestamp: Some(1_767_225_600_000), key, value, headers }
}
