//! Which hubs the mappings need, and how many partitions each must have.
//!
//! Topics of a pattern are not known from the configuration, nor how many partitions a topic has: whoever asks may tell.
//! What stays open is said.

use std::collections::{BTreeMap, BTreeSet};

use crate::mapping::{Mapping, Partitioning, Pattern, Topics};

use super::Router;

/// A hub that some mapping sends to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Name of the namespace, a key of the configuration.
    pub namespace: String,
    /// The hub.
    pub hub: String,
    /// Fewer partitions are refused at start.
    pub at_least: u32,
}

/// What the mappings need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The hubs, by namespace and name.
    pub hubs: Vec<Need>,
    /// What cannot be known without being told more, for people.
    pub open: Vec<String>,
}

/// What `mappings` need, if there are these topics beside those it names; with how many partitions, if that is known.
pub fn needs(mappings: &[Mapping], topics: &BTreeMap<String, Option<u32>>) -> Needs {
    let router = Router::new(mappings);
    let mut found = BTreeMap::<(String, String), u32>::new();
    let mut open = BTreeSet::new();
    let mut used = BTreeSet::new();
    for topic in named_topics(mappings).chain(topics.keys().map(String::as_str)) {
        for route in router.routes(topic) {
            used.insert(route.mapping);
            let at_least = match (route.partitioning, topics.get(topic)) {
                (Partitioning::Fixed(partition), _) => partition + 1,
                (Partitioning::Mirror, Some(Some(partitions))) => *partitions,
                (Partitioning::Mirror, _) => {
                    let (hub, namespace) = (&route.hub, &route.namespace);
                    open.insert(format!(
                        "hub `{hub}` of `{namespace}` mirrors topic `{topic}`, and needs as many partitions"
                    ));
                    1
                }
                _ => 1,
            };
            let hub = (route.namespace.to_string(), route.hub.to_string());
            let most = found.entry(hub).or_default();
            *most = at_least.max(*most);
        }
    }
    for (index, mapping) in mappings.iter().enumerate() {
        let Topics::Pattern(Pattern { matching, .. }) = &mapping.topics else { continue };
        if used.contains(&index) {
            continue;
        }
        let hub = &mapping.hub;
        open.insert(format!(
            "`{matching}` matches topics that are unknown here, so hub `{hub}` is left out"
        ));
    }
    let hubs =
        found.into_iter().map(|((namespace, hub), at_least)| Need { namespace, hub, at_least });
    Needs { hubs: hubs.collect(), open: open.into_iter().collect() }
}

/// The topics that are named in the configuration, as often as they are.
pub fn named_topics(mappings: &[Mapping]) -> impl Iterator<Item = &str> {
    let names = mappings.iter().filter_map(|mapping| match &mapping.topics {
        Topics::Named(names) => Some(names.iter().map(String::as_str)),
        Topics::Pattern(_) => None,
    });
    names.flatten()
}
