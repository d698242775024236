//! A stored event as a receiver gets it: the service's annotations merged in, every other section byte for byte.

use amqp::read::Reader;
use amqp::sections::{self, Sections};
use amqp::write;

use crate::log::Newest;
use crate::numbers;

const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";
const OFFSET: &str = "x-opt-offset";
const ENQUEUED_TIME: &str = "x-opt-enqueued-time";
const PUBLISHER: &str = "x-opt-publisher-name";

/// What the service knows of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp<'a> {
    pub(crate) sequence: i64,
    pub(crate) offset: i64,
    pub(crate) enqueued_ms: i64,
    pub(crate) publisher: Option<&'a str>,
    /// The newest event of the partition and the time it was looked up, for receivers that ask.
    pub(crate) metrics: Option<(Newest, i64)>,
}

/// Writes `stored` with the stamp.
pub(crate) fn write(out: &mut Vec<u8>, stored: &[u8], stamp: Stamp<'_>) {
    let mut header: &[u8] = &[];
    let mut annotations = None;
    let mut rest: &[u8] = &[];
    for section in Sections::of(stored).map_while(Result::ok) {
        match section.code {
            sections::HEADER => {
                let end = section.value.as_ptr_range().end as usize - stored.as_ptr() as usize;
                header = &stored[section.start..end];
            }
            // Delivery annotations are for the next hop only, which was the server.
            sections::DELIVERY_ANNOTATIONS => {}
            sections::MESSAGE_ANNOTATIONS => annotations = Some(section.value),
            _ => {
                rest = &stored[section.start..];
                break;
            }
        }
    }
    out.extend_from_slice(header);
    if let Some((newest, now_ms)) = stamp.metrics {
        write_metrics(out, newest, now_ms);
    }
    write_annotations(out, annotations, stamp);
    out.extend_from_slice(rest);
}

fn write_annotations(out: &mut Vec<u8>, stored: Option<&[u8]>, stamp: Stamp<'_>) {
    write::descriptor(out, sections::MESSAGE_ANNOTATIONS);
    let map = write::open_map(out);
    let mut count = 0;
    if let Some(mut fields) = stored.and_then(|stored| Reader::new(stored).map().ok()) {
        while fields.left() >= 2 {
            let (Ok(Some(key)), Ok(value)) = (fields.raw(), fields.raw()) else { break };
            // What only the service may say is not taken from a client, and what is for the service is not told.
            let name = Reader::new(key).text().unwrap_or_default();
            let is_service = matches!(name, SEQUENCE_NUMBER | OFFSET | ENQUEUED_TIME | PUBLISHER);
            if is_service || numbers::is_ours(name) {
                continue;
            }
            out.extend_from_slice(key);
            out.extend_from_slice(value.unwrap_or(&[0x40]));
            count += 2;
        }
    }
    write::symbol(out, SEQUENCE_NUMBER);
    write::long(out, stamp.sequence);
    write::symbol(out, OFFSET);
    write_number_text(out, stamp.offset);
    write::symbol(out, ENQUEUED_TIME);
    write::timestamp(out, stamp.enqueued_ms);
    count += 6;
    if let Some(publisher) = stamp.publisher {
        write::symbol(out, PUBLISHER);
        write::string(out, publisher);
        count += 2;
    }
    write::close(out, &map, count);
}

fn write_number_text(out: &mut Vec<u8>, number: i64) {
    use std::io::Write;
    // A decimal i64 is at most twenty characters: the short form of a string holds it.
    out.extend_from_slice(&[0xa1, 0]);
    let start = out.len();
    if write!(out, "{number}").is_ok() {
        out[start - 1] = (out.len() - start) as u8;
    }
}

fn write_metrics(out: &mut Vec<u8>, newest: Newest, now_ms: i64) {
    write::descriptor(out, sections::DELIVERY_ANNOTATIONS);
    let map = write::open_map(out);
    write::symbol(out, "last_enqueued_sequence_number");
    write::long(out, newest.sequence);
    write::symbol(out, "last_enqueued_offset");
    write_number_text(out, newest.offset);
    write::symbol(out, "last_enqueued_time_utc");
    write::timestamp(out, newest.enqueued_ms);
    write::symbol(out, "runtime_info_retrieval_time_utc");
    write::timestamp(out, now_ms);
    write::close(out, &map, 8);
}
