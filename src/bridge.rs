//! Running a set of shards: look, start, watch, drain, stop.
//!
//! The calling thread only waits and watches. Probes and metrics are served from before the first connection until
//! after the last commit, so that "why is it not ready" can be asked while it is not.

mod board;
mod look;
mod shards;
mod topics;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use crate::admin::log::Levels;
use crate::admin::{self, Changes, Server, Views};
use crate::causes;
use crate::config::Config;
use crate::health::Health;
use crate::kafka::{Access, Fatal};
use crate::metrics::Metrics;
use crate::pipeline::shard::{Failure, StartError};
use crate::route::named_topics;
use crate::status::Status;

use board::Way;
use look::Look;
use shards::Shards;

/// How soon a stop is noticed while nothing else happens.
const NOTICE: Duration = Duration::from_millis(200);

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
            Failure::Kafka(Fatal::Refused { .. } | Fatal::Outrun { .. } | Fatal::ShutOut(_)) => {
                Self::Refused(failure.to_string())
            }
            Failure::Kafka(Fatal::Broken { .. } | Fatal::Unheard(_)) | Failure::Pump => {
                Self::Internal(failure.to_string())
            }
        }
    }
}

/// Runs until `stop` speaks, then drains, commits and returns. When `strict`, only if everything can run. `host` is the name of the
/// machine; what is logged can be changed, and what it said of late is kept.
pub fn run(
    config: &Config,
    strict: bool,
    stop: &Receiver<()>,
    host: Option<String>,
    (changes, levels): (Changes, Levels),
) -> Result<(), RunError> {
    let metrics = Arc::new(Metrics::default());
    let health = health(config);
    let status = Status::new(config, host, health.clone(), Arc::clone(&metrics));
    let views = Views {
        health: health.clone(),
        metrics: Arc::clone(&metrics),
        status: status.clone(),
        changes,
        levels,
    };
    let admin = Server::start(&config.admin, views).map_err(|error| refused_address(&error))?;
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(name: "started", address = %admin.address(), version, "probes and metrics are served");
    let access =
        Access::open(&config.kafka).map_err(|error| RunError::Config(error.to_string()))?;
    let look = Look::start(config, &access, &health)?;
    if look.wait(strict, stop)? && is_let_in(config, &access, &health, stop)? {
        Shards::start(config, &access, &metrics, &health, &status, look)?.run(stop)?;
    }
    Ok(())
}

/// The health of what `config` describes: its shards, and where its mappings go.
fn health(config: &Config) -> Health {
    let ways = Way::all(config).into_iter().map(|way| (way.namespace, way.hub));
    let letters = config.mappings.iter().map(|mapping| &mapping.failure);
    let letters = letters.filter_map(|failure| failure.dead_letter_topic.as_deref());
    let topics = named_topics(&config.mappings).chain(letters).map(Arc::from);
    Health::new(config.limits.shards, ways, topics, config.limits.drain_timeout)
}

/// Waits for the token Kafka is entered with, where it is; the thread that asks for it says why it takes long. `Ok(false)`
/// when told to stop meanwhile.
fn is_let_in(
    config: &Config,
    access: &Access,
    health: &Health,
    stop: &Receiver<()>,
) -> Result<bool, RunError> {
    while !access.wait(NOTICE).map_err(|refused| RunError::Refused(refused.to_string()))? {
        for shard in 0..config.limits.shards {
            health.shard(shard).kafka(access.trouble());
        }
        if !matches!(stop.try_recv(), Err(TryRecvError::Empty)) {
            return Ok(false);
        }
    }
    Ok(true)
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
