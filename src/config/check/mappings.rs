//! `[[mappings]]`, each for itself; what they are to each other is [`super::routes`].

use std::collections::BTreeMap;

use crate::config::defaults::NAMESPACE;
use crate::config::hint::{list, nearest, shown};
use crate::config::names::{TOPIC_NAMES, is_topic};
use crate::config::path::Path;
use crate::config::{
    Batch, Events, Failure, Limits, Mapping, NoPartitioning, Partitioning, Pattern, Registry,
    Topics, raw,
};

use super::Check;
use super::claim_check::ClaimChecks;
use super::eventhubs::Checked;
use super::exclude::glob;

/// Hubs have at most this many partitions, in the largest dedicated cluster.
const MOST_PARTITIONS: u32 = 2000;

/// With where it stands.
type At<T> = (Path, T);

impl Check<'_> {
    /// The mappings that can be made, with where they stand.
    pub(super) fn mappings(
        &mut self,
        given: &[raw::Mapping],
        (batch, events, failure, claims): (&Batch, &Events, &Failure, &ClaimChecks),
        namespaces: &BTreeMap<String, Checked>,
        registries: &[Registry],
    ) -> Vec<At<Mapping>> {
        let at = Path::top("mappings");
        if given.is_empty() && !self.failed(&at) {
            self.wrong(
                &at,
                "is missing",
                "without a mapping there is nothing to do",
                "add a `[[mappings]]` with `topic = \"orders\"` and `hub = \"orders\"`",
            );
        }
        let mut mappings = Vec::new();
        for (index, given) in given.iter().enumerate() {
            let at = at.index(index);
            let batch = self.batch(&at.key("batch"), &given.batch, batch);
            let events = self.events(&at.key("events"), &given.events, events);
            let failure = self.failure(&at.key("failure"), &given.failure, failure, claims);
            if given.value.compress.is_some() && !events.headers {
                let why = "`headers = false` removes the header that names the compression";
                let hint = "remove one of the two settings";
                self.wrong(
                    &at.key("value").key("compress"),
                    "makes events that no consumer can read",
                    why,
                    hint,
                );
            }
            let partitioning = self.partitioning(&at, given.partitioning.as_ref());
            let namespace = given.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned());
            let hub = self.hub(&at, given, namespaces.get(&namespace));
            let step = self.step(&at, given, registries, hub.as_ref());
            let topics = self.topics(&at, given);
            if let Some(Topics::Named(_)) = topics {
                self.nothing_to_exclude(&at, given);
            }
            let hubs =
                hub.and_then(|hub| self.hubs(&at, hub, given.hubs.as_ref(), topics.as_ref()));
            if let (Some(topics), Some((hub, choice))) = (topics, hubs) {
                let paused = given.paused.unwrap_or(false);
                let delivery = self.delivery(&at, given.delivery, &events);
                let mapping = Mapping {
                    topics,
                    hub,
                    choice,
                    namespace,
                    partitioning,
                    batch,
                    events,
                    failure,
                    step,
                    delivery,
                    paused,
                };
                mappings.push((at, mapping));
            }
        }
        mappings
    }

    fn topics(&mut self, at: &Path, given: &raw::Mapping) -> Option<Topics> {
        let forms = [
            given.topic.as_ref().map(|_| "topic"),
            given.topics.as_ref().map(|_| "topics"),
            given.topic_pattern.as_ref().map(|_| "topic_pattern"),
        ];
        let forms: Vec<_> = forms.into_iter().flatten().collect();
        if let [first, second, ..] = forms[..] {
            self.wrong(
                &at.key(second),
                format!("contradicts `{first}`"),
                "a mapping has one of `topic`, `topics` and `topic_pattern`",
                "keep one of them, or write a second mapping",
            );
            return None;
        }
        match (&given.topic, &given.topics, &given.topic_pattern) {
            (Some(topic), ..) => {
                self.topic(&at.key("topic"), topic).then(|| Topics::Named(vec![topic.clone()]))
            }
            (_, Some(topics), _) => self.named(&at.key("topics"), topics),
            (.., Some(pattern)) => {
                let but = self.exclude(at, given);
                let pattern = self.pattern(&at.key("topic_pattern"), pattern)?;
                Some(Topics::Pattern(Pattern { but, ..pattern }))
            }
            _ => {
                if !["topics", "topic_pattern"].iter().any(|key| self.failed(&at.key(key))) {
                    self.missing(
                        &at.key("topic"),
                        "a mapping must say which topics it reads",
                        "add `topic = \"orders\"`, `topics = [\"a\", \"b\"]` or `topic_pattern = \"orders-.+\"`",
                    );
                }
                None
            }
        }
    }

    fn named(&mut self, at: &Path, topics: &[String]) -> Option<Topics> {
        if topics.is_empty() {
            self.wrong(
                at,
                "is empty",
                "a mapping must say which topics it reads",
                "name at least one topic",
            );
        }
        let mut right = !topics.is_empty();
        for (index, topic) in topics.iter().enumerate() {
            right &= self.topic(&at.index(index), topic);
            if topics[..index].contains(topic) {
                self.wrong(
                    &at.index(index),
                    format!("names {} a second time", shown(topic)),
                    "each of its records would be sent twice",
                    "remove it",
                );
                right = false;
            }
        }
        right.then(|| Topics::Named(topics.to_vec()))
    }

    /// Whether Kafka could have a topic of this name.
    pub(super) fn topic(&mut self, at: &Path, topic: &str) -> bool {
        let right = is_topic(topic);
        if !right {
            let pattern = topic.contains(['*', '^', '$', '+', '[', '(']);
            self.wrong(
                at,
                format!("is {}, not a valid name of a topic", shown(topic)),
                TOPIC_NAMES,
                if pattern {
                    "for a pattern use `topic_pattern`"
                } else {
                    "give the name of the topic"
                },
            );
        }
        right
    }

    fn pattern(&mut self, at: &Path, pattern: &str) -> Option<Pattern> {
        let pattern = self.text(at, Some(&pattern.to_owned()), "it would match no topic")?;
        match Pattern::new(&pattern) {
            Ok(read) => {
                if let Some(expression) = glob(&pattern) {
                    self.warn(
                        at,
                        format!("is {}, which looks like a file name's pattern", shown(&pattern)),
                        "in a regular expression `*` repeats the character before it",
                        format!("did you mean `{expression}`?"),
                    );
                }
                Some(read)
            }
            Err(error) => {
                let error = error.to_string();
                let cause = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.wrong(
                    at,
                    format!("is {}, not a regular expression", shown(&pattern)),
                    cause,
                    "write it as in `orders-.+`; in TOML, single quotes keep a backslash as it is",
                );
                None
            }
        }
    }

    fn partitioning(&mut self, at: &Path, given: Option<&raw::Partitioning>) -> Partitioning {
        let Some(raw::Partitioning(text)) = given else { return Partitioning::Key };
        let at = at.key("partitioning");
        let known = Partitioning::ALL.map(Partitioning::form);
        let (why, hint) = match text.parse() {
            Ok(Partitioning::Fixed(MOST_PARTITIONS..)) | Err(NoPartitioning::Number) => (
                format!("`fixed:` is followed by a partition from 0 to {}", MOST_PARTITIONS - 1),
                "write `fixed:0` for the first partition".to_owned(),
            ),
            Err(NoPartitioning::Unknown) => (
                format!("it can be {}", list(known)),
                match nearest(text, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "leave it out for `key`, which keeps the order of each key".to_owned(),
                },
            ),
            Ok(partitioning) => return partitioning,
        };
        self.wrong(&at, format!("is {}", shown(text)), why, hint);
        Partitioning::Key
    }

    /// A batch that is larger than the memory of its shard could never be filled.
    pub(super) fn batches_fit(&mut self, mappings: &[(Path, Mapping)], limits: &Limits) {
        for (at, mapping) in mappings {
            if mapping.batch.max_bytes.is_some_and(|bytes| bytes > limits.of_batches()) {
                let own = at.key("batch").key("max_bytes");
                let at = match self.layers.find(&own) {
                    Some(_) => own,
                    None => Path::top("batch").key("max_bytes"),
                };
                self.wrong(
                    &at,
                    "is more than three eighths of the memory of a shard",
                    "`memory` under `[limits]` is divided among the shards and holds all open batches",
                    "lower `max_bytes`, or raise `memory` under `[limits]`",
                );
            }
        }
    }
}
