//! What the departments add up from the orders they read, in money and parcels.
//!
//! The order service keeps the same books over what it sends. When every department ends with the same figures, what
//! the business sees is right, not only the number of events. Sums need the state before, and so need order.

use crate::order::{Count, Euros, State, Step};

/// Who reads the hub, each in a consumer group of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Department {
    Inventory,
    Payment,
    Fulfilment,
}

impl Department {
    pub(crate) const ALL: [Department; 3] =
        [Department::Inventory, Department::Payment, Department::Fulfilment];

    /// Also the name of its consumer group.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Department::Inventory => "inventory",
            Department::Payment => "payment",
            Department::Fulfilment => "fulfilment",
        }
    }
}

/// Sums over all steps seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Books {
    reserved_items: u64,
    restocked_items: u64,
    captured_cents: u64,
    refunded_cents: u64,
    packed: u64,
    shipped: u64,
    delivered: u64,
}

impl Books {
    /// Enters a step of an order that was in state `before`.
    pub(crate) fn enter(&mut self, step: &Step, before: Option<State>) {
        let (items, cents) = (step.order.items(), step.order.total_cents);
        match step.state {
            State::Placed => self.reserved_items += items,
            State::Paid => self.captured_cents += cents,
            State::Packed => self.packed += 1,
            State::Shipped => self.shipped += 1,
            State::Delivered => self.delivered += 1,
            State::Cancelled | State::Returned => {
                self.restocked_items += items;
                // An order called off before it was paid costs nothing.
                if before != Some(State::Placed) {
                    self.refunded_cents += cents;
                }
            }
        }
    }

    /// The figures a department works by: two, each with its name.
    pub(crate) fn figures(&self, department: Department) -> [(String, &'static str); 2] {
        let count = |number| Count(number).to_string();
        let euros = |cents| Euros(cents).to_string();
        match department {
            Department::Inventory => [
                (count(self.reserved_items), "reserved"),
                (count(self.restocked_items), "restocked"),
            ],
            Department::Payment => {
                [(euros(self.captured_cents), "captured"), (euros(self.refunded_cents), "refunded")]
            }
            Department::Fulfilment => {
                [(count(self.shipped), "shipped"), (count(self.delivered), "delivered")]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Line, Order};

    fn step(state: State) -> Step {
        let line = Line { sku: "cup".into(), quantity: 3, unit_cents: 1250 };
        let order = Order {
            id: "ORD-000001".into(),
            customer: "Ada".into(),
            city: "London".into(),
            total_cents: 3750,
            lines: vec![line],
        };
        Step { order, number: 0, state }
    }

    #[test]
    fn what_was_paid_is_refunded_and_nothing_else() {
        let mut books = Books::default();
        books.enter(&step(State::Placed), None);
        books.enter(&step(State::Cancelled), Some(State::Placed));
        assert_eq!(books.figures(Department::Payment)[1].0, "€0.00");
        assert_eq!(books.figures(Department::Inventory)[1].0, "3");

        books.enter(&step(State::Paid), Some(State::Placed));
        books.enter(&step(State::Returned), Some(State::Delivered));
        let [captured, refunded] = books.figures(Department::Payment);
        assert_eq!((captured.0.as_str(), refunded.0.as_str()), ("€37.50", "€37.50"));
    }

    #[test]
    fn a_step_out_of_turn_shows_in_the_books() {
        let (mut right, mut wrong) = (Books::default(), Books::default());
        right.enter(&step(State::Cancelled), Some(State::Paid));
        wrong.enter(&step(State::Cancelled), Some(State::Placed));
        assert_ne!(right, wrong);
    }
}
