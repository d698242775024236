//! A registry that a shard asks: so many questions at a time, each counted; and one word for all of them when it cannot be asked.

use std::sync::Arc;
use std::time::Instant;

use bridge_schema::{Schema, SchemaId, Source};
use bridge_shape::Fetched;
use tokio::sync::Semaphore;

use crate::config::Registry;
use crate::lasting::{Lasting, LastingReport};
use crate::metrics::{Metrics, RegistryAnswer};

use super::client::{Client, RegistryError};

/// Questions at a time.
const AT_ONCE: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct AskedRegistry {
    client: Client,
    gate: Semaphore,
    metrics: Arc<Metrics>,
    /// That it cannot be asked.
    trouble: Lasting<SchemaId>,
}

impl AskedRegistry {
    pub(super) fn new(settings: &Registry, metrics: Arc<Metrics>) -> Self {
        metrics.asks(&settings.name);
        let (client, gate) = (Client::new(settings), Semaphore::new(AT_ONCE));
        Self { client, gate, metrics, trouble: Lasting::default() }
    }

    /// Its name in the configuration.
    pub(super) fn name(&self) -> &str {
        self.client.name()
    }

    /// One attempt.
    pub(super) async fn fetch(&self, id: SchemaId) -> Result<Fetched, RegistryError> {
        let answer = {
            let _turn = self.gate.acquire().await.expect("the gate is never closed");
            self.client.fetch(id).await
        };
        let answer = compiled(answer).await;
        let outcome = match &answer {
            Ok(Ok(_)) => RegistryAnswer::Ok,
            Ok(Err(_)) => RegistryAnswer::Unusable,
            Err(failure) => failure.label(),
        };
        self.metrics.registry_asked(self.name(), outcome);
        match &answer {
            Err(failure @ (RegistryError::Later { .. } | RegistryError::Unauthorized(_))) => {
                self.fails(id, failure);
            }
            _ => self.answers(id),
        }
        answer
    }

    fn fails(&self, id: SchemaId, failure: &RegistryError) {
        let Some(LastingReport { waiting, lasted }) = self.trouble.holds_up(id, Instant::now())
        else {
            return;
        };
        let (registry, schemas) = (self.name(), waiting);
        let lasted = lasted.map(tracing::field::display);
        if let RegistryError::Unauthorized(error) = failure {
            tracing::error!(name: "registry_refused", registry, schemas, lasted, error, "not authorized to use the registry, retrying: partitions that need its schemas wait, all others continue");
        } else {
            tracing::warn!(name: "registry_failed", registry, schemas, lasted, error = %failure, "cannot connect to the registry, retrying: partitions that need its schemas wait, all others continue");
        }
    }

    fn answers(&self, id: SchemaId) {
        if let Some(lasted) = self.trouble.releases(&id, Instant::now()) {
            tracing::info!(name: "registry_restored", registry = self.name(), %lasted, "the registry answers again");
        }
    }
}

/// The schema of an answer, or why it never can be used; an answer that may be another one later stays what it is.
pub(crate) async fn compiled(
    answer: Result<Source, RegistryError>,
) -> Result<Fetched, RegistryError> {
    let source = match answer {
        Ok(source) => source,
        Err(RegistryError::Unusable(why)) => return Ok(Err(why)),
        Err(failure) => return Err(failure),
    };
    // Some take long enough to be a burden to who else runs on this thread.
    let compile = move || Schema::compile(&source).map_err(|error| error.to_string());
    let compiled = tokio::task::spawn_blocking(compile).await;
    compiled.map_err(|_| RegistryError::later("the schema was not compiled to its end".to_owned()))
}
