//! Keeping the partitions of hubs known, for as long as a shard uses them: asked until there is an answer, then now and
//! then, and at once when a lane has met something odd.
//!
//! One task a hub. Answers and refusals go to the pump; what does not run is said to health. A hub that is known and cannot be
//! asked for a moment is no news: its lanes know better whether it takes events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use crate::eventhubs::{ConnectError, NamespaceClient};
use crate::health::{ShardHealth, Trouble};
use crate::retry;

use super::found::{HubPartitions, KnownHubs};
use super::inbox::{Mailbox, Signal};

/// Hubs of one namespace that are asked at once.
pub const AT_ONCE: usize = 16;
/// Between two questions about one hub, however often it is asked for.
const SPACING: Duration = Duration::from_millis(500);

/// The partitions of `hub`, and with `sending` whether we may send to it: one attempt. Who may only read is told of the
/// partitions, too.
pub async fn ask(
    namespace: &NamespaceClient,
    hub: &str,
    sending: bool,
) -> Result<HubPartitions, ConnectError> {
    let partition_ids = namespace.hub(hub).await?.partition_ids;
    if partition_ids.is_empty() {
        return Err(ConnectError::Unreachable(format!("hub `{hub}` has no partitions yet")));
    }
    let limit = match sending {
        true => Some(namespace.may_send(hub).await?),
        false => None,
    };
    Ok(HubPartitions { partition_ids, limit })
}

/// The pause after `failures` attempts: jittered, and never longer than five seconds.
pub fn pause(failures: u32) -> Duration {
    retry::delay(failures, None, rand::random())
}

/// The hubs a shard uses.
pub(super) struct HubWatches {
    namespaces: HashMap<String, (NamespaceClient, Arc<Semaphore>)>,
    /// Those that are watched.
    watched: HashMap<(Arc<str>, Arc<str>), Arc<HubRequests>>,
    runtime: tokio::runtime::Handle,
    mailbox: Mailbox,
    health: ShardHealth,
    found: KnownHubs,
    interval: Duration,
}

impl HubWatches {
    /// Nothing is watched yet. A hub that is known is asked for again every `interval`.
    pub(super) fn new(
        namespaces: &HashMap<String, NamespaceClient>,
        runtime: tokio::runtime::Handle,
        mailbox: Mailbox,
        health: ShardHealth,
        found: KnownHubs,
        interval: Duration,
    ) -> Self {
        let gate = |(name, namespace): (&String, &NamespaceClient)| {
            (name.clone(), (namespace.clone(), Arc::new(Semaphore::new(AT_ONCE))))
        };
        Self {
            namespaces: namespaces.iter().map(gate).collect(),
            watched: HashMap::new(),
            runtime,
            mailbox,
            health,
            found,
            interval,
        }
    }

    /// Watches a hub from now on. One that is watched already is asked for at once, and its answer told even when it is the
    /// one of before.
    pub(super) fn resolve(&mut self, namespace: Arc<str>, hub: Arc<str>) {
        let Some((handle, gate)) = self.namespaces.get(&*namespace) else { return };
        let key = (Arc::clone(&namespace), Arc::clone(&hub));
        if let Some(asked) = self.watched.get(&key) {
            return asked.again.notify_one();
        }
        let asked = Arc::new(HubRequests::default());
        self.watched.insert(key, Arc::clone(&asked));
        let watch = HubWatch {
            handle: handle.clone(),
            gate: Arc::clone(gate),
            namespace,
            hub,
            asked,
            mailbox: self.mailbox.clone(),
            health: self.health.clone(),
            found: self.found.clone(),
            interval: self.interval,
            known: None,
            owed: true,
            failures: 0,
        };
        self.runtime.spawn(watch.run());
    }

    /// Watches a hub no more, and what was said against it is not so any more.
    pub(super) fn forget(&mut self, namespace: Arc<str>, hub: Arc<str>) {
        if let Some(asked) = self.watched.remove(&(namespace, hub)) {
            asked.ended.store(true, Ordering::Release);
            asked.again.notify_one();
        }
    }
}

/// What the task of one hub is told.
#[derive(Default)]
struct HubRequests {
    /// To ask at once.
    again: Notify,
    /// Nobody wants to know any more.
    ended: AtomicBool,
}

