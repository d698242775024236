//! What is to be compared: which offsets of which topics, with which hubs. It is fixed at the first start.

use std::collections::{BTreeSet, HashMap};

use crate::config::{self, Config};
use crate::group::{CommandError, PositionTarget, Selection, enter};
use crate::kafka::{self, Cluster, Inquiry};
use crate::readback::{HubPlace, ReadHub};
use crate::record::TopicPartition;
use crate::route::{Route, Router};

use super::CompareRequest;
use super::source::replayed;
use super::state::{HubRange, HubState, KafkaRange, TopicHub, VerifyState};

/// Clocks may differ by so much, in milliseconds: an event may seem to be stored before its record was written.
pub(super) const SLACK: i64 = 600_000;

/// Kafka as it was asked.
pub(super) struct KafkaView {
    pub(super) inquiry: Inquiry,
    pub(super) cluster: Cluster,
    /// The topics that are meant, and the ways of their records.
    pub(super) topics: Vec<(String, Vec<Route>)>,
}

/// The offset that a target is, in a log; `found` is the first record at or after its time, or the end. `None`: Kafka did not say.
pub(super) fn offset(
    target: PositionTarget,
    (first, end): (i64, i64),
    found: Option<i64>,
) -> Option<i64> {
    match target {
        PositionTarget::Start(config::Start::Earliest) => Some(first),
        PositionTarget::Start(config::Start::At(_)) => found,
        PositionTarget::Offset(offset) => Some(offset),
        PositionTarget::Start(config::Start::Latest) | PositionTarget::Shift(_) => Some(end),
    }
}

/// Logs in to Kafka, and finds the topics.
pub(super) fn ask(config: &Config, question: &CompareRequest) -> Result<KafkaView, CommandError> {
    let (inquiry, cluster) = enter(&config.kafka, question.limit)?;
    let existing = cluster.topics.keys().map(String::as_str);
    let read = kafka::topics(config, existing).read;
    let router = Router::new(&config.mappings);
    let mut topics = Vec::new();
    for topic in read.into_iter().filter(|topic| cluster.topics.contains_key(topic)) {
        let meant = |route: &Route| {
            question.mappings.is_empty() || question.mappings.contains(&route.mapping)
        };
        let routes: Vec<Route> = router.routes(&topic).into_iter().filter(meant).collect();
        let is_named = question.topics.is_empty()
            || question.topics.iter().any(|selection| selection.topic == topic);
        if is_named && !routes.is_empty() {
            topics.push((topic, routes));
        }
    }
    let known = |it: &&Selection| topics.iter().any(|(topic, _)| *topic == it.topic);
    if let Some(other) = question.topics.iter().find(|it| !known(it)) {
        let what =
            format!("topic `{}` does not exist, or no selected mapping reads it", other.topic);
        return Err(CommandError::usage(what, "select a topic that a mapping reads"));
    }
    if topics.is_empty() {
        let hint = "check that the bridge may see them: run `check --connect`";
        return Err(CommandError::usage("no topic matches a mapping", hint));
    }
    Ok(KafkaView { inquiry, cluster, topics })
}

impl KafkaView {
    /// The hubs that their records go to.
    pub(super) fn places(&self) -> Vec<HubPlace> {
        let routes = self.topics.iter().flat_map(|(_, routes)| routes);
        let place = |route: &Route| HubPlace {
            namespace: route.namespace.to_string(),
            hub: route.hub.to_string(),
        };
        routes.map(place).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Fixes what is to be compared.
    pub(super) async fn plan(
        &self,
        name: String,
        question: &CompareRequest,
        sources: Vec<KafkaRange>,
        hubs: &[ReadHub],
    ) -> Result<VerifyState, CommandError> {
        let since = match (question.stored_from, question.from) {
            (Some(time), _) => Some(time),
            (None, PositionTarget::Start(config::Start::At(time))) => {
                Some(time.saturating_sub(SLACK))
            }
            (None, _) => None,
        };
        let mut state = VerifyState { since, sources, ..VerifyState::new(name) };
        for hub in hubs {
            let mut lanes = Vec::new();
            for (place, (id, found)) in hub.partitions.iter().enumerate() {
                lanes.push(HubRange {
                    id: id.clone(),
                    until: found.last_sequence,
                    next: None,
                    trimmed: hub.oldest(place).await?,
                    done: found.is_empty,
                });
            }
            state.hubs.push(HubState::of(hub, lanes));
        }
        self.add_ways(&mut state);
        Ok(state)
    }

    /// Adds the ways to the hubs of `state` that are not there yet.
    pub(super) fn add_ways(&self, state: &mut VerifyState) {
        let places = state.places();
        for (topic, routes) in &self.topics {
            let place = |route: &Route| HubPlace {
                namespace: route.namespace.to_string(),
                hub: route.hub.to_string(),
            };
            for route in routes {
                let to = place(route);
                let Some(hub) = places.iter().position(|it| *it == to) else { continue };
                if state.way(topic, hub).is_none() {
                    let mut same = routes.iter().filter(|other| place(other) == to);
                    state.ways.push(TopicHub {
                        topic: topic.clone(),
                        hub,
                        replayed: replayed(route),
                        once: same.all(Route::is_once),
                    });
                }
            }
        }
    }

    /// The offsets of the range, as Kafka has them now.
    pub(super) fn sources(
        &self,
        question: &CompareRequest,
    ) -> Result<Vec<KafkaRange>, CommandError> {
        let mut places = Vec::new();
        for (topic, _) in &self.topics {
            let count = self.cluster.topics[topic].partitions;
            let is_meant = |number: &i32| Selection::any(&question.topics, topic, *number);
            let numbers = (0..count).filter(is_meant);
            places.extend(numbers.map(|number| TopicPartition::new(topic.as_str(), number)));
        }
        let is_offset = |target| matches!(target, PositionTarget::Offset(_));
        if (is_offset(question.from) || is_offset(question.to)) && places.len() > 1 {
            return Err(CommandError::offset_of_many(places.len()));
        }
        let limit = question.limit;
        let logs = self.inquiry.logs(&places, limit);
        let [from, to] = [question.from, question.to].map(|target| match target {
            PositionTarget::Start(config::Start::At(time)) => {
                self.inquiry.at_time(&places, time, limit)
            }
            _ => HashMap::new(),
        });
        let mut sources = Vec::with_capacity(places.len());
        for place in places {
            let Some((first, end)) = logs.get(&place).copied() else {
                return Err(CommandError::no_log(&place));
            };
            let at = |target, found: &HashMap<TopicPartition, Option<i64>>| {
                let found = found.get(&place).map(|found| found.unwrap_or(end));
                let offset = offset(target, (first, end), found);
                offset.ok_or_else(|| CommandError::no_log(&place))
            };
            let (asked, until) = (at(question.from, &from)?, at(question.to, &to)?);
            let begin = asked.clamp(first, end);
            sources.push(KafkaRange {
                topic: place.topic.to_string(),
                partition: place.partition,
                from: begin,
                to: until.clamp(begin, end),
                trimmed: first > 0 && begin == first,
                next: begin,
                fresh: true,
                topic_id: None,
            });
        }
        Ok(sources)
    }
}
