//! Whether the bridge lives and is ready, from what its parts say of themselves.
//!
//! *Live*: the two threads of every shard still go round; restarting helps when they do not. *Ready*: every shard is a
//! member of its group and every namespace it needs is connected; restarting does not help, waiting or an operator does.
//! A member without partitions needs none yet and is ready to take over: a roll-out waits for the new pod to be ready before
//! it stops the old one, which has the partitions until then.
//! Nothing is taken on trust: a part that has not spoken yet is not ready, and one that fell silent is not alive. A shard
//! whose threads have not begun is alive, though: waiting for Event Hubs before the start is no fault.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Config;

/// On top of the drain timeout, which a rebalance may rightly take: the longest a thread may go without a beat.
const SILENCE: Duration = Duration::from_secs(30);

/// How the whole process stands. Copies share one state.
#[derive(Debug, Clone)]
pub struct Health(Arc<State>);

#[derive(Debug)]
struct State {
    started: Instant,
    limit: Duration,
    draining: AtomicBool,
    shards: Vec<Shard>,
}

/// In place of a beat: the shard has not begun.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Shard {
    /// Milliseconds from `started` to the last beat, or [`NEVER`]; the first beat of either thread begins both.
    pump: AtomicU64,
    events: AtomicU64,
    joined: AtomicBool,
    /// What Kafka said last while it does not take us.
    kafka: Mutex<Option<String>>,
    ended: AtomicBool,
    namespaces: Mutex<BTreeMap<String, Standing>>,
}

/// How a shard stands with a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Nothing is known yet.
    Untried,
    /// It was reached before the start, and is connected to when the first partition that needs it is assigned.
    Waits,
    /// It is not connected, and why.
    Down(String),
    Up,
}

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Everything that stands against it; empty is good.
    pub reasons: Vec<String>,
}

impl Verdict {
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
    /// Nothing has spoken yet: alive, for now, and not ready. Each of `shards` needs all of `namespaces`; a thread that
    /// is silent for longer than `limit` is taken for dead.
    pub fn new<'a>(
        shards: u32,
        namespaces: impl IntoIterator<Item = &'a str>,
        limit: Duration,
    ) -> Self {
        let namespaces: BTreeMap<_, _> =
            namespaces.into_iter().map(|name| (name.into(), Standing::Untried)).collect();
        let shard = |_| Shard {
            pump: AtomicU64::new(NEVER),
            events: AtomicU64::new(NEVER),
            joined: AtomicBool::new(false),
            kafka: Mutex::default(),
            ended: AtomicBool::new(false),
            namespaces: Mutex::new(namespaces.clone()),
        };
        Self(Arc::new(State {
            started: Instant::now(),
            limit,
            draining: AtomicBool::new(false),
            shards: (0..shards).map(shard).collect(),
        }))
    }

    /// The health of what `config` describes: its shards, and the namespaces that mappings use.
    pub fn for_config(config: &Config) -> Self {
        let namespaces = config.mappings.iter().map(|mapping| mapping.namespace.as_str());
        Self::new(config.limits.shards, namespaces, config.limits.drain_timeout + SILENCE)
    }

    /// Where shard `shard` speaks; below the number of shards.
    pub fn shard(&self, shard: u32) -> ShardHealth {
        let shard = shard as usize;
        assert!(shard < self.0.shards.len(), "shard {shard} was not announced");
        ShardHealth { health: self.clone(), shard }
    }

    /// Whether namespace `name` can be reached, for every shard: what is known before they run.
    pub fn namespace(&self, name: &str, up: bool, detail: &str) {
        for shard in &self.0.shards {
            shard.namespace(name, up, detail);
        }
    }

    /// What can be known before the shards run is known, and good: from now on they connect for their partitions.
    pub fn looked(&self) {
        for shard in &self.0.shards {
            shard.namespaces().values_mut().for_each(|standing| *standing = Standing::Waits);
        }
    }

    /// The process stops: it is not ready any more, whatever else holds.
    pub fn draining(&self) {
        self.0.draining.store(true, Relaxed);
    }

    /// Whether every thread has beaten within the limit before `now`.
    pub fn live(&self, now: Instant) -> Verdict {
        let mut reasons = Vec::new();
        for (index, shard) in self.0.shards.iter().enumerate() {
            if shard.ended.load(Relaxed) {
                continue;
            }
            for (thread, beat) in [("pump", &shard.pump), ("event", &shard.events)] {
                let beat = match beat.load(Relaxed) {
                    NEVER => continue,
                    millis => self.0.started + Duration::from_millis(millis),
                };
                let silent = now.saturating_duration_since(beat);
                if silent > self.0.limit {
                    let seconds = silent.as_secs();
                    reasons.push(format!("shard {index}: {thread} thread silent for {seconds} s"));
                }
            }
        }
        Verdict { reasons }
    }

    /// Whether records can flow, as far as the parts know.
    pub fn ready(&self) -> Verdict {
        let mut reasons = Vec::new();
        if self.0.draining.load(Relaxed) {
            reasons.push("draining".into());
        }
        for (index, shard) in self.0.shards.iter().enumerate() {
            if !shard.joined.load(Relaxed) {
                let kafka = shard.kafka.lock().unwrap_or_else(PoisonError::into_inner);
                let because = kafka.as_ref().map_or(String::new(), |why| format!(": {why}"));
                let text = format!("shard {index}: not a member of its consumer group{because}");
                reasons.push(text);
            }
            let joined = shard.joined.load(Relaxed);
            for (name, standing) in shard.namespaces().iter() {
                if let Some(why) = standing.against(joined) {
                    reasons.push(format!("shard {index}: namespace `{name}` {why}"));
                }
            }
        }
        Verdict { reasons }
    }
}

