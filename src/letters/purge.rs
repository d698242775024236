//! Deleting letters: the first ones of each partition, since Kafka deletes nothing else.
//!
//! A plan names an offset for each partition before anything is deleted. What comes meanwhile lies behind it and stays. Kafka cuts each log at once
//! or not at all, and what is cut is not asked for again, so who is killed in the middle has deleted less than was planned and nothing else.

use std::str::FromStr;

use jiff::Timestamp;

use crate::config::Start;
use crate::group::{CommandError, PositionTarget, some};
use crate::kafka::Denied;
use crate::record::TopicPartition;

use super::{DeadLetterTopics, Time};

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// What lies in front of the first record of that time or later.
    Time(Time),
    /// What is below this offset.
    Offset(i64),
}

impl FromStr for Before {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<PositionTarget>() {
            Ok(PositionTarget::Start(Start::At(time))) => Ok(Self::Time(Time(time))),
            Ok(PositionTarget::Offset(offset)) => Ok(Self::Offset(offset)),
            _ => Err(
                "write a date such as 2026-01-31 (its midnight, UTC), a time with its zone such as 2026-01-31T08:00:00Z, \
                 or an offset",
            ),
        }
    }
}

/// What is to become of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The first offset of its log, and its end.
    pub log: (i64, i64),
    /// Where it is to begin.
    pub after: i64,
}

impl PurgedPartition {
    /// Offsets that go.
    pub fn goes(&self) -> i64 {
        self.after - self.log.0
    }

    /// Offsets that stay.
    pub fn stays(&self) -> i64 {
        self.log.1 - self.after
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Purge {
    /// The partitions, in the order of their names.
    pub parts: Vec<PurgedPartition>,
    /// Topics that a mapping names and Kafka does not have.
    pub missing: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Purged {
    /// Where each log begins now that was to be cut, or why it does not.
    pub parts: Vec<(PurgedPartition, Result<i64, Denied>)>,
}

impl Purge {
    /// Asks, and deletes nothing.
    pub fn plan(topics: &DeadLetterTopics, before: Before) -> Result<Self, CommandError> {
        let all = topics.partitions();
        if let (Before::Offset(offset), [_, _, ..]) = (before, &all[..]) {
            let many = all.len();
            let what = format!(
                "`--before {offset}` is an offset of one partition, and {many} are selected"
            );
            let hint = format!("name one, such as `--topic {}:{}`", all[0].topic, all[0].partition);
            return Err(CommandError::usage(what, hint));
        }
        if let Before::Time(time) = before
            && time > Time(Timestamp::now().as_millisecond())
        {
            let hint = "it is the time at which records were written; to delete all of a partition, give its end as an offset";
            return Err(CommandError::usage("`--before` is a time in the future", hint));
        }
        let logs = topics.inquiry.logs(&all, topics.limit);
        let found = match before {
            Before::Time(Time(time)) => topics.inquiry.at_time(&all, time, topics.limit),
            Before::Offset(offset) => all.iter().map(|it| (it.clone(), Some(offset))).collect(),
        };
        let (mut parts, mut unknown) = (Vec::with_capacity(all.len()), Vec::new());
        for partition in all {
            let (Some(log), Some(after)) = (logs.get(&partition), found.get(&partition)) else {
                unknown.push(partition.to_string());
                continue;
            };
            let log @ (first, end) = *log;
            // Where no record is that late, all of them are earlier.
            let after = after.unwrap_or(end);
            if let Before::Offset(offset) = before
                && offset > end
            {
                let what = format!("`{partition}` ends at {end}, below `--before {offset}`");
                return Err(CommandError::usage(
                    what,
                    format!("`--before {end}` deletes all of it"),
                ));
            }
            parts.push(PurgedPartition { partition, log, after: after.clamp(first, end) });
        }
        if !unknown.is_empty() {
            let why = "cannot read the offsets of the log; nothing was deleted";
            let hint = "check that these partitions have a leader, and try again";
            return Err(CommandError::denied(&some(&unknown, NAMED), &why, hint));
        }
        Ok(Self { parts, missing: topics.missing.iter().cloned().collect() })
    }

    /// Letters that go, at most: offsets have holes.
    pub fn goes(&self) -> i64 {
        self.parts.iter().map(PurgedPartition::goes).sum()
    }

    /// Letters that stay, at most.
    pub fn stays(&self) -> i64 {
        self.parts.iter().map(PurgedPartition::stays).sum()
    }

    /// Deletes them.
    pub fn carry_out(&self, topics: &DeadLetterTopics) -> Result<Purged, CommandError> {
        let cut = self.parts.iter().filter(|part| part.goes() > 0).cloned().collect::<Vec<_>>();
        let below = cut.iter().map(|part| (part.partition.clone(), part.after)).collect::<Vec<_>>();
        if below.is_empty() {
            return Ok(Purged { parts: Vec::new() });
        }
        let answers = topics.inquiry.purge(&below, topics.limit).map_err(|denied| {
            let hint = "run the command again: nothing is deleted twice";
            CommandError::denied("dead letters are not deleted, or not all of them", &denied, hint)
        })?;
        let parts = cut.into_iter().map(|part| {
            let answer = answers.iter().find(|(place, _)| *place == part.partition);
            let answer = answer.map(|(_, answer)| answer.clone());
            let silent = || Err(Denied::Unanswered("kafka gave no reason".to_owned()));
            (part, answer.unwrap_or_else(silent))
        });
        Ok(Purged { parts: parts.collect() })
    }
}

impl Purged {
    /// Letters that are gone, at most.
    pub fn gone(&self) -> i64 {
        let gone = self.parts.iter().filter_map(|(part, begin)| {
            Some((begin.as_ref().ok()? - part.log.0).clamp(0, part.goes()))
        });
        gone.sum()
    }

    pub(super) fn answer(&self, partition: &TopicPartition) -> Option<&Result<i64, Denied>> {
        let found = self.parts.iter().find(|(part, _)| part.partition == *partition);
        found.map(|(_, answer)| answer)
    }

    /// What was not cut, and why.
    pub fn failure(&self) -> Option<CommandError> {
        let failed = self.parts.iter().filter(|(_, answer)| answer.is_err()).collect::<Vec<_>>();
        let (_, Err(why)) = failed.first()? else { return None };
        let names = failed.iter().map(|(part, _)| part.partition.to_string()).collect::<Vec<_>>();
        let doing = match why {
            Denied::Refused(_) => format!("nothing was deleted of {}", some(&names, NAMED)),
            Denied::Unanswered(_) => {
                format!("cannot tell whether anything was deleted of {}", some(&names, NAMED))
            }
        };
        Some(CommandError::denied(&doing, why, ""))
    }
}

/// How many partitions are named.
const NAMED: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_is_before_a_time_or_an_offset() {
        assert_eq!("1970-01-02".parse(), Ok(Before::Time(Time(86_400_000))));
        assert_eq!("17".parse(), Ok(Before::Offset(17)));
        for wrong in ["", "latest", "earliest", "-17", "+17", "all"] {
            assert!(wrong.parse::<Before>().is_err(), "{wrong}");
        }
    }
}
