//! The event thread: serves rebalances, statistics, errors and commit results, and does what has to be done now and
//! then.
//!
//! It is the only thread that polls the consumer and the only one that changes the assignment, so both happen in one
//! order. While a revoke drains it stands still, for the drain timeout at most.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::{HUB_NAMES, Meeting, Start};
use crate::health::{ShardHealth, Thread};
use crate::kafka::advice;
use crate::kafka::committer::Committer;
use crate::kafka::context::Context;
use crate::kafka::discovery::{Discovery, News};
use crate::kafka::ends::Ends;
use crate::kafka::fetching;
use crate::kafka::gathering;
use crate::kafka::identity;
use crate::kafka::native::{self, IdQueue};
use crate::kafka::start::Doubt;
use crate::kafka::{Fatal, FetchError};
use crate::kafka::{leaving, membership, rebalance};
use crate::record::TopicPartition;

/// How long one poll waits; also the delay of everything that is asked of the thread.
const POLL: Duration = Duration::from_millis(100);
/// Partitions break together, and each mending takes a drain: how long it waits for what else is broken.
const GATHER: Duration = Duration::from_millis(300);
const METADATA: Duration = Duration::from_secs(5);
/// How long after a failed look at the cluster the next one is due.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often the ids of topics are asked for at most, however many partitions fail.
const ASK_AGAIN: Duration = Duration::from_millis(400);
const COMMIT_AGAIN: Duration = Duration::from_secs(1);
/// Kafka has refused for good when it did nothing else for this long, and this often.
const REFUSED_FOR: Duration = Duration::from_secs(30);
const REFUSED_TIMES: u32 = 3;
/// How long after the end of a session what was sent before it may still be answered.
const ECHO: Duration = Duration::from_mins(2);

/// What the event thread shares with the rest.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) stop: AtomicBool,
    /// What is to be discovered from now on.
    wanted: Mutex<Option<Discovery>>,
    health: Option<ShardHealth>,
    ended: Mutex<bool>,
    end: Condvar,
}

impl Life {
    pub(super) fn new(health: Option<ShardHealth>) -> Self {
        Self {
            stop: AtomicBool::new(false),
            wanted: Mutex::default(),
            health,
            ended: Mutex::new(false),
            end: Condvar::new(),
        }
    }

    /// Other topics are to be read, soon.
    pub(super) fn want(&self, discovery: Discovery) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(discovery);
    }

    fn wanted(&self) -> Option<Discovery> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn beat(&self) {
        if let Some(health) = &self.health {
            health.beat(Thread::Events);
        }
    }

    /// Waits for the end of the thread; false when it takes longer.
    pub(super) fn wait_end(&self, timeout: Duration) -> bool {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.end.wait_timeout_while(ended, timeout, |ended| !*ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn finish(&self) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.notify_all();
    }
}

/// Everything the event thread owns.
pub(super) struct Events {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) committer: Arc<Committer>,
    pub(super) life: Arc<Life>,
    pub(super) errors: mpsc::Receiver<FetchError>,
    pub(super) discovery: Discovery,
    /// `kafka.brokers`
    pub(super) brokers: String,
    /// A static member stays in the group when it stops, and is expected back.
    pub(super) instance: Option<String>,
    /// Whether partitions are shared out by the brokers.
    pub(super) is_led_by_broker: bool,
    pub(super) interval: Duration,
    pub(super) on_fatal: Box<dyn Fn(Fatal) + Send + Sync>,
    pub(super) subscribed: BTreeSet<String>,
    /// Since when topics are subscribed to.
    pub(super) asking: Option<Instant>,
    pub(super) ids: IdQueue<Arc<BaseConsumer<Context>>>,
    pub(super) ends: Ends,
    /// When what is broken is assigned anew.
    pub(super) mend_at: Option<Instant>,
    /// What is to be assigned anew, and why.
    pub(super) broken: HashMap<TopicPartition, Option<Doubt>>,
    /// When the ids of the topics were asked for.
    pub(super) asked: Option<Instant>,
    pub(super) next_look: Instant,
    pub(super) next_commit: Instant,
}

