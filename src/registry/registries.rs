//! Schemas that the partitions of a shard wait for. Each is asked for once, however many wait, and again until the registry gives it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bridge_core::retry;
use bridge_core::step::{Reference, Thing};
use bridge_schema::{Schema, SchemaId, Source};
use bridge_shape::{Fetched, schema_id};
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::config::Registry;
use crate::metrics::Metrics;

use super::asked::Asked;
use super::client::Failure;

/// How often one is asked that does not know a schema, or does not answer, at most.
const LONGEST: Duration = Duration::from_secs(30);
/// Schemas that are kept, at most. With one more all are asked for again.
const MOST: usize = 10_000;

/// What is told of a schema that was asked for.
#[derive(Debug, Clone)]
pub enum News {
    /// It is here, or never can be; it is told no more.
    Here(Thing),
    /// Why it is not here yet.
    Trouble(String),
}

/// Tells one who waits.
type Tell = Box<dyn Fn(News) + Send + Sync>;

/// See the module.
pub struct Registries {
    all: Vec<Arc<Asked>>,
    runtime: Handle,
    known: Known,
    metrics: Arc<Metrics>,
    shard: u32,
}

type Known = Arc<Mutex<HashMap<Reference, Wanted>>>;

enum Wanted {
    Here(Thing),
    Waited(Vec<Tell>),
}

impl std::fmt::Debug for Registries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registries").field("all", &self.all.len()).finish_non_exhaustive()
    }
}

impl Registries {
    /// Of these registries, in the order of their numbers, for shard `shard`. Asks on `runtime`.
    pub fn new(
        registries: &[Registry],
        runtime: Handle,
        metrics: Arc<Metrics>,
        shard: u32,
    ) -> Self {
        let asked = |registry| Arc::new(Asked::new(registry, Arc::clone(&metrics)));
        let all = registries.iter().map(asked).collect();
        if !registries.is_empty() {
            metrics.registry_schemas(shard, 0);
        }
        Self { all, runtime, known: Arc::default(), metrics, shard }
    }

    /// Tells the schema once it is here, and what stands against it until then.
    pub fn want(&self, reference: Reference, tell: impl Fn(News) + Send + Sync + 'static) {
        let asked = schema_id(&reference);
        let asked = asked.and_then(|(place, id)| Some((self.all.get(place as usize)?, id)));
        let Some((asked, id)) = asked else { return };
        let mut known = lock(&self.known);
        if known.len() >= MOST {
            known.retain(|_, wanted| matches!(wanted, Wanted::Waited(_)));
        }
        match known.entry(reference) {
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Wanted::Here(thing) => tell(News::Here(Arc::clone(thing))),
                Wanted::Waited(all) => all.push(Box::new(tell)),
            },
            Entry::Vacant(entry) => {
                entry.insert(Wanted::Waited(vec![Box::new(tell)]));
                let (asked, known) = (Arc::clone(asked), Arc::clone(&self.known));
                let (metrics, shard) = (Arc::clone(&self.metrics), self.shard);
                self.runtime.spawn(async move {
                    let thing = ask(&asked, &reference, id, &known).await;
                    let kept = keep(&known, reference, &thing);
                    metrics.registry_schemas(shard, kept);
                });
            }
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks until there is an answer.
async fn ask(asked: &Asked, reference: &Reference, id: SchemaId, known: &Known) -> Thing {
    let name = asked.name();
    let (mut failures, mut missing) = (0, false);
    let fetched = loop {
        let failure = match asked.fetch(id).await {
            Ok(fetched) => break fetched,
            Err(failure) => failure,
        };
        failures += 1;
        if matches!(failure, Failure::Unknown(_)) && !std::mem::replace(&mut missing, true) {
            tracing::warn!(name: "schema_missing", registry = name, schema = %id, error = %failure, "the registry does not know a schema, its partitions wait");
        }
        tell(known, reference, &News::Trouble(failure.to_string()));
        sleep(wait(&failure, failures)).await;
    };
    match &fetched {
        Err(why) => {
            tracing::warn!(name: "schema_unusable", registry = name, schema = %id, error = why, "a schema cannot be used, its records go the way of `[failure]`");
        }
        Ok(_) if missing => {
            tracing::info!(name: "schema_fetched", registry = name, schema = %id, "the schema is here");
        }
        Ok(_) => tracing::debug!(registry = name, schema = %id, "schema fetched"),
    }
    Arc::new(fetched)
}

/// Tells those who wait; gives how many schemas are kept.
fn keep(known: &Known, reference: Reference, thing: &Thing) -> usize {
    let mut known = lock(known);
    if let Some(Wanted::Waited(all)) = known.insert(reference, Wanted::Here(Arc::clone(thing))) {
        for tell in all {
            tell(News::Here(Arc::clone(thing)));
        }
    }
    known.values().filter(|wanted| matches!(wanted, Wanted::Here(_))).count()
}

/// The schema of an answer, or why it never can be used; an answer that may be another one later stays what it is.
pub(crate) async fn compiled(answer: Result<Source, Failure>) -> Result<Fetched, Failure> {
    let source = match answer {
        Ok(source) => source,
        Err(Failure::Unusable(why)) => return Ok(Err(why)),
        Err(failure) => return Err(failure),
    };
    // Some take long enough to be a burden to who else runs on this thread.
    let compile = move || Schema::compile(&source).map_err(|error| error.to_string());
    let compiled = tokio::task::spawn_blocking(compile).await;
    compiled.map_err(|_| Failure::later("the schema was not compiled to its end".to_owned()))
}

fn tell(known: &Known, reference: &Reference, news: &News) {
    if let Some(Wanted::Waited(all)) = lock(known).get(reference) {
        for tell in all {
            tell(news.clone());
        }
    }
}

/// Until it is asked again.
fn wait(failure: &Failure, failures: u32) -> Duration {
    let usual = retry::delay(failures, None, rand::random());
    match failure {
        Failure::Later { after: Some(after), .. } => usual.max(*after).min(LONGEST),
        _ => usual,
    }
}
