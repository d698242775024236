//! What can never be stored: it is found among what can, and goes the way its policy says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventhubs_local::{Condition, Server};
use stage::audit::{Auditor, Place};
use stage::event::place;
use stage::records::{noise, record};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

/// What the links of these tests take.
const LIMIT: u64 = 16 << 10;

/// The records of `range` in both partitions; those that are `large` do not fit through a link.
fn records(range: Range<i64>, large: impl Fn(Place) -> bool) -> impl Iterator<Item = Out> {
    let places = range.flat_map(|n| [(0, n), (1, n)]);
    places.map(move |at| written(at, large(at)))
}

fn written((partition, n): Place, large: bool) -> Out {
    let out = record(partition, n);
    if large { Out { value: Some(vec![b'x'; 2 * LIMIT as usize]), ..out } } else { out }
}

/// From now on the content of these records is not to the taste of Event Hubs.
fn refuse(server: &Server, bad: impl Fn(Place) -> bool + Send + Sync + 'static) {
    let condition = Condition::new("amqp:not-allowed", "not to our taste");
    server.faults().everywhere().reject_if(
        move |event| {
            let (_, partition, offset) = event.message_id().and_then(place).expect("a place");
            bad((partition, offset))
        },
        condition,
    );
}

/// The label of a metric.
fn of(topic: &str) -> String {
    format!("topic=\"{topic}\"")
}

#[test]
fn a_record_over_the_limit_halts_its_partition_and_no_other() {
    halts("too_large", 4);
}

/// One hub partition: what stands behind the record in other lanes may be under way before it is refused.
#[test]
fn a_record_refused_for_its_content_halts_its_partition_and_no_other() {
    halts("refused", 1);
}

fn halts(reason: &str, hub_partitions: u32) {
    let bad = |at: Place| at == (0, 10);
    let large = move |at: Place| reason == "too_large" && bad(at);
    let kafka = Kafka::shared();
    let (topic, group) = (unique(reason), unique("g"));
    let server = Server::builder().hub("orders", hub_partitions).max_message_size(LIMIT).start();
    let server = server.unwrap();
    if reason == "refused" {
        refuse(&server, bad);
    }
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, records(0..40, large));
    let dropped = Arc::new(AtomicBool::new(false));
    let excused = Arc::clone(&dropped);
    let audit = Auditor::of(&topic, 2)
        .excuse(move |at| excused.load(Ordering::Relaxed) && bad(at))
        .begin(kafka, &group, &server.hub("orders"));
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");

    let bridge = settings.start();
    audit.wait_records(10 + 40);
    let line = bridge.wait_log(&["ERROR", "halted", &format!("{topic}/0"), "offset=10", reason]);
    for way_out in ["restart", "failure.policy", "dead_letter", "drop"] {
        assert!(line.contains(way_out), "{line}");
    }
    let labels = [&*of(&topic), "partition=\"0\"", "reason=\"halted\""];
    bridge.wait_metric("bridge_partition_held", &labels, 1.0);
    assert_eq!(bridge.count("bridge_partition_held", &[]), 1);
    let labels = [&*of(&topic), "policy=\"halt\"", &format!("reason=\"{reason}\"")];
    assert_eq!(bridge.count("bridge_records_refused_total", &labels), 1);
    // The other partition goes on.
    kafka.produce(&topic, records(40..60, large));
    audit.wait_records(10 + 60);
    wait_for("the other partition is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 1) == Some(60)).then_some(())
    });
    bridge.stop();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(10), "it stands at the record");
    assert_eq!(audit.records(), 10 + 60, "nothing behind the record was sent");

    dropped.store(true, Ordering::Relaxed);
    let bridge = settings.with("[failure]\npolicy = 'drop'").start();
    audit.wait_records(2 * 60 - 1);
    bridge.wait_log(&["WARN", "dropped", &format!("{topic}/0"), "offset=10", reason]);
    bridge.stop();
    assert_eq!(audit.finish(&[60, 60]).duplicates, []);
}

