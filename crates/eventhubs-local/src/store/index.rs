//! The index beside a sealed segment: where each record is and which numbers it covers, so that a start reads neither
//! payloads nor checks them. An index that is missing, damaged or not of this file is made anew from the segment.

use std::fs;
use std::path::Path;

use super::record::{long, number};
use crate::log::Extent;

const MAGIC: &[u8; 8] = b"ehlidx01";
/// Magic, length of the segment, checksum.
const HEADER: usize = 20;
const LINE: usize = 52;

/// One record of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) position: u64,
    /// The record's bytes, prefix and all.
    pub(super) size: u32,
    pub(super) extent: Extent,
}

/// Writes the index of a segment of that length.
pub(super) fn write(path: &Path, segment_len: u64, lines: &[Line]) -> std::io::Result<()> {
    let mut body = Vec::with_capacity(lines.len() * LINE);
    for Line { position, size, extent } in lines {
        body.extend_from_slice(&position.to_le_bytes());
        for number in
            [extent.first_sequence, extent.base_offset, extent.last_offset, extent.enqueued_ms]
        {
            body.extend_from_slice(&number.to_le_bytes());
        }
        for number in [*size, extent.count, extent.payload] {
            body.extend_from_slice(&number.to_le_bytes());
        }
    }
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&segment_len.to_le_bytes());
    let crc = checksum(segment_len, &body);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&body);
    fs::write(path, out)
}

/// The lines of the index, if it is right and of a segment of that length.
pub(super) fn read(path: &Path, segment_len: u64) -> Option<Vec<Line>> {
    let bytes = fs::read(path).ok()?;
    let (head, body) = bytes.split_at_checked(HEADER)?;
    let right = head.starts_with(MAGIC)
        && long(head, 8)? as u64 == segment_len
        && number(head, 16)? == checksum(segment_len, body);
    if !right {
        return None;
    }
    let (lines, rest) = body.as_chunks::<LINE>();
    let lines = lines.iter().map(|line| decode(line)).collect::<Option<Vec<Line>>>()?;
    rest.is_empty().then_some(lines)
}

fn decode(line: &[u8]) -> Option<Line> {
    Some(Line {
        position: long(line, 0)? as u64,
        size: number(line, 40)?,
        extent: Extent {
            first_sequence: long(line, 8)?,
            base_offset: long(line, 16)?,
            last_offset: long(line, 24)?,
            enqueued_ms: long(line, 32)?,
            count: number(line, 44)?,
            payload: number(line, 48)?,
        },
    })
}

fn checksum(segment_len: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&segment_len.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}
