//! Whether the bridge lives and is ready, and what is held, from what its parts say of themselves.
//!
//! *Live*: every thread of every shard still goes round, and says so itself; restarting helps when one does not. *Ready*:
//! every shard is a member of its group and at least one mapping can run; restarting does not help, waiting or an operator
//! does. What is held while the rest runs is told with it ([`Trouble`]).
//! A member without partitions needs no connection yet and is ready to take over: a roll-out waits for the new pod to be ready
//! before it stops the old one, which has the partitions until then.
//! Nothing is taken on trust: a part that has not spoken yet is not ready, and one that fell silent is not alive. A shard
//! whose threads have not begun is alive, though: waiting before the start is no fault.

mod beats;
mod meant;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use beats::Thread;
pub use trouble::{LastingTrouble, Trouble};

use beats::Beats;
use meant::Meant;
use trouble::{Reporter, Stated, Troubles};

/// On top of the drain timeout, which a rebalance may rightly take: the longest a thread may go without a beat.
const SILENCE: Duration = Duration::from_secs(30);

/// Where records may go: a namespace, and the hub where the configuration names it.
pub type HubPath = (Arc<str>, Option<Arc<str>>);

/// How the whole process stands. Copies share one state.
#[derive(Debug, Clone)]
pub struct Health(Arc<HealthState>);

#[derive(Debug)]
struct HealthState {
    limit: Duration,
    draining: AtomicBool,
    /// Some shard has been a member of its group.
    has_joined: AtomicBool,
    meant: Mutex<Meant>,
    ledger: Mutex<Troubles>,
    shards: Vec<ShardState>,
}

#[derive(Debug)]
struct ShardState {
    beats: Beats,
    joined: AtomicBool,
    /// What Kafka said last while it does not take us.
    kafka: Mutex<Option<String>>,
    ended: AtomicBool,
    namespaces: Mutex<BTreeMap<String, ConnectionState>>,
}

/// How a shard stands with a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ConnectionState {
    /// Nothing is known yet.
    Untried,
    /// Nothing stands against it, and it is connected to when the first partition that needs it is assigned.
    Waits,
    /// It is not connected, and why.
    Down(String),
    Up,
}

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthReport {
    /// Everything that stands against it; empty is good.
    pub reasons: Vec<String>,
    /// What is held while the rest runs.
    pub held: Vec<LastingTrouble>,
    /// Namespaces that are not connected while others are: name and why.
    pub down: BTreeMap<String, String>,
}

