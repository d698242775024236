//! One member of the consumer group: starts the event thread, and takes orders from any thread.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::Offset;

use crate::config;
use crate::health::ShardHealth;
use crate::kafka::commit::Commits;
use crate::kafka::committer::Committer;
use crate::kafka::contact::Contact;
use crate::kafka::context::Context;
use crate::kafka::discovery::Discovery;
use crate::kafka::ends::Ends;
use crate::kafka::event_loop::{EventLoop, Life};
use crate::kafka::fetching::Fetching;
use crate::kafka::gathering::{Gathering, Steering};
use crate::kafka::inlet::Inlet;
use crate::kafka::membership::Membership;
use crate::kafka::native::IdQueue;
use crate::kafka::pump_link::PumpLink;
use crate::kafka::queue::Reports;
use crate::kafka::rebalance::Rebalancer;
use crate::kafka::start::Starts;
use crate::kafka::{
    ClientError, Fatal, FetchError, Logins, Queue, RebalanceListener, StopError, Waker, hold,
    settings,
};
use crate::metrics::Metrics;
use crate::record::{Commit, Position, TopicPartition};

/// What a consumer is made of.
pub struct Setup<'a> {
    /// `[kafka]`
    pub kafka: &'a config::Kafka,
    /// `[limits]`
    pub limits: &'a config::Limits,
    /// Number of the shard, from 0.
    pub shard: u32,
    /// How long the most hurried of the mappings lets a record wait for others.
    pub linger: Duration,
    /// The topics of all mappings.
    pub topics: Vec<config::Topics>,
    /// What patterns pass over.
    pub left_out: config::LeftOut,
    /// What it logs in with.
    pub access: Logins,
    /// Whether only that is read whose positions say how much of it, as a replay's do.
    pub bounded: bool,
    /// Where numbers go.
    pub metrics: Arc<Metrics>,
    /// Where the event thread gives its sign of life.
    pub health: Option<ShardHealth>,
    /// Called at most once, on the event thread, when this consumer can not go on. The pump has been told
    /// [`RebalanceListener::lost`] by then.
    pub on_fatal: Box<dyn Fn(Fatal) + Send + Sync>,
}

impl fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("shard", &self.shard).finish_non_exhaustive()
    }
}

/// One member of the consumer group: cheap to clone, usable from any thread. Dropping the last clone stops it as
/// [`Consumer::stop`] does, without waiting.
#[derive(Clone)]
pub struct Consumer {
    client: Arc<BaseConsumer<Context>>,
    committer: Arc<Committer>,
    inlet: Inlet,
    gathering: Arc<Gathering>,
    life: Arc<Life>,
    /// For what cannot be resumed: the event thread assigns it anew.
    errors: mpsc::Sender<FetchError>,
    _stop: Arc<StopOnDrop>,
}

struct StopOnDrop(Arc<Life>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").finish_non_exhaustive()
    }
}

