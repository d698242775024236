//! A client's sender: deliveries in, events into a partition, an answer out.
//!
//! A delivery is stored whole in one partition or not at all. The answer may come later than the storing; credit counts
//! what is not answered, so that a client which is never answered stops by itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::performative::Transfer;

use super::assembly::{Assembly, Delivery};
use super::due::Later;
use super::{Core, Fate};
use crate::condition::{Condition, Outcome};
use crate::envelope::Arrival;
use crate::event::Event;
use crate::faults::{DeliveryFault, Site};
use crate::hash;
use crate::hub::{Hub, now_ms};
use crate::numbers;
use crate::producers::Told;

/// Deliveries a client may have unanswered on one link.
pub(super) const CREDIT: u32 = 1_000;
/// The longest partition key, in characters.
const MAX_KEY: usize = 128;

/// Where the events of a link go.
#[derive(Debug, Clone)]
pub(super) enum Route {
    Gateway,
    Partition(u32),
    Publisher(Arc<str>),
}

/// Which link a delivery came on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) channel: u16,
    pub(super) serial: u64,
    pub(super) handle: u32,
}

/// What the session does after a delivery.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing: answered later, never, or not wanted.
    Silent,
    Settle {
        delivery_id: u32,
        outcome: Outcome,
    },
    Detach(Condition),
}

#[derive(Debug)]
pub(super) struct Ingest {
    pub(super) hub: Arc<Hub>,
    /// The link's name.
    name: String,
    pub(super) route: Route,
    /// Who numbers the events, if they are numbered.
    producer: Option<Told>,
    assembly: Assembly,
    pub(super) delivery_count: u32,
    pub(super) credit: u32,
    /// Deliveries taken and not answered.
    unsettled: u32,
}

impl Ingest {
    pub(super) fn new(
        hub: Arc<Hub>,
        name: String,
        (route, producer): (Route, Option<Told>),
        assembly: Assembly,
        delivery_count: u32,
    ) -> Self {
        let (credit, unsettled) = (CREDIT, 0);
        Self { hub, name, route, producer, assembly, delivery_count, credit, unsettled }
    }

    /// Whether the link is to that partition, as far as its address says.
    pub(super) fn partition(&self) -> Option<u32> {
        match self.route {
            Route::Partition(id) => Some(id),
            Route::Gateway | Route::Publisher(_) => None,
        }
    }

    /// Raises credit again once half of it is used; true when the client must be told.
    pub(super) fn top_up(&mut self) -> bool {
        let grant = CREDIT.saturating_sub(self.unsettled);
        let low = self.credit <= CREDIT / 2 && grant > self.credit;
        if low {
            self.credit = grant;
        }
        low
    }

    pub(super) fn settled(&mut self) {
        self.unsettled = self.unsettled.saturating_sub(1);
    }

    /// Takes one frame.
    pub(super) fn push(
        &mut self,
        core: &mut Core,
        place: Place,
        transfer: &Transfer,
        payload: &[u8],
    ) -> Result<Verdict, Condition> {
        let Some(delivery) = self.assembly.push(transfer, payload)? else {
            return Ok(Verdict::Silent);
        };
        if self.credit == 0 {
            let text = "more deliveries than there is credit for";
            return Err(Condition::new("amqp:link:transfer-limit-exceeded", text));
        }
        self.credit -= 1;
        self.delivery_count = self.delivery_count.wrapping_add(1);
        Ok(self.take(core, place, delivery))
    }

    fn take(&mut self, core: &mut Core, place: Place, delivery: Delivery) -> Verdict {
        let Delivery { id, format, settled, payload } = delivery;
        let limit = self.assembly.limit();
        let arrival = payload
            .map_err(|size| Condition::message_too_large(id, size, limit))
            .and_then(|payload| Arrival::open(format, payload))
            .and_then(|arrival| self.numbered(arrival))
            .and_then(|arrival| Ok((self.partition_for(&arrival)?, arrival)));
        let (partition, arrival) = match arrival {
            Ok(routed) => routed,
            Err(condition) => {
                let outcome = Outcome::Rejected(Some(condition));
                let delay = core.namespace.settings.ack_delay;
                return self.answer(core, place, (id, settled), outcome, delay);
            }
        };
        let faults = &core.namespace.faults;
        let site = Site {
            connection: core.handle.id,
            link: Some(&self.name),
            hub: Some(self.hub.name()),
            partition: Some(partition),
        };
        let delay = faults.ack_delay(site).or(core.namespace.settings.ack_delay);
        let seen = || preview(&arrival);
        let size = (arrival.payload.len(), arrival.spans.len());
        match faults.delivery(site, size, seen) {
            None => {
                let stored = self.store(partition, arrival);
                // The link of a producer whose epoch was taken over is of no use any more.
                if let Err(condition) = &stored
                    && condition.name() == Condition::EPOCH_STOLEN
                {
                    return Verdict::Detach(condition.clone());
                }
                let refused = |condition| Outcome::Rejected(Some(condition));
                let outcome = stored.map_or_else(refused, |()| Outcome::Accepted);
                self.answer(core, place, (id, settled), outcome, delay)
            }
            Some(fault) => {
                self.hub.partition(partition).with_log(|log| log.counters.refused += 1);
                self.fail(core, place, (id, settled), (partition, arrival), (fault, delay))
            }
        }
    }

