//! What a simulated world is made of, and how its hubs behave.

use std::time::Instant;

use crate::mapping::{self, Delivery, Mapping, Partitioning, Policy, TooLarge, Topics};

use super::forked;
use super::shaped::Registry;
use super::world::topic;

/// A Kafka partition: topic and number.
pub(super) type Tp = (usize, i32);
/// A hub and a partition of it.
pub(super) type Place = (usize, usize);

/// How a hub answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Good,
    /// Takes nothing and says so.
    Released,
    /// Throttles everything.
    Throttled,
    /// Says nothing.
    Silent,
}

/// The answer to one send of a good hub.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Accepted,
    /// Not stored, and said so.
    Released,
    /// Stored, but the answer is lost.
    Forgotten,
    /// The link shrinks.
    TooLarge,
    /// The connection is lost, and was not stored.
    Lost,
    /// The answer is lost, and it is stored some time later.
    Late,
}

/// What a namespace takes, over all its hubs: so many bytes and thousandths of so many events a second. A second's worth may
/// come at once, and what exceeds it passes and is paid for.
#[derive(Debug, Clone)]
pub(super) struct Units {
    pub(super) rate: f64,
    left: [f64; 2],
    since: Instant,
    /// Batches that passed, that did not, and the bytes that did.
    pub(super) passed: usize,
    pub(super) refused: usize,
    pub(super) bytes: usize,
}

impl Units {
    pub(super) fn new(rate: f64, now: Instant) -> Self {
        Self { rate, left: [rate; 2], since: now, passed: 0, refused: 0, bytes: 0 }
    }

    pub(super) fn take(&mut self, bytes: usize, events: usize, now: Instant) -> bool {
        let passed = now.duration_since(self.since).as_secs_f64();
        self.since = now;
        self.left = self.left.map(|left| (left + self.rate * passed).min(self.rate));
        let takes = self.left.iter().all(|left| *left > 0.0);
        if takes {
            self.left[0] -= bytes as f64;
            self.left[1] -= (events * 1_000) as f64;
            self.passed += 1;
            self.bytes += bytes;
        } else {
            self.refused += 1;
        }
        takes
    }
}

/// What a world is made of.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Topics by the hubs they feed, each with its partitioning.
    pub(super) topics: Vec<Vec<(usize, Partitioning)>>,
    /// Kafka partitions of each topic.
    pub(super) partitions: i32,
    /// Partitions of each hub.
    pub(super) hubs: Vec<usize>,
    pub(super) policy: Policy,
    pub(super) budget: usize,
    pub(super) max_events: Option<u32>,
    pub(super) link: u64,
    /// Bytes of each value.
    pub(super) value: usize,
    /// Which records the hubs refuse for good.
    pub(super) poison: fn(Tp, i64) -> bool,
    /// Whether mappings have a step, and what it knows.
    pub(super) registry: Registry,
    /// Whether records choose among the hubs of their topic.
    pub(super) forked: bool,
    /// What happens to values that are too large for every link; unless it is as the policy says, some are.
    pub(super) too_large: TooLarge,
    /// Whether events are to stand in their hubs once.
    pub(super) once: bool,
}

impl Plan {
    /// As they stand in the configuration, in the order of the topics.
    pub(super) fn mappings(&self) -> Vec<Mapping> {
        let mapping = |topic: usize, group: Group| {
            let mut mapping = Mapping {
                topics: Topics::Named(vec![self::topic(topic)]),
                hub: format!("hub-{}", group.hubs[0]),
                partitioning: group.by,
                ..mapping::sample()
            };
            mapping.failure.policy = self.policy;
            mapping.failure.dead_letter_topic = Some("dead".into());
            mapping.failure.too_large = self.too_large.clone();
            if self.once {
                mapping.delivery = Delivery::EffectivelyOnce;
            }
            mapping.batch.max_events = self.max_events;
            mapping.step = self.registry.step(group.hubs[0], self.poison);
            if group.forks {
                mapping.hub = "hub-{offset}".to_owned();
                mapping.choice = Some(forked::choice(group.hubs));
            }
            mapping
        };
        let topics = self.topics.iter().enumerate();
        let all = topics.flat_map(|(topic, ways)| {
            self.groups(ways).into_iter().map(move |group| (topic, group))
        });
        all.map(|(topic, group)| mapping(topic, group)).collect()
    }

    /// The mappings of a topic that goes these ways. Where records choose, they do so among all of them; of three or more the first is a
    /// mapping of its own.
    pub(super) fn groups(&self, ways: &[(usize, Partitioning)]) -> Vec<Group> {
        let group = |ways: &[(usize, Partitioning)], forks| Group {
            hubs: ways.iter().map(|(hub, _)| *hub).collect(),
            by: ways[0].1,
            forks,
        };
        match ways {
            [] => Vec::new(),
            _ if !self.forked => ways.chunks(1).map(|way| group(way, false)).collect(),
            [_] | [_, _] => vec![group(ways, true)],
            [first, others @ ..] => {
                vec![group(std::slice::from_ref(first), false), group(others, true)]
            }
        }
    }

    /// Whether no hub takes that record: for what it is, or because it chooses none.
    pub(super) fn is_refused(&self, at: Tp, offset: i64) -> bool {
        (self.poison)(at, offset) || self.forked && forked::chosen(&[0], offset).is_none()
    }
}

/// A mapping: its hubs, and whether records choose among them.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) hubs: Vec<usize>,
    pub(super) by: Partitioning,
    pub(super) forks: bool,
}
