//! Which topics to subscribe to: the named ones, and what the patterns match today.
//!
//! Patterns are matched here, not by librdkafka, whose POSIX dialect is another one than ours: the group is always
//! subscribed to an explicit list. A topic that vanishes is dropped only when it is missing twice in a row, because one
//! incomplete answer must not cost a rebalance.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{self, LeftOut, Meeting, Topics};

/// The topics to read.
#[derive(Debug)]
pub(super) struct Discovery {
    named: BTreeSet<String>,
    patterns: Vec<WatchedPattern>,
    left_out: LeftOut,
    /// Topics that match and whose hub could not be, with that hub.
    impossible: BTreeMap<String, String>,
    /// Topics that meet in a hub.
    meetings: BTreeSet<Meeting>,
    /// What patterns matched last, with how often it was missing since.
    matched: BTreeMap<String, u32>,
}

/// What is to be said after a look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// The patterns that match nothing, and matched before or are new.
    pub(super) idle: Vec<String>,
    /// Topics that are left out from now on, each with the hub that could not be.
    pub(super) left_out: Vec<(String, String)>,
    /// Topics that meet in one hub from now on.
    pub(super) meetings: Vec<Meeting>,
}

#[derive(Debug)]
struct WatchedPattern {
    topics: config::Pattern,
    /// Internal topics (`__consumer_offsets`) only for who asks for them by name.
    internal: bool,
    /// Whether it matched nothing when last looked at.
    idle: bool,
}

impl Discovery {
    /// Reads `topics`; patterns never match what is `left_out`.
    pub(super) fn new(topics: &[Topics], left_out: LeftOut) -> Self {
        let mut discovery = Self {
            named: BTreeSet::new(),
            patterns: Vec::new(),
            left_out,
            impossible: BTreeMap::new(),
            meetings: BTreeSet::new(),
            matched: BTreeMap::new(),
        };
        for topics in topics {
            match topics {
                Topics::Named(names) => discovery.named.extend(names.iter().cloned()),
                Topics::Pattern(pattern) => discovery.patterns.push(WatchedPattern::new(pattern)),
            }
        }
        discovery
    }

    /// Whether there is anything to discover.
    pub(super) fn is_needed(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Takes what exists into account.
    pub(super) fn update<'a>(&mut self, existing: impl Iterator<Item = &'a str>) -> News {
        self.matched.values_mut().for_each(|missing| *missing += 1);
        let mut impossible = BTreeMap::new();
        for topic in existing {
            let is_taken = self.patterns.iter().any(|pattern| pattern.matches(topic));
            if !is_taken || self.left_out.is_unwanted(topic) {
                continue;
            }
            // Its events could never be sent: read, it would be held for ever.
            if let Some(hub) = self.left_out.impossible_hub(topic)
                && !self.named.contains(topic)
            {
                impossible.insert(topic.to_owned(), hub);
            } else {
                self.matched.insert(topic.to_owned(), 0);
            }
        }
        self.matched.retain(|topic, missing| *missing < 2 && !impossible.contains_key(topic));
        let known = std::mem::replace(&mut self.impossible, impossible);
        let left_out = self.impossible.iter().filter(|(topic, _)| !known.contains_key(*topic));
        let left_out = left_out.map(|(topic, hub)| (topic.clone(), hub.clone())).collect();
        let meetings = self.left_out.meetings(self.matched.keys().map(String::as_str));
        let meetings = meetings.into_iter().filter(|it| self.meetings.insert(it.clone())).collect();
        News { idle: self.fell_idle(), left_out, meetings }
    }

    /// How many topics are left out because their hub could not be.
    pub(super) fn left_out(&self) -> usize {
        self.impossible.len()
    }

    fn fell_idle(&mut self) -> Vec<String> {
        let matched = &self.matched;
        let fell_idle = |pattern: &mut WatchedPattern| {
            let before = pattern.idle;
            pattern.idle = !matched.keys().any(|topic| pattern.matches(topic));
            pattern.idle && !before
        };
        let idle = self.patterns.iter_mut().filter_map(|p| fell_idle(p).then_some(&*p));
        idle.map(|pattern| pattern.topics.text().to_owned()).collect()
    }

