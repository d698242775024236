//! Running a set of shards: look, start, watch, drain, stop.
//!
//! The calling thread only waits and watches. Probes and metrics are served from before the first connection until
//! after the last commit, so that "why is it not ready" can be asked while it is not.

mod board;
mod look;
mod reload;
mod shards;
mod topics;

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use crate::admin::log::Levels;
use crate::admin::{self, Changes, Reloads, Server, Views};
use crate::causes;
use crate::config::Config;
use crate::health::{self, Health};
use crate::kafka::{Fatal, Logins};
use crate::metrics::Metrics;
use crate::otlp::Exporter;
use crate::pipeline::found::KnownHubs;
use crate::pipeline::shard::{ShardError, ShardStartError};
use crate::route::named_topics;
use crate::status::Status;

pub use reload::{Load, Reloading};

use board::BoardRoute;
use look::HubLook;
use reload::Reload;
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

impl From<ShardStartError> for RunError {
    fn from(error: ShardStartError) -> Self {
        match error {
            ShardStartError::Kafka(_) => Self::Config(error.to_string()),
            ShardStartError::Thread(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<ShardError> for RunError {
    fn from(failure: ShardError) -> Self {
        match failure {
            ShardError::Kafka(Fatal::Refused { .. } | Fatal::Outrun { .. } | Fatal::ShutOut(_)) => {
                Self::Refused(failure.to_string())
            }
            ShardError::Kafka(Fatal::Broken { .. } | Fatal::Unheard(_)) | ShardError::Pump => {
                Self::Internal(failure.to_string())
            }
        }
    }
}

/// What is to run.
pub struct Run {
    /// The configuration.
    pub config: Config,
    /// Where another is asked for.
    pub reloads: Reloads,
    /// Where another comes from; `None` when this one stays.
    pub reloading: Option<Reloading>,
    /// Only if everything can run.
    pub strict: bool,
    /// The name of the machine.
    pub host: Option<String>,
    /// What it said of late.
    pub changes: Changes,
    /// What is logged.
    pub levels: Levels,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("strict", &self.strict).finish_non_exhaustive()
    }
}

/// Runs until `stop` speaks, then drains, commits and returns.
pub fn run(run: Run, stop: &Receiver<()>) -> Result<(), RunError> {
    let Run { config, reloads, reloading, strict, host, changes, levels } = run;
    let config = &config;
    let metrics = Arc::new(Metrics::default());
    let health = health(config);
    let status = Status::new(config, host.clone(), health.clone(), Arc::clone(&metrics));
    let views = Views {
        health: health.clone(),
        metrics: Arc::clone(&metrics),
        status: status.clone(),
        changes,
        levels: levels.clone(),
        reloads: reloads.clone(),
    };
    // Changes of the file count from now on.
    let reload = Reload::new(config.clone(), reloading, reloads, levels, Arc::clone(&metrics));
    let version = env!("CARGO_PKG_VERSION");
    let is_served = config.replay.as_ref().is_none_or(|replay| replay.is_served);
    let _served = if is_served {
        let admin = Server::start(&config.admin, views).map_err(|error| refused_address(&error))?;
        tracing::info!(name: "started", address = %admin.address(), version, "probes and metrics are served");
        Some(admin)
    } else {
        None
    };
    // Until the end, when all is counted.
    let exporter = exporter(config, &metrics, host.as_deref())?;
    let access =
        Logins::open(&config.kafka).map_err(|error| RunError::Config(error.to_string()))?;
    let look = HubLook::start(config, &access, &health, KnownHubs::default())?;
    if look.wait(strict, stop)? && is_authorized(config, &access, &health, stop)? {
        let spans = exporter.as_ref().and_then(Exporter::spans);
        Shards::start(reload, &access, &metrics, spans.as_ref(), &health, &status, look)?
            .run(stop)?;
    }
    Ok(())
}

/// The health of what `config` describes: its shards, and where its mappings go.
fn health(config: &Config) -> Health {
    let (ways, topics) = places(config);
    Health::new(config.limits.shards, ways, topics, config.limits.drain_timeout)
}

/// Where the mappings go, and the topics that are named, for records or dead letters.
fn places(config: &Config) -> (Vec<health::HubPath>, Vec<Arc<str>>) {
    let ways = BoardRoute::all(config).into_iter().map(|way| (way.namespace, way.hub));
    let letters = config.mappings.iter().map(|mapping| &mapping.failure);
    let letters = letters.filter_map(|failure| failure.dead_letter_topic.as_deref());
    let topics = named_topics(&config.mappings).chain(letters).map(Arc::from);
    (ways.collect(), topics.collect())
}

/// Waits for the token Kafka is entered with, where it is; the thread that asks for it says why it takes long. `Ok(false)`
/// when told to stop meanwhile.
fn is_authorized(
    config: &Config,
    access: &Logins,
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

/// What exports to a collector, if the operator wants that.
fn exporter(
    config: &Config,
    metrics: &Arc<Metrics>,
    host: Option<&str>,
) -> Result<Option<Exporter>, RunError> {
    let start = |otlp| Exporter::start(otlp, metrics, host);
    let exporter = config.otlp.as_ref().map(start).transpose();
    exporter.map_err(|error| {
        RunError::Internal(format!("cannot start a thread for the export: {error}"))
    })
}

fn refused_address(error: &admin::ListenError) -> RunError {
    let text = causes::whole(error);
    match error {
        admin::ListenError::Listen { .. } => {
            RunError::Config(format!("{text}; hint: stop what uses this address, or set another"))
        }
        admin::ListenError::System(_) => RunError::Internal(text),
    }
}
