//! Every event a department has read, judged: whole, once, in turn, and entered into its books.
//!
//! Pure but for the type of the client's events, of which [`Arrival`] takes what matters.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use azure_messaging_eventhubs::models::{AmqpSimpleValue, MessageId, ReceivedEventData};

use crate::books::Books;
use crate::ledger::{Ledger, Verdict};
use crate::order::{State, Step};

/// Faults that are told in full.
const TOLD: usize = 3;
/// Orders the view may show.
const RECENT: usize = 12;
/// How often one more of them is picked out: faster nobody can read.
const PICK: Duration = Duration::from_millis(180);

/// What was read, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    ledger: Ledger,
    books: Books,
    /// The last sequence number of each hub partition.
    positions: HashMap<String, i64>,
    events: u64,
    faults: Faults,
    restarts: Vec<String>,
    recent: VecDeque<Recent>,
    picked: Option<Instant>,
}

/// How many events were not as they should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Made from a record that was read before.
    pub(crate) twice: u64,
    /// Not the step of the order that had to come.
    pub(crate) out_of_turn: u64,
    /// Without the key, headers or value they were sent with.
    pub(crate) broken: u64,
    /// The first of them, in words.
    pub(crate) told: Vec<String>,
}

impl Faults {
    fn tell(&mut self, what: String) {
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }
}

/// An order, picked out while it passes.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    pub(crate) order_id: String,
    pub(crate) customer: String,
    pub(crate) city: String,
    pub(crate) items: u64,
    pub(crate) total_cents: u64,
    pub(crate) trail: Vec<State>,
}

/// What an event brought.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) partition: String,
    pub(crate) sequence: i64,
    pub(crate) message_id: String,
    pub(crate) content: Result<Step, String>,
}

impl Arrival {
    /// What `event` brought from `partition`.
    pub(crate) fn of(partition: &str, event: &ReceivedEventData) -> Self {
        let message_id = match event.event_data().message_id() {
            Some(MessageId::String(id)) => id.clone(),
            other => format!("{other:?}"),
        };
        let sequence = event.sequence_number().unwrap_or(i64::MIN);
        let content = content(event).map_err(|fault| format!("{message_id}: {fault}"));
        Self { partition: partition.to_owned(), sequence, message_id, content }
    }
}

/// The order in an event whose key and headers are those it was produced with.
fn content(event: &ReceivedEventData) -> Result<Step, String> {
    let data = event.event_data();
    let body = data.body().ok_or("no body")?;
    let step: Step = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if event.partition_key().as_ref() != Some(&step.order.id) {
        return Err(format!("the key is {:?}", event.partition_key()));
    }
    if data.content_type() != Some("application/json") {
        return Err(format!("the content type is {:?}", data.content_type()));
    }
    let trace = data.properties().and_then(|properties| properties.get("traceparent"));
    match trace {
        Some(AmqpSimpleValue::String(trace)) if *trace == step.traceparent() => Ok(step),
        other => Err(format!("the traceparent is {other:?}")),
    }
}

impl Inbox {
    /// Judges and enters an event.
    pub(crate) fn enter(&mut self, arrival: Arrival, now: Instant) {
        match self.positions.get_mut(&arrival.partition) {
            // The client attached again and began further back.
            Some(last) if arrival.sequence <= *last => return,
            Some(last) => *last = arrival.sequence,
            None => drop(self.positions.insert(arrival.partition, arrival.sequence)),
        }
        self.events += 1;
        let step = match arrival.content {
            Ok(step) => step,
            Err(fault) => {
                self.faults.broken += 1;
                return self.faults.tell(fault);
            }
        };
        match self.ledger.enter(&arrival.message_id, &step) {
            Verdict::Next { before } => {
                self.books.enter(&step, before);
                self.pick(step, now);
            }
            Verdict::Twice => {
                self.faults.twice += 1;
                self.faults.tell(format!("{} came twice", arrival.message_id));
            }
            Verdict::OutOfTurn(why) => {
                self.faults.out_of_turn += 1;
                self.faults.tell(why);
            }
            Verdict::Nameless(why) => {
                self.faults.broken += 1;
                self.faults.tell(why);
            }
        }
    }

