//! Topics that a pattern matches and nobody is to read: dead letters, what `topic_exclude` says, and those whose hub could
//! not be.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{is_hub, is_template};
use super::{Config, Mapping, Topics};

/// See the module. What is named is read in any case.
#[derive(Debug, Clone, Default)]
pub struct LeftOut {
    topics: BTreeSet<String>,
    /// What each mapping takes.
    mappings: Vec<Topics>,
    /// Of each mapping whose hub is made of the topic: its pattern, its namespace, its hub.
    templates: Vec<(Topics, String, String)>,
}

/// Two topics whose events meet in one hub: Event Hubs tells no upper case from lower.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meeting {
    /// The hub, as the first of them calls it.
    pub hub: String,
    /// Both.
    pub topics: [String; 2],
}

impl LeftOut {
    /// What the patterns of `config` pass over.
    pub fn of(config: &Config) -> Self {
        let letters = config.mappings.iter().map(|mapping| &mapping.failure);
        let patterns = config.mappings.iter().filter(|it| matches!(it.topics, Topics::Pattern(_)));
        let templates = patterns.flat_map(|mapping| {
            let (topics, namespace) = (&mapping.topics, &mapping.namespace);
            let hubs = mapping.hubs().iter().filter(|hub| is_template(hub));
            hubs.map(|hub| (topics.clone(), namespace.clone(), hub.clone()))
        });
        Self {
            topics: letters.filter_map(|failure| failure.dead_letter_topic.clone()).collect(),
            mappings: config.mappings.iter().map(|mapping| mapping.topics.clone()).collect(),
            templates: templates.collect(),
        }
    }

    /// These topics alone.
    pub fn topics(topics: impl IntoIterator<Item = String>) -> Self {
        Self { topics: topics.into_iter().collect(), ..Self::default() }
    }

    /// Whether `topic` is not to be read: one for dead letters, or left out of a pattern and taken by nobody else.
    pub fn is_unwanted(&self, topic: &str) -> bool {
        let leaves_out = |topics: &Topics| matches!(topics, Topics::Pattern(pattern) if pattern.leaves_out(topic));
        self.topics.contains(topic)
            || self.mappings.iter().any(leaves_out)
                && !self.mappings.iter().any(|topics| topics.takes(topic))
    }

    /// The hub that a pattern would send `topic` to, and no hub can be called.
    pub fn impossible_hub(&self, topic: &str) -> Option<String> {
        self.hubs(topic).map(|(_, hub)| hub).find(|hub| !is_hub(hub))
    }

    /// Which of `topics` meet in one hub that was meant to be two.
    pub fn meetings<'a>(&self, topics: impl Iterator<Item = &'a str>) -> Vec<Meeting> {
        let mut first = BTreeMap::<(String, String), (String, &str)>::new();
        let mut meetings = BTreeSet::new();
        for topic in topics {
            for (namespace, hub) in self.hubs(topic) {
                let key = (namespace.to_owned(), hub.to_ascii_lowercase());
                let (hub, other) = first.entry(key).or_insert((hub, topic));
                if *other != topic {
                    let topics = [(*other).to_owned(), topic.to_owned()];
                    meetings.insert(Meeting { hub: hub.clone(), topics });
                }
            }
        }
        meetings.into_iter().collect()
    }

    fn hubs<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = (&'a str, String)> {
        let taking = self.templates.iter().filter(move |(pattern, ..)| pattern.takes(topic));
        taking.map(move |(_, namespace, hub)| (namespace.as_str(), Mapping::expand(hub, topic)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridge_core::mapping::whole_name;

    use crate::config::{Pattern, sample};

    fn left_out(hub: &str, but: &[&str]) -> LeftOut {
        LeftOut::of(&sample(|config| {
            let but = but.iter().map(|text| whole_name(text).unwrap()).collect();
            let pattern = Pattern { but, ..Pattern::new(".*").unwrap() };
            config.mappings[0].topics = Topics::Pattern(pattern);
            hub.clone_into(&mut config.mappings[0].hub);
        }))
    }

    #[test]
    fn a_topic_whose_hub_cannot_be_is_known_by_its_template() {
        let templates = left_out("{topic}", &[]);
        for topic in ["_schemas", "x-", ".a"] {
            assert_eq!(templates.impossible_hub(topic).as_deref(), Some(topic));
        }
        assert_eq!(templates.impossible_hub("orders"), None);
        assert_eq!(left_out("all", &[]).impossible_hub("_schemas"), None);
        let prefixed = left_out("eu-{topic}", &[]);
        assert_eq!(prefixed.impossible_hub("_schemas"), None);
        assert_eq!(prefixed.impossible_hub(&"x".repeat(249)), None);
        assert!(left_out("europe-{topic}x", &[]).impossible_hub(&"x".repeat(249)).is_some());
    }

    #[test]
    fn topics_that_differ_by_case_alone_meet() {
        let topics = ["Orders", "orders", "returns"];
        let [meeting] = &left_out("{topic}", &[]).meetings(topics.into_iter())[..] else {
            panic!()
        };
        assert_eq!(meeting.hub, "Orders");
        assert_eq!(meeting.topics, ["Orders", "orders"]);
        assert_eq!(left_out("all", &[]).meetings(topics.into_iter()), []);
    }

    #[test]
    fn what_is_excluded_is_unwanted() {
        let excluded = left_out("all", &[r".*\.internal", "_schemas"]);
        assert!(excluded.is_unwanted("mm2.internal") && excluded.is_unwanted("_schemas"));
        assert!(!excluded.is_unwanted("internal") && !excluded.is_unwanted("_schemas2"));
    }
}
