//! Many partitions at once, with a bound: who reads takes what comes first.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::super::namespace::NamespaceClient;
use super::{HubEvent, ReadError, ReadRequest};

/// Runs of events that wait to be taken, of all partitions.
pub(super) const WAITING: usize = 8;

/// What a partition has to tell.
#[derive(Debug)]
pub enum ReaderEvent {
    /// Events, in order.
    Events(Vec<HubEvent>),
    /// All was read.
    Ended,
    /// Reading has ended before its end; what was told stands.
    Failed(ReadError),
}

/// Readers of many partitions. They end when this is dropped.
#[derive(Debug)]
pub struct Many {
    told: mpsc::Receiver<(usize, ReaderEvent)>,
    _tasks: JoinSet<()>,
}

impl NamespaceClient {
    /// Reads all of `what`, `at_once` of them at a time. Each ends by itself.
    pub fn read_all(&self, what: Vec<ReadRequest>, at_once: usize) -> Many {
        let (tell, told) = mpsc::channel(WAITING);
        let turns = Arc::new(Semaphore::new(at_once.max(1)));
        let mut tasks = JoinSet::new();
        for (number, reading) in what.into_iter().enumerate() {
            let (tell, turns) = (tell.clone(), Arc::clone(&turns));
            let mut reader = self.reader(reading);
            let task = async move {
                let _turn = turns.acquire().await;
                loop {
                    let (told, over) = match reader.events().await {
                        Ok(events) if events.is_empty() => (ReaderEvent::Ended, true),
                        Ok(events) => (ReaderEvent::Events(events), false),
                        Err(error) => (ReaderEvent::Failed(error), true),
                    };
                    if tell.send((number, told)).await.is_err() || over {
                        return;
                    }
                }
            };
            tasks.spawn_on(task, &self.0.runtime);
        }
        Many::new(told, tasks)
    }
}

impl Many {
    pub(super) fn new(told: mpsc::Receiver<(usize, ReaderEvent)>, tasks: JoinSet<()>) -> Self {
        Self { told, _tasks: tasks }
    }

    /// What comes next, and of which partition, by its place in what was asked for; `None` once all have ended.
    pub async fn next(&mut self) -> Option<(usize, ReaderEvent)> {
        self.told.recv().await
    }
}
