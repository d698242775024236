//! A shard: one Kafka consumer, one pump, its lanes and its connections, on threads of their own.
//!
//! Nothing is shared between shards but the metrics, so two shards in one process behave as two processes do.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bridge_core::Core;
use bridge_core::once::Terms;

use crate::blob::Uploads;
use crate::config::{Config, LeftOut, Topics};
use crate::eventhubs::{Lessor, NamespaceClient, ROOM};
use crate::health::{ShardHealth, Thread};
use crate::kafka::{self, Consumer, DeadLetters, Fatal, Logins};
use crate::metrics::Metrics;
use crate::otlp::Spans;
use crate::registry::Registries;
use crate::route::Router;
use crate::status::ShardDesk;

use super::cadence::Cadence;
use super::found::KnownHubs;
use super::inbox::{Mailbox, Rebalances, Signal};
use super::lookups::Lookups;
use super::notes::Notes;
use super::post::Post;
use super::pump::Pump;
use super::rate::Rate;
use super::resolve::HubWatches;
use super::sends::Sends;
use super::states::States;

/// How often the thread of AMQP gives a sign of life.
const BEAT: Duration = Duration::from_secs(1);
/// What leaving the group may take on top of the drain.
const MARGIN: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Shard {
    consumer: Consumer,
    mailbox: Mailbox,
    pump: Option<JoinHandle<()>>,
    runtime: Runtime,
    health: ShardHealth,
    fatal: Arc<OnceLock<Fatal>>,
    drain_timeout: Duration,
    /// Where it is asked how it stands.
    desk: ShardDesk,
}

/// What the shards of a process have in common.
#[derive(Debug, Clone, Copy)]
pub struct Common<'a> {
    /// What the operator says.
    pub config: &'a Config,
    /// What Kafka is entered with.
    pub access: &'a Logins,
    /// Where numbers go.
    pub metrics: &'a Arc<Metrics>,
    /// The hubs that were found.
    pub found: &'a KnownHubs,
    /// How much all of them may take.
    pub rate: &'a Rate,
    /// Where sends are told of, if they are exported.
    pub spans: Option<&'a Spans>,
}

/// Why a shard cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ShardStartError {
    /// The Kafka client refused its settings.
    #[error(transparent)]
    Kafka(#[from] kafka::ClientError),
    /// The system gave no thread.
    #[error("cannot start a thread for a shard: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a shard cannot go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ShardError {
    /// The Kafka client cannot.
    #[error(transparent)]
    Kafka(#[from] Fatal),
    /// Its pump is gone: a defect.
    #[error("the pump stopped unexpectedly")]
    Pump,
}

impl Shard {
    /// Starts shard number `number`, which is asked at its `desk`. What is found already need not be asked for again.
    pub fn start(
        number: u32,
        common: &Common<'_>,
        health: ShardHealth,
        desk: ShardDesk,
    ) -> Result<Self, ShardStartError> {
        let Common { config, access, metrics, found, rate, spans } = common;
        health.begins();
        let runtime = Runtime::start(number, health.clone())?;
        let mut namespaces = HashMap::new();
        for (name, settings) in &config.eventhubs {
            let namespace = NamespaceClient::new(
                name,
                settings,
                number,
                runtime.handle.clone(),
                Arc::clone(metrics),
                Some(health.clone()),
            );
            if config.once.idempotent_producer {
                namespace.number_events();
            }
            namespaces.insert(name.clone(), namespace);
        }
        let fatal = Arc::new(OnceLock::new());
        let mut mailbox = None;
        let (consumer, queue) =
            Consumer::start(setup(config, number, access, metrics, &fatal, &health), |waker| {
                let (sender, inbox) = Mailbox::new(waker);
                mailbox = Some((sender.clone(), inbox));
                Arc::new(Rebalances { mailbox: sender, drain_timeout: config.limits.drain_timeout })
            })?;
        let (mailbox, inbox) = mailbox.expect("the consumer asks for its intake before it starts");
        runtime.handle.spawn(mailbox.ring());
        for (name, namespace) in &namespaces {
            let (name, mailbox): (Arc<str>, _) = (name.as_str().into(), mailbox.clone());
            namespace.on_connected(move || mailbox.send(Signal::Connected(Arc::clone(&name))));
        }
        let letters = letters(config, number, access, metrics, &health, mailbox.clone())?;
        let hubs = HubWatches::new(
            &namespaces,
            runtime.handle.clone(),
            mailbox.clone(),
            health.clone(),
            (*found).clone(),
            config.kafka.discovery_interval,
        );
        let mut core = Core::new(Arc::new(Router::new(&config.mappings)), budget(config));
        let room = if config.once.idempotent_producer { ROOM } else { 0 };
        core.agree(Terms { room, ..config.once.terms });
        // Before the first record can come.
        core.pause(desk.paused(), Instant::now());
        if let Some(spans) = spans {
            core.follow(spans.ratio());
        }
        let lookups = Lookups::new(config, &namespaces, runtime.handle.clone(), metrics);
        let pump = Pump {
            core,
            inbox,
            mailbox: mailbox.clone(),
            queue,
            consumer: consumer.clone(),
            namespaces,
            hubs,
            lanes: Vec::new(),
            runtime: runtime.handle.clone(),
            letters,
            unsent: HashMap::new(),
            headers: kafka::HeaderBuffer::new(),
            resumed: Vec::new(),
            metrics: Arc::clone(metrics),
            notes: Notes::new(Arc::clone(metrics), health.clone()),
            states: States::new(Arc::clone(metrics), health.clone(), number),
            sends: Sends::new(spans.cloned(), &config.eventhubs),
            health: health.clone(),
            shard: number,
            budget: budget(config),
            drain_timeout: config.limits.drain_timeout,
            cadence: Cadence::new(config.kafka.commit_interval),
            registries: Registries::new(&config.registries, runtime.handle.clone(), metrics),
            uploads: Uploads::new(config.claim_check.as_ref(), runtime.handle.clone(), metrics),
            lookups,
            lessor: Lessor::default(),
            rate: (*rate).clone(),
            post: Post::of(config),
            revokes: HashMap::new(),
            next_revoke: 0,
        };
        let pump =
            std::thread::Builder::new().name(format!("pump-{number}")).spawn(move || pump.run())?;
        let questions = mailbox.clone();
        desk.open(move |word| questions.send(Signal::Word(word)));
        let drain_timeout = config.limits.drain_timeout;
        Ok(Self {
            consumer,
            mailbox,
            pump: Some(pump),
            runtime,
            health,
            fatal,
            drain_timeout,
            desk,
        })
    }

    /// Why this shard cannot go on, if it cannot.
    pub fn look(&self) -> Result<(), ShardError> {
        self.health.kafka(self.consumer.trouble());
        if self.pump.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(ShardError::Pump);
        }
        self.fatal.get().map_or(Ok(()), |fatal| Err(fatal.clone().into()))
    }

    /// Reads the topics of `config` from now on, beside what its desk was told.
    pub fn follow(&self, config: &Config) {
        let (topics, linger) = (topics(config), linger(config));
        self.consumer.follow(&topics, LeftOut::of(config), linger);
    }

    /// Drains, commits and leaves the group. Bounded by the drain timeout and a little.
    pub fn stop(mut self) {
        if let Err(error) = self.consumer.stop(self.drain_timeout + MARGIN) {
            tracing::warn!(name: "drain_incomplete", %error, "records in flight may be delivered twice");
        }
        self.desk.close();
        self.mailbox.send(Signal::Stop);
        if let Some(pump) = self.pump.take() {
            drop(pump.join());
        }
        self.health.ended();
        drop(self.runtime);
    }
}

