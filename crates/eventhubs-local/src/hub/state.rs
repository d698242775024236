//! What a partition holds behind its lock: the log, the producers it knows, and who waits.

use std::io;
use std::sync::Arc;

use super::now_ms;
use crate::condition::Condition;
use crate::envelope::Arrival;
use crate::log::Log;
use crate::producers::{Producers, Verdict};
use crate::registry::ConnectionHandle;

/// See the module.
#[derive(Debug)]
pub(super) struct State {
    pub(super) log: Log,
    /// In memory only: a server that starts again knows none.
    pub(super) producers: Producers,
    /// Whether its hub was deleted.
    pub(super) ended: bool,
    /// Connections that read to the end and want to be woken by the next event, once each.
    pub(super) waiting: Vec<Arc<ConnectionHandle>>,
    /// Deliveries that a fault has delayed.
    pub(super) late: Vec<(Arrival, Option<Arc<str>>)>,
}

impl State {
    pub(super) fn new(log: Log) -> Self {
        let (producers, waiting, late) = (Producers::default(), Vec::new(), Vec::new());
        Self { log, producers, ended: false, waiting, late }
    }

    /// What was delayed arrives; nobody waits for an answer any more.
    pub(super) fn catch_up(&mut self) {
        for (arrival, publisher) in std::mem::take(&mut self.late) {
            let _unknown = self.store(arrival, publisher);
        }
    }

    pub(super) fn store(
        &mut self,
        arrival: Arrival,
        publisher: Option<Arc<str>>,
    ) -> Result<(), Refusal> {
        if self.ended {
            return Err(Refusal::Deleted);
        }
        let numbers = arrival.numbers;
        let verdict = numbers.as_ref().map(|numbers| self.producers.look_at(numbers)).transpose();
        if verdict.map_err(Refusal::Numbers)? == Some(Verdict::Repeated) {
            self.log.counters.repeated += 1;
            return Ok(());
        }
        self.log.append(arrival, publisher, now_ms()).map_err(Refusal::Store)?;
        if let Some(numbers) = &numbers {
            self.producers.stored(numbers);
        }
        Ok(())
    }
}

/// Why events are not stored.
#[derive(Debug)]
pub(super) enum Refusal {
    Deleted,
    Store(io::Error),
    Numbers(Condition),
}
