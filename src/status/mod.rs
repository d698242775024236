//! How the whole bridge stands, in one document: `GET /status`, the page and the `status` command are views of it.
//!
//! It is put together when somebody asks, from what each shard says at that moment, from the troubles [`Health`] knows and from
//! the counters of [`Metrics`]. All who ask within a second get the same, so that a wall of browsers costs as much as one.

mod build;
pub mod document;
mod rates;
mod shard;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::config::{Config, Mapping};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::route::Router;

pub use shard::{ShardCommand, ShardDesk, View};

use document::Document;
use rates::Rates;

/// How long a document counts.
const FRESH: Duration = Duration::from_secs(1);

/// See the module. Copies share one state.
#[derive(Debug, Clone)]
pub struct Status(Arc<StatusState>);

#[derive(Debug)]
struct StatusState {
    config: RwLock<Arc<Config>>,
    host: Option<String>,
    started: Timestamp,
    health: Health,
    metrics: Arc<Metrics>,
    desks: Vec<ShardDesk>,
    rates: Mutex<Rates>,
    /// Mappings that are paused.
    paused: Mutex<BTreeSet<usize>>,
    /// How often somebody has changed something.
    steered: AtomicU64,
    /// The document made last, as text, when that was, and how often something had been changed then.
    last: tokio::sync::Mutex<Option<(Instant, u64, Arc<str>)>>,
}

impl StatusState {
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Status {
    /// Of a process on `host` that runs `config`.
    pub fn new(
        config: &Config,
        host: Option<String>,
        health: Health,
        metrics: Arc<Metrics>,
    ) -> Self {
        let mappings = config.mappings.iter().enumerate();
        let paused = mappings.filter(|(_, mapping)| mapping.paused).map(|(index, _)| index);
        let status = Self(Arc::new(StatusState {
            config: RwLock::new(Arc::new(config.clone())),
            host,
            started: Timestamp::now(),
            health,
            metrics,
            desks: (0..config.limits.shards).map(|_| ShardDesk::default()).collect(),
            rates: Mutex::default(),
            paused: Mutex::new(paused.collect()),
            steered: AtomicU64::new(0),
            last: tokio::sync::Mutex::default(),
        }));
        let paused = status.paused();
        status.0.desks.iter().for_each(|desk| desk.pause(&paused));
        drop(paused);
        status
    }

    fn paused(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.0.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pauses a mapping, by its place in the configuration, or resumes it; whether that changes anything. `None` when there is no
    /// such mapping. It counts until the process ends.
    pub fn pause(&self, mapping: usize, pause: bool) -> Option<bool> {
        // Held while they are told, so that all hear the same last.
        let mut paused = self.paused();
        let config = self.0.config();
        let hub = &config.mappings.get(mapping)?.hub;
        let changed = if pause { paused.insert(mapping) } else { paused.remove(&mapping) };
        if changed {
            if pause {
                tracing::info!(name: "mapping_paused", mapping, hub, "a mapping is paused: its topics are not read, records already read are delivered");
            } else {
                tracing::info!(name: "mapping_resumed", mapping, hub, "a mapping was resumed");
            }
            self.0.desks.iter().for_each(|desk| desk.pause(&paused));
            self.0.steered.fetch_add(1, Ordering::Release);
        }
        Some(changed)
    }

    /// From now on `config` is run. A mapping that stays is paused or not as it was, unless the configuration says otherwise now.
    pub fn reroute(&self, config: &Config) {
        let mut paused = self.paused();
        let before = self.0.config();
        let stays = |now: &Mapping| before.mappings.iter().position(|it| it.name() == now.name());
        let is_paused = |now: &Mapping| match stays(now) {
            Some(old) if before.mappings[old].paused == now.paused => paused.contains(&old),
            _ => now.paused,
        };
        let mappings = config.mappings.iter().enumerate();
        let now = mappings.filter(|(_, mapping)| is_paused(mapping)).map(|(index, _)| index);
        *paused = now.collect();
        *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.clone());
        let router = Arc::new(Router::new(&config.mappings));
        self.0.desks.iter().for_each(|desk| desk.reroute(&router, &paused));
        self.0.steered.fetch_add(1, Ordering::Release);
    }

    /// Where shard `shard` is asked; below the number of shards.
    pub fn shard(&self, shard: u32) -> ShardDesk {
        self.0.desks[shard as usize].clone()
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.0.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the counters, now and then, for ever.
    pub async fn sample(self) {
        let mut ticks = tokio::time::interval(rates::SAMPLE);
        loop {
            ticks.tick().await;
            self.rates().keep(Instant::now(), self.0.metrics.totals());
        }
    }

    /// The document, as text, not older than a second or than the last change somebody made.
    pub async fn text(&self) -> Arc<str> {
        let mut last = self.0.last.lock().await;
        let steered = self.0.steered.load(Ordering::Acquire);
        if let Some((at, before, text)) = &*last
            && at.elapsed() < FRESH
            && *before == steered
        {
            return Arc::clone(text);
        }
        let document = self.document().await;
        // A document has no keys but text, and so is JSON.
        let text: Arc<str> = serde_json::to_string(&document).unwrap_or_default().into();
        *last = Some((Instant::now(), steered, Arc::clone(&text)));
        text
    }

    async fn document(&self) -> Document {
        // All are asked before one is waited for.
        let asked: Vec<_> = self.0.desks.iter().map(ShardDesk::question).collect();
        let mut views = Vec::with_capacity(asked.len());
        for question in asked {
            views.push(question.answer().await);
        }
        let totals = self.0.metrics.totals();
        let (now, rates) = (Instant::now(), self.rates());
        let change = rates.change(now, &totals);
        let caught_up = totals.behind.and_then(|behind| rates.caught_up(now, behind));
        build::document(&self.0, &views, &change, caught_up, now)
    }
}

#[cfg(test)]
mod tests;
