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

use crate::fork::Fork;
use crate::mapping::{Batch, Delivery, Events, Failure, Mapping, Partitioning};
use crate::step::Step;

/// The mappings, ready to be asked about topics.
#[derive(Debug, Clone)]
pub struct Router {
    mappings: Vec<Mapping>,
}

/// One way for the records of one topic. A topic that several mappings take has several; a mapping whose hub is chosen by each
/// record has one for each hub, side by side, and a record goes by one of them.
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
    /// How often an event may stand in the hub.
    pub delivery: Delivery,
    /// What happens to records first.
    pub step: Option<Step>,
    /// The mapping, by what it takes and where to.
    pub name: Arc<str>,
    /// Its siblings, where a record chooses among them.
    pub fork: Option<Fork>,
    /// Where the keyless records of the topic begin to be laid out, so that many topics of few partitions do not all
    /// meet on the first partition of their hub.
    first: usize,
}

impl Router {
    /// A router for `mappings`.
    pub fn new(mappings: &[Mapping]) -> Self {
        Self { mappings: mappings.to_vec() }
    }

    /// Every way the records of `topic` go, in the order of the mappings; none when no mapping takes the topic.
    pub fn routes(&self, topic: &str) -> Vec<Route> {
        self.mappings
            .iter()
            .enumerate()
            .filter(|(_, mapping)| mapping.topics.takes(topic))
            .flat_map(|(index, mapping)| of_mapping(index, mapping, topic))
            .collect()
    }
}

/// The ways of one mapping.
fn of_mapping(index: usize, mapping: &Mapping, topic: &str) -> Vec<Route> {
    let expand = |hub: &str| -> Arc<str> { Mapping::expand(hub, topic).into() };
    let hubs: Vec<_> = mapping.hubs().iter().map(|hub| expand(hub)).collect();
    let choice = mapping.choice.as_ref();
    let fork = choice.map(|choice| Fork::of(expand(&mapping.hub), choice, &hubs));
    let (namespace, name) = (Arc::from(mapping.namespace.as_str()), Arc::from(mapping.name()));
    let route = |hub| Route {
        mapping: index,
        namespace: Arc::clone(&namespace),
        hub,
        partitioning: mapping.partitioning,
        batch: mapping.batch.clone(),
        events: mapping.events.clone(),
        failure: mapping.failure.clone(),
        delivery: mapping.delivery,
        step: mapping.step.clone(),
        name: Arc::clone(&name),
        fork: fork.clone(),
        first: usize::from(hash::hash16(topic.as_bytes()).unsigned_abs()),
    };
    hubs.into_iter().map(route).collect()
}

impl Route {
    /// Whether an event may stand in the hub only once.
    pub fn is_once(&self) -> bool {
        self.delivery == Delivery::EffectivelyOnce
    }

    /// How many ways stand side by side of which a record goes by one, this one the first of them.
    pub(crate) fn span(&self) -> usize {
        self.fork.as_ref().map_or(1, Fork::len)
    }

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
            delivery,
            step,
            fork,
            first,
        } = self;
        (namespace, hub, partitioning) == (&other.namespace, &other.hub, &other.partitioning)
            && (batch, events, failure) == (&other.batch, &other.events, &other.failure)
            && *delivery == other.delivery
            && (step, fork, first) == (&other.step, &other.fork, &other.first)
    }
}

#[cfg(test)]
mod tests;