impl Standing {
    /// What stands against being ready.
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

impl Shard {
    fn namespaces(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Standing>> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn namespace(&self, name: &str, up: bool, detail: &str) {
        let standing = if up { Standing::Up } else { Standing::Down(detail.to_owned()) };
        self.namespaces().insert(name.to_owned(), standing);
    }
}

impl ShardHealth {
    fn shard(&self) -> &Shard {
        &self.health.0.shards[self.shard]
    }

    fn beat(&self, mine: &AtomicU64, other: &AtomicU64) {
        let now = self.health.0.started.elapsed().as_millis() as u64;
        mine.store(now, Relaxed);
        if other.load(Relaxed) == NEVER {
            // Fails when the other thread has just begun by itself, which is as good.
            other.compare_exchange(NEVER, now, Relaxed, Relaxed).ok();
        }
    }

    /// The pump went round. It also beats while it only waits.
    pub fn beat_pump(&self) {
        self.beat(&self.shard().pump, &self.shard().events);
    }

    /// The event thread went round. It is silent while a revoke drains, which the limit allows for.
    pub fn beat_events(&self) {
        self.beat(&self.shard().events, &self.shard().pump);
    }

    /// Whether the shard is a member of its consumer group, with or without partitions.
    pub fn joined(&self, joined: bool) {
        self.shard().joined.store(joined, Relaxed);
    }

    /// What Kafka said last that stands between the shard and its group.
    pub fn kafka(&self, trouble: Option<String>) {
        *self.shard().kafka.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Whether the shard is connected to namespace `name`; `detail` says why not.
    pub fn namespace(&self, name: &str, up: bool, detail: &str) {
        self.shard().namespace(name, up, detail);
    }

    /// The shard is started, perhaps not for the first time: its threads have not beaten yet.
    pub fn begins(&self) {
        for beat in [&self.shard().pump, &self.shard().events] {
            beat.store(NEVER, Relaxed);
        }
        self.shard().ended.store(false, Relaxed);
    }

    /// The shard has stopped in good order: its silence means nothing, and it is not a member any more.
    pub fn ended(&self) {
        self.shard().ended.store(true, Relaxed);
        self.joined(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn two_shards() -> Health {
        Health::new(2, ["default"], LIMIT)
    }

    fn all_well(health: &Health) {
        for shard in 0..2 {
            let shard = health.shard(shard);
            shard.joined(true);
            shard.namespace("default", true, "");
        }
    }

    #[test]
    fn what_has_not_spoken_is_not_ready() {
        let health = two_shards();
        assert_eq!(
            health.ready().reasons,
            [
                "shard 0: not a member of its consumer group",
                "shard 0: namespace `default` is not connected: not tried yet",
                "shard 1: not a member of its consumer group",
                "shard 1: namespace `default` is not connected: not tried yet",
            ]
        );
        all_well(&health);
        assert!(health.ready().is_good());
    }

    #[test]
    fn a_member_without_partitions_is_ready_to_take_over() {
        let health = Health::new(1, ["default"], LIMIT);
        health.namespace("default", false, "connection refused");
        health.looked();
        let [_, waits] = &health.ready().reasons[..] else { panic!("{:?}", health.ready()) };
        assert_eq!(waits, "shard 0: namespace `default` waits for partitions to be assigned");
        health.shard(0).joined(true);
        assert!(health.ready().is_good());
        health.shard(0).namespace("default", false, "connection refused");
        assert!(!health.ready().is_good());
    }

    #[test]
    fn readiness_goes_and_comes_with_each_part() {
        let health = two_shards();
        all_well(&health);
        let shard = health.shard(1);
        shard.namespace("default", false, "connection refused");
        assert_eq!(
            health.ready().reasons,
            ["shard 1: namespace `default` is not connected: connection refused"]
        );
        shard.namespace("default", true, "");
        assert!(health.ready().is_good());
        shard.joined(false);
        assert_eq!(health.ready().reasons, ["shard 1: not a member of its consumer group"]);
        shard.kafka(Some("wrong password".to_owned()));
        let why = "shard 1: not a member of its consumer group: wrong password";
        assert_eq!(health.ready().reasons, [why]);
        shard.joined(true);
        health.draining();
        assert_eq!(health.ready().reasons, ["draining"]);
    }

    #[test]
    fn a_shard_that_has_not_begun_is_alive_however_long() {
        let health = two_shards();
        assert!(health.live(Instant::now() + Duration::from_hours(24)).is_good());
    }

    #[test]
    fn a_thread_that_begun_and_fell_silent_is_dead() {
        let health = two_shards();
        health.shard(1).beat_pump();
        assert!(health.live(Instant::now()).is_good(), "nothing had time to be silent");
        let later = Instant::now() + LIMIT + Duration::from_secs(1);
        // The event thread has never beaten, and the pump shows that it should have.
        assert_eq!(
            health.live(later).reasons,
            ["shard 1: pump thread silent for 31 s", "shard 1: event thread silent for 31 s"]
        );
        health.shard(1).ended();
        assert!(health.live(later).is_good(), "an ended shard need not beat");
        health.shard(1).begins();
        assert!(health.live(later).is_good(), "nor one that has just been started again");
        health.shard(1).beat_pump();
        assert!(!health.live(later).is_good());
    }

    #[test]
    fn a_beat_counts_for_its_own_thread_only() {
        let limit = Duration::from_millis(20);
        let health = Health::new(1, [], limit);
        let shard = health.shard(0);
        shard.beat_events();
        // Both become overdue: wait for the clock, not for luck.
        while health.live(Instant::now()).reasons.len() < 2 {
            std::thread::yield_now();
        }
        let now = Instant::now();
        shard.beat_pump();
        assert_eq!(health.live(now).reasons, ["shard 0: event thread silent for 0 s"]);
    }
}
