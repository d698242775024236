//! What can be known before the first record is read: that the hubs exist, that we may send to them, and that every
//! Kafka partition has a place on its hub.
//!
//! A dependency that is absent is waited for; one that says no ends the run with what to do about it. Topics of a pattern
//! are not known yet and are looked at when they come.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use crate::config::{Config, Partitioning};
use crate::eventhubs::{ConnectError, Namespace};
use crate::health::Health;
use crate::kafka::{self, Access, CountError};
use crate::metrics::Metrics;
use crate::retry;
use crate::route::{Misfit, Router, named_topics};

use super::RunError;

/// Kafka has refused for good when it did nothing else this often: half a minute of attempts and pauses.
const REFUSED_TIMES: u32 = 6;
/// How soon a stop is noticed while nothing else happens.
const NOTICE: Duration = Duration::from_millis(200);

/// Looks. `Ok(false)` when told to stop meanwhile.
pub(super) fn look(
    config: &Config,
    access: &Access,
    health: &Health,
    metrics: &Arc<Metrics>,
    stop: &Receiver<()>,
) -> Result<bool, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| RunError::Internal(format!("no runtime: {error}")))?;
    let mut namespaces = HashMap::new();
    for (name, settings) in &config.eventhubs {
        let handle =
            Namespace::new(name, settings, 0, runtime.handle().clone(), Arc::clone(metrics), None);
        namespaces.insert(name.as_str(), handle);
    }
    let mut counts = BTreeMap::new();
    for (namespace, hub) in named_hubs(config) {
        let Some(handle) = namespaces.get(namespace.as_str()) else { continue };
        let properties = wait_for(stop, |attempt| {
            // Who may only read is let in and told of the partitions; sending is asked for by itself.
            let answer = runtime.block_on(async {
                let properties = handle.hub(&hub).await?;
                handle.may_send(&hub).await?;
                Ok(properties)
            });
            answer.map_err(|error| grade(error, &namespace, &hub, health, attempt))
        })?;
        let Some(properties) = properties else { return Ok(false) };
        tracing::info!(namespace, hub, partitions = properties.partition_ids.len(), "hub found");
        counts.insert((namespace, hub), properties.partition_ids.len());
    }
    Ok(is_let_in(config, access, health, stop)? && places(config, access, &counts, stop)?)
}

/// Waits for the token Kafka is entered with, where it is; the thread that asks for it says why it takes long.
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

/// The hubs of all topics that are named in the configuration.
fn named_hubs(config: &Config) -> BTreeSet<(String, String)> {
    let router = Router::new(&config.mappings);
    let routes = named_topics(&config.mappings).flat_map(|topic| router.routes(topic));
    routes.map(|route| (route.namespace.to_string(), route.hub.to_string())).collect()
}

/// `Some` ends the run.
fn grade(
    error: ConnectError,
    namespace: &str,
    hub: &str,
    health: &Health,
    attempt: u32,
) -> Option<RunError> {
    health.shard(0).namespace(namespace, false, &error.to_string());
    if error.is_for_good() {
        return Some(RunError::Refused(format!("namespace `{namespace}`, hub `{hub}`: {error}")));
    }
    if attempt == 1 {
        tracing::warn!(namespace, hub, %error, "event hubs cannot be reached, waiting for it");
    }
    None
}

/// Tries until it works, is refused for good, or the bridge is told to stop (`None`).
fn wait_for<T>(
    stop: &Receiver<()>,
    mut attempt: impl FnMut(u32) -> Result<T, Option<RunError>>,
) -> Result<Option<T>, RunError> {
    for number in 1.. {
        match attempt(number) {
            Ok(value) => return Ok(Some(value)),
            Err(Some(error)) => return Err(error),
            Err(None) => {}
        }
        let pause = retry::delay(number, None, rand::random()).min(Duration::from_secs(5));
        match stop.recv_timeout(pause) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    Ok(None)
}

/// Whether every partition of the topics that need it has its place: `mirror` and `fixed:N` are refused at start.
fn places(
    config: &Config,
    access: &Access,
    counts: &BTreeMap<(String, String), usize>,
    stop: &Receiver<()>,
) -> Result<bool, RunError> {
    let particular = |p: Partitioning| matches!(p, Partitioning::Mirror | Partitioning::Fixed(_));
    if !config.mappings.iter().any(|mapping| particular(mapping.partitioning)) {
        return Ok(true);
    }
    let router = Router::new(&config.mappings);
    for topic in named_topics(&config.mappings).collect::<BTreeSet<_>>() {
        let partitions = wait_for(stop, |attempt| {
            kafka::partition_count(config, access, topic).map_err(|error| match error {
                CountError::Refused(_) if attempt >= REFUSED_TIMES => {
                    Some(RunError::Refused(format!("topic `{topic}`: {error}")))
                }
                _ if attempt == 1 => {
                    tracing::warn!(topic, %error, "the partitions of the topic are not known yet");
                    None
                }
                _ => None,
            })
        })?;
        let Some(partitions) = partitions else { return Ok(false) };
        for route in router.routes(topic).into_iter().filter(|route| particular(route.partitioning))
        {
            let hub = (route.namespace.to_string(), route.hub.to_string());
            let Some(count) = counts.get(&hub) else { continue };
            route.fits(partitions - 1, *count).map_err(|misfit| {
                RunError::Refused(format!("topic `{topic}`: {misfit}; hint: {}", Misfit::HINT))
            })?;
        }
    }
    Ok(true)
}
