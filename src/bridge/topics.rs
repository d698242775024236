//! Whether the topics are there that the configuration names, and whether each of their partitions has its place on its hub.
//!
//! Asked at the start, often for as long as something is missing, and now and then when nothing is. A Kafka that does not answer is not told of here: whoever
//! wants to read from it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::config::Config;
use crate::health::{Health, Trouble};
use crate::kafka::{Denied, Inquiry, Logins, Shut};
use crate::pipeline::found::KnownHubs;
use crate::route::named_topics;

use super::board::{Board, ClusterState};

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How soon it is asked again when Kafka did not answer.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How soon it is asked again when all was well.
const WELL: Duration = Duration::from_mins(1);
/// Kafka has refused for good when it did nothing else this often: half a minute of attempts and pauses.
const REFUSED_TIMES: u32 = 6;
/// How soon the end is noticed.
const NOTICE: Duration = Duration::from_millis(200);

/// See the module.
pub(super) struct TopicWatch {
    config: Config,
    access: Logins,
    board: Arc<Board>,
    found: KnownHubs,
    health: Health,
    stopped: watch::Receiver<()>,
    refusals: u32,
}

impl TopicWatch {
    pub(super) fn new(
        config: &Config,
        access: &Logins,
        board: &Arc<Board>,
        found: &KnownHubs,
        health: &Health,
        stopped: watch::Receiver<()>,
    ) -> Self {
        Self {
            config: config.clone(),
            access: access.clone(),
            board: Arc::clone(board),
            found: found.clone(),
            health: health.clone(),
            stopped,
            refusals: 0,
        }
    }

    /// Until told to stop.
    pub(super) fn run(mut self) {
        while !self.is_stopped() {
            let brokers = &self.config.kafka.brokers;
            let pause = match Inquiry::enter(&self.config.kafka, &self.access, brokers, LIMIT) {
                Ok((_, cluster)) => {
                    let topics = cluster.topics.into_iter();
                    let topics = topics.map(|(name, topic)| (name, topic.partitions));
                    self.refusals = 0;
                    match self.judge(&topics.collect()) {
                        true => WELL,
                        false => self.config.kafka.discovery_interval.min(ASK_AGAIN),
                    }
                }
                Err(shut) => {
                    self.shut(&shut);
                    ASK_AGAIN
                }
            };
            let until = Instant::now() + pause;
            while Instant::now() < until && !self.is_stopped() {
                std::thread::park_timeout(NOTICE);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        // The sender is only ever dropped.
        self.stopped.has_changed().is_err()
    }

    fn shut(&mut self, shut: &Shut) {
        tracing::debug!(error = %shut, "cannot list the topics yet");
        let Shut::At { why: Denied::Refused(why), .. } = shut else {
            self.refusals = 0;
            return self.board.cluster(ClusterState::Unknown);
        };
        self.refusals += 1;
        self.board.cluster(match self.refusals {
            ..REFUSED_TIMES => ClusterState::Unknown,
            _ => ClusterState::Refused(why.clone()),
        });
    }

    /// Says what is missing. `true` when nothing is.
    fn judge(&self, topics: &BTreeMap<String, i32>) -> bool {
        self.board.cluster(ClusterState::Topics(topics.clone()));
        let mut well = true;
        for topic in named_topics(&self.config.mappings).collect::<BTreeSet<_>>() {
            let missing = (!topics.contains_key(topic)).then_some(
                "kafka lists no such topic; hint: create the topic, or grant the bridge `Describe` on it",
            );
            self.health.trouble(Trouble::Topic(topic.into()), missing);
            well &= missing.is_none();
        }
        let letters = self.config.mappings.iter().map(|mapping| &mapping.failure);
        let letters = letters.filter_map(|failure| failure.dead_letter_topic.as_deref());
        for topic in letters.collect::<BTreeSet<_>>() {
            let what = Trouble::DeadLetters(topic.into());
            if topics.contains_key(topic) {
                self.health.trouble(what, None);
            } else {
                let detail = "kafka lists no such topic; hint: create the topic, or grant the bridge `Describe` on it. Until then dead letters wait";
                self.health.refused(what, detail);
                well = false;
            }
        }
        self.places(topics) && well
    }

    /// Says which topics do not find a place for each partition. `true` when all do.
    fn places(&self, topics: &BTreeMap<String, i32>) -> bool {
        let mut well = true;
        for way in self.board.ways() {
            let (Some((topic, _)), Some(hub)) = (way.particular(), &way.hub) else { continue };
            let count = self
                .found
                .get(&way.namespace, hub, Duration::MAX)
                .map(|found| found.partition_ids.len());
            let (Some(count), Some(partitions)) = (count, topics.get(&**topic)) else {
                well = false;
                continue;
            };
            let (namespace, hub) = (Arc::clone(&way.namespace), Arc::clone(hub));
            let what = Trouble::Place { topic: Arc::clone(topic), namespace, hub };
            match way.misfit(*partitions, count) {
                None => self.health.trouble(what, None),
                Some(detail) => {
                    self.health.refused(what, &detail);
                    well = false;
                }
            }
        }
        well
    }
}