/// The task of one hub.
struct HubWatch {
    handle: NamespaceClient,
    gate: Arc<Semaphore>,
    namespace: Arc<str>,
    hub: Arc<str>,
    asked: Arc<HubRequests>,
    mailbox: Mailbox,
    health: ShardHealth,
    found: KnownHubs,
    interval: Duration,
    /// What was answered last, unless that is not so any more.
    known: Option<HubPartitions>,
    /// The pump waits for an answer, be it the one of before.
    owed: bool,
    failures: u32,
}

impl HubWatch {
    async fn run(mut self) {
        if let Some(answer) = self.found.get(&self.namespace, &self.hub, self.interval) {
            self.answer(answer);
            self.rest().await;
        }
        while !self.asked.ended.load(Ordering::Acquire) {
            let result = {
                let _turn = self.gate.acquire().await.expect("the gate is never closed");
                ask(&self.handle, &self.hub, self.known.is_none()).await
            };
            match result {
                Ok(answer) => self.answer(answer),
                Err(error) => self.fail(error),
            }
            self.rest().await;
        }
        self.health.trouble(self.trouble(), None);
    }

    fn answer(&mut self, mut answer: HubPartitions) {
        self.failures = 0;
        answer.limit = answer.limit.or(self.known.as_ref().and_then(|known| known.limit));
        self.found.set(&self.namespace, &self.hub, Some(&answer));
        self.health.trouble(self.trouble(), None);
        let is_news = self.known.as_ref() != Some(&answer);
        self.known = Some(answer.clone());
        if is_news || std::mem::take(&mut self.owed) {
            self.owed = false;
            let (namespace, hub) = (Arc::clone(&self.namespace), Arc::clone(&self.hub));
            self.mailbox.send(Signal::Hub { namespace, hub, answer });
        }
    }

    fn fail(&mut self, error: ConnectError) {
        self.failures = self.failures.saturating_add(1);
        if self.known.is_some() && !error.is_for_good() {
            tracing::debug!(
                namespace = &*self.namespace, hub = &*self.hub, %error,
                "cannot read the partitions of the hub now"
            );
            return;
        }
        let detail = error.to_string();
        if error.is_for_good() {
            self.health.refused(self.trouble(), &detail);
        } else {
            self.health.trouble(self.trouble(), Some(&detail));
        }
        self.known = None;
        self.owed = true;
        self.found.set(&self.namespace, &self.hub, None);
        let (namespace, hub) = (Arc::clone(&self.namespace), Arc::clone(&self.hub));
        self.mailbox.send(Signal::HubTrouble { namespace, hub, error });
    }

    fn trouble(&self) -> Trouble {
        Trouble::Hub { namespace: Arc::clone(&self.namespace), hub: Arc::clone(&self.hub) }
    }

    /// Waits until it is time to ask again, or somebody wants to know.
    async fn rest(&mut self) {
        let soonest = Instant::now() + SPACING;
        let pause = match self.failures {
            0 => self.interval.mul_f64(0.75 + rand::random::<f64>() / 2.0),
            failures => pause(failures),
        };
        if timeout(pause, self.asked.again.notified()).await.is_ok() {
            self.owed = true;
            sleep_until(soonest).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_five_seconds_and_no_further() {
        assert_eq!(retry::LONGEST, Duration::from_secs(5), "as `delivery.md` says");
        for failures in [1, 2, 6, 7, 1000, u32::MAX] {
            assert!(pause(failures) >= retry::FIRST / 2, "{failures}");
            assert!(pause(failures) <= retry::LONGEST, "{failures}");
        }
        assert!(pause(1000) >= retry::LONGEST / 2, "and it does grow");
    }

    #[test]
    fn what_was_found_is_known_until_it_is_not_so_any_more() {
        let (namespace, hub): (Arc<str>, Arc<str>) = ("default".into(), "orders".into());
        let found = KnownHubs::default();
        let get = |age| found.get(&namespace, &hub, age);
        assert_eq!(get(Duration::MAX), None);
        let answer = HubPartitions { partition_ids: vec!["0".to_owned()], limit: Some(1) };
        found.clone().set(&namespace, &hub, Some(&answer));
        assert_eq!(get(Duration::MAX), Some(answer));
        found.set(&namespace, &hub, None);
        assert_eq!(get(Duration::MAX), None);
    }
}