#[test]
fn bad_records_in_a_batch_are_dropped_and_the_others_stored_once_in_order() {
    let bad = |(partition, n): Place| match partition {
        0 => [0, 1, 100, 199].contains(&n),
        _ => (50..53).contains(&n),
    };
    let kafka = Kafka::shared();
    let (topic, group) = (unique("batch"), unique("g"));
    let server = Server::builder().hub("orders", 1).start().unwrap();
    refuse(&server, bad);
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, records(0..200, |_| false));
    let audit = Auditor::of(&topic, 2).excuse(bad).begin(kafka, &group, &server.hub("orders"));
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
    let bridge = settings.with("[failure]\npolicy = 'drop'\n[batch]\nlinger = '200ms'").start();
    audit.wait_records(2 * 200 - 7);
    let labels = [&*of(&topic), "policy=\"drop\"", "reason=\"refused\""];
    bridge.wait_metric("bridge_records_refused_total", &labels, 7.0);
    assert_eq!(bridge.count("bridge_records_refused_total", &[]), 7);
    assert_eq!(bridge.count("bridge_partition_held", &[]), 0);
    bridge.stop();
    let report = audit.finish(&[200, 200]);
    assert_eq!((report.duplicates, report.rewinds), (vec![], 0));
    let stored = server.hub("orders").partition(0).counters();
    assert!(stored.deliveries < stored.events / 3, "they came in batches: {stored:?}");
}

/// The letters of a dead-letter topic by the place they name, without what the bridge added.
pub(crate) fn letters(
    kafka: &Kafka,
    target: &str,
    topic: &str,
) -> BTreeMap<Place, (Out, String, String)> {
    let mut letters = BTreeMap::new();
    for mut letter in kafka.records(target, 0) {
        let added = letter.headers.split_off(letter.headers.len() - 7);
        let text = |at: usize, name: &str| {
            assert_eq!(added[at].0, name.as_bytes());
            String::from_utf8(added[at].1.clone().expect("a value")).expect("a text")
        };
        assert_eq!(text(2, "bridge_topic"), topic);
        assert!(["orders", "kept"].contains(&&*text(5, "bridge_hub")));
        assert_eq!(text(6, "bridge_namespace"), "default");
        let partition = text(3, "bridge_partition").parse().expect("a partition");
        let offset = text(4, "bridge_offset").parse().expect("an offset");
        letter.partition = Some(partition);
        let entry = (letter, text(0, "bridge_reason"), text(1, "bridge_detail"));
        let before = letters.insert((partition, offset), entry);
        assert!(before.is_none(), "two letters of {topic}/{partition}/{offset}");
    }
    letters
}

#[test]
fn dead_letters_are_the_records_to_the_byte_and_the_rest_flows() {
    let large = |at: Place| at == (0, 5) || at == (1, 0);
    let strange = |(partition, n): Place| {
        let record = record(partition, n);
        n % 30 == 7 || record.value.is_none() || record.headers.len() > 1
    };
    let bad = move |at: Place| large(at) || strange(at);
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("alive"), unique("dead"), unique("g"));
    let server = Server::builder().hub("orders", 4).max_message_size(LIMIT).start().unwrap();
    refuse(&server, strange);
    kafka.create_topic(&topic, 2);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, records(0..200, large));
    let count = (0..200).flat_map(|n| [(0, n), (1, n)]).filter(|at| bad(*at)).count();
    let audit = Auditor::of(&topic, 2).excuse(bad).begin(kafka, &group, &server.hub("orders"));
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, "orders")
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"))
        .start();
    audit.wait_records(2 * 200 - count as u64);
    let labels = [&*of(&topic), "policy=\"dead_letter\""];
    bridge.wait_metric("bridge_records_refused_total", &labels, count as f64);
    bridge.wait_log(&["WARN", "dead-letter", &format!("{topic}/0"), "offset=5", &target]);
    bridge.stop();
    assert_eq!(audit.finish(&[200, 200]).duplicates, []);
    let letters = letters(kafka, &target, &topic);
    assert_eq!(letters.len(), count);
    for (at, (letter, reason, detail)) in letters {
        assert!(bad(at), "{at:?} is good");
        assert_eq!(letter, written(at, large(at)));
        let (expected, words) = if large(at) {
            ("too_large", LIMIT.to_string())
        } else {
            ("refused", "not to our taste".to_owned())
        };
        assert_eq!(reason, expected);
        assert!(detail.contains(&words), "{detail}");
    }
}

