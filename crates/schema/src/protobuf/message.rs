//! Which message of a schema a payload is, and where the message begins.

use prost_reflect::{FileDescriptor, MessageDescriptor};

use crate::frame::{Message, Payload};
use crate::unreadable::{Fail, Reason, Unreadable};

/// The most indexes: messages are not nested deeper in any schema.
const DEEPEST: u64 = 64;

/// The message, and its bytes.
pub(super) fn of<'a>(
    file: &FileDescriptor,
    payload: Payload<'a>,
) -> Result<(MessageDescriptor, &'a [u8]), Unreadable> {
    let found = |message: Option<MessageDescriptor>, bytes| match message {
        Some(message) => Ok((message, bytes)),
        None => Err(Fail::from(Reason::NoMessage).into()),
    };
    let bytes = payload.bytes;
    match payload.message {
        Message::First => found(file.messages().next(), bytes),
        Message::Inline => {
            let (message, rest) = indexed(file, bytes)?;
            found(message, rest)
        }
        Message::Indexes(said) => found(indexed(file, said)?.0, bytes),
        Message::Name(name) => found(named(file, name), bytes),
        Message::Delimited => {
            let (name, rest) = reference(bytes).ok_or(Fail::from(Reason::NoMessage))?;
            found(named(file, name), rest)
        }
    }
}

/// Confluent's: how many indexes, then each; the first among all messages of the file, the next among those inside it. No
/// indexes stand for one that is 0.
fn indexed<'a>(
    file: &FileDescriptor,
    bytes: &'a [u8],
) -> Result<(Option<MessageDescriptor>, &'a [u8]), Fail> {
    let (count, mut rest) = zigzag(bytes).ok_or(Reason::Ends)?;
    if count == 0 {
        return Ok((file.messages().next(), rest));
    }
    if count > DEEPEST {
        return Err(Reason::NoMessage.into());
    }
    let mut message: Option<MessageDescriptor> = None;
    for _ in 0..count {
        let (index, behind) = zigzag(rest).ok_or(Reason::Ends)?;
        rest = behind;
        let index = usize::try_from(index).map_err(|_| Reason::NoMessage)?;
        let next = match &message {
            None => file.messages().nth(index),
            // The entries of maps are messages to a compiler, and not to who wrote the schema, or to Confluent's Java.
            Some(outer) => outer.child_messages().filter(|it| !it.is_map_entry()).nth(index),
        };
        message = Some(next.ok_or(Reason::NoMessage)?);
    }
    Ok((message, rest))
}

/// Apicurio's `Ref`: its length, then field 1, which is the name.
fn reference(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(bytes)?;
    let (said, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let (length, name) = varint(said.strip_prefix(&[0x0a])?)?;
    let name = name.get(..usize::try_from(length).ok()?)?;
    Some((name, rest))
}

/// By its full name, by its name in the file's package, or by its name alone among the messages on top, as Apicurio has it.
fn named(file: &FileDescriptor, name: &[u8]) -> Option<MessageDescriptor> {
    let name = std::str::from_utf8(name).ok()?;
    if let Some(message) = file.messages().find(|it| it.name() == name) {
        return Some(message);
    }
    let pool = file.parent_pool();
    let inside = format!("{}.{name}", file.package_name());
    pool.get_message_by_name(name).or_else(|| pool.get_message_by_name(&inside))
}

/// A number from 0.
fn zigzag(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = varint(bytes)?;
    // An odd one is below zero, and no index: as large as it is, it is out of bounds everywhere.
    Some((if number & 1 == 0 { number >> 1 } else { u64::MAX }, rest))
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}
