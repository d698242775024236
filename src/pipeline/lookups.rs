//! Looking into hubs for events that may have been sent before. Each question is tried until it is answered, or until nobody
//! waits for it any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use bridge_core::once::{Lookup, StoredEvent};
use futures::StreamExt as _;
use futures::stream::iter;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::config::{Config, Delivery};
use crate::eventhubs::reader::{HubEvent, Property, ReadError, ReadFrom, ReadRequest, ReaderEvent};
use crate::eventhubs::{ConnectError, NamespaceClient};
use crate::metrics::Metrics;

use super::resolve::pause;

/// Questions that are answered at a time; each reads many partitions at once.
const AT_ONCE: usize = 4;
/// Partitions of a hub that are read at a time.
const PARTITIONS: usize = 32;

/// See the module.
pub(super) struct Lookups {
    namespaces: HashMap<String, NamespaceClient>,
    runtime: Handle,
    reader: Arc<LookupReader>,
}

/// What all questions have in common.
struct LookupReader {
    gate: Semaphore,
    group: String,
    /// What the names of the bridge's own properties begin with, in the mappings that ask.
    prefixes: Vec<String>,
    metrics: Arc<Metrics>,
}

impl Lookups {
    pub(super) fn new(
        config: &Config,
        namespaces: &HashMap<String, NamespaceClient>,
        runtime: Handle,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let asks = config.mappings.iter().filter(|it| it.delivery == Delivery::EffectivelyOnce);
        let mut prefixes: Vec<_> = asks.map(|mapping| mapping.events.prefix.clone()).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let reader = LookupReader {
            gate: Semaphore::new(AT_ONCE),
            group: config.once.group.clone(),
            prefixes,
            metrics: Arc::clone(metrics),
        };
        Self { namespaces: namespaces.clone(), runtime, reader: Arc::new(reader) }
    }

    /// Tells what was found, and what stands against it until then.
    pub(super) fn want(
        &self,
        lookup: Weak<Lookup>,
        tell: impl Fn(u64, Result<Vec<StoredEvent>, String>) + Send + Sync + 'static,
    ) {
        let Some(namespace) =
            lookup.upgrade().and_then(|it| self.namespaces.get(&*it.hub.namespace).cloned())
        else {
            return;
        };
        let reader = Arc::clone(&self.reader);
        self.runtime.spawn(async move { reader.answer(&namespace, &lookup, tell).await });
    }
}

impl LookupReader {
    async fn answer(
        &self,
        namespace: &NamespaceClient,
        lookup: &Weak<Lookup>,
        tell: impl Fn(u64, Result<Vec<StoredEvent>, String>),
    ) {
        let mut failures = 0;
        loop {
            let (id, result) = {
                let _turn = self.gate.acquire().await.expect("the gate is never closed");
                let Some(lookup) = lookup.upgrade() else { return };
                (lookup.id, self.look(namespace, &lookup).await)
            };
            match result {
                Ok(found) => return tell(id, Ok(found)),
                Err(error) => tell(id, Err(error.to_string())),
            }
            failures += 1;
            sleep(pause(failures)).await;
        }
    }

