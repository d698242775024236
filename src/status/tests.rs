//! Rates and their windows.

use bridge_core::HubName;

use super::*;
use crate::metrics::{SentTotals, TakenTotals, Totals};

fn totals(count: u64, behind: Option<u64>) -> Totals {
    let hub = HubName { namespace: "default".into(), hub: "orders".into() };
    let sent = SentTotals {
        events: count,
        bytes: count * 100,
        batches: count / 10,
        seconds: count as f64,
    };
    Totals {
        topics: [("orders".into(), TakenTotals { records: count, bytes: count * 10 })].into(),
        hubs: [(hub, sent)].into(),
        behind,
    }
}

#[test]
fn rates_are_those_of_the_last_ten_seconds() {
    let (mut rates, began) = (Rates::default(), Instant::now());
    let at = |seconds| began + Duration::from_secs(seconds);
    let now = totals(700, None);
    let first = rates.change(at(0), &now);
    assert_eq!(
        (first.topic("orders"), first.sent().events),
        ((0.0, 0.0), 0.0),
        "nothing to compare"
    );
    // 10 a second for a minute, then 40 a second.
    for seconds in (0..=60).step_by(5) {
        rates.keep(at(seconds), totals(seconds * 10, None));
    }
    rates.keep(at(65), totals(600 + 200, None));
    let now = totals(600 + 400, None);
    let change = rates.change(at(70), &now);
    assert_eq!(change.topic("orders"), (40.0, 400.0));
    assert_eq!(change.topic("another"), (0.0, 0.0));
    assert_eq!(change.taken(), (40.0, 400.0));
    let sent = change.sent();
    assert_eq!((sent.events, sent.bytes, sent.batches), (40.0, 4_000.0, 4.0));
    assert_eq!((sent.events_per_batch(), sent.send_seconds()), (Some(10.0), Some(10.0)));
}

#[test]
fn who_falls_behind_never_catches_up() {
    let (mut rates, began) = (Rates::default(), Instant::now());
    let at = |seconds| began + Duration::from_secs(seconds);
    assert_eq!(rates.caught_up(at(0), 500), None, "nothing is known");
    for seconds in (0..=90).step_by(5) {
        rates.keep(at(seconds), totals(0, Some(10_000 - seconds * 100)));
    }
    // A minute ago, not at the beginning: 100 a second less, 1000 to go.
    let left = rates.caught_up(at(90), 1_000).expect("it falls");
    assert!((9..=11).contains(&left.as_secs()), "{left:?}");
    assert_eq!(rates.caught_up(at(90), 7_000), None);
    assert_eq!(rates.caught_up(at(90), 8_000), None);
}
