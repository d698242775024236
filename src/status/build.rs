//! The document, from what is known.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::{HoldReason, HubName, LaneState, PartitionStatus, ReadState};
use jiff::{SignedDuration, Timestamp};

use crate::config::{Config, Mapping, Topics};
use crate::health::{self, Trouble};

use super::StatusState;
use super::document::{self, Document, VERSION};
use super::rates::TotalsChange;
use super::shard::{LaneView, View};

/// Nothing older than this is kept waiting.
const KEEPS_UP: f64 = 10.0;

/// What one document is made from.
struct Inputs<'a> {
    shared: &'a StatusState,
    config: Arc<Config>,
    /// By shard; `None` of one that did not answer.
    views: &'a [Option<View>],
    change: &'a TotalsChange<'a>,
    /// What does not run.
    held: Vec<health::LastingTrouble>,
    now: Instant,
    wall: Timestamp,
}

/// How the process stands, as its shards, by number, said.
pub(super) fn document(
    shared: &StatusState,
    views: &[Option<View>],
    change: &TotalsChange<'_>,
    caught_up: Option<Duration>,
    now: Instant,
) -> Document {
    let verdict = shared.health.ready();
    let ready = verdict.is_good();
    let (config, wall) = (shared.config(), whole(Timestamp::now()));
    let known = Inputs { shared, config, views, change, held: verdict.held, now, wall };
    let members = shared.health.members();
    let topics = known.topics();
    Document {
        version: VERSION,
        bridge: document::Bridge {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            group: known.config.kafka.group_id.clone(),
            host: shared.host.clone(),
            started: whole(shared.started),
            now: known.wall,
        },
        state: match () {
            () if shared.health.is_draining() => document::State::Draining,
            () if shared.health.has_joined() => document::State::Running,
            () => document::State::Starting,
        },
        ready,
        reasons: verdict.reasons,
        summary: known.summary(&topics, caught_up),
        memory: document::Memory {
            events_bytes: views.iter().flatten().map(|view| view.bytes as u64).sum(),
            prefetched_bytes: shared.metrics.all_prefetched(),
            limit_bytes: known.config.limits.memory,
        },
        shards: (0..)
            .zip(members.into_iter().zip(views))
            .map(|(shard, ((joined, kafka), view))| document::Shard {
                shard,
                joined,
                kafka,
                answers: view.is_some(),
            })
            .collect(),
        namespaces: known.namespaces(),
        mappings: known.mappings(&topics),
        hubs: known.hubs(),
        topics,
        held: known.held.iter().map(|held| known.held(held)).collect(),
    }
}