fn setup<'a>(
    config: &'a Config,
    shard: u32,
    access: &Logins,
    metrics: &Arc<Metrics>,
    fatal: &Arc<OnceLock<Fatal>>,
    health: &ShardHealth,
) -> kafka::Setup<'a> {
    let fatal = Arc::clone(fatal);
    kafka::Setup {
        kafka: &config.kafka,
        limits: &config.limits,
        shard,
        linger: linger(config),
        topics: topics(config),
        left_out: LeftOut::of(config),
        access: access.clone(),
        bounded: config.replay.is_some(),
        metrics: Arc::clone(metrics),
        health: Some(health.clone()),
        // Only the first reason counts.
        on_fatal: Box::new(move |error| drop(fatal.set(error))),
    }
}

fn topics(config: &Config) -> Vec<Topics> {
    config.mappings.iter().map(|mapping| mapping.topics.clone()).collect()
}

/// Of the most hurried mapping.
fn linger(config: &Config) -> Duration {
    config.mappings.iter().map(|mapping| mapping.batch.linger).min().unwrap_or_default()
}

fn letters(
    config: &Config,
    shard: u32,
    access: &Logins,
    metrics: &Arc<Metrics>,
    health: &ShardHealth,
    mailbox: Mailbox,
) -> Result<DeadLetters, kafka::ClientError> {
    let done =
        Box::new(move |letter: kafka::DeadLetter, result: Result<(), kafka::LetterError>| {
            mailbox.send(Signal::Letter(letter.id, result.map_err(|error| error.to_string())));
        });
    let (access, metrics, health) = (access.clone(), Arc::clone(metrics), Some(health.clone()));
    DeadLetters::start(&config.kafka, shard, access, metrics, health, done)
}

/// Bytes of events one shard may hold.
fn budget(config: &Config) -> usize {
    usize::try_from(config.limits.of_batches()).unwrap_or(usize::MAX)
}

/// The thread on which a shard talks AMQP.
#[derive(Debug)]
struct Runtime {
    handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Runtime {
    fn start(number: u32, health: ShardHealth) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        runtime.spawn(async move {
            let mut beats = tokio::time::interval(BEAT);
            loop {
                beats.tick().await;
                health.beat(Thread::Amqp);
            }
        });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread =
            std::thread::Builder::new().name(format!("amqp-{number}")).spawn(move || {
                // Both a word and a dropped sender mean the end.
                drop(runtime.block_on(stopped));
            })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
