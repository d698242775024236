//! Customers who place orders, and what becomes of these: an endless variety, the same in every run.
//!
//! Many orders are open at once and take their steps in turn at random, so that the records of one order are spread
//! among those of the others. Pure: no clock, and all chance comes from a seed.

use fastrand::Rng;

use crate::order::{Line, Order, State, Step};

/// Orders that are open at once, at most.
const OPEN: usize = 400;

/// How many steps an order takes, on average.
pub(crate) const STEPS_PER_ORDER: f64 = 4.7;

const CUSTOMERS: [(&str, &str); 12] = [
    ("Ada Lovelace", "London"),
    ("Alan Turing", "Manchester"),
    ("Barbara Liskov", "Boston"),
    ("Donald Knuth", "Stanford"),
    ("Edsger Dijkstra", "Eindhoven"),
    ("Frances Allen", "New York"),
    ("Grace Hopper", "Arlington"),
    ("Katherine Johnson", "Hampton"),
    ("Konrad Zuse", "Berlin"),
    ("Leslie Lamport", "Menlo Park"),
    ("Radia Perlman", "Seattle"),
    ("Tony Hoare", "Oxford"),
];

/// What is sold: stock-keeping unit and price in cents.
const SHELF: [(&str, u64); 10] = [
    ("espresso-machine", 24_900),
    ("coffee-grinder", 8_950),
    ("beans-ethiopia-1kg", 2_690),
    ("beans-colombia-1kg", 2_450),
    ("filter-paper-100", 490),
    ("kettle-gooseneck", 6_400),
    ("scale-0.1g", 3_990),
    ("cup-porcelain", 1_250),
    ("milk-pitcher", 1_890),
    ("cleaning-brush", 790),
];

/// All the steps of so many orders, in the order they happen.
#[derive(Debug)]
pub(crate) struct Shop {
    rng: Rng,
    orders: u64,
    placed: u64,
    /// Orders that have a next step, with their last one.
    open: Vec<Step>,
    closed: bool,
}

impl Shop {
    pub(crate) fn new(orders: u64, seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), orders, placed: 0, open: Vec::new(), closed: false }
    }

    /// Orders placed so far.
    pub(crate) fn placed(&self) -> u64 {
        self.placed
    }

    /// Takes no new orders; those that are open go their way.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    fn sells(&self) -> bool {
        !self.closed && self.placed < self.orders
    }

    fn place(&mut self) -> Step {
        self.placed += 1;
        let (customer, city) = CUSTOMERS[self.rng.usize(..CUSTOMERS.len())];
        let lines: Vec<Line> = (0..self.rng.usize(1..=3))
            .map(|_| {
                let (sku, unit_cents) = SHELF[self.rng.usize(..SHELF.len())];
                Line { sku: sku.to_owned(), quantity: self.rng.u32(1..=3), unit_cents }
            })
            .collect();
        let order = Order {
            id: format!("ORD-{:06}", self.placed),
            customer: customer.to_owned(),
            city: city.to_owned(),
            total_cents: lines.iter().map(|line| u64::from(line.quantity) * line.unit_cents).sum(),
            lines,
        };
        Step { order, number: 0, state: State::Placed }
    }

    /// What becomes of an order in this state; some are called off, few come back.
    fn fate(&mut self, state: State) -> Option<State> {
        match state {
            State::Placed => {
                Some(if self.rng.u8(..) < 20 { State::Cancelled } else { State::Paid })
            }
            State::Paid => Some(if self.rng.u8(..) < 8 { State::Cancelled } else { State::Packed }),
            State::Packed => Some(State::Shipped),
            State::Shipped => Some(State::Delivered),
            State::Delivered => (self.rng.u8(..) < 12).then_some(State::Returned),
            State::Returned | State::Cancelled => None,
        }
    }

    fn advance(&mut self) -> Option<Step> {
        while !self.open.is_empty() {
            let at = self.rng.usize(..self.open.len());
            let Some(state) = self.fate(self.open[at].state) else {
                self.open.swap_remove(at);
                continue;
            };
            let order = &mut self.open[at];
            order.number += 1;
            order.state = state;
            return Some(order.clone());
        }
        None
    }
}

impl Iterator for Shop {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        // While there is room, one step in four is a new order: about as many as come to their end.
        if self.sells() && (self.open.is_empty() || self.open.len() < OPEN && self.rng.u8(..4) == 0)
        {
            let step = self.place();
            self.open.push(step.clone());
            return Some(step);
        }
        match self.advance() {
            Some(step) => Some(step),
            None if self.sells() => self.next(),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn every_order_is_placed_once_and_lives_a_whole_life() {
        let mut last: HashMap<String, Step> = HashMap::new();
        let (mut steps, mut spread) = (0, 0);
        let mut previous = String::new();
        for step in Shop::new(2000, 7) {
            let before = last.get(&step.order.id);
            assert!(step.state.may_follow(before.map(|step| step.state)), "{step:?}");
            assert_eq!(step.number, before.map_or(0, |step| step.number + 1), "{step:?}");
            if let Some(before) = before {
                assert_eq!(before.order, step.order, "an order stays what it is");
            }
            steps += 1;
            spread += u32::from(previous != step.order.id);
            previous.clone_from(&step.order.id);
            last.insert(step.order.id.clone(), step);
        }
        assert_eq!(last.len(), 2000);
        let ended = |state| last.values().filter(|step| step.state == state).count();
        assert_eq!(
            ended(State::Delivered) + ended(State::Returned) + ended(State::Cancelled),
            2000
        );
        for state in [State::Delivered, State::Returned, State::Cancelled] {
            assert!(ended(state) > 20, "{state}");
        }
        assert!(spread > 2000, "the steps of one order are spread among others");
        let average = f64::from(steps) / 2000.0;
        assert!((average - STEPS_PER_ORDER).abs() < 0.1, "{average}");
    }

    #[test]
    fn the_same_seed_gives_the_same_day() {
        assert!(Shop::new(300, 1).eq(Shop::new(300, 1)));
        assert!(!Shop::new(300, 1).eq(Shop::new(300, 2)));
    }

    #[test]
    fn a_closed_shop_brings_its_open_orders_to_an_end() {
        let mut shop = Shop::new(1000, 3);
        let mut ends = HashMap::new();
        for step in shop.by_ref().take(1000) {
            ends.insert(step.order.id, step.state);
        }
        shop.close();
        let placed = shop.placed();
        for step in shop.by_ref() {
            assert_ne!(step.state, State::Placed);
            ends.insert(step.order.id, step.state);
        }
        assert_eq!(ends.len() as u64, placed);
        assert!(ends.values().all(|state| !matches!(state, State::Placed | State::Shipped)));
    }

    #[test]
    fn an_order_survives_json() {
        for step in Shop::new(50, 11) {
            let json = serde_json::to_vec(&step).unwrap();
            assert_eq!(serde_json::from_slice::<Step>(&json).unwrap(), step);
        }
    }
}