/// The log stays one that can be read, and hides nothing.
#[test]
fn of_many_dead_letters_the_log_names_the_first_and_counts_the_others() {
    const BAD: usize = 300;
    let bad = |(partition, n): Place| partition == 0 && n < BAD as i64;
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("many"), unique("dead"), unique("g"));
    let server = Server::builder().hub("orders", 2).max_message_size(LIMIT).start().unwrap();
    kafka.create_topic(&topic, 2);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, records(0..BAD as i64 + 10, bad));
    let audit = Auditor::of(&topic, 2).excuse(bad).begin(kafka, &group, &server.hub("orders"));
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, "orders")
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"))
        .start();
    let labels = [&*of(&topic), "policy=\"dead_letter\""];
    bridge.wait_metric("bridge_records_refused_total", &labels, BAD as f64);
    wait_for("everything is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(BAD as i64 + 10)).then_some(())
    });
    bridge.stop();
    drop(audit.finish(&[BAD as i64 + 10; 2]));
    let log = bridge.log();
    let first = "record written to its dead-letter topic";
    let place = format!("partition={topic}/0");
    // One a minute of those it took, and after each how many more.
    let mut told = 0;
    for line in log.lines().filter(|line| line.contains("WARN") && line.contains(&place)) {
        let of = |word: &str| line.split_once(word)?.1.split(' ').next()?.parse::<usize>().ok();
        told += usize::from(line.contains(first)) + of("before=").or(of("more=")).unwrap_or(0);
    }
    assert_eq!(told, BAD, "each is counted");
    let lines = log.lines().filter(|line| line.contains(first)).count();
    assert!(lines < BAD / 50, "{lines} lines");
    let first = bridge.wait_log(&["WARN", first, &place, "offset=0", "too_large", &target]);
    assert!(first.contains(&LIMIT.to_string()), "it says why: {first}");
    assert_eq!(letters(kafka, &target, &topic).len(), BAD);
}

#[test]
fn a_missing_dead_letter_topic_loses_nothing() {
    let bad = |at: Place| at == (0, 10);
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("alive"), unique("dead"), unique("g"));
    let server = Server::builder().hub("orders", 2).max_message_size(LIMIT).start().unwrap();
    kafka.create_topic(&topic, 2);
    kafka.produce(&topic, records(0..40, bad));
    let made = Arc::new(AtomicBool::new(false));
    let excused = Arc::clone(&made);
    let audit = Auditor::of(&topic, 2)
        .excuse(move |at| excused.load(Ordering::Relaxed) && bad(at))
        .begin(kafka, &group, &server.hub("orders"));
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders").with(&format!(
        "[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'\n[limits]\ndrain_timeout = '1s'"
    ));
    let bridge = settings.start();
    audit.wait_records(2 * 40 - 1);
    let line = bridge.wait_log(&["WARN", "dead letter", &format!("{topic}/0"), "offset=10"]);
    assert!(line.contains(&target) && line.contains("retrying"), "{line}");
    wait_for("the other partition is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 1) == Some(40)).then_some(())
    });
    // A stop does not wait for ever, and gives nothing up.
    bridge.stop();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(10), "it stands at the record");
    let again = audit.uncommitted();
    assert_eq!(again, (11..40).map(|n| (0, n)).collect::<Vec<_>>());

    let bridge = settings.start();
    bridge.wait_log(&["dead letter", "retrying"]);
    made.store(true, Ordering::Relaxed);
    kafka.create_topic(&target, 1);
    wait_for("everything is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(40)).then_some(())
    });
    bridge.stop();
    let mut duplicates = audit.finish(&[40, 40]).duplicates;
    duplicates.sort_unstable();
    assert_eq!(duplicates, again);
    let letters = letters(kafka, &target, &topic);
    assert_eq!(letters.keys().copied().collect::<Vec<_>>(), [(0, 10)]);
}

