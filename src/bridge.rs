//! Running a set of shards: look before starting, start, watch, drain, stop.
//!
//! The calling thread only waits and watches. Probes and metrics are served from before the first connection until
//! after the last commit, so that "why is it not ready" can be asked while it is not.

mod preflight;
mod shards;

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::admin::{self, Server};
use crate::causes;
use crate::config::Config;
use crate::health::Health;
use crate::kafka::{Access, Fatal};
use crate::metrics::Metrics;
use crate::pipeline::shard::{Failure, StartError};

use shards::Shards;

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
            Failure::Kafka(Fatal::Refused { .. } | Fatal::Outrun { .. }) => {
                Self::Refused(failure.to_string())
            }
            Failure::Kafka(Fatal::Broken { .. } | Fatal::Unheard(_)) | Failure::Pump => {
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
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(address = %admin.address(), version, "probes and metrics are served");
    let access =
        Access::open(&config.kafka).map_err(|error| RunError::Config(error.to_string()))?;
    if preflight::look(config, &access, &health, &metrics, stop)? {
        health.looked();
        Shards::start(config, &access, &metrics, &health)?.run(stop)?;
    }
    Ok(())
}

fn refused_address(error: &admin::StartError) -> RunError {
    let text = causes::whole(error);
    match error {
        admin::StartError::Listen { .. } => {
            RunError::Config(format!("{text}; hint: free the address, or set another"))
        }
        admin::StartError::System(_) => RunError::Internal(text),
    }
}