    /// The topics to be subscribed to now.
    pub(super) fn topics(&self) -> BTreeSet<String> {
        self.named.iter().chain(self.matched.keys()).cloned().collect()
    }
}

impl WatchedPattern {
    fn new(pattern: &config::Pattern) -> Self {
        let text = pattern.text();
        let internal = text.strip_prefix('^').unwrap_or(text).starts_with("__");
        Self { topics: pattern.clone(), internal, idle: false }
    }

    fn matches(&self, topic: &str) -> bool {
        (self.internal || !topic.starts_with("__")) && self.topics.takes(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovered(pattern: &str, existing: &[&str]) -> Vec<String> {
        let topics = [Topics::Pattern(config::Pattern::new(pattern).unwrap())];
        let mut discovery = Discovery::new(&topics, LeftOut::topics(["orders.dead".to_owned()]));
        discovery.update(existing.iter().copied());
        discovery.topics().into_iter().collect()
    }

    #[test]
    fn patterns_match_whole_names() {
        let existing = ["orders.a", "my.orders.b", "orders.dead", "__consumer_offsets", "ab"];
        assert_eq!(discovered(r"^orders\..+", &existing), ["orders.a"]);
        assert_eq!(discovered(r"orders\..+", &existing), ["orders.a"]);
        assert_eq!(discovered("a|ab", &existing), ["ab"]);
        assert_eq!(discovered(".*", &existing), ["ab", "my.orders.b", "orders.a"]);
        assert_eq!(discovered("^__.*", &existing), ["__consumer_offsets"]);
    }

    #[test]
    fn a_pattern_without_a_topic_is_told_once_until_it_had_one() {
        let patterns =
            ["a.*", "b.*"].map(|pattern| Topics::Pattern(config::Pattern::new(pattern).unwrap()));
        let mut discovery = Discovery::new(&patterns, LeftOut::default());
        for (existing, expected) in [
            (vec!["a1"], vec!["b.*"]),
            (vec!["a1"], vec![]),
            (vec!["a1", "b1"], vec![]),
            (vec!["b1"], vec![]),
            (vec!["b1"], vec!["a.*"]),
        ] {
            assert_eq!(discovery.update(existing.iter().copied()).idle, expected, "{existing:?}");
        }
    }

    #[test]
    fn a_topic_is_dropped_only_when_missing_twice() {
        let topics = [
            Topics::Named(vec!["n".to_owned()]),
            Topics::Pattern(config::Pattern::new("p.*").unwrap()),
        ];
        let mut discovery = Discovery::new(&topics, LeftOut::default());
        for (existing, expected) in [
            (vec!["p1", "p2"], vec!["n", "p1", "p2"]),
            (vec!["p1"], vec!["n", "p1", "p2"]),
            (vec!["p1", "p2"], vec!["n", "p1", "p2"]),
            (vec!["p1"], vec!["n", "p1", "p2"]),
            (vec!["p1"], vec!["n", "p1"]),
        ] {
            discovery.update(existing.iter().copied());
            assert_eq!(discovery.topics().into_iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_topic_whose_hub_cannot_be_is_left_out_and_told_once() {
        let config = crate::config::sample(|config| {
            config.mappings[0].topics = Topics::Pattern(config::Pattern::new(".*").unwrap());
            config.mappings[0].hub = "{topic}".to_owned();
        });
        let topics = [config.mappings[0].topics.clone()];
        let mut discovery = Discovery::new(&topics, LeftOut::of(&config));
        let existing = ["_schemas", "Orders", "orders", "x-"];
        let news = discovery.update(existing.into_iter());
        let left_out = news.left_out.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>();
        assert_eq!(left_out, ["_schemas", "x-"]);
        assert_eq!(news.meetings.len(), 1, "{:?}", news.meetings);
        assert_eq!(discovery.topics().into_iter().collect::<Vec<_>>(), ["Orders", "orders"]);
        assert_eq!(discovery.left_out(), 2);
        assert_eq!(discovery.update(existing.into_iter()), News::default());
    }
}
