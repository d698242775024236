//! A client's receiver: events out of one partition, from a start position, for as long as there is credit.

use std::sync::Arc;

use super::outbox::{Outbox, Sending};
use crate::annotate::{self, Stamp};
use crate::hub::{Hub, now_ms};
use crate::log::Batch;
use crate::readers::Seat;
use crate::registry::ConnectionHandle;

/// Output a receiver may write before the others of the connection have their turn.
const TURN: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) hub: Arc<Hub>,
    pub(super) partition: u32,
    pub(super) seat: Seat,
    pub(super) outbox: Outbox,
    /// The sequence number to send next.
    cursor: i64,
    /// The batch that holds it, and where; read again when used up.
    batch: Option<(Batch, usize)>,
    metrics: bool,
}

/// What an outlet needs to begin.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) hub: Arc<Hub>,
    pub(super) partition: u32,
    pub(super) seat: Seat,
    pub(super) cursor: i64,
    pub(super) settled: bool,
    pub(super) metrics: bool,
}

impl Outlet {
    pub(super) fn new(begin: Begin) -> Self {
        let Begin { hub, partition, seat, cursor, settled, metrics } = begin;
        let outbox = Outbox::new(settled);
        Self { hub, partition, seat, outbox, cursor, batch: None, metrics }
    }

    /// Sends what there is and may be sent; true when something went.
    pub(super) fn pump(
        &mut self,
        link: u32,
        mut sending: Sending<'_>,
        reader: &Arc<ConnectionHandle>,
    ) -> bool {
        let before = sending.out.len();
        if self.outbox.is_sending() && !self.outbox.carry_on(link, &mut sending) {
            return sending.out.len() > before;
        }
        while self.outbox.is_free() && sending.out.len() < before + TURN {
            let Some((batch, index)) = self.next(reader) else { break };
            let (stored, offset) = batch.bytes(index);
            let stamp = Stamp {
                sequence: batch.first_sequence + index as i64,
                offset,
                enqueued_ms: batch.enqueued_ms,
                publisher: batch.publisher.as_deref(),
                metrics: self.newest(),
            };
            self.outbox.start(&mut sending, |message| annotate::write(message, stored, stamp));
            self.cursor = stamp.sequence + 1;
            let whole = self.outbox.carry_on(link, &mut sending);
            self.batch = Some((batch, index + 1));
            if !whole {
                break;
            }
        }
        sending.out.len() > before
    }

    /// The next event; when there is none, the connection is woken by the next that is stored.
    fn next(&mut self, reader: &Arc<ConnectionHandle>) -> Option<(Batch, usize)> {
        let cached = self.batch.take().filter(|(batch, index)| *index < batch.len());
        cached.or_else(|| self.hub.partition(self.partition).read(self.cursor, reader))
    }

    fn newest(&self) -> Option<(crate::log::Newest, i64)> {
        if !self.metrics {
            return None;
        }
        let newest = self.hub.partition(self.partition).with_log(|log| log.newest())?;
        Some((newest, now_ms()))
    }
}
