//! The dead-letter topics of a configuration, and what is read of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::group::{CommandError, Selection, enter};
use crate::kafka::{Denied, Inquiry, Stretch, Topic};
use crate::record::TopicPartition;

use super::Time;

/// Those of them that are asked for, in a cluster that answers.
#[derive(Debug)]
pub struct DeadLetterTopics {
    pub(super) inquiry: Inquiry,
    /// Those that exist.
    pub(super) topics: BTreeMap<String, Topic>,
    /// Those that a mapping names and that do not.
    pub(super) missing: BTreeSet<String>,
    wanted: Vec<Selection>,
    /// How long an answer, or the next record, may take.
    pub(super) limit: Duration,
}

impl DeadLetterTopics {
    /// Logs in, and finds the topics; `wanted` narrows them down.
    pub fn open(
        config: &Config,
        wanted: &[Selection],
        limit: Duration,
    ) -> Result<Self, CommandError> {
        let named = named(config)?;
        for Selection { topic, .. } in wanted {
            if !named.contains(topic) {
                return Err(CommandError::usage(
                    format!("topic `{topic}` is not a dead-letter topic of this configuration"),
                    format!(
                        "its dead-letter topics are {}; use `dead-letters list --source {topic}` for the letters of a source topic",
                        quoted(&named)
                    ),
                ));
            }
        }
        let begun = Instant::now();
        let (inquiry, cluster) = enter(&config.kafka, limit)?;
        let meant = named.into_iter().filter(|name| {
            wanted.is_empty() || wanted.iter().any(|selection| selection.topic == *name)
        });
        let (there, missing): (BTreeSet<_>, BTreeSet<_>) =
            meant.partition(|topic| cluster.topics.contains_key(topic));
        if let (true, Some(topic)) = (there.is_empty(), missing.first()) {
            let why = inquiry.missing(topic, limit.saturating_sub(begun.elapsed()));
            return Err(of_topic(topic, &why));
        }
        let topics = there.into_iter().map(|topic| {
            let facts = cluster.topics[&topic];
            (topic, facts)
        });
        let topics = topics.collect::<BTreeMap<_, _>>();
        for Selection { topic, partition } in wanted {
            if let (Some(number), Some(Topic { partitions, .. })) = (partition, topics.get(topic))
                && number >= partitions
            {
                return Err(CommandError::no_partition(topic, *number, *partitions));
            }
        }
        Ok(Self { inquiry, topics, missing, wanted: wanted.to_vec(), limit })
    }

    /// Their partitions that are asked for.
    pub(super) fn partitions(&self) -> Vec<TopicPartition> {
        let all = self.topics.iter().flat_map(|(name, topic)| {
            (0..topic.partitions).map(|number| TopicPartition::new(name.as_str(), number))
        });
        all.filter(|it| Selection::any(&self.wanted, &it.topic, it.partition)).collect()
    }

    /// What they hold from a time on, without what comes later; and those that do not say.
    pub(super) fn stretches(&self, from: Option<Time>) -> (Vec<Stretch>, Vec<TopicPartition>) {
        let all = self.partitions();
        let logs = self.inquiry.logs(&all, self.limit);
        let begins = match from {
            Some(Time(time)) => self.inquiry.at_time(&all, time, self.limit),
            None => logs.iter().map(|(place, (first, _))| (place.clone(), Some(*first))).collect(),
        };
        let (mut stretches, mut unknown) = (Vec::with_capacity(all.len()), Vec::new());
        for partition in all {
            match (logs.get(&partition), begins.get(&partition)) {
                (Some((first, to)), Some(begin)) => {
                    // None is as late as the time.
                    let from = begin.map_or(*to, |begin| begin.clamp(*first, *to));
                    stretches.push(Stretch { partition, from, to: *to });
                }
                _ => unknown.push(partition),
            }
        }
        (stretches, unknown)
    }
}

/// The dead-letter topics that the mappings name.
fn named(config: &Config) -> Result<BTreeSet<String>, CommandError> {
    let failures = config.mappings.iter().map(|mapping| &mapping.failure);
    let named = failures.filter_map(|failure| failure.dead_letter_topic.clone());
    let named = named.collect::<BTreeSet<_>>();
    if named.is_empty() {
        let hint = "set `policy = \"dead_letter\"` and `dead_letter_topic` under `[failure]`";
        return Err(CommandError::usage("this configuration has no dead-letter topic", hint));
    }
    Ok(named)
}

pub(super) fn quoted<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn of_topic(topic: &str, denied: &Denied) -> CommandError {
    let hint = format!("grant the operations `Describe` and `Read` on the topic `{topic}`");
    let is_no = matches!(denied, Denied::Refused(_));
    CommandError::denied(&format!("topic `{topic}`"), denied, if is_no { &hint } else { "" })
}

pub(super) fn of_reading(denied: &Denied) -> CommandError {
    let hint = "grant the operations `Describe` and `Read` on the dead-letter topics";
    let is_no = matches!(denied, Denied::Refused(_));
    CommandError::denied("dead letters cannot be read", denied, if is_no { hint } else { "" })
}
