//! An order and the steps of its life, as they travel: the JSON of a record's value.
//!
//! Every step of an order carries the whole order, its new state, and its number within the order. Who reads them must
//! see the numbers 0, 1, 2, … and only states that may follow each other; that is what "order per key" means here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Placed,
    Paid,
    Packed,
    Shipped,
    Delivered,
    Returned,
    Cancelled,
}

impl State {
    /// What may come next; nothing after the last.
    pub(crate) fn followers(self) -> &'static [State] {
        match self {
            State::Placed => &[State::Paid, State::Cancelled],
            State::Paid => &[State::Packed, State::Cancelled],
            State::Packed => &[State::Shipped],
            State::Shipped => &[State::Delivered],
            State::Delivered => &[State::Returned],
            State::Returned | State::Cancelled => &[],
        }
    }

    /// Whether an order may be in this state after `before`, or begin with it.
    pub(crate) fn may_follow(self, before: Option<State>) -> bool {
        match before {
            Some(before) => before.followers().contains(&self),
            None => self == State::Placed,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Placed => "placed",
            State::Paid => "paid",
            State::Packed => "packed",
            State::Shipped => "shipped",
            State::Delivered => "delivered",
            State::Returned => "returned",
            State::Cancelled => "cancelled",
        })
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: u32,
    pub(crate) unit_cents: u64,
}

/// What was ordered, by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The key of every record about it.
    #[serde(rename = "order_id")]
    pub(crate) id: String,
    pub(crate) customer: String,
    pub(crate) city: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) total_cents: u64,
}

impl Order {
    pub(crate) fn items(&self) -> u64 {
        self.lines.iter().map(|line| u64::from(line.quantity)).sum()
    }
}

/// One step in the life of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// 0 for the first, then without a gap.
    #[serde(rename = "step")]
    pub(crate) number: u32,
    pub(crate) state: State,
    pub(crate) order: Order,
}

impl Step {
    /// The W3C trace header of this step. It follows from the step, so a reader can tell whether it arrived whole.
    pub(crate) fn traceparent(&self) -> String {
        let trace = self.order.id.bytes().fold(0xcbf2_9ce4_8422_2325_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_01b3_0000_0000_01b3)
        });
        format!("00-{trace:032x}-{:016x}-01", u64::from(self.number) + 1)
    }
}

/// A sum of money, as people write it.
pub(crate) struct Euros(pub(crate) u64);

impl fmt::Display for Euros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "€{}.{:02}", Count(self.0 / 100), self.0 % 100)
    }
}

/// A number in groups of three digits.
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_begins_placed_and_goes_only_where_it_may() {
        assert!(State::Placed.may_follow(None));
        assert!(!State::Paid.may_follow(None));
        assert!(State::Shipped.may_follow(Some(State::Packed)));
        assert!(!State::Packed.may_follow(Some(State::Shipped)));
        assert!(!State::Paid.may_follow(Some(State::Cancelled)));
        assert!(!State::Placed.may_follow(Some(State::Placed)));
    }

    #[test]
    fn numbers_read_well() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(Count(number).to_string(), text);
        }
        assert_eq!(Euros(123_405).to_string(), "€1,234.05");
        assert_eq!(format!("{:>7}", Count(1000)), "  1,000");
    }
}
