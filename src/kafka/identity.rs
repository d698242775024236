//! Whether a topic is still the one it was: Kafka gives each an id of its own (KIP-516), so that one that was deleted
//! and made again under its old name is told from the old one.
//!
//! Positions of the old topic mean nothing in the new one. Each stay of a partition, and each position it commits, is
//! therefore of one id; what is committed names it, so that it is known after a crash, too. Brokers hear of a new topic
//! one after the other, so an id that was just overtaken is not believed. Brokers before 2.8 have none: then nothing is
//! known here, and nothing changes.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use crate::kafka::span::Span;
use crate::record::TopicPartition;

/// What a commit is labelled with, before the id.
const LABEL: &str = "topic-id=";
/// What stands before that, where the position is out of range and held for it.
const HELD: &str = "held";
/// What stands before the time since when events beyond the position may have been sent.
const SENT_SINCE: &str = "sent-since=";
/// A broker that names a topic that was overtaken so long ago does not lag behind: it knows better.
const LAG: Duration = Duration::from_mins(1);
/// More topics of one name than this are not remembered.
const GONE_KEPT: usize = 8;

/// What tells a topic from an older one of its name; never zero, which stands for "none".
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TopicId(u128);

impl TopicId {
    pub(super) fn new(high: i64, low: i64) -> Option<Self> {
        let id = u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned());
        (id != 0).then_some(Self(id))
    }

    /// What a commit says about the topic it is of.
    pub(super) fn label(self) -> String {
        format!("{LABEL}{self:?}")
    }

    /// Reads a label; anything else is of somebody else, and says nothing.
    pub(super) fn of_label(label: &[u8]) -> Option<Self> {
        let hex = std::str::from_utf8(label).ok()?.strip_prefix(LABEL)?;
        let digits = hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u128::from_str_radix(hex, 16).ok().filter(|id| digits && *id != 0)?;
        Some(Self(id))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What is committed along with a position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Label {
    /// The topic it is a position of.
    pub(super) topic: Option<TopicId>,
    /// Whether it is out of range, and held for that.
    pub(super) held: bool,
    /// What of the partition is read, where that is a part of it.
    pub(super) span: Option<Span>,
    /// Since when events beyond it may have been sent, in milliseconds since the Unix epoch, where that matters.
    pub(super) sent_since: Option<i64>,
}

impl Label {
    /// As it is written, if it says anything.
    pub(super) fn written(self) -> Option<String> {
        let words = [
            self.held.then(|| HELD.to_owned()),
            self.topic.map(TopicId::label),
            self.span.map(|span| span.to_string()),
            self.sent_since.map(|since| format!("{SENT_SINCE}{since}")),
        ];
        let words = words.into_iter().flatten().collect::<Vec<_>>();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Reads it. A word that is not known is of somebody else, and then so is all of it.
    pub(super) fn read(label: &[u8]) -> Self {
        Self::read_whole(label).unwrap_or_default()
    }

    fn read_whole(label: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        for word in std::str::from_utf8(label).ok()?.split_ascii_whitespace() {
            if word == HELD {
                read.held = true;
            } else if let Some(span) = Span::of_label(word) {
                read.span = Some(span);
            } else if let Some(since) = word.strip_prefix(SENT_SINCE) {
                read.sent_since = Some(since.parse().ok()?);
            } else {
                read.topic = Some(TopicId::of_label(word.as_bytes())?);
            }
        }
        Some(read)
    }
}

/// The topics as this process knows them.
#[derive(Debug, Default)]
pub(super) struct Identities(HashMap<String, KnownIdentity>);

#[derive(Debug)]
struct KnownIdentity {
    now: TopicId,
    /// What was overtaken, and when.
    gone: VecDeque<(TopicId, Instant)>,
}

impl Identities {
    /// Takes in an answer, and gives it back with what is outdated in it corrected.
    pub(super) fn learn(
        &mut self,
        now: Instant,
        answer: HashMap<String, TopicId>,
    ) -> HashMap<String, TopicId> {
        let current = |(topic, id): (String, TopicId)| {
            let known = self.0.entry(topic.clone());
            let known = known.or_insert_with(|| KnownIdentity { now: id, gone: VecDeque::new() });
            let lags = |(gone, since): &(TopicId, Instant)| *gone == id && now - *since < LAG;
            if known.now != id && !known.gone.iter().any(lags) {
                if known.gone.len() == GONE_KEPT {
                    known.gone.pop_front();
                }
                known.gone.push_back((std::mem::replace(&mut known.now, id), now));
            }
            (topic, known.now)
        };
        answer.into_iter().map(current).collect()
    }

    /// The id last heard.
    pub(super) fn last(&self, topic: &str) -> Option<TopicId> {
        self.0.get(topic).map(|known| known.now)
    }

    /// Whether the topic was made anew since this process first heard of it.
    pub(super) fn was_renewed(&self, topic: &str) -> bool {
        self.0.get(topic).is_some_and(|known| !known.gone.is_empty())
    }
}

/// Those of `stays` whose topic is not the one any more that they began with.
pub(super) fn renewed(
    stays: &[(TopicPartition, Option<TopicId>)],
    present: &HashMap<String, TopicId>,
) -> Vec<TopicPartition> {
    let other = |(partition, id): &&(TopicPartition, Option<TopicId>)| {
        let present = present.get(&*partition.topic).copied();
        id.zip(present).is_some_and(|(id, present)| id != present)
    };
    stays.iter().filter(other).map(|(partition, _)| partition.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64) -> TopicId {
        TopicId::new(0, number).unwrap()
    }

    fn ids(topics: &[(&str, i64)]) -> HashMap<String, TopicId> {
        topics.iter().map(|(topic, number)| ((*topic).to_owned(), id(*number))).collect()
    }

    #[test]
    fn a_label_is_read_as_it_was_written_and_nothing_else_is() {
        let id = TopicId::new(-2, 7).unwrap();
        assert_eq!(id.label(), "topic-id=fffffffffffffffe0000000000000007");
        assert_eq!(TopicId::of_label(id.label().as_bytes()), Some(id));
        let zero = format!("{LABEL}{:032x}", 0);
        let signed = format!("{LABEL}+{:031x}", 5);
        for foreign in ["", "NO_METADATA", "topic-id=", "topic-id=7", "topic-id=x", &zero, &signed]
        {
            assert_eq!(TopicId::of_label(foreign.as_bytes()), None, "{foreign}");
        }
        assert_eq!(TopicId::of_label(b"topic-id=\xff"), None);
        for topic in [None, Some(id)] {
            for held in [false, true] {
                for span in [None, Some(Span { from: 0, to: 7 })] {
                    let sent_since = span.map(|_| 1_800_000_000_000);
                    let label = Label { topic, held, span, sent_since };
                    let written = label.written().unwrap_or_default();
                    assert_eq!(Label::read(written.as_bytes()), label, "{written}");
                }
            }
        }
        assert_eq!(Label { topic: Some(id), ..Label::default() }.written(), Some(id.label()));
        for foreign in ["NO_METADATA", "held by somebody", "replay=0-7 and more"] {
            assert_eq!(Label::read(foreign.as_bytes()), Label::default(), "{foreign}");
        }
        assert_eq!(TopicId::new(0, 0), None, "an old broker's");
    }

    #[test]
    fn only_what_was_made_anew_is_read_anew() {
        let stay = |topic: &str, partition, id| (TopicPartition::new(topic, partition), id);
        let stays = [
            stay("a", 0, Some(id(1))),
            stay("a", 1, Some(id(2))),
            stay("b", 0, Some(id(1))),
            stay("c", 0, Some(id(1))),
            stay("d", 0, None),
        ];
        let present = ids(&[("a", 2), ("b", 1), ("d", 9)]);
        assert_eq!(renewed(&stays, &present), [TopicPartition::new("a", 0)]);
    }

    #[test]
    fn an_id_that_was_just_overtaken_does_not_come_back() {
        let mut identities = Identities::default();
        let began = Instant::now();
        assert_eq!(identities.learn(began, ids(&[("a", 1), ("b", 1)])), ids(&[("a", 1), ("b", 1)]));
        assert!(!identities.was_renewed("a"));
        // What is heard of `a` after so many seconds, and what is made of it.
        for (after, heard, believed) in
            [(1, 2, 2), (2, 1, 2), (3, 3, 3), (4, 2, 3), (5, 1, 3), (90, 2, 2)]
        {
            let now = began + Duration::from_secs(after);
            let present = identities.learn(now, ids(&[("a", heard)]));
            assert_eq!(present, ids(&[("a", believed)]), "after {after} s");
        }
        assert!(identities.was_renewed("a") && !identities.was_renewed("b"));
        assert_eq!((identities.last("a"), identities.last("c")), (Some(id(2)), None));
    }
}