impl Events {
    /// The thread's body: until told to stop, or until the consumer is broken.
    pub(super) fn run(mut self) {
        while !self.life.stop.load(Ordering::Acquire) {
            self.life.beat();
            self.poll();
            fetching::steer(&self.consumer, self.context());
            gathering::steer(&self.consumer, self.context());
            if self.context().take_forgotten() {
                tracing::debug!(shard = self.context().shard, "kafka listed no broker");
                native::add_brokers(self.consumer.client(), &self.brokers);
            }
            if let Some(fatal) = self.fatal() {
                let shard = self.context().shard;
                if let Fatal::Outrun { .. } | Fatal::ShutOut(_) = fatal {
                    tracing::warn!(name: "member_ended", shard, "{fatal}");
                } else {
                    tracing::error!(name: "member_ended", shard, "{fatal}");
                }
                if let Fatal::ShutOut(_) = fatal {
                    self.context().metrics.rebalanced("lost", Duration::ZERO);
                }
                rebalance::abandon(self.context());
                (self.on_fatal)(fatal);
                break;
            }
            if self.is_led_by_broker {
                membership::mind(&self.consumer, self.context(), self.asking);
            }
            self.mend();
            rebalance::retry(&self.consumer, self.context());
            self.ends.turn();
            self.life.beat();
            if let Some(wanted) = self.life.wanted() {
                self.discovery = wanted;
                self.next_look = Instant::now();
            }
            if Instant::now() >= self.next_look {
                self.ask();
                self.look();
            }
            self.hear();
            if Instant::now() >= self.next_commit {
                self.commit_overdue();
            }
        }
        self.leave();
        self.life.finish();
    }

    fn context(&self) -> &Context {
        self.consumer.context()
    }

    fn poll(&self) {
        self.committer.listen();
        // Errors have come to the context. A record can not come here: every partition is forwarded before it is
        // assigned. If one does, it would be missing at the pump.
        if let Some(Ok(record)) = self.consumer.poll(POLL) {
            let place = TopicPartition::new(record.topic(), record.partition());
            drop(record);
            tracing::error!(partition = %place, "a record arrived on an unexpected queue and was dropped; the partition is read again from it");
            rebalance::restart(&self.consumer, self.context(), &HashMap::from([(place, None)]));
        }
    }

    fn fatal(&self) -> Option<Fatal> {
        if let Some(silent) = self.context().silence() {
            return Some(silent.into());
        }
        if self.is_led_by_broker
            && !self.context().assignment().is_empty()
            && let Some(away) = self.context().absence().told()
        {
            return Some(Fatal::ShutOut(away));
        }
        if let Some((code, detail)) = self.consumer.client().fatal_error() {
            let fenced = code == RDKafkaErrorCode::FencedInstanceId;
            let lost = self.context().assignment().lost_within(ECHO);
            let cannot_lead = self.is_led_by_broker
                && matches!(
                    code,
                    RDKafkaErrorCode::UnsupportedVersion | RDKafkaErrorCode::UnsupportedFeature
                );
            let code = format!("{code:?}");
            return Some(match (fenced, lost) {
                _ if cannot_lead => {
                    let hint = advice::LEADS;
                    Fatal::Refused { code, detail: format!("{detail}; hint: {hint}") }
                }
                (true, true) => Fatal::Outrun { code, detail },
                (true, false) => {
                    let hint = advice::fenced(self.instance.as_deref());
                    Fatal::Refused { code, detail: format!("{detail}; hint: {hint}") }
                }
                (false, _) => Fatal::Broken { code, detail },
            });
        }
        let refusal = self.context().refusal()?;
        // A member that is in a group waits: credentials are rotated, and a restart would not help.
        let for_good = refusal.since.elapsed() >= REFUSED_FOR
            && refusal.times >= REFUSED_TIMES
            && self.context().assignment().is_untouched()
            && !self.context().patient;
        for_good.then_some(Fatal::Refused { code: refusal.code, detail: refusal.detail })
    }

    /// Deals with partitions that could not be read.
    fn mend(&mut self) {
        while let Ok(error) = self.errors.try_recv() {
            // It may be that the topic is another one now.
            self.ask();
            let context = self.context();
            context.metrics.kafka_error(&error.code());
            let place = error.partition.as_ref().map_or_else(String::new, ToString::to_string);
            context.complain(&format!("cannot read `{place}`: {}", error.code()), &error.detail);
            let Some(partition) = error.partition.as_ref().filter(|_| error.needs_restart()) else {
                continue;
            };
            let reset = error.code == RDKafkaErrorCode::AutoOffsetReset;
            let doubt = reset.then(|| Doubt::of(&error.detail));
            self.broken.insert(partition.clone(), doubt);
            self.mend_at.get_or_insert_with(|| Instant::now() + GATHER);
        }
        if self.mend_at.is_some_and(|at| Instant::now() >= at) {
            self.mend_at = None;
            self.life.beat();
            let broken = std::mem::take(&mut self.broken);
            rebalance::restart(&self.consumer, self.context(), &broken);
            self.life.beat();
        }
    }

