//! The shards of a run: started, watched, started anew when Kafka's certificates rotate or a static member has shut itself
//! out, stopped.
//!
//! librdkafka loads certificates when a client is made, so a shard gets new ones by a clean stop and a new start, one
//! shard after the other: drained, committed, nothing lost and nothing doubled.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::config::Config;
use crate::health::Health;
use crate::kafka::{Access, Fatal};
use crate::metrics::Metrics;
use crate::pipeline::shard::{Failure, Shard, StartError};

use super::RunError;

/// How often the shards are asked whether they are well.
const WATCH: Duration = Duration::from_millis(500);

/// All shards, and what one is made of.
pub(super) struct Shards<'a> {
    config: &'a Config,
    access: &'a Access,
    metrics: &'a Arc<Metrics>,
    health: &'a Health,
    /// Rotations of certificates the shards know of.
    rotations: u64,
    /// By number; none is missing but while it is started anew.
    running: Vec<Option<Shard>>,
}

impl<'a> Shards<'a> {
    /// Starts them all.
    pub(super) fn start(
        config: &'a Config,
        access: &'a Access,
        metrics: &'a Arc<Metrics>,
        health: &'a Health,
    ) -> Result<Self, RunError> {
        let rotations = access.rotations();
        let mut shards = Self { config, access, metrics, health, rotations, running: Vec::new() };
        for number in 0..config.limits.shards {
            let shard = shards.one(number)?;
            shards.running.push(Some(shard));
        }
        Ok(shards)
    }

    fn one(&self, number: u32) -> Result<Shard, StartError> {
        let health = self.health.shard(number);
        Shard::start(number, self.config, self.access, self.metrics, health)
    }

    /// Runs until `stop` speaks or a shard cannot go on, then stops them all.
    pub(super) fn run(mut self, stop: &Receiver<()>) -> Result<(), RunError> {
        let outcome = self.watch(stop);
        tracing::info!("stopping: what is under way is delivered and committed");
        self.health.draining();
        // All at once: each shard has the whole drain timeout.
        let running = self.running.into_iter().flatten();
        let stopping: Vec<_> =
            running.map(|shard| std::thread::spawn(move || shard.stop())).collect();
        for shard in stopping {
            if shard.join().is_err() {
                return Err(RunError::Internal("a shard did not stop cleanly".to_owned()));
            }
        }
        tracing::info!("stopped");
        outcome
    }

    fn watch(&mut self, stop: &Receiver<()>) -> Result<(), RunError> {
        while !is_told(stop) {
            for number in 0..self.config.limits.shards {
                match self.running[number as usize].as_ref().map_or(Ok(()), Shard::look) {
                    Ok(()) => {}
                    Err(Failure::Kafka(Fatal::Outrun { .. })) => {
                        tracing::warn!(shard = number, "starting anew, under the same name");
                        if !self.renew(number, stop)? {
                            return Ok(());
                        }
                    }
                    Err(failure) => return Err(failure.into()),
                }
            }
            if self.rotations != self.access.rotations() && !self.start_anew(stop)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// `Ok(false)` when told to stop meanwhile.
    fn start_anew(&mut self, stop: &Receiver<()>) -> Result<bool, RunError> {
        self.rotations = self.access.rotations();
        for number in 0..self.config.limits.shards {
            tracing::info!(shard = number, "starting anew, with the new certificates for kafka");
            if !self.renew(number, stop)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Stops one shard, if it has not ended, and starts it again. `Ok(false)` when told to stop meanwhile.
    fn renew(&mut self, number: u32, stop: &Receiver<()>) -> Result<bool, RunError> {
        if let Some(shard) = self.running[number as usize].take() {
            shard.stop();
        }
        let mut said = false;
        let shard = loop {
            match self.one(number) {
                Ok(shard) => break shard,
                Err(error @ StartError::Thread(_)) => return Err(error.into()),
                // The files have changed once more, and are not whole.
                Err(StartError::Kafka(error)) if !std::mem::replace(&mut said, true) => {
                    tracing::warn!(shard = number, %error, "cannot start anew yet");
                }
                Err(StartError::Kafka(_)) => {}
            }
            if is_told(stop) {
                return Ok(false);
            }
        };
        self.running[number as usize] = Some(shard);
        Ok(true)
    }
}

/// Waits a little; whether the bridge is to stop.
fn is_told(stop: &Receiver<()>) -> bool {
    match stop.recv_timeout(WATCH) {
        Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
        Err(RecvTimeoutError::Timeout) => false,
    }
}
