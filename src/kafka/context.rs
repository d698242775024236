//! What librdkafka calls back, and the state those calls share with the event thread.
//!
//! Callbacks come on whatever thread polls the consumer, which is the event thread alone. Errors that need an operator
//! are logged when they begin and then at most once a minute; librdkafka repeats them at every reconnect.

mod log;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;

use crate::config::{self, OutOfRange, Security, Start};
use crate::health::ShardHealth;
use crate::kafka::absence::Absence;
use crate::kafka::advice;
use crate::kafka::commit::Commits;
use crate::kafka::committer::Committer;
use crate::kafka::fetching::{self, Fetching};
use crate::kafka::gathering::Gathering;
use crate::kafka::identity::Identities;
use crate::kafka::queue::Inlet;
use crate::kafka::rebalance::{self, Assignment};
use crate::kafka::settings;
use crate::kafka::start::Baseline;
use crate::kafka::statistics;
use crate::kafka::{Intake, Silent};
use crate::metrics::Metrics;
use crate::record::{Commit, TopicPartition};
use crate::repeats::Repeats;

/// More kinds of complaint than this are not told apart.
const KINDS: usize = 64;

/// The context of a consumer.
pub(super) struct Context {
    pub(super) metrics: Arc<Metrics>,
    pub(super) shard: u32,
    pub(super) start: Start,
    pub(super) out_of_range: OutOfRange,
    /// Whether only that is read whose position says how much of it.
    pub(super) bounded: bool,
    security: Option<Security>,
    /// Whether a refusal is waited out even before the group has taken us: it did take who was here before us.
    pub(super) patient: bool,
    pub(super) commits: Arc<Commits>,
    wiring: OnceLock<Wiring>,
    silence: OnceLock<Silent>,
    assignment: Mutex<Assignment>,
    baseline: Mutex<Baseline>,
    identities: Mutex<Identities>,
    fetching: Mutex<Fetching>,
    pub(super) gathering: Gathering,
    complaints: Mutex<Repeats<String, KINDS>>,
    refusal: Mutex<Option<Refusal>>,
    /// What Kafka said last that stands between us and the group.
    trouble: Mutex<Option<String>>,
    reach: Mutex<Reach>,
    absence: Mutex<Absence>,
    /// Whether the client knows no broker any more; see [`native::add_brokers`](crate::kafka::native::add_brokers).
    forgotten: AtomicBool,
}

/// Whether any broker is connected, as far as we have been told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reach {
    #[default]
    Never,
    Connected,
    Lost,
}

/// What exists only once the client does.
struct Wiring {
    inlet: Inlet,
    intake: Arc<dyn Intake>,
    health: Option<ShardHealth>,
    /// It holds the client, which holds this.
    committer: Weak<Committer>,
}

/// Kafka refuses this client, since when and how often, with nothing good in between.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) detail: String,
    pub(super) since: Instant,
    pub(super) times: u32,
}

