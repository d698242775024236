//! Which topics to subscribe to: the named ones, and what the patterns match today.
//!
//! Patterns are matched here, not by librdkafka, whose POSIX dialect is another one than ours: the group is always
//! subscribed to an explicit list. A topic that vanishes is dropped only when it is missing twice in a row, because one
//! incomplete answer must not cost a rebalance.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::config::Topics;

/// The topics to read.
#[derive(Debug)]
pub(super) struct Discovery {
    named: BTreeSet<String>,
    patterns: Vec<Pattern>,
    excluded: BTreeSet<String>,
    /// What patterns matched last, with how often it was missing since.
    matched: BTreeMap<String, u32>,
}

#[derive(Debug)]
struct Pattern {
    /// As it was written.
    text: String,
    whole: Regex,
    /// Internal topics (`__consumer_offsets`) only for who asks for them by name.
    internal: bool,
    /// Whether it matched nothing when last looked at.
    idle: bool,
}

impl Discovery {
    /// Reads `topics`; patterns never match `excluded`, the dead-letter topics.
    pub(super) fn new(topics: &[Topics], excluded: Vec<String>) -> Self {
        let mut discovery = Self {
            named: BTreeSet::new(),
            patterns: Vec::new(),
            excluded: excluded.into_iter().collect(),
            matched: BTreeMap::new(),
        };
        for topics in topics {
            match topics {
                Topics::Named(names) => discovery.named.extend(names.iter().cloned()),
                Topics::Pattern(pattern) => discovery.patterns.push(Pattern::new(pattern)),
            }
        }
        discovery
    }

    /// Whether there is anything to discover.
    pub(super) fn is_needed(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Takes what exists into account. Returns the patterns that match nothing, and matched before or are new.
    pub(super) fn update<'a>(&mut self, existing: impl Iterator<Item = &'a str>) -> Vec<&str> {
        self.matched.values_mut().for_each(|missing| *missing += 1);
        for topic in existing {
            if !self.excluded.contains(topic) && self.patterns.iter().any(|p| p.matches(topic)) {
                self.matched.insert(topic.to_owned(), 0);
            }
        }
        self.matched.retain(|_, missing| *missing < 2);
        let matched = &self.matched;
        let fell_idle = |pattern: &mut Pattern| {
            let before = pattern.idle;
            pattern.idle = !matched.keys().any(|topic| pattern.matches(topic));
            pattern.idle && !before
        };
        let idle = self.patterns.iter_mut().filter_map(|p| fell_idle(p).then_some(&*p));
        idle.map(|pattern| &*pattern.text).collect()
    }

    /// The topics to be subscribed to now.
    pub(super) fn topics(&self) -> BTreeSet<String> {
        self.named.iter().chain(self.matched.keys()).cloned().collect()
    }
}

impl Pattern {
    fn new(pattern: &Regex) -> Self {
        let text = pattern.as_str();
        // "Whole name" by anchors, not by comparing the match: `a|ab` has to take `ab`.
        let whole = Regex::new(&format!("^(?:{text})$")).unwrap_or_else(|_| pattern.clone());
        let internal = text.strip_prefix('^').unwrap_or(text).starts_with("__");
        Self { text: text.to_owned(), whole, internal, idle: false }
    }

    fn matches(&self, topic: &str) -> bool {
        (self.internal || !topic.starts_with("__")) && self.whole.is_match(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovered(pattern: &str, existing: &[&str]) -> Vec<String> {
        let topics = [Topics::Pattern(Regex::new(pattern).unwrap())];
        let mut discovery = Discovery::new(&topics, vec!["orders.dead".to_owned()]);
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
        let patterns = ["a.*", "b.*"].map(|pattern| Topics::Pattern(Regex::new(pattern).unwrap()));
        let mut discovery = Discovery::new(&patterns, Vec::new());
        for (existing, expected) in [
            (vec!["a1"], vec!["b.*"]),
            (vec!["a1"], vec![]),
            (vec!["a1", "b1"], vec![]),
            (vec!["b1"], vec![]),
            (vec!["b1"], vec!["a.*"]),
        ] {
            assert_eq!(discovery.update(existing.iter().copied()), expected, "{existing:?}");
        }
    }

    #[test]
    fn a_topic_is_dropped_only_when_missing_twice() {
        let topics =
            [Topics::Named(vec!["n".to_owned()]), Topics::Pattern(Regex::new("p.*").unwrap())];
        let mut discovery = Discovery::new(&topics, Vec::new());
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
}
