//! The shards of a run: started, watched, started anew when Kafka's certificates rotate or a static member has shut itself
//! out, stopped.
//!
//! librdkafka loads certificates when a client is made, so a shard gets new ones by a clean stop and a new start, one
//! shard after the other: drained, committed, nothing lost and nothing doubled.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::health::Health;
use crate::kafka::{Fatal, Logins};
use crate::metrics::Metrics;
use crate::otlp::Spans;
use crate::pipeline::Rate;
use crate::pipeline::shard::{Common, Shard, ShardError, ShardStartError};
use crate::status::Status;

use super::RunError;
use super::look::HubLook;
use super::reload::Reload;

/// How often the shards are asked whether they are well.
const WATCH: Duration = Duration::from_millis(500);

/// All shards, and what one is made of.
pub(super) struct Shards<'a> {
    /// What runs, and what may run next.
    reload: Reload,
    access: &'a Logins,
    metrics: &'a Arc<Metrics>,
    /// Where sends are told of, if they are exported.
    spans: Option<&'a Spans>,
    health: &'a Health,
    status: &'a Status,
    look: HubLook,
    /// How much all of them may take.
    rate: Rate,
    /// Something is known to run.
    hopeful: bool,
    /// Rotations of certificates the shards know of.
    rotations: u64,
    /// By number; one is missing while it is started anew.
    running: Vec<Option<Shard>>,
    /// Those that are to be started anew, one after the other.
    renewed: VecDeque<usize>,
    /// Whether it was said that a shard cannot be started anew yet.
    said: bool,
}

impl<'a> Shards<'a> {
    /// Starts them all. The `look` goes on meanwhile.
    pub(super) fn start(
        reload: Reload,
        access: &'a Logins,
        metrics: &'a Arc<Metrics>,
        spans: Option<&'a Spans>,
        health: &'a Health,
        status: &'a Status,
        look: HubLook,
    ) -> Result<Self, RunError> {
        let rate = reload.config().replay.as_ref().and_then(|replay| replay.rate);
        let mut shards = Self {
            reload,
            access,
            metrics,
            spans,
            health,
            status,
            look,
            rate: Rate::new(rate, Instant::now()),
            hopeful: false,
            rotations: access.rotations(),
            running: Vec::new(),
            renewed: VecDeque::new(),
            said: false,
        };
        for number in 0..shards.reload.config().limits.shards as usize {
            let shard = shards.one(number)?;
            shards.running.push(Some(shard));
        }
        Ok(shards)
    }

    fn one(&self, number: usize) -> Result<Shard, ShardStartError> {
        let number = number as u32;
        let health = self.health.shard(number);
        let desk = self.status.shard(number);
        let common = Common {
            config: self.reload.config(),
            access: self.access,
            metrics: self.metrics,
            found: &self.look.found,
            rate: &self.rate,
            spans: self.spans,
        };
        Shard::start(number, &common, health, desk)
    }

    /// Runs until `stop` speaks or a shard cannot go on, then stops them all.
    pub(super) fn run(mut self, stop: &Receiver<()>) -> Result<(), RunError> {
        let mut outcome = Ok(());
        while outcome.is_ok() && !is_told(stop) {
            outcome = self.watch();
        }
        self.look.end();
        tracing::info!(name: "draining", "stopping: records in flight are delivered and committed first");
        self.health.draining();
        stop_all(self.running)?;
        tracing::info!(name: "stopped", "stopped");
        outcome
    }

    /// Looks after every shard once. None waits for another: one that cannot be started anew is tried again the next time.
    fn watch(&mut self) -> Result<(), RunError> {
        self.hopeful = self.hopeful || self.look.verdict()?;
        self.reload()?;
        for number in 0..self.running.len() {
            match self.running[number].as_ref().map(Shard::look) {
                Some(Ok(())) => {}
                None => self.begin(number)?,
                Some(Err(ShardError::Kafka(Fatal::Outrun { .. } | Fatal::ShutOut(_)))) => {
                    tracing::warn!(name: "shard_restarted", shard = number, "the consumer starts again, under the same name");
                    self.renew(number)?;
                }
                Some(Err(failure)) => return Err(failure.into()),
            }
        }
        let rotations = self.access.rotations();
        if self.rotations != rotations {
            self.rotations = rotations;
            self.renewed = (0..self.running.len()).collect();
        }
        if self.running.iter().all(Option::is_some)
            && let Some(number) = self.renewed.pop_front()
        {
            tracing::info!(name: "shard_restarted", shard = number, "the consumer starts again, with the new certificates for kafka");
            self.renew(number)?;
        }
        Ok(())
    }

    /// Takes another configuration, if one is wanted and can be run. It may take a few seconds while Kafka does not answer.
    fn reload(&mut self) -> Result<(), RunError> {
        let Self { reload, look, running, access, health, status, .. } = self;
        reload.look(|config| {
            let found = look.found.clone();
            // Nothing of the old look may be said once the new one has begun.
            look.stop();
            let (ways, topics) = super::places(config);
            health.reroute(ways, topics);
            *look = HubLook::start(config, access, health, found)?;
            status.reroute(config);
            running.iter().flatten().for_each(|shard| shard.follow(config));
            Ok(())
        })
    }

    /// Stops one shard and starts it again.
    fn renew(&mut self, number: usize) -> Result<(), RunError> {
        if let Some(shard) = self.running[number].take() {
            shard.stop();
        }
        self.said = false;
        self.begin(number)
    }

    /// Starts a shard that is not there, if that can be now.
    fn begin(&mut self, number: usize) -> Result<(), RunError> {
        match self.one(number) {
            Ok(shard) => self.running[number] = Some(shard),
            Err(error @ ShardStartError::Thread(_)) => return Err(error.into()),
            // The files have changed once more, and are not whole.
            Err(ShardStartError::Kafka(error)) => {
                if !std::mem::replace(&mut self.said, true) {
                    tracing::warn!(shard = number, %error, "the consumer cannot start again yet, retrying");
                }
            }
        }
        Ok(())
    }
}

/// All at once: each shard has the whole drain timeout. Where the system gives no thread for that, one after the other.
fn stop_all(running: Vec<Option<Shard>>) -> Result<(), RunError> {
    let slots = running.into_iter().map(Mutex::new).collect::<Vec<_>>();
    let stop = |slot: &Mutex<Option<Shard>>| {
        let shard = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(shard) = shard {
            shard.stop();
        }
    };
    let clean = std::thread::scope(|scope| {
        let spawn = |slot| {
            let thread = std::thread::Builder::new().name("stop".to_owned());
            thread.spawn_scoped(scope, move || stop(slot)).ok()
        };
        let threads = slots.iter().filter_map(spawn).collect::<Vec<_>>();
        threads.into_iter().all(|thread| thread.join().is_ok())
    });
    slots.iter().for_each(stop);
    clean.then_some(()).ok_or_else(|| RunError::Internal("a shard did not stop cleanly".to_owned()))
}

/// Waits a little; whether the bridge is to stop.
fn is_told(stop: &Receiver<()>) -> bool {
    match stop.recv_timeout(WATCH) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
        Err(RecvTimeoutError::Timeout) => false,
    }
}