/// It holds its own partition, and says what to change; what is changed then is enough.
#[test]
fn a_record_too_large_for_its_dead_letter_topic_halts_its_partition_and_no_other() {
    let bad = |at: Place| at == (0, 10);
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("alive"), unique("narrow"), unique("g"));
    let server = Server::builder().hub("orders", 2).max_message_size(LIMIT).start().unwrap();
    kafka.create_topic(&topic, 2);
    kafka.create_topic_with(&target, 1, &[("max.message.bytes", "1000")]);
    let large = |at| Out { value: Some(noise(20_000)), ..written(at, false) };
    let places = (0..40).flat_map(|n| [(0, n), (1, n)]);
    kafka.produce(&topic, places.map(|at| if bad(at) { large(at) } else { written(at, false) }));
    let raised = Arc::new(AtomicBool::new(false));
    let excused = Arc::clone(&raised);
    let audit = Auditor::of(&topic, 2)
        .excuse(move |at| excused.load(Ordering::Relaxed) && bad(at))
        .begin(kafka, &group, &server.hub("orders"));
    let settings = Settings::new(kafka, &group, &server)
        .mapping(&topic, "orders")
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"));
    let bridge = settings.start();
    let line = bridge.wait_log(&["ERROR", "halted", &format!("{topic}/0"), "offset=10"]);
    let advice = format!("raise `max.message.bytes` of `{target}` to 20");
    for words in ["dead_letter_failed", "has 20", "accepts 1000 ", &advice, "restart"] {
        assert!(line.contains(words), "`{words}` is not in {line}");
    }
    assert!(!line.contains("failure.policy"), "it is set already: {line}");
    let labels = [&*of(&topic), "partition=\"0\"", "reason=\"halted\""];
    bridge.wait_metric("bridge_partition_held", &labels, 1.0);
    assert_eq!(bridge.count("bridge_partition_held", &[]), 1);
    wait_for("the other partition is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 1) == Some(40)).then_some(())
    });
    bridge.stop();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(10), "it stands at the record");
    assert_eq!(kafka.watermarks(&target, 0), (0, 0));

    kafka.set_topic(&target, "max.message.bytes", "30000");
    raised.store(true, Ordering::Relaxed);
    let bridge = settings.start();
    wait_for("everything is committed", PATIENCE, || {
        (kafka.committed(&group, &topic, 0) == Some(40)).then_some(())
    });
    bridge.stop();
    drop(audit.finish(&[40, 40]));
    let letters = letters(kafka, &target, &topic);
    assert_eq!(letters.keys().copied().collect::<Vec<_>>(), [(0, 10)]);
    assert_eq!(letters[&(0, 10)].0, large((0, 10)));
}

#[test]
fn a_partition_without_a_mirror_goes_the_way_of_what_cannot_be_stored() {
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("mirror"), unique("dead"), unique("g"));
    let server = Server::builder().hub("orders", 2).start().unwrap();
    kafka.create_topic(&topic, 2);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, records(0..40, |_| false));
    let audit = Auditor::of(&topic, 3).excuse(|(partition, _)| partition == 2).begin(
        kafka,
        &group,
        &server.hub("orders"),
    );
    let mapping = format!(
        "[[mappings]]\ntopic = '{topic}'\nhub = 'orders'\npartitioning = 'mirror'
        failure = {{ policy = 'dead_letter', dead_letter_topic = '{target}' }}"
    );
    let bridge = Settings::new(kafka, &group, &server).with(&mapping).start();
    audit.wait_records(2 * 40);
    // The topic outgrows its hub.
    kafka.add_partitions(&topic, 3);
    kafka.wait_partitions(&topic, 3);
    kafka.produce(&topic, (0..20).map(|n| record(2, n)));
    kafka.produce(&topic, records(40..50, |_| false));
    audit.wait_records(2 * 50);
    let labels = [&*of(&topic), "policy=\"dead_letter\"", "reason=\"no_such_partition\""];
    bridge.wait_metric("bridge_records_refused_total", &labels, 20.0);
    bridge.stop();
    assert_eq!(audit.finish(&[50, 50, 20]).duplicates, []);
    let letters = letters(kafka, &target, &topic);
    assert_eq!(letters.len(), 20);
    for (at, (letter, reason, detail)) in letters {
        assert_eq!((letter, &*reason), (written(at, false), "no_such_partition"));
        assert!(detail.contains("partition 2 has no mirror"), "{detail}");
    }
}
