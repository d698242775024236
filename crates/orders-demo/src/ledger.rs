//! What one consumer has read, order by order: was anything read twice, was anything out of turn, is anything missing.
//!
//! Pure, and independent of the bridge: it knows only the numbers the order service put into its orders, and the
//! message-id of each event, which names the record it was made from.

use std::collections::{HashMap, HashSet};

use crate::order::{State, Step};

/// The steps of every order seen.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    trails: HashMap<String, Vec<State>>,
    records: HashSet<(i32, i64)>,
}

/// What an event turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The next step of its order.
    Next {
        /// The state before.
        before: Option<State>,
    },
    /// Made from a record that was seen before.
    Twice,
    /// Not the step that had to come next, with what is wrong.
    OutOfTurn(String),
    /// Its message-id does not name a record of the topic.
    Nameless(String),
}

impl Ledger {
    /// Enters a step that came in the event `message_id`, `topic/partition/offset`.
    pub(crate) fn enter(&mut self, message_id: &str, step: &Step) -> Verdict {
        let Some(record) = record(message_id) else {
            return Verdict::Nameless(format!("message-id `{message_id}` names no record"));
        };
        if !self.records.insert(record) {
            return Verdict::Twice;
        }
        let order = &step.order.id;
        let trail = self.trails.entry(order.clone()).or_default();
        let (expected, before) = (trail.len() as u32, trail.last().copied());
        trail.push(step.state);
        if step.number == expected && step.state.may_follow(before) {
            return Verdict::Next { before };
        }
        let before = before.map_or("nothing".to_owned(), |state| state.to_string());
        Verdict::OutOfTurn(format!(
            "{order}: step {} ({}) came as step {expected}, after {before} ({message_id})",
            step.number, step.state
        ))
    }

    /// The states an order has gone through.
    pub(crate) fn trail(&self, order_id: &str) -> &[State] {
        self.trails.get(order_id).map_or(&[], Vec::as_slice)
    }

    /// Orders seen.
    pub(crate) fn orders(&self) -> u64 {
        self.trails.len() as u64
    }
}

/// Partition and offset of the record a message-id names.
fn record(message_id: &str) -> Option<(i32, i64)> {
    let mut parts = message_id.rsplitn(3, '/');
    let offset = parts.next()?.parse().ok()?;
    let partition = parts.next()?.parse().ok()?;
    (parts.next()? == crate::TOPIC).then_some((partition, offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::Shop;

    /// A day's steps, as the events they would come in.
    fn day() -> Vec<(String, Step)> {
        let named = |(at, step)| (format!("orders/{}/{}", at % 4, at / 4), step);
        Shop::new(200, 5).enumerate().map(named).collect()
    }

    /// The verdicts that are not `Next`, with their places.
    fn faults(events: &[(String, Step)]) -> Vec<(usize, Verdict)> {
        let mut ledger = Ledger::default();
        let verdicts = events.iter().map(|(id, step)| ledger.enter(id, step));
        verdicts
            .enumerate()
            .filter(|(_, verdict)| !matches!(verdict, Verdict::Next { .. }))
            .collect()
    }

    /// Two neighbouring steps of the same order.
    fn neighbours(events: &[(String, Step)]) -> (usize, usize) {
        let order = &events[50].1.order.id;
        let mut own = events.iter().enumerate().filter(|(_, (_, step))| step.order.id == *order);
        (own.next().unwrap().0, own.next().unwrap().0)
    }

    #[test]
    fn a_day_in_order_has_no_faults() {
        let events = day();
        assert_eq!(faults(&events), []);
        let mut ledger = Ledger::default();
        for (id, step) in &events {
            ledger.enter(id, step);
        }
        assert_eq!(ledger.orders(), 200);
        assert_eq!(ledger.trail("ORD-000001")[0], State::Placed);
    }

    #[test]
    fn two_orders_may_change_places_but_not_two_steps_of_one() {
        let mut events = day();
        let other = (50..99).find(|at| events[*at].1.order != events[at + 1].1.order).unwrap();
        events.swap(other, other + 1);
        assert_eq!(faults(&events), []);

        let (first, second) = neighbours(&events);
        events.swap(first, second);
        let faults = faults(&events);
        assert_eq!(faults[0].0, first);
        assert!(matches!(&faults[0].1, Verdict::OutOfTurn(why) if why.contains("came as step 0")));
        assert!(matches!(faults[1], (at, Verdict::OutOfTurn(_)) if at == second));
    }

    #[test]
    fn a_step_left_out_is_noticed_at_the_next_one() {
        let mut events = day();
        let (first, second) = neighbours(&events);
        events.remove(first);
        assert!(matches!(faults(&events)[0], (at, Verdict::OutOfTurn(_)) if at == second - 1));
    }

    #[test]
    fn the_same_record_twice_is_twice_wherever_it_comes() {
        let mut events = day();
        let again = events[10].clone();
        events.push(again);
        assert_eq!(faults(&events), [(events.len() - 1, Verdict::Twice)]);
    }

    #[test]
    fn an_event_must_name_its_record() {
        let step = day().remove(0).1;
        for id in ["", "orders", "orders/1", "orders/one/2", "payments/1/2", "orders/1/2/3"] {
            let verdict = Ledger::default().enter(id, &step);
            assert!(matches!(verdict, Verdict::Nameless(_)), "{id}: {verdict:?}");
        }
    }
}
