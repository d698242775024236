//! What is kept of a record, or of an event, to compare them: where it is, and digests of its parts. Pure.

use sha2::{Digest as _, Sha256};

use crate::eventhubs::reader::{EventBody, HubEvent, Property};

/// Bytes of an entry on disk.
pub(super) const BYTES: usize = 57;

/// A hub partition that cannot be told.
pub(super) const ANYWHERE: u32 = u32::MAX;

/// What an entry is about. The order is that in which entries of one record are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum EntryKind {
    /// A record of which an event is to be there.
    Expected,
    /// A record that its mapping filters.
    Filtered,
    /// A record that is refused and goes to the dead-letter topic.
    DeadLetter,
    /// A record that is refused and dropped.
    Dropped,
    /// A record of which it is not known what becomes of it.
    Unknown,
    /// A dead letter that is there.
    Letter,
    /// An event that is there.
    Found,
    /// Where the event of the last record stood that was compared before, in its hub partition. Such an entry is of no offset.
    Last,
}

const KINDS: [EntryKind; 8] = [
    EntryKind::Expected,
    EntryKind::Filtered,
    EntryKind::DeadLetter,
    EntryKind::Dropped,
    EntryKind::Unknown,
    EntryKind::Letter,
    EntryKind::Found,
    EntryKind::Last,
];

/// Digests of the parts of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Digests {
    /// Of the partition key.
    pub(super) key: u64,
    /// Of properties, content-type and content-encoding.
    pub(super) headers: u64,
    /// Of the body.
    pub(super) body: u64,
}

/// See the module. Entries of one record stand together when they are sorted, those of a partition in the order of their offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SpoolEntry {
    /// Number of the topic and the hub it goes to.
    pub(super) way: u32,
    /// The Kafka partition.
    pub(super) partition: i32,
    /// The offset.
    pub(super) offset: i64,
    /// What it is about.
    pub(super) kind: EntryKind,
    /// Number of the hub partition, or [`ANYWHERE`].
    pub(super) hub_partition: u32,
    /// Of an event its sequence number, of a record its timestamp in milliseconds.
    pub(super) at: i64,
    /// What it holds.
    pub(super) digests: Digests,
}

impl SpoolEntry {
    /// As it stands on disk.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.way.to_be_bytes());
        out.extend_from_slice(&self.partition.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.push(self.kind as u8);
        out.extend_from_slice(&self.hub_partition.to_be_bytes());
        out.extend_from_slice(&self.at.to_be_bytes());
        for digest in [self.digests.key, self.digests.headers, self.digests.body] {
            out.extend_from_slice(&digest.to_be_bytes());
        }
        // What was cut or overwritten is no entry.
        out.extend_from_slice(&check(&out[out.len() - (BYTES - 4)..]).to_be_bytes());
    }

    /// What was written; `None` when that is no entry.
    pub(super) fn read(bytes: &[u8; BYTES]) -> Option<Self> {
        let mut rest = &bytes[..];
        let entry = Self {
            way: u32::from_be_bytes(*part(&mut rest)?),
            partition: i32::from_be_bytes(*part(&mut rest)?),
            offset: i64::from_be_bytes(*part(&mut rest)?),
            kind: *KINDS.get(usize::from(part::<1>(&mut rest)?[0]))?,
            hub_partition: u32::from_be_bytes(*part(&mut rest)?),
            at: i64::from_be_bytes(*part(&mut rest)?),
            digests: Digests {
                key: u64::from_be_bytes(*part(&mut rest)?),
                headers: u64::from_be_bytes(*part(&mut rest)?),
                body: u64::from_be_bytes(*part(&mut rest)?),
            },
        };
        let said = u32::from_be_bytes(*part(&mut rest)?);
        (said == check(&bytes[..BYTES - 4])).then_some(entry)
    }
}

fn part<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (part, more) = rest.split_first_chunk()?;
    *rest = more;
    Some(part)
}