    /// Asks whether the topics are still the same; the answer is heard at a later turn.
    fn ask(&mut self) {
        if self.asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN) {
            return;
        }
        let stays = self.context().commits.stays();
        let topics = stays.iter().map(|(partition, _)| &*partition.topic).collect::<BTreeSet<_>>();
        if !topics.is_empty() {
            self.asked = Some(Instant::now());
            self.ids.ask(topics, METADATA);
        }
    }

    /// Reads those topics from their beginning that are not the ones any more that were assigned.
    fn hear(&mut self) {
        let Some(answer) = self.ids.take(Duration::ZERO) else { return };
        let context = self.context();
        let present = context.identities().learn(Instant::now(), answer);
        let stays = context.commits.stays();
        for (partition, id) in &stays {
            if let (None, Some(id)) = (id, present.get(&*partition.topic)) {
                context.commits.belongs(partition, *id);
            }
        }
        let renewed = identity::renewed(&stays, &present);
        renewed.iter().map(|p| &*p.topic).collect::<BTreeSet<_>>().iter().for_each(|topic| {
            context.made_anew(topic);
        });
        let renewed = renewed.into_iter().map(|p| (p, Some(Doubt::Recreated))).collect();
        rebalance::restart(&self.consumer, context, &renewed);
    }

    /// Looks for new topics and subscribes to what is wanted.
    fn look(&mut self) {
        let baseline = self.context().start == Start::Latest && !self.context().baseline().is_set();
        if self.discovery.is_needed() || baseline {
            match self.existing() {
                Ok(existing) => {
                    let news = self.discovery.update(existing.keys().map(String::as_str));
                    self.say(&news);
                    self.context().baseline().set(existing);
                }
                Err(error) => {
                    self.context().complain("cannot list topics", &error.to_string());
                    self.next_look = Instant::now() + LOOK_AGAIN;
                    return;
                }
            }
        }
        self.next_look = Instant::now() + self.interval;
        let wanted = self.discovery.topics();
        if wanted == self.subscribed {
            return;
        }
        tracing::info!(name: "subscribing", shard = self.context().shard, topics = ?wanted, "subscribing");
        let names = wanted.iter().map(String::as_str).collect::<Vec<_>>();
        let result = if names.is_empty() {
            self.consumer.unsubscribe();
            Ok(())
        } else {
            self.consumer.subscribe(&names)
        };
        match result {
            Ok(()) => {
                self.asking =
                    (!wanted.is_empty()).then(|| self.asking.unwrap_or_else(Instant::now));
                self.subscribed = wanted;
            }
            Err(error) => {
                self.context().complain("cannot subscribe to topics", &error.to_string());
                self.next_look = Instant::now() + LOOK_AGAIN;
            }
        }
    }

    fn say(&self, news: &News) {
        for pattern in &news.idle {
            tracing::warn!(
                pattern,
                "no topic matches the mappings; the bridge looks again at each `kafka.discovery_interval`"
            );
        }
        self.context().metrics.topics_left_out(self.discovery.left_out());
        // Shards look at the same topics.
        if self.context().shard > 0 {
            return;
        }
        for (topic, hub) in &news.left_out {
            tracing::warn!(
                topic,
                hub,
                "the topic is left out, its name is not valid for a hub: {HUB_NAMES}; hint: add it to `topic_exclude`, or give it a mapping of its own and narrow the pattern"
            );
        }
        for Meeting { hub, topics: [one, other] } in &news.meetings {
            tracing::warn!(
                hub,
                one,
                other,
                "two topics go to the same hub, because names of hubs are the same in upper and lower case"
            );
        }
    }

    /// The topics of the cluster and their partition counts.
    fn existing(&self) -> Result<HashMap<String, i32>, KafkaError> {
        let metadata = self.consumer.fetch_metadata(None, METADATA)?;
        let sound = metadata.topics().iter().filter(|topic| topic.error().is_none());
        Ok(sound.map(|topic| (topic.name().to_owned(), topic.partitions().len() as i32)).collect())
    }

    fn commit_overdue(&mut self) {
        self.next_commit = Instant::now() + COMMIT_AGAIN;
        self.committer.soon(&[]);
    }

    /// Finishes what is under way, then closes the consumer, which revokes what is left and leaves the group.
    fn leave(&self) {
        leaving::settle(&self.consumer, self.context(), || {
            self.life.beat();
            self.poll();
        });
        leaving::say_goodbye(&self.consumer, self.context(), self.instance.is_some());
        // Refused for a broken consumer; then everything was abandoned already.
        if self.consumer.close_queue().is_err() {
            return;
        }
        while !self.consumer.closed() {
            self.life.beat();
            self.poll();
        }
    }
}
