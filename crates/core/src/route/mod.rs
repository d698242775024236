//! Which hub, and which partition of it, a record goes to.
//!
//! A [`Router`] is made once from the configuration; its routes for a topic are resolved once, when the topic is first
//! seen, and kept by the caller. What is left for each record is [`Route::choose`]: a hash or less, no allocation.
//!
//! Records of one Kafka partition that have the same key, or none, always get the same lane (round robin aside, which
//! gives order up by name). That is what order stands on: a lane keeps the order it was given.

mod choice;
mod hash;
mod needs;

pub use choice::{Misfit, RoundRobin};
pub use needs::{Need, Needs, named_topics, needs};

use std::sync::Arc;

use regex::Regex;

use crate::mapping::{Batch, Events, Failure, Mapping, Partitioning, Pattern, Topics};
use crate::step::Step;

/// The mappings, ready to be asked about topics.
#[derive(Debug, Clone)]
pub struct Router {
    mappings: Vec<(Mapping, Takes)>,
}

/// Which topics a mapping takes, ready to match.
#[derive(Debug, Clone)]
enum Takes {
    Named(Vec<String>),
    /// The expression for whole names, and the pattern, which says what is left out.
    Whole(Regex, Pattern),
}

/// One way for the records of one topic. A topic that several mappings take has several.
#[derive(Debug, Clone)]
pub struct Route {
    /// Place of the mapping in the configuration.
    pub mapping: usize,
    /// Name of the namespace in the configuration.
    pub namespace: Arc<str>,
    /// The hub, its template expanded.
    pub hub: Arc<str>,
    /// How the hub partition is chosen.
    pub partitioning: Partitioning,
    /// How records are grouped into batches.
    pub batch: Batch,
    /// What an event carries besides its value and key.
    pub events: Events,
    /// What happens to a record that can never be stored.
    pub failure: Failure,
    /// What happens to records first.
    pub step: Option<Step>,
    /// The mapping, by what it takes and where to.
    pub name: Arc<str>,
    /// Where the keyless records of the topic begin to be laid out, so that many topics of few partitions do not all
    /// meet on the first partition of their hub.
    first: usize,
}

impl Router {
    /// A router for `mappings`.
    pub fn new(mappings: &[Mapping]) -> Self {
        let with_takes = |mapping: &Mapping| (mapping.clone(), Takes::new(&mapping.topics));
        Self { mappings: mappings.iter().map(with_takes).collect() }
    }

    /// Every way the records of `topic` go, in the order of the mappings; none when no mapping takes the topic.
    pub fn routes(&self, topic: &str) -> Vec<Route> {
        self.mappings
            .iter()
            .enumerate()
            .filter(|(_, (_, takes))| takes.takes(topic))
            .map(|(index, (mapping, _))| Route {
                mapping: index,
                namespace: mapping.namespace.as_str().into(),
                hub: mapping.hub.replace("{topic}", topic).into(),
                partitioning: mapping.partitioning,
                batch: mapping.batch.clone(),
                events: mapping.events.clone(),
                failure: mapping.failure.clone(),
                step: mapping.step.clone(),
                name: mapping.name().into(),
                first: usize::from(hash::hash16(topic.as_bytes()).unsigned_abs()),
            })
            .collect()
    }
}

impl Route {
    /// Whether both take the records of one topic the same way, wherever their mappings stand.
    pub(crate) fn is_same_way(&self, other: &Route) -> bool {
        let Route {
            mapping: _,
            name: _,
            namespace,
            hub,
            partitioning,
            batch,
            events,
            failure,
            step,
            first,
        } = self;
        (namespace, hub, partitioning) == (&other.namespace, &other.hub, &other.partitioning)
            && (batch, events, failure, step, first)
                == (&other.batch, &other.events, &other.failure, &other.step, &other.first)
    }
}

impl Takes {
    fn new(topics: &Topics) -> Self {
        match topics {
            Topics::Named(names) => Self::Named(names.clone()),
            // A pattern takes a topic only when it matches the whole name, and only an anchored search tells:
            // `a|ab` finds `a` first in `ab`. A pattern that cannot be wrapped ends in a `(?x)` comment; it stays
            // as it is, and `takes` still asks for the whole name.
            Topics::Pattern(pattern) => {
                let whole = Regex::new(&format!("^(?:{})$", pattern.matching.as_str()));
                Self::Whole(whole.unwrap_or_else(|_| pattern.matching.clone()), pattern.clone())
            }
        }
    }

    fn takes(&self, topic: &str) -> bool {
        match self {
            Self::Named(names) => names.iter().any(|name| name == topic),
            Self::Whole(whole, pattern) => {
                whole.find(topic).is_some_and(|found| found.range() == (0..topic.len()))
                    && !pattern.leaves_out(topic)
            }
        }
    }
}

#[cfg(test)]
mod tests;