impl HealthReport {
    /// Whether nothing stands against it.
    pub fn is_good(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Where one shard says how it stands.
#[derive(Debug, Clone)]
pub struct ShardHealth {
    health: Health,
    shard: usize,
}

impl Health {
    /// Nothing has spoken yet: alive, for now, and not ready. Records go by `ways`; a thread that is silent for longer than
    /// the drain timeout and [`SILENCE`] is taken for dead.
    pub fn new(
        shards: u32,
        ways: impl IntoIterator<Item = HubPath>,
        topics: impl IntoIterator<Item = Arc<str>>,
        drain_timeout: Duration,
    ) -> Self {
        let ways: BTreeSet<_> = ways.into_iter().collect();
        let namespaces: BTreeMap<_, _> =
            ways.iter().map(|(name, _)| (name.to_string(), ConnectionState::Untried)).collect();
        let began = Instant::now();
        let shard = |_| ShardState {
            beats: Beats::new(began),
            joined: AtomicBool::new(false),
            kafka: Mutex::default(),
            ended: AtomicBool::new(false),
            namespaces: Mutex::new(namespaces.clone()),
        };
        Self(Arc::new(HealthState {
            limit: drain_timeout + SILENCE,
            draining: AtomicBool::new(false),
            has_joined: AtomicBool::new(false),
            meant: Mutex::new(Meant::new(ways, topics)),
            ledger: Mutex::default(),
            shards: (0..shards).map(shard).collect(),
        }))
    }

    /// Where shard `shard` speaks; below the number of shards.
    pub fn shard(&self, shard: u32) -> ShardHealth {
        let shard = shard as usize;
        assert!(shard < self.0.shards.len(), "shard {shard} was not announced");
        ShardHealth { health: self.clone(), shard }
    }

    /// Records go by these `ways` from now on. What was looked for, and is not any more, is in no trouble.
    pub fn reroute(
        &self,
        ways: impl IntoIterator<Item = HubPath>,
        topics: impl IntoIterator<Item = Arc<str>>,
    ) {
        let (mut ledger, mut meant) = (self.ledger(), self.meant());
        meant.replace(ways, topics);
        ledger.retain(Reporter::Process, |what| meant.is_looked_for(what), Instant::now());
    }

    fn meant(&self) -> MutexGuard<'_, Meant> {
        self.0.meant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Troubles> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, voice: Reporter, what: Trouble, word: Option<Stated>) {
        self.ledger().tell(voice, what, word, Instant::now());
    }

    /// Something was looked at, for the whole process: `detail` says why it does not run, `None` that it does.
    pub fn trouble(&self, what: Trouble, detail: Option<&str>) {
        self.tell(Reporter::Process, what, detail.map(|detail| word(detail, false)));
    }

    /// The same, of what is refused until somebody changes something.
    pub fn refused(&self, what: Trouble, detail: &str) {
        self.tell(Reporter::Process, what, Some(word(detail, true)));
    }

    /// Namespace `name` was looked at before any shard needed it: `None`, or why it cannot be used. What a shard itself
    /// knows is not touched.
    pub fn looked(&self, name: &str, detail: Option<&str>) {
        for shard in &self.0.shards {
            let mut namespaces = shard.namespaces();
            let standing = namespaces.entry(name.to_owned()).or_insert(ConnectionState::Untried);
            match (&*standing, detail) {
                (ConnectionState::Untried | ConnectionState::Down(_), Some(detail)) => {
                    *standing = ConnectionState::Down(detail.to_owned());
                }
                (ConnectionState::Untried | ConnectionState::Down(_), None) => {
                    *standing = ConnectionState::Waits;
                }
                (ConnectionState::Waits | ConnectionState::Up, _) => {}
            }
        }
    }

    /// The process stops: it is not ready any more, whatever else holds.
    pub fn draining(&self) {
        self.0.draining.store(true, Relaxed);
    }

    /// Whether every thread has beaten within the limit before `now`.
    pub fn live(&self, now: Instant) -> HealthReport {
        let shards = self.0.shards.iter().enumerate();
        let running = shards.filter(|(_, shard)| !shard.ended.load(Relaxed));
        let reasons = running.flat_map(|(index, shard)| {
            shard.beats.silent(now, self.0.limit).map(move |(thread, silent)| {
                let seconds = silent.as_secs();
                format!("shard {index}: {thread} thread silent for {seconds} s")
            })
        });
        HealthReport { reasons: reasons.collect(), ..HealthReport::default() }
    }

    /// Whether records can flow, as far as the parts know, and what is held.
    pub fn ready(&self) -> HealthReport {
        let (ledger, meant) = (self.ledger(), self.meant());
        let mut verdict = HealthReport { held: ledger.held(), ..HealthReport::default() };
        if self.0.draining.load(Relaxed) {
            verdict.reasons.push("draining".into());
        }
        for (index, shard) in self.0.shards.iter().enumerate() {
            let joined = shard.joined.load(Relaxed);
            if !joined {
                let kafka = shard.kafka.lock().unwrap_or_else(PoisonError::into_inner);
                let because = kafka.as_ref().map_or(String::new(), |why| format!(": {why}"));
                let text = format!("shard {index}: not a member of its consumer group{because}");
                verdict.reasons.push(text);
            }
            let namespaces = shard.namespaces();
            let against = |name: &str| namespaces.get(name).and_then(|it| it.against(joined));
            let runs = |(namespace, hub): &HubPath| {
                let held = hub.as_ref().is_some_and(|hub| ledger.holds(namespace, hub));
                !held && against(namespace).is_none()
            };
            let reasons = namespaces.keys().filter_map(|name| Some((name, against(name)?)));
            if meant.ways.is_empty() || meant.ways.iter().any(runs) {
                verdict.down.extend(reasons.map(|(name, why)| (name.clone(), why)));
                continue;
            }
            let before = verdict.reasons.len();
            let told =
                reasons.map(|(name, why)| format!("shard {index}: namespace `{name}` {why}"));
            verdict.reasons.extend(told);
            if verdict.reasons.len() == before {
                verdict.reasons.push(format!("shard {index}: no hub is usable"));
            }
        }
        verdict
    }

    /// Whether the process stops.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Relaxed)
    }

    /// Whether some shard has been a member of its group.
    pub fn has_joined(&self) -> bool {
        self.0.has_joined.load(Relaxed)
    }

    /// Of each shard, whether it is a member of its group, and what Kafka said last that stands against it.
    pub fn members(&self) -> Vec<(bool, Option<String>)> {
        let member = |shard: &ShardState| {
            let joined = shard.joined.load(Relaxed);
            let kafka = shard.kafka.lock().unwrap_or_else(PoisonError::into_inner);
            (joined, kafka.clone().filter(|_| !joined))
        };
        self.0.shards.iter().map(member).collect()
    }

