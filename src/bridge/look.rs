//! What can be known before the first record is read, and as long as something stands against a mapping: that the hubs
//! exist, that we may send to them, that the topics are there, and that every Kafka partition has a place on its hub.
//!
//! All are looked at at once. What runs is not kept waiting by what does not: that is named, and looked at again until it
//! runs. The run ends only when nothing can run until somebody acts, or, when told to be strict, at the first refusal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::eventhubs::{ConnectError, NamespaceClient};
use crate::health::{Health, Trouble};
use crate::kafka::Logins;
use crate::pipeline::found::{HubPartitions, KnownHubs};
use crate::pipeline::resolve::{AT_ONCE, ask, pause};

use super::RunError;
use super::board::{Board, BoardRoute, HubAnswer, Name};
use super::topics;

/// How soon an answer, or a stop, is noticed.
const NOTICE: Duration = Duration::from_millis(20);
/// Until a hub that is too small is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// A look under way; it ends when this is dropped.
pub(super) struct HubLook {
    board: Arc<Board>,
    /// The partitions of the hubs that were found.
    pub(super) found: KnownHubs,
    /// The longest time in which an answer is to be expected.
    limit: Duration,
    stop: Option<tokio::sync::watch::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for HubLook {
    fn drop(&mut self) {
        self.stop();
    }
}

impl HubLook {
    /// Begins to look, at everything at once but what is `found` already.
    pub(super) fn start(
        config: &Config,
        access: &Logins,
        health: &Health,
        found: KnownHubs,
    ) -> Result<Self, RunError> {
        let system =
            |error: std::io::Error| RunError::Internal(format!("cannot start a thread: {error}"));
        let board = Arc::new(Board::new(BoardRoute::all(config)));
        let (stop, stopped) = tokio::sync::watch::channel(());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let mut asking = JoinSet::new();
        for (name, settings) in &config.eventhubs {
            // Its connections are no shard's, and are not counted.
            let (runtime, metrics) = (runtime.handle().clone(), Arc::default());
            let handle = NamespaceClient::new(name, settings, 0, runtime.clone(), metrics, None);
            let asker = Asker {
                handle,
                gate: Arc::new(Semaphore::new(AT_ONCE)),
                board: Arc::clone(&board),
                found: found.clone(),
                health: health.clone(),
            };
            asking.spawn_on(asker.all(name.as_str().into()), &runtime);
        }
        let mut until = stopped.clone();
        let hubs = move || {
            runtime.block_on(async {
                tokio::select! {
                    // The sender is only ever dropped.
                    _ = until.changed() => {}
                    _ = asking.join_all() => {}
                }
            });
        };
        let topics = topics::TopicWatch::new(config, access, &board, &found, health, stopped);
        let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let limit = config.eventhubs.values().map(|it| it.connect_timeout).max();
        let mut look = Self {
            board,
            found,
            limit: limit.unwrap_or_default(),
            stop: Some(stop),
            threads: Vec::new(),
        };
        look.threads.push(spawn("look-hubs").spawn(hubs).map_err(system)?);
        look.threads.push(spawn("look-topics").spawn(move || topics.run()).map_err(system)?);
        Ok(look)
    }

