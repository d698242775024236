use super::*;

/// A run of three orders in which everything went well.
fn good() -> Facts {
    let reader = |department| Reader {
        department,
        events: 12,
        orders: 3,
        books: Books::default(),
        faults: Faults::default(),
        restarts: Vec::new(),
    };
    Facts {
        orders: 3,
        produced: 12,
        books: Books::default(),
        took: Duration::from_secs(2),
        gauges: Gauges { received: 12, sent: 12, ..Gauges::default() },
        stored: 12,
        readers: Department::ALL.map(reader).to_vec(),
        offsets: vec![Offsets { end: 5, committed: 5 }, Offsets { end: 7, committed: 7 }],
        exit: Some((0, Duration::from_millis(230))),
        trouble: Vec::new(),
        log: vec!["INFO the last line".to_owned()],
    }
}

fn failing(facts: &Facts) -> Vec<&'static str> {
    facts.checks().into_iter().filter(|check| !check.holds).map(|check| check.name).collect()
}

fn text(facts: &Facts) -> String {
    Summary { facts, colour: false }.to_string()
}

#[test]
fn a_good_run_says_so_and_what_is_next() {
    let facts = good();
    assert!(facts.good());
    let text = text(&facts);
    for part in [
        "every order arrived, once and in order",
        "3 orders, 12 records in 2.0 s (6/s)",
        "12 records in, 12 events out",
        "✓ lag 0          committed 12 of 12 in Kafka",
        "✓ clean stop     exit code 0, 0.2 s after SIGTERM",
        "make test",
        "[[mappings]]",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
    assert!(!text.contains('✗') && !text.contains("the last line") && !text.contains('\x1b'));
}

#[test]
fn each_fault_fails_its_check_alone() {
    type Harm = fn(&mut Facts);
    let harms: [(Harm, &str); 13] = [
        (|facts| facts.stored = 11, "nothing lost"),
        (|facts| facts.stored = 13, "nothing lost"),
        (|facts| facts.gauges.sent = 13, "nothing lost"),
        (|facts| facts.gauges.received = 11, "nothing lost"),
        (|facts| facts.readers[1].events = 11, "nothing lost"),
        (|facts| facts.readers[0].faults.twice = 1, "nothing twice"),
        (|facts| facts.readers[2].faults.out_of_turn = 1, "order per key"),
        (|facts| facts.readers[2].orders = 2, "order per key"),
        (|facts| facts.readers[1].faults.broken = 1, "keys, headers"),
        (|facts| facts.offsets[1].committed = 6, "lag 0"),
        (|facts| facts.offsets[1] = Offsets { end: 6, committed: 6 }, "lag 0"),
        (|facts| facts.exit = Some((70, Duration::ZERO)), "clean stop"),
        (|facts| facts.exit = None, "clean stop"),
    ];
    for (at, (harm, name)) in harms.into_iter().enumerate() {
        let mut facts = good();
        harm(&mut facts);
        assert_eq!(failing(&facts), [name], "harm {at}");
        assert!(!facts.good());
        let text = text(&facts);
        assert!(text.contains(&format!("✗ {name}")) && text.contains("the last line"), "{text}");
        assert!(!text.contains("What to try next"));
    }
}

#[test]
fn wrong_books_fail_though_every_event_arrived() {
    let mut facts = good();
    let step = crate::shop::Shop::new(1, 1).next().unwrap();
    facts.readers[0].books.enter(&step, None);
    assert_eq!(failing(&facts), ["books"]);
}

#[test]
fn a_run_without_orders_or_with_a_reader_missing_is_not_good() {
    let mut facts = good();
    facts.readers.pop();
    assert!(failing(&facts).contains(&"nothing lost"));

    let mut facts = good();
    (facts.produced, facts.stored, facts.orders) = (0, 0, 0);
    facts.gauges = Gauges::default();
    facts.readers.iter_mut().for_each(|reader| (reader.events, reader.orders) = (0, 0));
    facts.offsets.clear();
    assert_eq!(failing(&facts), ["nothing lost"]);
}

#[test]
fn trouble_is_told_with_the_first_faults() {
    let mut facts = good();
    facts.trouble.push("nothing moved for 30 s".to_owned());
    facts.readers[0].faults.told.push("ORD-000001: step 2".to_owned());
    facts.readers[1].restarts.push("silent".to_owned());
    assert!(!facts.good());
    let text = text(&facts);
    for part in [
        "error: nothing moved for 30 s",
        "inventory: ORD-000001: step 2",
        "payment: silent",
        "payment        12 events, €0.00 captured, €0.00 refunded (its client was replaced 1 times)",
    ] {
        assert!(text.contains(part), "`{part}` is not in {text}");
    }
}
