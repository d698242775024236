//! What an event needs besides what its record brings.

use crate::mapping::Type;
use crate::record::Record;

use super::{EventPlan, Layout};

/// Bytes an event takes in a batch beside the key, the value and the headers of its record, at most; as long as what its
/// mapping makes of headers, and of a key of more than 256 bytes, is no longer than they are. Not of a tombstone, which says
/// that it is one, and is small.
pub fn overhead(topic: &str, layout: &Layout) -> usize {
    // Long enough for the long forms; what is largest of a number.
    const LONG: &[u8] = &[0x80; 256];
    const TEXT: &[u8] = &[b'k'; 256];
    let of = |key: &[u8]| {
        let record = Record {
            topic,
            partition: i32::MAX,
            offset: i64::MAX,
            timestamp: Some(0),
            key: Some(key),
            value: Some(LONG),
            headers: &[],
        };
        // A key that is not carried leaves room.
        let weight = EventPlan::new(&record, layout).map_or(0, |plan| plan.weight());
        weight.saturating_sub(key.len() + LONG.len())
    };
    let key = if layout.key_type() == Type::Text { TEXT } else { LONG };
    // Whatever a width can be; the longest that fit into a partition key, as they are and written out; and those that do not.
    let lengths = [0, 1, 2, 4, 8, 16, 64, 96, 128, 256];
    lengths.into_iter().map(|length| of(&key[..length])).max().unwrap_or_default()
}
