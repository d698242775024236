//! Running a set of shards: look before starting, start, watch, drain, stop.
//!
//! The calling thread only waits and watches. Probes and metrics are served from before the first connection until
//! after the last commit, so that "why is it not ready" can be asked while it is not.

mod preflight;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::admin::{self, Server};
use crate::config::Config;
use crate::health::Health;
use crate::kafka::Fatal;
use crate::metrics::Metrics;
use crate::pipeline::shard::{Failure, Shard, StartError};

/// How often the shards are asked whether they are well.
const WATCH: Duration = Duration::from_millis(500);

/// Why a run ended other than by a stop, by what the operator must do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Somebody the bridge depends on said no, and will say no again: a hub that does not exist, a key that is wrong.
    #[error("{0}")]
    Refused(String),
    /// The configuration cannot be run here.
    #[error("{0}")]
    Config(String),
    /// A defect, or a system that is out of threads or ports.
    #[error("{0}")]
    Internal(String),
}

impl From<StartError> for RunError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Kafka(_) => Self::Config(error.to_string()),
            StartError::Thread(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Kafka(Fatal::Refused { .. }) => Self::Refused(failure.to_string()),
            Failure::Kafka(Fatal::Broken { .. }) | Failure::Pump => {
                Self::Internal(failure.to_string())
            }
        }
    }
}

/// Runs until `stop` speaks, then drains, commits and returns.
pub fn run(config: &Config, stop: &Receiver<()>) -> Result<(), RunError> {
    let metrics = Arc::new(Metrics::default());
    let health = Health::for_config(config);
    let admin = Server::start(config.admin.listen, health.clone(), Arc::clone(&metrics))
        .map_err(|error| refused_address(&error))?;
    tracing::info!(address = %admin.address(), "probes and metrics are served");
    if preflight::look(config, &health, &metrics, stop)? {
        run_shards(config, &metrics, &health, stop)?;
    }
    Ok(())
}

fn refused_address(error: &admin::StartError) -> RunError {
    let text = chain(error);
    match error {
        admin::StartError::Listen { .. } => {
            RunError::Config(format!("{text}; hint: free the address, or set another"))
        }
        admin::StartError::System(_) => RunError::Internal(text),
    }
}

/// An error with everything it was caused by.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn run_shards(
    config: &Config,
    metrics: &Arc<Metrics>,
    health: &Health,
    stop: &Receiver<()>,
) -> Result<(), RunError> {
    let mut shards = Vec::new();
    for number in 0..config.limits.shards {
        shards.push(Shard::start(number, config, metrics, health.shard(number))?);
    }
    let outcome = watch(&shards, stop);
    tracing::info!("stopping: what is under way is delivered and committed");
    health.draining();
    // All at once: each shard has the whole drain timeout.
    let stopping: Vec<_> =
        shards.into_iter().map(|shard| std::thread::spawn(move || shard.stop())).collect();
    for shard in stopping {
        if shard.join().is_err() {
            return Err(RunError::Internal("a shard did not stop cleanly".to_owned()));
        }
    }
    tracing::info!("stopped");
    outcome
}

fn watch(shards: &[Shard], stop: &Receiver<()>) -> Result<(), RunError> {
    loop {
        match stop.recv_timeout(WATCH) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        shards.iter().try_for_each(Shard::look)?;
    }
}