    fn fail(
        &mut self,
        core: &mut Core,
        place: Place,
        (id, settled): (u32, bool),
        (partition, arrival): (u32, Arrival),
        (fault, delay): (DeliveryFault, Option<Duration>),
    ) -> Verdict {
        match fault {
            DeliveryFault::Answer(outcome) => {
                return self.answer(core, place, (id, settled), outcome, delay);
            }
            DeliveryFault::Detach(condition) => return Verdict::Detach(condition),
            // The book has asked the predicate and answers in its stead.
            DeliveryFault::RejectIf(_, _) => {}
            DeliveryFault::DropBeforeStore => core.fate = Fate::Abort,
            // Whether it could be stored is what the sender does not learn.
            DeliveryFault::DropAfterStore => {
                let _unknown = self.store(partition, arrival);
                core.fate = Fate::Abort;
            }
            DeliveryFault::Late => {
                let publisher = self.publisher();
                self.hub.partition(partition).delay(arrival, publisher);
                core.fate = Fate::Abort;
            }
            DeliveryFault::ForgetAck => {
                let _unknown = self.store(partition, arrival);
                self.unsettled += 1;
            }
            DeliveryFault::CorruptAck => {
                let _unknown = self.store(partition, arrival);
                self.unsettled += 1;
                crate::faults::garbage(&mut core.out, place.channel);
            }
            DeliveryFault::BlackHole => core.fate = Fate::Mute,
            DeliveryFault::Ignore => self.unsettled += 1,
        }
        Verdict::Silent
    }

    fn store(&self, partition: u32, arrival: Arrival) -> Result<(), Condition> {
        self.hub.append(self.hub.partition(partition), arrival, self.publisher())
    }

    fn publisher(&self) -> Option<Arc<str>> {
        match &self.route {
            Route::Publisher(name) => Some(Arc::clone(name)),
            Route::Gateway | Route::Partition(_) => None,
        }
    }

    fn answer(
        &mut self,
        core: &mut Core,
        place: Place,
        (delivery_id, settled): (u32, bool),
        outcome: Outcome,
        delay: Option<Duration>,
    ) -> Verdict {
        if settled {
            return Verdict::Silent;
        }
        self.unsettled += 1;
        let Some(delay) = delay else { return Verdict::Settle { delivery_id, outcome } };
        let Place { channel, serial, handle } = place;
        let later = Later::Settle { channel, serial, handle, delivery_id, outcome };
        core.due.push(Instant::now() + delay, later);
        Verdict::Silent
    }

    /// With the numbers of its events, where the link is of a producer that numbers them.
    fn numbered(&self, arrival: Arrival) -> Result<Arrival, Condition> {
        let numbers = self.producer.as_ref().map(|told| numbers::of(&arrival, told)).transpose()?;
        Ok(Arrival { numbers: numbers.flatten(), ..arrival })
    }

    fn partition_for(&self, arrival: &Arrival) -> Result<u32, Condition> {
        match &self.route {
            Route::Partition(id) => Ok(*id),
            Route::Publisher(name) => {
                Ok(hash::partition_of(name, self.hub.partitions().len() as u32))
            }
            Route::Gateway => {
                let key = arrival.routing_key();
                if key.is_some_and(|key| key.chars().count() > MAX_KEY) {
                    return Err(Condition::new(
                        "com.microsoft:argument-error",
                        format!("The partition key exceeds the limit of {MAX_KEY} characters."),
                    ));
                }
                Ok(self.hub.route(key))
            }
        }
    }
}

/// The events of a delivery before they are stored, numbered from 0.
fn preview(arrival: &Arrival) -> Vec<Event> {
    let event = |(index, span): (usize, &crate::envelope::Span)| Event {
        sequence: index as i64,
        offset: i64::from(span.start),
        enqueued_ms: now_ms(),
        raw: arrival.payload.slice(span.range()),
    };
    arrival.spans.iter().enumerate().map(event).collect()
}
