//! A registry that a shard asks: so many questions at a time, each counted; and one word for all of them when it cannot be asked.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bridge_schema::SchemaId;
use bridge_shape::Fetched;
use tokio::sync::Semaphore;

use crate::config::Registry;
use crate::metrics::Metrics;

use super::client::{Client, Failure};
use super::registries::compiled;

/// Questions at a time.
const AT_ONCE: usize = 4;
/// How often the log hears again of what lasts.
const REMIND: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Asked {
    client: Client,
    gate: Semaphore,
    metrics: Arc<Metrics>,
    trouble: Mutex<Option<Trouble>>,
}

/// That it cannot be asked.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    said: Instant,
    /// What it was asked for last in vain.
    schemas: HashSet<SchemaId>,
}

impl Asked {
    pub(super) fn new(settings: &Registry, metrics: Arc<Metrics>) -> Self {
        metrics.asks(&settings.name);
        let (client, gate) = (Client::new(settings), Semaphore::new(AT_ONCE));
        Self { client, gate, metrics, trouble: Mutex::default() }
    }

    /// Its name in the configuration.
    pub(super) fn name(&self) -> &str {
        self.client.name()
    }

    /// One attempt.
    pub(super) async fn fetch(&self, id: SchemaId) -> Result<Fetched, Failure> {
        let answer = {
            let _turn = self.gate.acquire().await.expect("the gate is never closed");
            self.client.fetch(id).await
        };
        let answer = compiled(answer).await;
        let outcome = match &answer {
            Ok(Ok(_)) => "ok",
            Ok(Err(_)) => "unusable",
            Err(failure) => failure.word(),
        };
        self.metrics.registry_asked(self.name(), outcome);
        match &answer {
            Err(failure @ (Failure::Later { .. } | Failure::Unauthorized(_))) => {
                self.fails(id, failure);
            }
            _ => self.answers(id),
        }
        answer
    }

    fn fails(&self, id: SchemaId, failure: &Failure) {
        let now = Instant::now();
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = trouble.is_none();
        let new = || Trouble { since: now, said: now, schemas: HashSet::new() };
        let trouble = trouble.get_or_insert_with(new);
        trouble.schemas.insert(id);
        if !is_new && now.saturating_duration_since(trouble.said) < REMIND {
            return;
        }
        trouble.said = now;
        let registry = self.name();
        let lasted = (!is_new).then(|| tracing::field::display(seconds(trouble.since)));
        let schemas = trouble.schemas.len();
        if let Failure::Unauthorized(error) = failure {
            tracing::error!(name: "registry_refused", registry, schemas, lasted, error, "the registry refuses the bridge: what needs its schemas waits, the rest goes on; still trying");
        } else {
            tracing::warn!(name: "registry_failed", registry, schemas, lasted, error = %failure, "the registry cannot be asked: what needs its schemas waits, the rest goes on; still trying");
        }
    }

    fn answers(&self, id: SchemaId) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lasts) = trouble.as_mut() else { return };
        lasts.schemas.remove(&id);
        if lasts.schemas.is_empty() {
            let lasted = tracing::field::display(seconds(lasts.since));
            tracing::info!(name: "registry_restored", registry = self.name(), lasted, "the registry answers again");
            *trouble = None;
        }
    }
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}