    /// Waits until something is known to run, or every answer is there, or should be. When `strict`, until everything
    /// runs. `Ok(false)` when told to stop meanwhile.
    pub(super) fn wait(&self, strict: bool, stop: &Receiver<()>) -> Result<bool, RunError> {
        let deadline = Instant::now() + self.limit;
        loop {
            let verdict = self.board.verdict();
            if let Some(why) = verdict.refusals().filter(|_| strict) {
                return Err(RunError::Refused(why));
            }
            if let Some(why) = verdict.hopeless() {
                return Err(RunError::Refused(why));
            }
            let ready = match strict {
                true => verdict.asked + verdict.waiting == 0,
                false => verdict.running > 0 || verdict.asked == 0 || Instant::now() >= deadline,
            };
            if ready {
                return Ok(true);
            }
            match stop.recv_timeout(NOTICE) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(false),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Looks no more; what is under way ends meanwhile.
    pub(super) fn end(&mut self) {
        drop(self.stop.take());
    }

    /// Looks no more, once what is under way has ended.
    pub(super) fn stop(&mut self) {
        self.end();
        for thread in self.threads.drain(..) {
            // A panic of it has been reported where it happened.
            drop(thread.join());
        }
    }

    /// Whether nothing can run until somebody acts, as far as is known by now; `Ok(true)` once something is known to run,
    /// and then it need not be asked again: a bridge that runs goes on, whatever goes bad later.
    pub(super) fn verdict(&self) -> Result<bool, RunError> {
        let verdict = self.board.verdict();
        match verdict.hopeless() {
            Some(why) => Err(RunError::Refused(why)),
            None => Ok(verdict.running > 0),
        }
    }
}

/// Who asks one namespace.
#[derive(Clone)]
struct Asker {
    handle: NamespaceClient,
    gate: Arc<Semaphore>,
    board: Arc<Board>,
    found: KnownHubs,
    health: Health,
}

impl Asker {
    /// Asks for every hub of namespace `name` that the configuration names, until all are found.
    async fn all(self, name: Arc<str>) {
        let hubs = self.board.ways().iter().filter_map(BoardRoute::name);
        let hubs = hubs.filter(|(namespace, _)| *namespace == name);
        let hubs = hubs.collect::<BTreeSet<_>>();
        if hubs.is_empty() {
            // Topics of a pattern come later.
            return self.health.looked(&name, None);
        }
        let asker = |name| self.clone().one(name);
        hubs.into_iter().map(asker).collect::<JoinSet<_>>().join_all().await;
        self.handle.leave().await;
    }

    async fn one(self, name: Name) {
        let mut failures = 0;
        let (namespace, hub) = &name;
        loop {
            let answer = {
                let _turn = self.gate.acquire().await.expect("the gate is never closed");
                match self.found.get(namespace, hub, Duration::MAX) {
                    // A shard was quicker, or it was found before a reload.
                    Some(found) => Ok((found, false)),
                    None => ask(&self.handle, hub, true).await.map(|found| (found, true)),
                }
            };
            match answer {
                Ok((found, is_news)) => {
                    self.take(&name, &found, is_news);
                    return self.outgrow(&name).await;
                }
                Err(error) => self.fail(&name, &error),
            }
            failures += 1;
            tokio::time::sleep(pause(failures)).await;
        }
    }

    /// Asks again for as long as topics have no place on the hub: it may be given more partitions.
    async fn outgrow(&self, name: &Name) {
        let (namespace, hub) = name;
        loop {
            match self.board.has_room(name) {
                Some(true) => return,
                room => {
                    tokio::time::sleep(ASK_AGAIN).await;
                    if room.is_none() {
                        continue;
                    }
                }
            }
            let _turn = self.gate.acquire().await.expect("the gate is never closed");
            // What stands against it now is for whoever sends to it.
            if let Ok(found) = ask(&self.handle, hub, false).await {
                self.found.set(namespace, hub, Some(&found));
                self.board.hub(name, HubAnswer::Found(found.partition_ids.len()));
            }
        }
    }

    fn take(&self, name: &Name, found: &HubPartitions, is_news: bool) {
        let (namespace, hub) = name;
        let partitions = found.partition_ids.len();
        if is_news {
            tracing::info!(name: "hub_found", %namespace, %hub, partitions, "hub found");
        }
        self.found.set(namespace, hub, Some(found));
        self.health.looked(namespace, None);
        self.health.trouble(trouble(name), None);
        self.board.hub(name, HubAnswer::Found(partitions));
    }

    fn fail(&self, name: &Name, error: &ConnectError) {
        let (namespace, hub) = name;
        let detail = error.to_string();
        if error.is_for_good() {
            // Others of the namespace may well be open.
            self.health.refused(trouble(name), &detail);
            let why = format!("namespace `{namespace}`, hub `{hub}`: {detail}");
            self.board.hub(name, HubAnswer::Refused(why));
        } else {
            self.health.looked(namespace, Some(&detail));
            self.health.trouble(trouble(name), Some(&detail));
            self.board.hub(name, HubAnswer::Unreachable);
        }
    }
}

fn trouble((namespace, hub): &Name) -> Trouble {
    Trouble::Hub { namespace: Arc::clone(namespace), hub: Arc::clone(hub) }
}