/// FNV-1a, which finds what a disk does.
fn check(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl Digests {
    /// Of an event. A property named `without` does not count: a replay says by it that it is one.
    pub(super) fn of(event: &HubEvent, without: Option<&str>) -> Self {
        let mut headers = Vec::with_capacity(512);
        for text in [&event.content_type, &event.content_encoding] {
            add(&mut headers, text.as_ref().map(String::as_bytes));
        }
        // One reader keeps the order of the sender, the other does not.
        let mut named: Vec<_> = event.properties.iter().collect();
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, value) in named.into_iter().filter(|(name, _)| Some(name.as_str()) != without) {
            add(&mut headers, Some(name.as_bytes()));
            property(&mut headers, value);
        }
        let body = match &event.body {
            // To a reader, an event without a body has an empty one.
            EventBody::Missing => short(&[]),
            EventBody::Bytes(bytes) => short(bytes),
            EventBody::Value(value) => {
                let mut body = vec![0];
                property(&mut body, value);
                short(&body)
            }
        };
        let mut key = Vec::with_capacity(64);
        add(&mut key, event.key.as_ref().map(String::as_bytes));
        Self { key: short(&key), headers: short(&headers), body }
    }
}

fn short(bytes: &[u8]) -> u64 {
    let hash = Sha256::digest(bytes);
    hash.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// A part, so that no two lists of parts are the same bytes.
fn add(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn property(out: &mut Vec<u8>, value: &Property) {
    let (kind, bytes): (u8, &[u8]) = match value {
        Property::Null => (0, &[]),
        Property::Bool(is) => (1, if *is { &[1] } else { &[0] }),
        Property::Number(number) => (2, &number.to_be_bytes()),
        Property::Real(number) => (3, &number.to_bits().to_be_bytes()),
        Property::Time(millis) => (4, &millis.to_be_bytes()),
        Property::Text(text) => (5, text.as_bytes()),
        Property::Bytes(bytes) => (6, bytes),
        Property::Other(text) => (7, text.as_bytes()),
    };
    out.push(kind);
    add(out, Some(bytes));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn event(properties: &[(&str, Property)], body: &'static [u8]) -> HubEvent {
        HubEvent {
            sequence: 0,
            offset: String::new(),
            enqueued_ms: 0,
            key: Some("k".to_owned()),
            message_id: None,
            content_type: None,
            content_encoding: None,
            properties: properties
                .iter()
                .map(|(name, it)| ((*name).to_owned(), it.clone()))
                .collect(),
            annotations: Vec::new(),
            body: EventBody::Bytes(Bytes::from_static(body)),
        }
    }

    #[test]
    fn each_part_has_a_digest_of_its_own() {
        let text = |text: &str| Property::Text(text.to_owned());
        let plain = event(&[("a", text("1")), ("b", text("2"))], b"x");
        let of = |event: &HubEvent| Digests::of(event, Some("replayed"));
        let digests = of(&plain);
        let turned = event(&[("b", text("2")), ("a", text("1"))], b"x");
        assert_eq!(of(&turned), digests, "their order is nobody's business");
        let mut replayed = plain.clone();
        replayed.properties.push(("replayed".to_owned(), Property::Bool(true)));
        assert_eq!(of(&replayed), digests);
        let body = of(&event(&[("a", text("1")), ("b", text("2"))], b"y"));
        assert_eq!((body.key, body.headers), (digests.key, digests.headers));
        assert_ne!(body.body, digests.body);
        for other in [
            event(&[("a", text("12"))], b"x"),
            event(&[("a", text("1")), ("b", Property::Number(2))], b"x"),
            event(&[("a", text("1")), ("b", Property::Null)], b"x"),
            HubEvent { content_type: Some("1".to_owned()), ..plain.clone() },
        ] {
            assert_ne!(of(&other).headers, digests.headers, "{other:?}");
        }
        let moved = HubEvent { key: None, ..plain.clone() };
        assert_ne!(of(&moved).key, digests.key);
        let missing = HubEvent { body: EventBody::Missing, ..plain };
        assert_eq!(of(&missing).body, of(&event(&[], b"")).body);
    }

    proptest! {
        #[test]
        fn an_entry_is_read_back_and_a_changed_one_is_not(
            way in any::<u32>(), partition in any::<i32>(), offset in any::<i64>(), kind in 0..KINDS.len(),
            hub_partition in any::<u32>(), at in any::<i64>(), digests in any::<[u64; 3]>(), flip in 0..BYTES * 8,
        ) {
            let [key, headers, body] = digests;
            let digests = Digests { key, headers, body };
            let entry = SpoolEntry { way, partition, offset, kind: KINDS[kind], hub_partition, at, digests };
            let mut out = Vec::new();
            entry.write(&mut out);
            let mut bytes: [u8; BYTES] = out.try_into().unwrap();
            prop_assert_eq!(SpoolEntry::read(&bytes), Some(entry));
            bytes[flip / 8] ^= 1 << (flip % 8);
            prop_assert_eq!(SpoolEntry::read(&bytes), None);
        }
    }
}
