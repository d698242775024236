//! Makes a snapshot of the running system, with what only looking twice can tell: how fast everything goes.

use std::time::{Duration, Instant};

use crate::HUB;
use crate::books::Department;
use crate::inbox::Recent;
use crate::probe::Said;
use crate::run::System;
use crate::snapshot::{Filled, Phase, Rate, Reading, Snapshot};

/// Remembers what it saw.
pub(crate) struct Watch {
    began: Instant,
    orders: u64,
    produced: Rate,
    received: Rate,
    sent: Rate,
    stored: Rate,
    read: [Rate; Department::ALL.len()],
}

impl Watch {
    pub(crate) fn new(orders: u64) -> Self {
        Self {
            began: Instant::now(),
            orders,
            produced: Rate::default(),
            received: Rate::default(),
            sent: Rate::default(),
            stored: Rate::default(),
            read: Default::default(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Looks at everything.
    pub(crate) fn snapshot(&mut self, system: &System, said: &Said, phase: Phase) -> Snapshot {
        let now = Instant::now();
        let produced = system.service.produced();
        let hub = system.server.hub(HUB);
        let gauges = said.gauges.clone();
        let filled = |(partition, records): (usize, u64)| {
            let position = gauges.positions.get(&partition).copied().unwrap_or(0);
            Filled { records, delivered: position.min(records) }
        };
        let readings = system.readers.iter().zip(&mut self.read).map(|(consumer, rate)| {
            consumer.look(|inbox| {
                let faults = inbox.faults();
                Reading {
                    department: consumer.department,
                    events: inbox.read(),
                    rate: rate.note(now, inbox.read()),
                    faults: faults.twice + faults.out_of_turn + faults.broken,
                    figures: inbox.books().figures(consumer.department),
                }
            })
        });
        Snapshot {
            elapsed: self.began.elapsed(),
            phase,
            placed: produced.placed,
            orders: self.orders,
            kafka: produced.records.into_iter().enumerate().map(filled).collect(),
            produced_rate: self.produced.note(now, produced.total()),
            received_rate: self.received.note(now, gauges.received),
            sent_rate: self.sent.note(now, gauges.sent),
            acknowledgement: (said.recent.quantile(0.5), said.recent.quantile(0.99)),
            stored_rate: self.stored.note(now, hub.total()),
            hub: hub.partitions().iter().map(|p| p.counters().events).collect(),
            readers: readings.collect(),
            recent: recent(system),
            admin: system.bridge.admin(),
            gauges,
        }
    }
}

/// Orders as the last of the departments sees them.
fn recent(system: &System) -> Vec<Recent> {
    let last = system.readers.last();
    last.map_or_else(Vec::new, |reader| reader.look(|inbox| inbox.recent().cloned().collect()))
}
