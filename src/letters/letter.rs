//! One letter: the record as it was, where it was, why it is here, and what can be done.

use std::ops::ControlFlow;
use std::str::FromStr;

use crate::config::{Holds, is_topic};
use crate::group::CommandError;
use crate::kafka::{Opened, Origin, Stretch};
use crate::record::{OwnedRecord, Record, TopicPartition};

use super::DeadLetterTopics;
use super::topics::of_topic;

/// Where a letter lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterPlace {
    /// The dead-letter topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl FromStr for LetterPlace {
    type Err = &'static str;

    /// `TOPIC/PARTITION/OFFSET`, as the list names it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.splitn(3, '/');
            let topic = parts.next().filter(|topic| is_topic(topic))?.to_owned();
            let partition = parts.next()?.parse().ok().filter(|number| *number >= 0)?;
            let offset = parts.next()?.parse().ok().filter(|number| *number >= 0)?;
            Some(Self { topic, partition, offset })
        };
        read().ok_or("write TOPIC/PARTITION/OFFSET, such as orders-refused/0/17; `dead-letters list --each` names them")
    }
}

/// A record of a dead-letter topic.
#[derive(Debug, Clone)]
pub struct FoundLetter {
    record: OwnedRecord,
}

/// How a record is shown: whole, or the beginning of what is long.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The record.
    pub found: &'a FoundLetter,
    /// Whether all of it is shown.
    pub whole: bool,
}

impl FoundLetter {
    /// Reads the record at `place`.
    pub fn read(topics: &DeadLetterTopics, place: &LetterPlace) -> Result<Self, CommandError> {
        let LetterPlace { topic, partition, offset } = place;
        let known = topics.topics.get(topic).map_or(0, |facts| facts.partitions);
        if *partition >= known {
            return Err(CommandError::no_partition(topic, *partition, known));
        }
        let stretch = Stretch {
            partition: TopicPartition::new(topic.as_str(), *partition),
            from: *offset,
            to: offset.saturating_add(1),
        };
        let places = [stretch.partition.clone()];
        let logs = topics.inquiry.logs(&places, topics.limit);
        let Some((first, end)) = logs.get(&places[0]).copied() else {
            return Err(CommandError::no_log(&places[0]));
        };
        let nothing = || {
            let what = format!("there is no record at {topic}/{partition}/{offset}");
            let hint = match end - first {
                ..=0 => "its partition is empty".to_owned(),
                _ => format!(
                    "its partition holds offsets from {first} to {}, maybe with gaps",
                    end - 1
                ),
            };
            CommandError::usage(what, hint)
        };
        if !(first..end).contains(offset) {
            return Err(nothing());
        }
        let mut found = None;
        let mut each = |record: &Record<'_>, _| {
            found = Some(Self { record: OwnedRecord::copy_of(record) });
            ControlFlow::Break(())
        };
        let read = topics.inquiry.scan(vec![stretch], topics.limit, &mut each);
        let unread = read.map_err(|denied| of_topic(topic, &denied))?;
        match (found, unread.into_iter().next()) {
            (Some(found), _) => Ok(found),
            (None, Some(unread)) => {
                let doing = format!("{topic}/{partition}/{offset} cannot be read");
                Err(CommandError::denied(&doing, &unread.why, ""))
            }
            (None, None) => Err(nothing()),
        }
    }

    /// Lends it: the record as it lies there, and the letter that it is, if it is one.
    pub(super) fn with<T>(&self, look: impl FnOnce(&Record<'_>, Option<&Opened<'_>>) -> T) -> T {
        self.record.with(|record| look(record, Opened::of(record).as_ref()))
    }
}

/// What can be done about it.
pub(super) fn hint(origin: Option<&Origin<'_>>) -> &'static str {
    let Some(origin) = origin else {
        return "it is not a dead letter of a bridge, or its topic had no room for the headers. Raise `max.message.bytes` of the topic for the next ones";
    };
    if origin.holds == Holds::Place {
        return "it holds no record (`dead_letter_holds`). The record is in its topic, as long as Kafka keeps it: `replay --topic` from its offset sends it again";
    }
    match origin.reason {
        "too_large" => {
            "a hub accepts events of 1 MB, or 256 KB on the Basic tier. Set `too_large` to `\"claim_check\"` or `\"split\"`, or raise the tier, and send it again by `dead-letters replay`; or make the record smaller and produce it again"
        }
        "refused" => {
            "Event Hubs refuses its content, and `detail` says why: fix it, and produce it again"
        }
        "wrong_type" => {
            "correct `key_type`, `header_type` or `header_types` under `[events]`, and send it again by `dead-letters \
             replay`; or correct the program that writes such records"
        }
        "no_such_partition" => {
            "give the hub as many partitions as the topic has, or the mapping another `partitioning`, and send it again \
             by `dead-letters replay`"
        }
        "not_framed" => {
            "it has no schema, or its serializer is not the one of `decode` in the mapping. Correct the mapping and send it again by `dead-letters replay`, or correct the program that writes such records"
        }
        "unknown_hub" => {
            "its hub is not in `hubs` of its mapping: create the hub, add it to `hubs`, and send it again by `dead-letters replay`; or correct the program that writes such records"
        }
        "unreadable" | "no_schema" => {
            "`detail` says what is wrong with it or with its schema: correct the program that writes such records; the bridge reads a schema that was replaced in the registry after a restart"
        }
        "no_field" | "no_envelope" | "no_cloudevent" | "expression" => {
            "it does not fit its mapping, and `detail` says where. Correct the mapping (docs/shaping.md) and send it again by `dead-letters replay`, or correct the program that writes such records"
        }
        _ => "`detail` says why; a newer bridge may have written it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_named_by_its_place() {
        let place = "orders-refused/3/17".parse::<LetterPlace>();
        let (topic, partition, offset) = ("orders-refused".to_owned(), 3, 17);
        assert_eq!(place, Ok(LetterPlace { topic, partition, offset }));
        for wrong in ["", "t", "t/0", "t/0/", "t/-1/0", "t/0/-1", "t/0/1/2", "/0/1", "t\u{1b}/0/1"]
        {
            assert!(wrong.parse::<LetterPlace>().is_err(), "{wrong}");
        }
    }
}