impl Consumer {
    /// Joins the group. `listener` is built with the waker of the pump's queue, before the first callback.
    pub fn start(
        setup: Setup<'_>,
        listener: impl FnOnce(Waker) -> Arc<dyn RebalanceListener>,
    ) -> Result<(Self, Queue), ClientError> {
        let settings = settings::member(setup.kafka, setup.limits, setup.shard)?;
        let committed = settings.get("isolation.level") != Some("read_uncommitted");
        let context = Context::new(Arc::clone(&setup.metrics), setup.shard);
        let client: BaseConsumer<Context> = settings
            .create_with_context(context)
            .map_err(|error| ClientError::Client(error.to_string()))?;
        let client = Arc::new(client);
        #[expect(
            clippy::disallowed_methods,
            reason = "bounded by its senders: a partition reports again only once it is read again, or after the \
                      client's own pause"
        )]
        let (reports, errors) = mpsc::channel();
        let commits = Arc::<Commits>::default();
        let reported = Reports { commits: Arc::clone(&commits), errors: reports.clone() };
        let queue = Queue::new(&client, Some(reported));
        setup.access.admit(&client);
        let life = Arc::new(Life::new(setup.health.clone()));
        let consumer = Self {
            committer: Arc::new(Committer::new(&client, commits)),
            client,
            inlet: queue.inlet(),
            gathering: Arc::new(Gathering::new(setup.kafka, setup.linger)),
            life: Arc::clone(&life),
            errors: reports,
            _stop: Arc::new(StopOnDrop(life)),
        };
        let (shard, pump) = (setup.shard, PumpLink::new(listener(queue.waker())));
        let event_loop = consumer.event_loop(setup, pump, errors, committed);
        thread::Builder::new()
            .name(format!("kafka-events-{shard}"))
            .spawn(move || event_loop.run())
            .map_err(|error| ClientError::Client(error.to_string()))?;
        Ok((consumer, queue))
    }

    fn event_loop(
        &self,
        setup: Setup<'_>,
        pump: PumpLink,
        errors: mpsc::Receiver<FetchError>,
        committed: bool,
    ) -> EventLoop {
        let (kafka, limits) = (setup.kafka, setup.limits);
        let (client, committer) = (&self.client, &self.committer);
        let largest = settings::partition_bytes(limits);
        EventLoop {
            consumer: Arc::clone(client),
            rebalancer: Rebalancer {
                consumer: Arc::clone(client),
                committer: Arc::clone(committer),
                inlet: self.inlet.clone(),
                health: setup.health,
                pump,
                membership: Membership::default(),
                starts: Starts::new(client, committer, kafka, setup.bounded),
            },
            contact: Contact::new(kafka.security.clone(), settings::session(kafka)),
            fetching: Fetching::new(kafka, limits),
            steering: Steering::new(Arc::clone(&self.gathering), kafka, largest),
            life: Arc::clone(&self.life),
            errors,
            discovery: Discovery::new(&setup.topics, setup.left_out),
            brokers: kafka.brokers.clone(),
            instance: kafka.instance_id.clone(),
            is_led_by_broker: kafka.is_led_by_broker(),
            patient: setup.access.rotations() > 0,
            interval: kafka.discovery_interval,
            on_fatal: setup.on_fatal,
            subscribed: BTreeSet::new(),
            asking: None,
            ids: IdQueue::new(Arc::clone(client)),
            ends: Ends::new(client, committed),
            mend_at: None,
            broken: HashMap::new(),
            asked: None,
            next_look: Instant::now(),
            next_commit: Instant::now(),
        }
    }

    /// Reads these topics from now on, of mappings of which the most hurried lingers so long: the group shares them out anew.
    pub fn follow(&self, topics: &[config::Topics], left_out: config::LeftOut, linger: Duration) {
        self.gathering.follow(linger);
        self.life.want(Discovery::new(topics, left_out));
    }

    /// To be told by who polls the queue, when it had to wait for a record: how fast answers come decides whether brokers
    /// gather.
    pub fn arrived(&self) {
        self.gathering.arrived();
    }

    /// How long what comes now has waited for others already, in its broker.
    pub fn gathered(&self) -> Duration {
        self.gathering.gathered()
    }

    /// Commits without waiting. A failed commit is counted and repeated by the event thread until it succeeds, a newer
    /// one takes its place or the partition is let go; partitions that are not assigned (any more) are left out.
    pub fn commit(&self, positions: &[(TopicPartition, Commit)]) {
        self.committer.soon(positions);
    }

    /// Stops fetching. It throws the partitions' prefetch away, so it is only for partitions that will stand for long.
    /// Ends with the assignment of its partition.
    pub fn pause(&self, partitions: &[TopicPartition]) {
        hold::pause(&self.client, &self.inlet, partitions);
    }

    /// As [`Consumer::pause`], and gives records back: the partition goes on exactly from this position, of the last record
    /// polled or of one to be read again; held once more, from the newer one. Nothing of it comes while it is held. To be
    /// called by the thread that polls the queue.
    pub fn hold(&self, positions: &[(TopicPartition, Position)]) {
        hold::hold(&self.client, &self.inlet, positions);
    }

    /// Fetches again: from where the partition was held, else from the record after the last one polled. To be called by the
    /// thread that polls the queue.
    pub fn resume(&self, partitions: &[TopicPartition]) {
        for error in hold::resume(&self.client, &self.inlet, partitions) {
            // Nobody listens while the consumer ends; then nobody needs to.
            self.errors.send(error).ok();
        }
    }

    /// Leaves the group: every partition is revoked through the [`RebalanceListener`] (so it drains), committed, and let go.
    /// The pump has to go on polling meanwhile. Idempotent; after [`Setup::on_fatal`] there is nothing to wait for.
    pub fn stop(&self, timeout: Duration) -> Result<(), StopError> {
        self.life.stop.store(true, Ordering::Release);
        if self.life.wait_end(timeout) { Ok(()) } else { Err(StopError::TimedOut(timeout)) }
    }

    /// Where the client itself stands: after the last record polled, and after what follows it and is no record, such as
    /// transaction markers. Partitions that are held are left out: they stand behind what was given back.
    pub fn positions(&self) -> HashMap<TopicPartition, Position> {
        // Asked first: were one let go between the two questions, the client's answer would still be from before.
        let held = self.inlet.all_held();
        let Ok(list) = self.client.position() else { return HashMap::new() };
        let elements = list.elements();
        let known = elements.iter().filter_map(|element| match element.offset() {
            Offset::Offset(next) => {
                let partition = TopicPartition::new(element.topic(), element.partition());
                let position = self.inlet.within(&partition, Position(next));
                Some((partition, position))
            }
            _ => None,
        });
        known.filter(|(partition, _)| !held.contains(partition)).collect()
    }

    /// What Kafka said last that stands between this consumer and its group, if anything does.
    pub fn trouble(&self) -> Option<String> {
        self.client.context().trouble()
    }
}