    fn pick(&mut self, step: Step, now: Instant) {
        if self.picked.is_some_and(|picked| now.duration_since(picked) < PICK) {
            return;
        }
        self.picked = Some(now);
        self.recent.truncate(RECENT - 1);
        let Step { order, .. } = step;
        self.recent.push_front(Recent {
            trail: self.ledger.trail(&order.id).to_vec(),
            items: order.items(),
            order_id: order.id,
            customer: order.customer,
            city: order.city,
            total_cents: order.total_cents,
        });
    }

    /// Another client had to be opened, for this reason.
    pub(crate) fn restarted(&mut self, why: String) {
        self.restarts.push(why);
    }

    /// Events read, each once, whatever was wrong with them.
    pub(crate) fn read(&self) -> u64 {
        self.events
    }

    /// Orders seen.
    pub(crate) fn orders(&self) -> u64 {
        self.ledger.orders()
    }

    /// The last sequence number of each hub partition.
    pub(crate) fn positions(&self) -> &HashMap<String, i64> {
        &self.positions
    }

    /// What was wrong.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What was added up.
    pub(crate) fn books(&self) -> Books {
        self.books
    }

    /// Why clients had to be replaced.
    pub(crate) fn restarts(&self) -> &[String] {
        &self.restarts
    }

    /// Orders to look at, the newest first.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Recent> {
        self.recent.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Shop;

    fn arrival(sequence: i64, message_id: &str, step: &Step) -> Arrival {
        Arrival {
            partition: "3".into(),
            sequence,
            message_id: message_id.into(),
            content: Ok(step.clone()),
        }
    }

    #[test]
    fn an_event_delivered_again_is_no_duplicate_but_a_second_event_is() {
        let steps: Vec<Step> = Shop::new(1, 1).collect();
        let now = Instant::now();
        let mut inbox = Inbox::default();
        inbox.enter(arrival(0, "orders/0/0", &steps[0]), now);
        inbox.enter(arrival(0, "orders/0/0", &steps[0]), now);
        assert_eq!((inbox.read(), inbox.faults()), (1, &Faults::default()));

        inbox.enter(arrival(1, "orders/0/0", &steps[0]), now);
        assert_eq!((inbox.read(), inbox.faults().twice), (2, 1));
        assert_eq!(inbox.faults().told, ["orders/0/0 came twice"]);
        inbox.enter(arrival(2, "orders/0/1", &steps[1]), now);
        assert_eq!(inbox.faults().out_of_turn, 0, "the duplicate did not count as a step");
        assert_eq!(inbox.positions()["3"], 2);
    }

    #[test]
    fn what_is_broken_is_counted_and_the_first_are_told() {
        let mut inbox = Inbox::default();
        for sequence in 0..10 {
            let content = Err(format!("fault {sequence}"));
            let (partition, message_id) = ("0".into(), String::new());
            inbox.enter(Arrival { partition, sequence, message_id, content }, Instant::now());
        }
        assert_eq!(inbox.faults().broken, 10);
        assert_eq!(inbox.faults().told, ["fault 0", "fault 1", "fault 2"]);
    }

    #[test]
    fn orders_are_picked_out_at_a_pace_one_can_read() {
        let began = Instant::now();
        let mut inbox = Inbox::default();
        for (at, step) in Shop::new(400, 2).enumerate().take(1000) {
            let id = format!("orders/0/{at}");
            inbox.enter(arrival(at as i64, &id, &step), began + Duration::from_millis(at as u64));
        }
        assert_eq!(inbox.recent().count(), 6, "one in 180 ms of a second");
        let newest = inbox.recent().next().unwrap();
        assert!(!newest.trail.is_empty() && newest.items > 0);
    }
}
