//! The cluster, and which of its partitions are asked for: those of the topics that the mappings take, or some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::config::{self, Config, LeftOut, is_topic};
use crate::kafka::{self, Chosen, Cluster, Inquiry, Logins, Standing, Topic};

use super::CommandError;

/// A topic, or one partition of it, that was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The topic.
    pub topic: String,
    /// Its partition; all of them without one.
    pub partition: Option<i32>,
}

impl std::str::FromStr for Selection {
    type Err = &'static str;

    /// `TOPIC` or `TOPIC:PARTITION`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write TOPIC or TOPIC:PARTITION, such as orders or orders:3";
        let (topic, partition) = match text.split_once(':') {
            None => (text, None),
            Some((topic, number)) => {
                let number = number.parse::<i32>().ok().filter(|number| *number >= 0);
                (topic, Some(number.ok_or(wrong)?))
            }
        };
        if is_topic(topic) { Ok(Self { topic: topic.to_owned(), partition }) } else { Err(wrong) }
    }
}

impl Selection {
    /// Whether one of `wanted` is this partition or its topic; every one is where nothing is wanted.
    pub(crate) fn any(wanted: &[Self], topic: &str, partition: i32) -> bool {
        let is =
            |it: &Self| it.topic == topic && it.partition.is_none_or(|number| number == partition);
        wanted.is_empty() || wanted.iter().any(is)
    }
}

/// Logs in at the brokers of the configuration, within `limit`.
pub(crate) fn enter(
    kafka: &config::Kafka,
    limit: Duration,
) -> Result<(Inquiry, Cluster), CommandError> {
    let brokers = kafka.brokers.as_str();
    let access =
        Logins::open(kafka).map_err(|error| CommandError::no_entry(brokers, &error.into()))?;
    let entered = Inquiry::enter(kafka, &access, brokers, limit);
    entered.map_err(|shut| CommandError::no_entry(brokers, &shut))
}

/// A cluster that answers, and what of it is asked for.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) config: &'a Config,
    pub(super) inquiry: Inquiry,
    cluster: Cluster,
    /// Those that exist.
    pub(super) topics: BTreeMap<String, Topic>,
    /// Those that a mapping names and that do not.
    pub(super) missing: BTreeSet<String>,
    wanted: Vec<Selection>,
    end: Instant,
}

impl<'a> Session<'a> {
    /// Logs in, and finds the topics; `wanted` narrows them down. All that is asked from here on is over within `limit`.
    pub fn open(
        config: &'a Config,
        wanted: &[Selection],
        limit: Duration,
    ) -> Result<Self, CommandError> {
        let end = Instant::now() + limit;
        let (inquiry, cluster) = enter(&config.kafka, limit / 2)?;
        let existing = cluster.topics.keys().map(String::as_str);
        let Chosen { read, .. } = kafka::topics(config, existing);
        let read = match wanted {
            [] => read,
            wanted => narrowed(config, &read, &cluster.topics, wanted)?,
        };
        let (there, missing): (BTreeSet<_>, BTreeSet<_>) =
            read.into_iter().partition(|topic| cluster.topics.contains_key(topic));
        let topics = there.into_iter().map(|topic| {
            let facts = cluster.topics[&topic];
            (topic, facts)
        });
        let (topics, wanted) = (topics.collect(), wanted.to_vec());
        Ok(Self { config, inquiry, cluster, topics, missing, wanted, end })
    }

    /// The name of the group.
    pub fn group(&self) -> &'a str {
        &self.config.kafka.group_id
    }

    /// Asks only for those topics from here on.
    pub fn keep(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.topics.retain(|topic, _| is_wanted(topic));
        self.missing.retain(|topic| is_wanted(topic));
    }

    /// The topics that `config` reads, of those that there are.
    pub fn read_by(&self, config: &Config) -> BTreeSet<String> {
        kafka::topics(config, self.cluster.topics.keys().map(String::as_str)).read
    }

    /// Topics that a mapping names and Kafka does not have, or does not show.
    pub fn missing(&self) -> impl ExactSizeIterator<Item = &str> {
        self.missing.iter().map(String::as_str)
    }

    /// What is left.
    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// The time a person takes does not count.
    pub(super) fn extend(&mut self, limit: Duration) {
        self.end = Instant::now() + limit;
    }

    /// How the group stands in each partition that is asked for.
    pub(super) fn standings(&self, limit: Duration) -> Result<Vec<Standing>, CommandError> {
        let mut all = self.all_standings(limit)?;
        all.retain(|Standing { partition: place, .. }| {
            Selection::any(&self.wanted, &place.topic, place.partition)
        });
        Ok(all)
    }

    /// How it stands in each partition of their topics.
    pub(super) fn all_standings(&self, limit: Duration) -> Result<Vec<Standing>, CommandError> {
        let Self { config, cluster, topics, .. } = self;
        let all = self.inquiry.standings(&config.kafka, topics, &cluster.unled, limit);
        all.map_err(|denied| CommandError::of_group(self.group(), &denied))
    }
}

/// Those of `read` that were named; each name has to be right.
fn narrowed(
    config: &Config,
    read: &BTreeSet<String>,
    existing: &BTreeMap<String, Topic>,
    wanted: &[Selection],
) -> Result<BTreeSet<String>, CommandError> {
    for Selection { topic, partition } in wanted {
        let taken = config.mappings.iter().any(|mapping| mapping.topics.takes(topic));
        if !read.contains(topic) && (!taken || LeftOut::of(config).is_unwanted(topic)) {
            let what = format!("topic `{topic}` is in no mapping, so this bridge does not read it");
            let hint = "select a topic that a `[[mappings]]` reads, or use the configuration that reads this one";
            return Err(CommandError::usage(what, hint));
        }
        let Some(Topic { partitions, .. }) = existing.get(topic) else {
            let why = "kafka has no such topic, or this user may not see it";
            return Err(CommandError::denied(&format!("topic `{topic}`"), &why, ""));
        };
        if !read.contains(topic) {
            let what = format!("topic `{topic}` is left out: its name is not valid for a hub");
            return Err(CommandError::usage(what, "give it a mapping with a hub of its own"));
        }
        if let Some(number) = partition.filter(|number| number >= partitions) {
            return Err(CommandError::no_partition(topic, number, *partitions));
        }
    }
    Ok(wanted.iter().map(|it| it.topic.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_after_its_topic() {
        let read = |text: &str| text.parse::<Selection>();
        let all = Selection { topic: "orders.eu".to_owned(), partition: None };
        assert_eq!(read("orders.eu"), Ok(all.clone()));
        assert_eq!(read("orders.eu:3"), Ok(Selection { partition: Some(3), ..all }));
        for wrong in ["", ":3", "orders:", "orders:-1", "orders:x", "orders/3", "a:1:2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
