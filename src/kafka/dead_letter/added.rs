//! What a letter carries beside its record: why it is one and where it was.
//!
//! It is worth less than the record. Where the dead-letter topic has no room for both, the words go first, then the rest.

use super::DeadLetter;
use crate::config::Holds;
use crate::record::{Header, Record};

/// Names of the headers, in their order, behind those of the record. They are read by [`Opened`](super::Opened).
pub(super) const REASON: &str = "bridge_reason";
pub(super) const DETAIL: &str = "bridge_detail";
pub(super) const TOPIC: &str = "bridge_topic";
pub(super) const PARTITION: &str = "bridge_partition";
pub(super) const OFFSET: &str = "bridge_offset";
pub(super) const HUB: &str = "bridge_hub";
pub(super) const NAMESPACE: &str = "bridge_namespace";
/// Only there, and `place`, where the letter does not hold its record.
pub(super) const HOLDS: &str = "bridge_holds";
pub(super) const PLACE: &str = "place";

/// How much of it goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Added {
    #[default]
    All,
    /// `bridge_detail` can be as long as its author likes.
    NoDetail,
    Nothing,
}

impl Added {
    /// The next smaller. A letter that holds no record is nothing without its headers.
    pub(super) fn less(self, holds: Holds) -> Option<Self> {
        match (self, holds) {
            (Self::All, _) => Some(Self::NoDetail),
            (Self::NoDetail, Holds::Record) => Some(Self::Nothing),
            (Self::NoDetail, Holds::Place) | (Self::Nothing, _) => None,
        }
    }

    /// What is left out, in words.
    pub(super) fn without(self) -> &'static str {
        match self {
            Self::All => "nothing",
            Self::NoDetail => "bridge_detail",
            Self::Nothing => "all headers of the bridge",
        }
    }
}

/// The headers of a letter, as texts.
pub(super) struct Headers<'a> {
    letter: &'a DeadLetter,
    partition: String,
    offset: String,
}

impl<'a> Headers<'a> {
    pub(super) fn of(letter: &'a DeadLetter) -> Self {
        let (partition, offset) = (letter.source.partition.to_string(), letter.offset.to_string());
        Self { letter, partition, offset }
    }

    pub(super) fn list(&self, added: Added) -> Vec<Header<'_>> {
        let all = [
            (REASON, self.letter.reason),
            (DETAIL, &self.letter.detail),
            (TOPIC, &self.letter.source.topic),
            (PARTITION, &self.partition),
            (OFFSET, &self.offset),
            (HUB, &self.letter.hub),
            (NAMESPACE, &self.letter.namespace),
            (HOLDS, PLACE),
        ];
        let goes = |name: &str| match added {
            _ if name == HOLDS && self.letter.holds == Holds::Record => false,
            Added::All => true,
            Added::NoDetail => name != DETAIL,
            Added::Nothing => false,
        };
        let kept = all.into_iter().filter(|(name, _)| goes(name));
        kept.map(|(name, value)| Header { name: name.as_bytes(), value: Some(value.as_bytes()) })
            .collect()
    }
}

/// Bytes that a batch has beside its records.
const BATCH: usize = 61;

/// The `max.message.bytes` that a topic needs for `record` alone, if it is not compressed.
pub(super) fn bytes(record: &Record<'_>) -> u64 {
    let text = |value: Option<&[u8]>| match value {
        Some(value) => varint(value.len()) + value.len(),
        // A length of -1.
        None => 1,
    };
    let headers = record.headers.iter();
    let headers: usize = headers.map(|it| text(Some(it.name)) + text(it.value)).sum();
    // Attributes, and how far its time and its offset are from those of the batch: none.
    let body = 3 + text(record.key) + text(record.value) + varint(record.headers.len()) + headers;
    (BATCH + varint(body) + body) as u64
}

/// How long a length is: seven bits a byte, and one for the sign.
fn varint(length: usize) -> usize {
    let bits = usize::BITS - (length << 1).leading_zeros();
    bits.div_ceil(7).max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TopicPartition;

    #[test]
    fn the_words_are_left_out_before_the_rest() {
        let mut letter = DeadLetter {
            id: 1,
            source: TopicPartition::new("t", 2),
            offset: 3,
            target: "dead".into(),
            holds: Holds::Record,
            hub: "orders".into(),
            namespace: "default".into(),
            reason: "too_large",
            detail: "larger than that".into(),
        };
        let headers = Headers::of(&letter);
        let mut added = Added::default();
        let mut names = Vec::new();
        loop {
            names.push(headers.list(added).len());
            let Some(less) = added.less(letter.holds) else { break };
            added = less;
        }
        assert_eq!(names, [7, 6, 0]);
        let kept = headers.list(Added::NoDetail);
        assert!(kept.iter().all(|header| header.name != b"bridge_detail"));
        assert_eq!(kept[3], Header { name: b"bridge_offset", value: Some(b"3") });
        letter.holds = Holds::Place;
        assert_eq!(Added::NoDetail.less(letter.holds), None, "its headers are all it is");
        let headers = Headers::of(&letter);
        let last = Header { name: b"bridge_holds", value: Some(b"place") };
        assert_eq!(headers.list(Added::All).last(), Some(&last));
    }

    #[test]
    fn lengths_take_as_many_bytes_as_kafka_gives_them() {
        for (length, takes) in [(0, 1), (63, 1), (64, 2), (8191, 2), (8192, 3), (1 << 20, 4)] {
            assert_eq!(varint(length), takes, "{length}");
        }
    }
}