impl Context {
    /// Of a test's client.
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let config = config::sample(|_| {});
        Self::new(
            Arc::new(Metrics::default()),
            0,
            &config.kafka,
            &config.limits,
            Duration::ZERO,
            false,
            Duration::MAX,
        )
    }

    pub(super) fn new(
        metrics: Arc<Metrics>,
        shard: u32,
        kafka: &config::Kafka,
        limits: &config::Limits,
        linger: Duration,
        patient: bool,
        session: Duration,
    ) -> Self {
        Self {
            metrics,
            shard,
            start: kafka.start,
            out_of_range: kafka.out_of_range,
            bounded: false,
            security: kafka.security.clone(),
            patient,
            commits: Arc::new(Commits::default()),
            wiring: OnceLock::new(),
            silence: OnceLock::new(),
            assignment: Mutex::default(),
            baseline: Mutex::default(),
            identities: Mutex::default(),
            fetching: Mutex::new(Fetching::new(kafka, limits)),
            gathering: Gathering::new(kafka, linger, settings::partition_bytes(limits)),
            complaints: Mutex::default(),
            refusal: Mutex::default(),
            trouble: Mutex::default(),
            reach: Mutex::default(),
            absence: Mutex::new(Absence::new(session)),
            forgotten: AtomicBool::new(false),
        }
    }

    /// Completes the context, before the client is polled for the first time.
    pub(super) fn wire(
        &self,
        inlet: Inlet,
        intake: Arc<dyn Intake>,
        health: Option<ShardHealth>,
        committer: &Arc<Committer>,
    ) {
        let committer = Arc::downgrade(committer);
        let wired = self.wiring.set(Wiring { inlet, intake, health, committer });
        assert!(wired.is_ok(), "a context is wired once");
    }

    pub(super) fn health(&self) -> Option<&ShardHealth> {
        self.wiring().health.as_ref()
    }

    fn wiring(&self) -> &Wiring {
        self.wiring.get().expect("wired before the first poll")
    }

    pub(super) fn inlet(&self) -> &Inlet {
        &self.wiring().inlet
    }

    /// Tells the pump something, or asks it. Once it did not answer it is not asked again: see [`Context::silence`].
    pub(super) fn pump<T: Default>(&self, ask: impl FnOnce(&dyn Intake) -> Result<T, Silent>) -> T {
        if self.silence.get().is_some() {
            return T::default();
        }
        ask(&*self.wiring().intake).unwrap_or_else(|silent| {
            self.silence.set(silent).ok();
            T::default()
        })
    }

    /// That the pump did not answer, if it did not. Then nothing may be read any more.
    pub(super) fn silence(&self) -> Option<Silent> {
        self.silence.get().copied()
    }

    /// Commits `positions`; see [`Committer::now`].
    pub(super) fn commit(
        &self,
        positions: &[(TopicPartition, Commit)],
        timeout: Duration,
    ) -> Result<(), RDKafkaErrorCode> {
        let committer = self.wiring().committer.upgrade();
        // Gone only when the client itself is being dropped.
        committer.ok_or(RDKafkaErrorCode::BrokerDestroy)?.now(positions, timeout)
    }

    pub(super) fn assignment(&self) -> MutexGuard<'_, Assignment> {
        self.assignment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn baseline(&self) -> MutexGuard<'_, Baseline> {
        self.baseline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn identities(&self) -> MutexGuard<'_, Identities> {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fetching(&self) -> MutexGuard<'_, Fetching> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a topic is not the one any more that it was; once, though each partition is found out by itself.
    pub(super) fn made_anew(&self, topic: &str) {
        let what = format!("topic `{topic}` was deleted and created again");
        self.complain(&what, "reading the topic from its beginning");
    }

    /// The refusal that lasts, if any.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What Kafka said last, while it has not taken us since.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn absence(&self) -> MutexGuard<'_, Absence> {
        self.absence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> MutexGuard<'_, Reach> {
        self.reach.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broker is connected.
    fn reached(&self) {
        let before = std::mem::replace(&mut *self.reach(), Reach::Connected);
        if before == Reach::Lost {
            tracing::info!(name: "kafka_connected", shard = self.shard, "connected to kafka again");
        }
    }

    /// Whether the client has reported that it knows no broker any more, since this was asked last.
    pub(super) fn take_forgotten(&self) -> bool {
        self.forgotten.swap(false, Ordering::Relaxed)
    }

    /// No broker is. Why was said before, unless nobody knows.
    fn lost(&self, reason: &str) {
        let mut reach = self.reach();
        let hint = if *reach == Reach::Never {
            advice::silence(self.security.as_ref())
        } else {
            *reach = Reach::Lost;
            ""
        };
        if self.trouble().is_none() {
            let what = format!("kafka: {}", RDKafkaErrorCode::AllBrokersDown);
            self.complain(&what, &format!("{reason}{hint}"));
        }
    }

    /// Whether the coordinator of the group is connected. Statistics come in one order with rebalances, so what is told here
    /// is never told after we have been taken again.
    fn mind_coordinator(&self, connected: bool) {
        let Some(away) = self.absence().heard(connected, Instant::now()) else { return };
        // With partitions, librdkafka itself says that they are lost.
        if self.assignment().is_idle_member() {
            self.pump(|pump| pump.lost(&[]));
            self.assignment().session_ended();
            let away = away.as_secs();
            tracing::warn!(
                name: "membership_lost",
                shard = self.shard,
                "the group coordinator has not answered for {away} s, longer than the session timeout. The bridge is no longer a member of the group, and joins again"
            );
        }
    }

    /// Kafka took us.
    pub(super) fn welcomed(&self) {
        self.reached();
        self.absence().heard(true, Instant::now());
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn refused(&self, code: RDKafkaErrorCode, detail: &str) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, times) = refusal.as_ref().map_or((Instant::now(), 0), |r| (r.since, r.times));
        *refusal = Some(Refusal {
            code: format!("{code:?}"),
            detail: detail.to_owned(),
            since,
            times: times + 1,
        });
    }

    /// Warns, unless the same was said within the last minute.
    pub(super) fn complain(&self, what: &str, detail: &str) {
        self.complain_of(what, what, detail);
    }

    /// The same, for a `cause` that may be worded in several ways.
    fn complain_of(&self, cause: &str, what: &str, detail: &str) {
        if let Some(suppressed) = self.may_say(cause) {
            tracing::warn!(
                name: "kafka_trouble",
                shard = self.shard,
                repeated = (suppressed > 0).then_some(suppressed),
                "{what}: {detail}"
            );
        }
    }

    /// How many repetitions went unsaid, if it is time to say it (again).
    pub(super) fn may_say(&self, what: &str) -> Option<u64> {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.may_say(what, Instant::now())
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        log::tell(self, level, facility, text);
    }

    fn stats_raw(&self, json: &[u8]) {
        let assigned = |partition: &TopicPartition| self.assignment().reads(partition);
        let Some(seen) = statistics::export(json, &self.metrics, self.shard, assigned) else {
            return self.complain(
                "cannot parse the statistics of librdkafka",
                "lag and broker metrics are stale",
            );
        };
        if seen.brokers > 0 {
            self.reached();
        }
        self.forgotten.store(seen.forgotten, Ordering::Relaxed);
        self.mind_coordinator(seen.coordinator);
        let mut fetching = self.fetching();
        fetching.learn(seen.fetches);
        for (topic, bytes) in seen.at_once {
            if fetching.is_new_and_large(&topic, bytes) {
                let megabytes = bytes / 1_000_000;
                tracing::warn!(shard = self.shard, topic, megabytes, "{}", fetching::LARGE);
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return self.complain("kafka", reason);
        };
        self.metrics.kafka_error(&format!("{code:?}"));
        if code == RDKafkaErrorCode::AllBrokersDown {
            return self.lost(reason);
        }
        let told = advice::told(code, reason, self.security.as_ref());
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(told.text.clone());
        if told.refused {
            self.refused(code, &told.text);
        }
        // Fetch errors go by partition through the pump's queue, and are told from there.
        let what = format!("kafka: {code}");
        let cause = match code {
            // One topic after the other.
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::TopicAuthorizationFailed => &told.text,
            _ => told.hint.as_ref().unwrap_or(&what),
        };
        self.complain_of(cause, &what, &told.text);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let elements = list.elements();
        let partitions = elements
            .iter()
            .map(|element| TopicPartition::new(element.topic(), element.partition()))
            .collect::<Vec<_>>();
        if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.welcomed();
            rebalance::assign(consumer, self, &partitions);
        } else {
            rebalance::revoke(consumer, self, &partitions);
        }
    }
}