    /// One attempt: all that the hub holds now, and no more.
    async fn look(
        &self,
        namespace: &NamespaceClient,
        lookup: &Lookup,
    ) -> Result<Vec<StoredEvent>, ReadError> {
        let hub = &*lookup.hub.hub;
        let partitions = match &lookup.partitions {
            Some(some) => some.iter().map(ToString::to_string).collect(),
            None => namespace.hub(hub).await.map_err(unreachable)?.partition_ids,
        };
        let mut readings = Vec::with_capacity(partitions.len());
        let extent = |id: String| async move {
            let extent = namespace.partition(hub, &id).await;
            (id, extent)
        };
        let mut extents = iter(partitions).map(extent).buffer_unordered(PARTITIONS);
        while let Some((id, extent)) = extents.next().await {
            let extent = extent.map_err(unreachable)?;
            if extent.is_empty || extent.last_enqueued_ms < lookup.since {
                continue;
            }
            readings.push(ReadRequest {
                hub: hub.to_owned(),
                group: self.group.clone(),
                partition: id,
                start: ReadFrom::Enqueued(lookup.since),
                until: Some(extent.last_sequence),
            });
        }
        let (begun, asked, mut read) = (Instant::now(), readings.len(), 0);
        let mut sought = Sought::new(lookup, &self.prefixes);
        let mut many = namespace.read_all(readings, PARTITIONS);
        while let Some((_, told)) = many.next().await {
            match told {
                ReaderEvent::Events(events) => {
                    read += events.len();
                    self.metrics.looked_at(&lookup.hub, events.len() as u64);
                    for event in &events {
                        sought.see(event);
                    }
                }
                ReaderEvent::Ended => {}
                ReaderEvent::Failed(error) => return Err(error),
            }
        }
        let found = sought.found();
        tracing::debug!(
            namespace = &*lookup.hub.namespace,
            hub,
            of = lookup.of.len(),
            partitions = asked,
            events = read,
            found = found.len(),
            seconds = begun.elapsed().as_secs_f64(),
            "the hub was read for events that were sent before"
        );
        Ok(found)
    }
}

fn unreachable(error: ConnectError) -> ReadError {
    ReadError::Unreachable(error.to_string())
}

/// What is looked for, and what of it was seen.
struct Sought<'a> {
    prefixes: &'a [String],
    /// The place in the question, and the first offset that matters, by topic and partition.
    of: HashMap<(&'a str, i32), (usize, i64)>,
    /// When each record was written whose event is there.
    seen: BTreeMap<(usize, i64), Option<i64>>,
    /// Parts of values that are there, by record and by how many there are to be.
    parts: HashMap<(usize, i64, i64), BTreeSet<i64>>,
}

impl<'a> Sought<'a> {
    fn new(lookup: &'a Lookup, prefixes: &'a [String]) -> Self {
        let of = lookup.of.iter().enumerate();
        let of = of.map(|(at, (name, from))| ((&*name.topic, name.partition), (at, from.0)));
        Self { prefixes, of: of.collect(), seen: BTreeMap::new(), parts: HashMap::new() }
    }

    fn see(&mut self, event: &HubEvent) {
        // What was replayed is there for another reason.
        if self.own(event, "replayed") == Some(&Property::Bool(true)) {
            return;
        }
        let Some((topic, partition, offset)) = event.message_id.as_deref().and_then(record_of)
        else {
            return;
        };
        let Some((of, from)) = self.of.get(&(topic, partition)).copied() else { return };
        if offset < from {
            return;
        }
        let written = match self.own(event, "timestamp") {
            Some(Property::Time(millis)) => Some(*millis),
            _ => None,
        };
        if let (Some(Property::Number(part)), Some(Property::Number(parts))) =
            (self.own(event, "part"), self.own(event, "parts"))
        {
            let there = self.parts.entry((of, offset, *parts)).or_default();
            there.insert(*part);
            // One that is there in part is sent again, whole.
            if i64::try_from(there.len()) != Ok(*parts) {
                return;
            }
        }
        self.seen.insert((of, offset), written);
    }

    /// A property that the bridge has written.
    fn own<'e>(&self, event: &'e HubEvent, name: &str) -> Option<&'e Property> {
        let is_it = |given: &str| {
            let suffix = self.prefixes.iter().filter_map(|prefix| given.strip_prefix(&**prefix));
            suffix.into_iter().any(|suffix| suffix == name)
        };
        event.properties.iter().find(|(given, _)| is_it(given)).map(|(_, value)| value)
    }

    fn found(self) -> Vec<StoredEvent> {
        let found = |((of, offset), written)| StoredEvent { of, offset, written };
        self.seen.into_iter().map(found).collect()
    }
}

/// The record that a message-id names: `topic/partition/offset`.
fn record_of(message_id: &str) -> Option<(&str, i32, i64)> {
    let mut parts = message_id.rsplitn(3, '/');
    let (offset, partition, topic) = (parts.next()?, parts.next()?, parts.next()?);
    Some((topic, partition.parse().ok()?, offset.parse().ok()?))
}