impl Inputs<'_> {
    /// The time of day at which it was so long ago.
    fn ago(&self, time: Duration) -> Timestamp {
        let ago = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        whole(self.wall.checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// The time of day at `at`.
    fn at(&self, at: Instant) -> Timestamp {
        self.ago(self.now.saturating_duration_since(at))
    }

    fn views(&self) -> impl Iterator<Item = (u32, &View)> {
        (0..).zip(self.views).filter_map(|(shard, view)| Some((shard, view.as_ref()?)))
    }

    fn summary(
        &self,
        topics: &[document::Topic],
        caught_up: Option<Duration>,
    ) -> document::Summary {
        let sum = Sum::of(topics.iter().flat_map(|topic| &topic.partitions));
        let (records, record_bytes) = self.change.taken();
        let sent = self.change.sent();
        let keeps_up = sum.lag_seconds.is_some_and(|lag| lag <= KEEPS_UP);
        document::Summary {
            lag_records: sum.lag_records,
            lag_seconds: sum.lag_seconds,
            records_per_second: tenths(records),
            record_bytes_per_second: tenths(record_bytes),
            events_per_second: tenths(sent.events),
            event_bytes_per_second: tenths(sent.bytes),
            batches_per_second: tenths(sent.batches),
            events_per_batch: sent.events_per_batch().map(tenths),
            send_seconds: sent.send_seconds().map(millis),
            caught_up_in_seconds: match keeps_up {
                true => Some(0.0),
                false => caught_up.map(|time| tenths(time.as_secs_f64())),
            },
            partitions: sum.partitions,
            partitions_held: sum.held,
            in_flight_records: sum.in_flight,
        }
    }

    fn namespaces(&self) -> Vec<document::Namespace> {
        let [connections, links, expiry] = self.shared.metrics.namespaces();
        let health = self.shared.health.namespaces();
        let of = |map: &BTreeMap<String, u64>, name: &str| map.get(name).copied().unwrap_or(0);
        let namespace = |(name, settings): (&String, &crate::config::Namespace)| {
            let (connected, against) = health.get(name).cloned().unwrap_or_default();
            let expires = expiry.get(name).and_then(|at| i64::try_from(*at).ok());
            let all = self.views().flat_map(|(_, view)| &view.governed);
            let governed = all.filter(|it| *it.namespace == **name);
            let throttled = governed.fold(None, |sum: Option<document::Throttled>, it| {
                let (rate, waiting) = sum.map_or((0, 0), |it| (it.bytes_per_second, it.waiting));
                let (bytes_per_second, waiting) = (rate + it.rate, waiting + it.waiting as u64);
                Some(document::Throttled { bytes_per_second, waiting })
            });
            document::Namespace {
                namespace: name.clone(),
                host: settings.address.host.clone(),
                connected,
                detail: against.filter(|_| !connected),
                connections: of(&connections, name),
                links: of(&links, name),
                token_expires: expires.and_then(|at| Timestamp::from_second(at).ok()),
                throttled,
            }
        };
        self.config.eventhubs.iter().map(namespace).collect()
    }

    fn mappings(&self, topics: &[document::Topic]) -> Vec<document::Mapping> {
        let paused = self.shared.paused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mapping = |(index, mapping): (usize, &Mapping)| {
            let its = topics.iter().filter(|topic| topic.mappings.contains(&index));
            let sum = Sum::of(its.flat_map(|topic| &topic.partitions));
            let (names, pattern) = match &mapping.topics {
                Topics::Named(names) => (Some(names.clone()), None),
                Topics::Pattern(pattern) => (None, Some(pattern.matching.as_str().to_owned())),
            };
            document::Mapping {
                mapping: index,
                topics: names,
                topic_pattern: pattern,
                namespace: mapping.namespace.clone(),
                hub: mapping.hub.clone(),
                hubs: mapping.choice.as_ref().map(|choice| choice.hubs.clone()),
                partitioning: mapping.partitioning.to_string(),
                paused: paused.contains(&index),
                partitions: sum.partitions,
                partitions_held: sum.held,
                lag_records: sum.lag_records,
                lag_seconds: sum.lag_seconds,
                in_flight_records: sum.in_flight,
            }
        };
        self.config.mappings.iter().enumerate().map(mapping).collect()
    }

    fn topics(&self) -> Vec<document::Topic> {
        let mut topics = BTreeMap::<&str, Vec<document::Partition>>::new();
        for (shard, view) in self.views() {
            for standing in &view.partitions {
                let of_topic = topics.entry(&standing.name.topic).or_default();
                of_topic.push(self.partition(shard, view, standing));
            }
        }
        let mappings = self.config.mappings.iter().enumerate();
        let topic = |(topic, mut partitions): (&str, Vec<document::Partition>)| {
            partitions.sort_by_key(|it| it.partition);
            let (records, bytes) = self.change.topic(topic);
            let taking = mappings.clone().filter(|(_, mapping)| mapping.topics.takes(topic));
            document::Topic {
                topic: topic.to_owned(),
                mappings: taking.map(|(index, _)| index).collect(),
                records_per_second: tenths(records),
                record_bytes_per_second: tenths(bytes),
                partitions,
            }
        };
        topics.into_iter().map(topic).collect()
    }

    fn partition(&self, shard: u32, view: &View, status: &PartitionStatus) -> document::Partition {
        let name = &status.name;
        let told = || {
            let what = Trouble::partition(&name.topic, name.partition);
            self.held.iter().find(|held| held.what == what)
        };
        let (state, reason, since, detail) = match status.reading {
            // The Kafka client itself may hold it, whose word is the only one then.
            ReadState::Flowing => match told().filter(|held| held.refused) {
                None => (document::Reading::Flowing, None, None, None),
                Some(held) => {
                    let detail = Some(held.detail.clone());
                    (document::Reading::Halted, Some(HoldReason::Halted), Some(held.since), detail)
                }
            },
            ReadState::Held { reason, since } => {
                let detail = view.details.get(name).cloned();
                (document::Reading::Held, Some(reason), Some(since), detail)
            }
            ReadState::Halted => {
                let (since, detail) = told().map(|held| (held.since, held.detail.clone())).unzip();
                (document::Reading::Halted, Some(HoldReason::Halted), since, detail)
            }
            ReadState::Draining => (document::Reading::Draining, None, None, None),
        };
        document::Partition {
            partition: name.partition,
            shard,
            state,
            reason: reason.map(|reason| reason.to_string()),
            since: since.map(|at| self.at(at)),
            detail,
            position: status.position.map(|position| position.0),
            lag_records: status.behind,
            lag_seconds: millis(status.lag.as_secs_f64()),
            in_flight_records: status.in_flight as u64,
        }
    }

    fn hubs(&self) -> Vec<document::Hub> {
        let mut lanes = HashMap::<&HubName, BTreeMap<(&str, u32), (&View, &LaneView)>>::new();
        let mut counts = BTreeMap::<&HubName, Option<usize>>::new();
        for (shard, view) in self.views() {
            for (hub, count) in &view.hubs {
                let known = counts.entry(hub).or_default();
                *known = known.or(*count);
            }
            // Several lanes may lead to one hub partition; the worst counts.
            for lane in &view.lanes {
                let of_hub = lanes.entry(&lane.hub).or_default();
                let worst = of_hub.entry((&*lane.partition, shard)).or_insert((view, lane));
                if (lane.state, lane.lasts) > (worst.1.state, worst.1.lasts) {
                    *worst = (view, lane);
                }
            }
        }
        let hub = |(name, known_partitions): (&HubName, Option<usize>)| {
            let flow = self.change.hub(name);
            let of_hub = lanes.remove(name).unwrap_or_default().into_iter();
            let mut partitions: Vec<_> =
                of_hub.map(|((_, shard), (view, lane))| self.lane(shard, view, lane)).collect();
            // As numbers, where they are.
            partitions.sort_by_key(|it| (it.partition.len(), it.partition.clone()));
            document::Hub {
                namespace: name.namespace.to_string(),
                hub: name.hub.to_string(),
                events_per_second: tenths(flow.events),
                event_bytes_per_second: tenths(flow.bytes),
                events_per_batch: flow.events_per_batch().map(tenths),
                send_seconds: flow.send_seconds().map(millis),
                known_partitions,
                partitions,
            }
        };
        counts.into_iter().map(hub).collect()
    }

    fn lane(&self, shard: u32, view: &View, lane: &LaneView) -> document::HubPartition {
        let stands = lane.state != LaneState::Sending;
        let since = view.now.checked_sub(lane.lasts).filter(|_| stands);
        document::HubPartition {
            partition: lane.partition.to_string(),
            shard,
            state: match lane.state {
                LaneState::Sending => document::Sending::Sending,
                LaneState::Waiting => document::Sending::Waiting,
                LaneState::Throttled => document::Sending::Throttled,
                LaneState::Retrying => document::Sending::Retrying,
            },
            since: since.map(|at| self.at(at)),
            attempts: lane.attempts,
            next_try_seconds: lane.next.map(|next| millis(next.as_secs_f64())),
            detail: Some(lane.detail.clone()).filter(|it| stands && !it.is_empty()),
        }
    }

    fn held(&self, held: &health::LastingTrouble) -> document::Held {
        let text = |name: &Arc<str>| Some(name.to_string());
        let (kind, runbook) = words(held);
        let said = document::Held {
            kind: kind.to_owned(),
            since: Some(self.at(held.since)),
            seconds: self.now.saturating_duration_since(held.since).as_secs(),
            detail: held.detail.clone(),
            runbook: runbook.to_owned(),
            ..document::Held::default()
        };
        match &held.what {
            Trouble::Hub { namespace, hub }
            | Trouble::Delivery { namespace, hub }
            | Trouble::Token { namespace, hub } => {
                document::Held { namespace: text(namespace), hub: text(hub), ..said }
            }
            Trouble::Throttled(namespace) => document::Held { namespace: text(namespace), ..said },
            Trouble::Topic(topic) => document::Held { topic: text(topic), ..said },
            Trouble::DeadLetters(topic) => {
                document::Held { dead_letter_topic: text(topic), ..said }
            }
            Trouble::Place { topic, namespace, hub } => document::Held {
                topic: text(topic),
                namespace: text(namespace),
                hub: text(hub),
                ..said
            },
            Trouble::Partition { topic, partition } => {
                document::Held { topic: text(topic), partition: Some(*partition), ..said }
            }
        }
    }
}

/// What it is, and the alert that tells of it.
fn words(held: &health::LastingTrouble) -> (&'static str, &'static str) {
    match &held.what {
        Trouble::Hub { .. } => ("hub", "EventHubsBridgeHubUnavailable"),
        Trouble::Delivery { .. } => ("delivery", "EventHubsBridgeHubPartitionStuck"),
        Trouble::Token { .. } => ("token", "EventHubsBridgeTokenRefused"),
        Trouble::Throttled(_) => ("throttled", "EventHubsBridgeThrottled"),
        Trouble::Topic(_) => ("topic", "EventHubsBridgeTopicUnavailable"),
        Trouble::DeadLetters(_) => ("dead_letters", "EventHubsBridgeTopicUnavailable"),
        Trouble::Place { .. } => ("place", "EventHubsBridgeTopicUnavailable"),
        Trouble::Partition { .. } if held.refused => {
            ("partition", "EventHubsBridgePartitionHalted")
        }
        Trouble::Partition { .. } => ("partition", "EventHubsBridgePartitionBehind"),
    }
}

/// Partitions, together.
#[derive(Default)]
struct Sum {
    partitions: usize,
    held: usize,
    in_flight: u64,
    lag_records: Option<u64>,
    lag_seconds: Option<f64>,
}

impl Sum {
    fn of<'a>(partitions: impl Iterator<Item = &'a document::Partition>) -> Self {
        partitions.fold(Self::default(), |sum, it| Self {
            partitions: sum.partitions + 1,
            held: sum.held + usize::from(it.reason.is_some()),
            in_flight: sum.in_flight + it.in_flight_records,
            lag_records: match (sum.lag_records, it.lag_records) {
                (Some(sum), Some(lag)) => Some(sum + lag),
                (known, lag) => known.or(lag),
            },
            lag_seconds: Some(sum.lag_seconds.unwrap_or(0.0).max(it.lag_seconds)),
        })
    }
}

/// To the second.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn millis(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}
