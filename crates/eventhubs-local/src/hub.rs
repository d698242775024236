//! Hubs and partitions: what outlives every connection.
//!
//! A partition is a log behind a lock, the receivers that wait for its next event, and who may read it. Appending wakes
//! connections and whoever waits for a count; nothing here knows AMQP links. A hub can grow while it is used, and end: from
//! then on it takes nothing, and what it held is gone.

mod state;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use crate::condition::Condition;
use crate::envelope::Arrival;
use crate::event::Event;
use crate::hash;
use crate::log::{Batch, Counters, Log, Retention};
use crate::producers::{Asked, Told};
use crate::readers::Readers;
use crate::registry::ConnectionHandle;
use crate::store::{self, DirectoryError, HubFolder};
use crate::versions::Versions;
use state::{Refusal, State};

/// Locks, ignoring poison: every critical section here leaves its data whole even if a test's closure panics.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// An event hub.
#[derive(Debug)]
pub struct Hub {
    name: String,
    /// Lower case; `None`: any group exists.
    groups: Option<HashSet<String>>,
    pub(crate) created_ms: i64,
    retention: Retention,
    partitions: Versions<Partition>,
    deleted: AtomicBool,
    turn: AtomicU32,
    progress: Progress,
}

impl Hub {
    pub(crate) fn new(
        name: String,
        partitions: u32,
        groups: &[String],
        retention: Retention,
    ) -> Self {
        let logs = (0..partitions).map(|_| Log::new(retention)).collect();
        Self::with(name, groups, now_ms(), retention, logs)
    }

    /// A hub whose events are on disk, with those that are there.
    pub(crate) fn open(
        name: String,
        partitions: u32,
        groups: &[String],
        retention: Retention,
        folder: &HubFolder,
    ) -> Result<Self, DirectoryError> {
        let log = |id| restore(retention, folder, id);
        let logs = (0..partitions).map(log).collect::<Result<_, DirectoryError>>()?;
        Ok(Self::with(name, groups, folder.created_ms, retention, logs))
    }

    fn with(
        name: String,
        groups: &[String],
        created_ms: i64,
        retention: Retention,
        logs: Vec<Log>,
    ) -> Self {
        let groups = (!groups.is_empty()).then(|| {
            let named = groups.iter().map(|group| group.to_lowercase());
            named.chain(["$default".to_owned()]).collect()
        });
        let partitions = logs.into_iter().zip(0..).map(|(log, id)| Partition::new(id, log));
        Self {
            name,
            groups,
            created_ms,
            retention,
            partitions: partitions.collect::<Vec<_>>().into(),
            deleted: AtomicBool::new(false),
            turn: AtomicU32::new(0),
            progress: Progress::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One partition.
    ///
    /// # Panics
    /// When the hub has no such partition.
    pub fn partition(&self, id: u32) -> &Partition {
        self.find(id).unwrap_or_else(|| panic!("hub `{}` has no partition `{id}`", self.name))
    }

    /// All partitions, in order. What it gives stays as it is when the hub grows: ask again to see more.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Whether it was deleted. It takes no event any more, even if another has its name now.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::SeqCst)
    }

    /// Adds partitions until there are that many; those there are stay as they are.
    pub(crate) fn grow(
        &self,
        partitions: u32,
        folder: Option<&HubFolder>,
    ) -> Result<(), DirectoryError> {
        self.partitions.change(|before| {
            let log = |id| match folder {
                Some(folder) => restore(self.retention, folder, id),
                None => Ok(Log::new(self.retention)),
            };
            let first = before.len() as u32;
            let added = (first..partitions).map(|id| Ok(Partition::new(id, log(id)?)));
            before.iter().map(|partition| Ok(partition.clone())).chain(added).collect()
        })
    }

    /// Takes no event from now on, and lets go of all there are.
    pub(crate) fn delete(&self) {
        self.deleted.store(true, Ordering::SeqCst);
        for partition in self.partitions() {
            partition.end(self.retention);
        }
    }

    /// Events stored in all partitions since the server was built, retained or not.
    pub fn total(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.counters().events).sum()
    }

    /// Resolves when `total()` has reached `count`. Bound it with a time-out.
    pub async fn reached(&self, count: u64) {
        loop {
            let stored = self.progress.stored.notified();
            tokio::pin!(stored);
            // Registered before the count is read, so that no append falls between.
            stored.as_mut().enable();
            if self.total() >= count {
                return;
            }
            stored.await;
        }
    }

