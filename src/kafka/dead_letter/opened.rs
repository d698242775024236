//! A letter that is read: where its record was, why it is there, and the record as it was. Pure.
//!
//! The headers of the bridge stand behind those of the record, in one order, and are read from the end. So a record that had headers of
//! these names itself, because it was a letter before, keeps them. What does not end so is no letter, whoever wrote it; neither is a letter for
//! which there was no room, because nothing tells it from a record.

use super::added::{DETAIL, HOLDS, HUB, NAMESPACE, OFFSET, PARTITION, PLACE, REASON, TOPIC};
use crate::config::{Holds, is_hub, is_topic};
use crate::record::{Header, Record};

/// Longest word for a reason. They are a closed set, and a newer bridge may know more of them.
const WORD: usize = 64;
/// The longest way to choose a hub: its topic may stand in it more than once.
const CHOICE: usize = 16 << 10;

/// Where the record of a letter was, and why it went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Why: a word.
    pub reason: &'a str,
    /// Why, in words, where there was room for them. Somebody else's text.
    pub detail: Option<&'a [u8]>,
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The hub that it was for, and its namespace by the name it had in the configuration. The first bridges did not say.
    pub hub: Option<(&'a str, &'a str)>,
    /// Whether the letter holds the record, or only its place, and the record is nowhere else than in Kafka.
    pub holds: Holds,
}

/// A letter.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// Where it was, and why it is there.
    pub origin: Origin<'a>,
    /// The record as it was read there.
    pub record: Record<'a>,
}

impl<'a> Opened<'a> {
    /// What `letter`, a record of a dead-letter topic, holds; `None` if it is no letter.
    pub fn of(letter: &Record<'a>) -> Option<Self> {
        let mut rest = Rest(letter.headers);
        let holds = match rest.take(HOLDS) {
            Some(holds) if holds == PLACE.as_bytes() => Holds::Place,
            Some(_) => return None,
            None => Holds::Record,
        };
        let hub = match rest.take(NAMESPACE) {
            Some(namespace) => Some((rest.take(HUB)?, namespace)),
            None => None,
        };
        let hub = match hub {
            // A namespace is called as somebody likes.
            Some((hub, namespace)) => {
                Some((text(hub, is_hub_or_choice)?, text(namespace, |_| true)?))
            }
            None => None,
        };
        let offset = number::<i64>(rest.take(OFFSET)?)?;
        let partition = number::<i32>(rest.take(PARTITION)?)?;
        let topic = text(rest.take(TOPIC)?, is_topic)?;
        let detail = rest.take(DETAIL);
        let reason = text(rest.take(REASON)?, is_word)?;
        let origin = Origin { reason, detail, topic, partition, offset, hub, holds };
        let record = Record { topic, partition, offset, headers: rest.0, ..*letter };
        Some(Self { origin, record })
    }
}

/// Headers that are not read yet.
struct Rest<'a>(&'a [Header<'a>]);

impl<'a> Rest<'a> {
    /// The value of the last one, if it has that name.
    fn take(&mut self, name: &str) -> Option<&'a [u8]> {
        let (last, rest) = self.0.split_last()?;
        let value = last.value.filter(|_| last.name == name.as_bytes())?;
        self.0 = rest;
        Some(value)
    }
}

fn text(bytes: &[u8], is_right: impl Fn(&str) -> bool) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| is_right(text))
}

/// A record that chose no hub names how it was to choose.
fn is_hub_or_choice(text: &str) -> bool {
    let is_template = text.contains('{') && text.contains('}');
    is_hub(text) || is_template && text.len() <= CHOICE && !text.contains(char::is_control)
}

