//! The numbers of a batch, written into its events.
//!
//! The core encodes batches and knows nothing of this; it leaves [`ROOM`] for each event. Everything but the annotations of an
//! event stays byte for byte.

use std::collections::HashSet;

use amqp::read::Reader;
use amqp::sections::{self, Section, Sections};
use amqp::{DecodeError, write};
use bytes::Bytes;

use super::ProducerIdentity;

pub(super) const EPOCH: &str = "com.microsoft:producer-epoch";
pub(super) const ID: &str = "com.microsoft:producer-id";
pub(super) const NUMBER: &str = "com.microsoft:producer-sequence-number";

/// Bytes that the three annotations take: each a symbol with its length, and the value with its constructor.
const PAIRS: usize = EPOCH.len() + ID.len() + NUMBER.len() + 3 * 2 + 3 + 9 + 5;
/// Bytes that an event gets at most: with a section and a map around them where it had none, and the longer form of its own length.
pub const ROOM: usize = PAIRS + 12 + 3;

/// The number behind another: behind the largest comes 0.
pub(super) fn next(number: i32) -> i32 {
    number.checked_add(1).unwrap_or(0)
}

/// A batch with numbers from the one behind the last on; and the number of its last event.
pub(super) fn number(message: &Bytes, of: &ProducerIdentity) -> (Bytes, i32) {
    try_number(message, of).expect("a batch that was encoded here is well formed")
}

fn try_number(message: &[u8], of: &ProducerIdentity) -> Result<(Bytes, i32), DecodeError> {
    // Most of a batch is payload: an event in nine makes it grow by no more than this.
    let mut out = Vec::with_capacity(message.len() + message.len() / 8 + ROOM);
    let (mut last, mut event) = (of.last, Vec::new());
    for section in Sections::of(message) {
        let section = section?;
        if section.code == sections::DATA {
            last = next(last);
            event.clear();
            annotate(Reader::new(section.value).binary()?, of, last, &mut event)?;
            write::descriptor(&mut out, sections::DATA);
            write::binary(&mut out, &event);
        } else {
            let end = section.value.as_ptr_range().end as usize - message.as_ptr() as usize;
            out.extend_from_slice(&message[section.start..end]);
        }
    }
    Ok((out.into(), last))
}

/// Whether an event of one batch is in another.
pub(super) fn share(one: &[u8], other: &[u8]) -> bool {
    let events = |message| Sections::of(message).map_while(Result::ok).filter(is_event);
    let known: HashSet<&[u8]> = events(one).map(|event| event.value).collect();
    events(other).any(|event| known.contains(event.value))
}

fn is_event(section: &Section<'_>) -> bool {
    section.code == sections::DATA
}

/// An event with its number.
fn annotate(
    event: &[u8],
    of: &ProducerIdentity,
    number: i32,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let (mut before, mut annotations, mut rest) = (0, None, 0);
    for section in Sections::of(event) {
        let section = section?;
        let end = section.value.as_ptr_range().end as usize - event.as_ptr() as usize;
        if section.code >= sections::MESSAGE_ANNOTATIONS {
            if section.code == sections::MESSAGE_ANNOTATIONS {
                (annotations, rest) = (Some(section.value), end);
            } else {
                rest = section.start;
            }
            before = section.start;
            break;
        }
    }
    out.extend_from_slice(&event[..before]);
    write::descriptor(out, sections::MESSAGE_ANNOTATIONS);
    let map = write::open_map(out);
    let mut count = 6;
    if let Some(annotations) = annotations {
        let mut fields = Reader::new(annotations).map()?;
        count += fields.left();
        while fields.left() > 0 {
            out.extend_from_slice(fields.raw()?.unwrap_or(&[0x40]));
        }
    }
    write::symbol(out, EPOCH);
    write::short(out, of.epoch);
    write::symbol(out, ID);
    write::long(out, of.id);
    write::symbol(out, NUMBER);
    write::int(out, number);
    write::close(out, &map, count);
    out.extend_from_slice(&event[rest..]);
    Ok(())
}