    /// Blocks the thread until `total()` has reached `count`; false when that took longer than `limit`.
    pub fn wait_for(&self, count: u64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut guard = lock(&self.progress.gate);
        self.progress.blocked.fetch_add(1, Ordering::SeqCst);
        let reached = loop {
            if self.total() >= count {
                break true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            let waited = self.progress.changed.wait_timeout(guard, left);
            guard = waited.map_or_else(|poison| poison.into_inner().0, |(guard, _)| guard);
        };
        self.progress.blocked.fetch_sub(1, Ordering::SeqCst);
        reached
    }

    pub(crate) fn find(&self, id: u32) -> Option<&Partition> {
        self.partitions.get(id as usize)
    }

    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.contains(&group.to_lowercase()))
    }

    /// The partition for events sent to the hub: the service's hash of the key, or the next in turn.
    pub(crate) fn route(&self, key: Option<&str>) -> u32 {
        let count = self.partitions.len() as u32;
        match key {
            Some(key) => hash::partition_of(key, count),
            None => self.turn.fetch_add(1, Ordering::Relaxed) % count,
        }
    }

    /// Stores one delivery and tells everyone who waits; or says what the sender is to be told. What its numbers say was stored
    /// is not stored again.
    pub(crate) fn append(
        &self,
        partition: &Partition,
        arrival: Arrival,
        by: Option<Arc<str>>,
    ) -> Result<(), Condition> {
        partition.append(arrival, by).map_err(|refusal| match refusal {
            Refusal::Deleted => Condition::not_found(&self.name),
            Refusal::Store(error) => store::refusal(&error),
            Refusal::Numbers(condition) => condition,
        })?;
        self.progress.stored.notify_waiters();
        if self.progress.blocked.load(Ordering::SeqCst) > 0 {
            let _gate = lock(&self.progress.gate);
            self.progress.changed.notify_all();
        }
        Ok(())
    }

    /// Drops what has become too old.
    pub(crate) fn expire(&self, now_ms: i64) {
        for partition in self.partitions() {
            partition.with_log(|log| log.expire(now_ms));
        }
    }
}

/// How those who wait for a count are told.
#[derive(Debug, Default)]
struct Progress {
    stored: Notify,
    gate: Mutex<()>,
    changed: Condvar,
    blocked: AtomicUsize,
}

fn restore(retention: Retention, folder: &HubFolder, id: u32) -> Result<Log, DirectoryError> {
    Ok(Log::restore(retention, folder.partition(id)?, now_ms()))
}

/// One partition of a hub; a copy is the same partition.
#[derive(Debug, Clone)]
pub struct Partition(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    id: u32,
    state: Mutex<State>,
    readers: Mutex<Readers>,
}

impl Partition {
    fn new(id: u32, log: Log) -> Self {
        let state = State::new(log);
        Self(Arc::new(Shared { id, state: Mutex::new(state), readers: Mutex::default() }))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// Events retained.
    pub fn len(&self) -> usize {
        self.with_log(|log| (log.next_sequence() - log.first_sequence()) as usize)
    }

    /// Whether nothing is retained.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequence number the next event will get.
    pub fn next_sequence(&self) -> i64 {
        self.with_log(|log| log.next_sequence())
    }

    /// What was stored here.
    pub fn counters(&self) -> Counters {
        self.with_log(|log| log.counters)
    }

    /// All events retained.
    pub fn events(&self) -> Vec<Event> {
        self.events_from(0).collect()
    }

    /// The events retained with at least that sequence number. A snapshot, cheap to take however long the log is; an
    /// auditor that remembers `next_sequence()` sees only what is new.
    pub fn events_from(&self, sequence: i64) -> impl Iterator<Item = Event> + use<> {
        let entries = self.with_log(|log| log.entries_from(sequence));
        entries
            .into_iter()
            .filter_map(|entry| entry.load())
            .flat_map(|batch| (0..batch.len()).map(move |index| batch.event(index)))
            .skip_while(move |event| event.sequence < sequence)
    }

    pub(crate) fn with_log<T>(&self, read: impl FnOnce(&mut Log) -> T) -> T {
        read(&mut lock(&self.0.state).log)
    }

    pub(crate) fn readers(&self) -> MutexGuard<'_, Readers> {
        lock(&self.0.readers)
    }

    /// What is there goes, also from the disk's point of view: nothing is written there any more.
    fn end(&self, retention: Retention) {
        let mut state = lock(&self.0.state);
        state.ended = true;
        let counters = state.log.counters;
        state.log = Log::new(retention);
        state.log.counters = counters;
    }

    /// Attaches a producer that numbers its events: see `producers`.
    pub(crate) fn produce(&self, asked: Asked) -> Result<Told, Condition> {
        lock(&self.0.state).producers.attach(asked, now_ms())
    }

    /// Keeps a delivery that arrives just before the next one.
    pub(crate) fn delay(&self, arrival: Arrival, publisher: Option<Arc<str>>) {
        lock(&self.0.state).late.push((arrival, publisher));
    }

    fn append(&self, arrival: Arrival, publisher: Option<Arc<str>>) -> Result<(), Refusal> {
        let waiting = {
            let mut state = lock(&self.0.state);
            state.catch_up();
            let stored = state.store(arrival, publisher);
            if stored.is_err() {
                state.log.counters.refused += 1;
                return stored;
            }
            std::mem::take(&mut state.waiting)
        };
        for connection in waiting {
            connection.wake();
        }
        Ok(())
    }

    /// The batch with `sequence`; when there is none yet, `reader` is woken by the next append.
    pub(crate) fn read(
        &self,
        sequence: i64,
        reader: &Arc<ConnectionHandle>,
    ) -> Option<(Batch, usize)> {
        let mut state = lock(&self.0.state);
        let found = state.log.batch_at(sequence);
        if found.is_none() && !state.waiting.iter().any(|other| Arc::ptr_eq(other, reader)) {
            state.waiting.push(Arc::clone(reader));
        }
        found
    }
}