fn is_word(text: &str) -> bool {
    (1..=WORD).contains(&text.len()) && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// As it is written: no sign, and no zero in front.
fn number<N: std::str::FromStr + ToString>(bytes: &[u8]) -> Option<N> {
    let text = std::str::from_utf8(bytes).ok()?;
    let number = text.parse::<N>().ok()?;
    (!text.starts_with('-') && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kafka::dead_letter::DeadLetter;
    use crate::kafka::dead_letter::added::{Added, Headers};
    use crate::record::{OwnedRecord, TopicPartition};

    type Pair = (Vec<u8>, Option<Vec<u8>>);

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..6)
    }

    /// Its own headers may be those of a letter, too.
    fn header() -> impl Strategy<Value = Pair> {
        let ours = [REASON, DETAIL, TOPIC, PARTITION, OFFSET, HUB, NAMESPACE, HOLDS];
        let name = prop_oneof![
            bytes(),
            proptest::sample::select(ours.to_vec()).prop_map(|name| name.as_bytes().to_vec()),
        ];
        let value = prop_oneof![
            proptest::option::of(bytes()),
            proptest::sample::select(vec!["0", "7", "too_large", "t", "place"])
                .prop_map(|text| Some(text.as_bytes().to_vec())),
        ];
        (name, value)
    }

    fn letter() -> impl Strategy<Value = DeadLetter> {
        let reason = proptest::sample::select(vec!["too_large", "refused", "wrong_type"]);
        let place = ("[a-z._-]{3,9}", 0..=i32::MAX, 0..=i64::MAX);
        let holds = proptest::sample::select(vec![Holds::Record, Holds::Place]);
        (place, reason, holds, ".{0,9}", "[A-Za-z0-9]{1,9}", ".{0,9}").prop_map(
            |((topic, partition, offset), reason, holds, detail, hub, namespace)| DeadLetter {
                id: 0,
                source: TopicPartition::new(topic, partition),
                offset,
                target: "dead".into(),
                holds,
                hub: hub.into(),
                namespace: namespace.into(),
                reason,
                detail: detail.into(),
            },
        )
    }

    fn lent(headers: &[Pair]) -> Vec<Header<'_>> {
        headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect()
    }

    proptest! {
        /// What the desk writes is read as the record that it was made of, whatever headers that had.
        #[test]
        fn a_letter_is_read_as_the_record_it_was_made_of(
            letter in letter(),
            key in proptest::option::of(bytes()),
            value in proptest::option::of(bytes()),
            timestamp in proptest::option::of(any::<i64>()),
            own in proptest::collection::vec(header(), 0..9),
            added in proptest::sample::select(vec![Added::All, Added::NoDetail]),
            is_old in any::<bool>(),
        ) {
            let own = lent(&own);
            let TopicPartition { topic, partition } = &letter.source;
            let record = Record {
                topic, partition: *partition, offset: letter.offset, timestamp,
                key: key.as_deref(), value: value.as_deref(), headers: &own,
            };
            let ours = Headers::of(&letter);
            let mut ours = ours.list(added);
            let is_old = is_old && letter.holds == Holds::Record;
            if is_old {
                // As the first bridges wrote it.
                ours.truncate(ours.len() - 2);
            }
            let mut all = own.clone();
            all.append(&mut ours);
            let written = Record { topic: "dead", partition: 4, offset: 2, headers: &all, ..record };
            let opened = Opened::of(&written).expect("a letter");
            let expected = Origin {
                reason: letter.reason,
                detail: (added == Added::All).then_some(letter.detail.as_bytes()),
                topic, partition: *partition, offset: letter.offset,
                hub: (!is_old).then_some((&*letter.hub, &*letter.namespace)),
                holds: letter.holds,
            };
            prop_assert_eq!(opened.origin, expected);
            prop_assert_eq!(OwnedRecord::copy_of(&opened.record), OwnedRecord::copy_of(&record));
        }

        /// Whatever somebody else writes, what is taken for a letter would be written so.
        #[test]
        fn nothing_else_is_a_letter(own in proptest::collection::vec(header(), 0..12)) {
            let own = lent(&own);
            let record = Record {
                topic: "dead", partition: 0, offset: 0, timestamp: None, key: None, value: None,
                headers: &own,
            };
            let Some(Opened { origin, record }) = Opened::of(&record) else { return Ok(()) };
            let [partition, offset] = [i64::from(origin.partition), origin.offset].map(|it| it.to_string());
            let (hub, namespace) = origin.hub.unzip();
            let all = [
                (REASON, Some(origin.reason.as_bytes())), (DETAIL, origin.detail),
                (TOPIC, Some(origin.topic.as_bytes())), (PARTITION, Some(partition.as_bytes())),
                (OFFSET, Some(offset.as_bytes())), (HUB, hub.map(str::as_bytes)),
                (NAMESPACE, namespace.map(str::as_bytes)),
                (HOLDS, (origin.holds == Holds::Place).then_some(PLACE.as_bytes())),
            ];
            let all = all.into_iter().filter(|(_, value)| value.is_some());
            let all = all.map(|(name, value)| Header { name: name.as_bytes(), value });
            let again = record.headers.iter().copied().chain(all).collect::<Vec<_>>();
            prop_assert_eq!(&again, &own);
        }
    }

    #[test]
    fn values_that_nobody_writes_are_not_read() {
        let good = [
            (REASON, "refused"),
            (TOPIC, "orders"),
            (PARTITION, "3"),
            (OFFSET, "17"),
            (HUB, "orders"),
            (NAMESPACE, "default"),
        ];
        let is_letter = |headers: &[(&str, &str)]| {
            let own = headers.iter().map(|(name, value)| Header {
                name: name.as_bytes(),
                value: Some(value.as_bytes()),
            });
            let headers = &own.collect::<Vec<_>>()[..];
            let (topic, partition, offset, timestamp) = ("dead", 0, 0, None);
            let (key, value) = (None, None);
            let record = Record { topic, partition, offset, timestamp, key, value, headers };
            Opened::of(&record).is_some()
        };
        assert!(is_letter(&good) && is_letter(&good[..4]));
        // Of a record that chose none.
        assert!(is_letter(&[&good[..4], &[(HUB, "tenant-{header:tenant}"), good[5]]].concat()));
        assert!(!is_letter(&good[..5]) && !is_letter(&good[1..]) && !is_letter(&[]));
        for (at, wrong) in [
            (0, "\u{1b}[31m"),
            (0, ""),
            (1, "orders\n"),
            (1, ".."),
            (2, "-1"),
            (2, "03"),
            (2, "99999999999"),
            (3, "+17"),
            (3, "1e3"),
            (4, "\u{202e}"),
            (4, "tenant-{header}\n"),
        ] {
            let mut headers = good;
            headers[at].1 = wrong;
            assert!(!is_letter(&headers), "{at}: {wrong:?}");
        }
    }
}
