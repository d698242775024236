use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::books::Department;
use crate::gauges::Gauges;
use crate::inbox::Recent;
use crate::order::State;
use crate::snapshot::Filled;

/// A moment in the middle of a run.
pub(crate) fn moment() -> Snapshot {
    let reading = |department, events, figures| Reading {
        department,
        events,
        rate: 6100,
        faults: 0,
        figures,
    };
    let figures = |a: &str, b, c: &str, d| [(a.to_owned(), b), (c.to_owned(), d)];
    Snapshot {
        elapsed: Duration::from_millis(7300),
        phase: Phase::Flowing,
        placed: 9300,
        orders: 20_000,
        kafka: vec![Filled { records: 10_950, delivered: 10_920 }; 4],
        produced_rate: 6130,
        gauges: Gauges {
            received: 43_750,
            sent: 43_680,
            retries: 2,
            commits: 8,
            memory_bytes: 23 << 20,
            ..Gauges::default()
        },
        received_rate: 6120,
        sent_rate: 6110,
        acknowledgement: (Some(Duration::from_micros(1200)), Some(Duration::from_micros(4100))),
        hub: vec![5460; 8],
        stored_rate: 6100,
        readers: vec![
            reading(
                Department::Inventory,
                43_600,
                figures("31,402", "reserved", "2,711", "restocked"),
            ),
            reading(
                Department::Payment,
                43_590,
                figures("€2,345,678.90", "captured", "€91,220.10", "refunded"),
            ),
            reading(
                Department::Fulfilment,
                43_680,
                figures("8,321", "shipped", "8,001", "delivered"),
            ),
        ],
        recent: vec![
            Recent {
                order_id: "ORD-009120".to_owned(),
                customer: "Katherine Johnson".to_owned(),
                city: "Hampton".to_owned(),
                items: 3,
                total_cents: 7120,
                trail: vec![State::Placed, State::Paid, State::Packed],
            };
            9
        ],
        admin: Some("127.0.0.1:39041".parse().unwrap()),
    }
}

/// The screen as text.
fn screen(width: u16, height: u16, snapshot: &Snapshot) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, snapshot)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| line(y).trim_end().to_owned() + "\n").collect()
}

#[test]
fn everything_fits_a_small_terminal_and_a_large_one() {
    for (width, height) in [(80, 24), (100, 30), (200, 60)] {
        let text = screen(width, height, &moment());
        println!("{text}");
        assert!(text.lines().any(|line| line.contains("lag") && line.contains(" 120")), "{text}");
        for part in [
            "9,300 of 20,000 orders",
            "00:07",
            "Kafka · orders",
            "10,950",
            "● ready",
            "43,680 6,110/s",
            "1.2 ms (p99 4.1 ms)",
            "23 MB",
            "Event Hubs · orders",
            "inventory",
            "payment",
            "fulfilment",
            "✓ in order",
            "80 behind",
            "€2,345,678.90",
            "ORD-009120",
            "placed → paid → packed",
            "orders are flowing",
            "http://127.0.0.1:39041/metrics",
        ] {
            assert!(text.contains(part), "`{part}` is not on {width} × {height}:\n{text}");
        }
    }
}

#[test]
fn faults_and_waiting_are_plain_to_see() {
    let mut snapshot = moment();
    snapshot.readers[1].faults = 3;
    snapshot.phase = Phase::Joining("not a member of its consumer group".to_owned());
    let text = screen(100, 30, &snapshot);
    for part in
        ["✗ 3 faults", "○ joining", "the bridge is starting: not a member of its consumer group"]
    {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn a_tiny_terminal_gets_words() {
    for (width, height) in [(1, 1), (40, 10), (75, 19)] {
        let text = screen(width, height, &moment());
        assert!(width < 40 || text.contains("orders 9300/20000"), "{text}");
    }
}

#[test]
fn an_empty_moment_can_be_drawn() {
    let mut snapshot = moment();
    (snapshot.kafka, snapshot.hub, snapshot.readers) = (Vec::new(), Vec::new(), Vec::new());
    (snapshot.placed, snapshot.orders) = (0, 0);
    assert!(screen(80, 24, &snapshot).contains("0 of 0 orders"));
}
