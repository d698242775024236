//! Schemas that the partitions of a shard wait for. Each is asked for until the registry gives it; what was given is kept by the
//! core, which wants none twice.

use std::sync::Arc;

use bridge_core::step::{Reference, Thing};
use bridge_schema::SchemaId;
use bridge_shape::schema_id;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::config::Registry;
use crate::http::pause;
use crate::metrics::Metrics;

use super::asked::AskedRegistry;
use super::client::RegistryError;

/// What is told of a schema that was asked for.
#[derive(Debug, Clone)]
pub enum SchemaNews {
    /// It is here, or never can be; it is told no more.
    Here(Thing),
    /// Why it is not here yet.
    Trouble(String),
}

/// See the module.
#[derive(Debug)]
pub struct Registries {
    all: Vec<Arc<AskedRegistry>>,
    runtime: Handle,
}

impl Registries {
    /// Of these registries, in the order of their numbers. Asks on `runtime`.
    pub fn new(registries: &[Registry], runtime: Handle, metrics: &Arc<Metrics>) -> Self {
        let asked = |registry| Arc::new(AskedRegistry::new(registry, Arc::clone(metrics)));
        Self { all: registries.iter().map(asked).collect(), runtime }
    }

    /// Tells the schema once it is here, and what stands against it until then.
    pub fn want(&self, reference: Reference, tell: impl Fn(SchemaNews) + Send + Sync + 'static) {
        let asked = schema_id(&reference);
        let asked = asked.and_then(|(place, id)| Some((self.all.get(place as usize)?, id)));
        let Some((asked, id)) = asked else { return };
        let asked = Arc::clone(asked);
        self.runtime.spawn(async move { ask(&asked, id, tell).await });
    }
}

/// Asks until there is an answer.
async fn ask(asked: &AskedRegistry, id: SchemaId, tell: impl Fn(SchemaNews)) {
    let name = asked.name();
    let (mut failures, mut missing) = (0, false);
    let fetched = loop {
        let failure = match asked.fetch(id).await {
            Ok(fetched) => break fetched,
            Err(failure) => failure,
        };
        failures += 1;
        if matches!(failure, RegistryError::Unknown(_)) && !std::mem::replace(&mut missing, true) {
            tracing::warn!(name: "schema_missing", registry = name, schema = %id, error = %failure, "the registry does not have a schema: partitions that need it wait");
        }
        tell(SchemaNews::Trouble(failure.to_string()));
        sleep(pause(failure.after(), failures)).await;
    };
    match &fetched {
        Err(why) => {
            tracing::warn!(name: "schema_unusable", registry = name, schema = %id, error = why, "a schema cannot be used: the `[failure]` policy applies to its records");
        }
        Ok(_) if missing => {
            tracing::info!(name: "schema_fetched", registry = name, schema = %id, "the schema was found");
        }
        Ok(_) => tracing::debug!(registry = name, schema = %id, "schema fetched"),
    }
    tell(SchemaNews::Here(Arc::new(fetched)));
}
