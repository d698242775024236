//! One batch on disk: length, checksum, numbers, spans, payload. Little-endian.
//!
//! ```text
//! u32 length of what follows the checksum · u32 CRC-32 of it
//! i64 first sequence · i64 base offset · i64 enqueued ms · u32 events · u32 publisher's length (or none)
//! publisher · (u32 start, u32 length) for each event · payload
//! ```

use bytes::Bytes;

use crate::envelope::Span;
use crate::log::Batch;

/// Length and checksum.
pub(super) const PREFIX: usize = 8;
const NUMBERS: usize = 32;
const SPAN: usize = 8;
const NO_PUBLISHER: u32 = u32::MAX;

/// Writes `batch` to the end of `out`.
pub(super) fn encode(out: &mut Vec<u8>, batch: &Batch) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    for number in [batch.first_sequence, batch.base_offset, batch.enqueued_ms] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&(batch.spans.len() as u32).to_le_bytes());
    let publisher = batch.publisher.as_deref();
    let length = publisher.map_or(NO_PUBLISHER, |name| name.len() as u32);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(publisher.unwrap_or_default().as_bytes());
    for span in &*batch.spans {
        out.extend_from_slice(&span.start.to_le_bytes());
        out.extend_from_slice(&span.len.to_le_bytes());
    }
    out.extend_from_slice(&batch.payload);
    let body = &out[start + PREFIX..];
    let prefix = [(body.len() as u32).to_le_bytes(), crc32fast::hash(body).to_le_bytes()];
    out[start..start + PREFIX].copy_from_slice(prefix.as_flattened());
}

/// The record at the front of `bytes`, and its length; `None` when it is not whole and right.
pub(super) fn decode(bytes: &Bytes) -> Option<(Batch, usize)> {
    let length = number(bytes, 0)? as usize;
    let end = PREFIX.checked_add(length)?;
    let body = bytes.get(PREFIX..end)?;
    if number(bytes, 4)? != crc32fast::hash(body) || body.len() < NUMBERS {
        return None;
    }
    let (count, name) = (number(body, 24)? as usize, number(body, 28)?);
    let name_len = if name == NO_PUBLISHER { 0 } else { name as usize };
    let spans_at = NUMBERS.checked_add(name_len)?;
    let payload_at = spans_at.checked_add(count.checked_mul(SPAN)?)?;
    let publisher = std::str::from_utf8(body.get(NUMBERS..spans_at)?).ok()?;
    let spans = body.get(spans_at..payload_at)?.as_chunks::<SPAN>().0.iter();
    let spans =
        spans.filter_map(|span| Some(Span { start: number(span, 0)?, len: number(span, 4)? }));
    let batch = Batch {
        first_sequence: long(body, 0)?,
        base_offset: long(body, 8)?,
        enqueued_ms: long(body, 16)?,
        spans: spans.collect(),
        publisher: (name != NO_PUBLISHER).then(|| publisher.into()),
        payload: bytes.slice(PREFIX + payload_at..end),
    };
    let inside =
        |span: &Span| u64::from(span.start) + u64::from(span.len) <= batch.payload.len() as u64;
    (count > 0 && batch.spans.iter().all(inside)).then_some((batch, end))
}

pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

pub(super) fn long(bytes: &[u8], at: usize) -> Option<i64> {
    bytes.get(at..)?.first_chunk().map(|chunk| i64::from_le_bytes(*chunk))
}