    /// Of each namespace, whether some shard is connected to it, and what stands against that.
    pub fn namespaces(&self) -> BTreeMap<String, (bool, Option<String>)> {
        let mut all = BTreeMap::<String, (bool, Option<String>)>::new();
        for shard in &self.0.shards {
            let joined = shard.joined.load(Relaxed);
            for (name, standing) in &*shard.namespaces() {
                let (up, detail) = all.entry(name.clone()).or_default();
                *up |= *standing == ConnectionState::Up;
                *detail = detail.take().or(standing.against(joined));
            }
        }
        all
    }

    /// Every hub that is known by name, and whether it is in trouble.
    pub fn hubs(&self) -> Vec<(Arc<str>, Arc<str>, bool)> {
        let (ledger, meant) = (self.ledger(), self.meant());
        let mut hubs = ledger.hubs();
        let named = meant.ways.iter().filter_map(|(namespace, hub)| {
            let hub = hub.as_ref()?;
            Some((Arc::clone(namespace), Arc::clone(hub), ledger.holds(namespace, hub)))
        });
        hubs.extend(named);
        hubs
    }

    /// Every topic that is named, and whether it is in trouble.
    pub fn topics(&self) -> Vec<(Arc<str>, bool)> {
        let troubled = self.ledger().topics();
        let meant = self.meant();
        let named = meant.topics.union(&meant.former);
        named.map(|topic| (Arc::clone(topic), troubled.contains(topic))).collect()
    }
}

fn word(detail: &str, refused: bool) -> Stated {
    Stated { detail: detail.to_owned(), refused }
}

impl ConnectionState {
    /// What stands against being used.
    fn against(&self, joined: bool) -> Option<String> {
        match self {
            Self::Untried => Some("is not connected: not tried yet".to_owned()),
            Self::Waits if joined => None,
            Self::Waits => Some("waits for partitions to be assigned".to_owned()),
            Self::Down(why) if why.is_empty() => Some("is not connected".to_owned()),
            Self::Down(why) => Some(format!("is not connected: {why}")),
            Self::Up => None,
        }
    }
}

impl ShardState {
    fn namespaces(&self) -> MutexGuard<'_, BTreeMap<String, ConnectionState>> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardHealth {
    fn shard(&self) -> &ShardState {
        &self.health.0.shards[self.shard]
    }

    /// A thread went round. It also beats while it only waits.
    pub fn beat(&self, thread: Thread) {
        self.shard().beats.beat(thread);
    }

    /// The pump went round.
    pub fn beat_pump(&self) {
        self.beat(Thread::Pump);
    }

    /// Whether the shard is a member of its consumer group, with or without partitions.
    pub fn joined(&self, joined: bool) {
        self.shard().joined.store(joined, Relaxed);
        self.health.0.has_joined.fetch_or(joined, Relaxed);
    }

    /// What Kafka said last that stands between the shard and its group.
    pub fn kafka(&self, trouble: Option<String>) {
        *self.shard().kafka.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Whether the shard is connected to namespace `name`; `detail` says why not.
    pub fn namespace(&self, name: &str, up: bool, detail: &str) {
        let standing =
            if up { ConnectionState::Up } else { ConnectionState::Down(detail.to_owned()) };
        self.shard().namespaces().insert(name.to_owned(), standing);
    }

    /// `detail` says why something does not run, and that it may pass; `None` that it runs. Said at every attempt.
    pub fn trouble(&self, what: Trouble, detail: Option<&str>) {
        let word = detail.map(|detail| word(detail, false));
        self.health.tell(Reporter::Shard(self.shard), what, word);
    }

    /// The same, of what is refused until somebody changes something.
    pub fn refused(&self, what: Trouble, detail: &str) {
        self.health.tell(Reporter::Shard(self.shard), what, Some(word(detail, true)));
    }

    /// The shard is started, perhaps not for the first time: its threads have not beaten yet.
    pub fn begins(&self) {
        self.shard().beats.forget();
        self.shard().ended.store(false, Relaxed);
    }

    /// The shard has stopped in good order: its silence means nothing, and it is not a member any more.
    pub fn ended(&self) {
        self.shard().ended.store(true, Relaxed);
        self.joined(false);
        self.health.ledger().silence(Reporter::Shard(self.shard), Instant::now());
    }
}

#[cfg(test)]
mod tests;
