//! An estate on one bridge: a hub that takes nothing, or slowly, costs its own records their place, and nobody else anything.
//!
//! Two topics of 32 partitions go to two hubs of 32, with 16 MiB for everything. One hub gets into trouble: the other goes on
//! as before, what stands is named, and when the trouble is over everything arrives, once and in order.

use eventhubs_local::{Fault, Plan, Server};
use stage::audit::{Audit, Auditor};
use stage::records::{Pour, large_record, record};
use stage::{Bridge, Kafka, Out, PATIENCE, Settings, Supply, unique, wait_for};

const PARTITIONS: i32 = 32;
const HEALTHY: &str = "healthy";
const STRICKEN: &str = "stricken";
/// Records over which a rate is taken.
const WINDOW: u64 = 3_000;
/// Records of some 4.5 KB for the hub in trouble, twice what the bridge may hold.
const FLOOD: u64 = 7_000;
/// What of its rate the other hub has to keep; it keeps nearly all of it, or loses nearly all.
const KEPT: f64 = 0.6;
/// What stands is named within 3 s: a lane stands after 2 s without an answer, and the next record for it is held. By the
/// bridge's own clock, which looks each second, so that it does not matter what else this machine does.
const SOON: f64 = 3.0 + 1.0;

/// A topic that goes to a hub of its own.
struct Side {
    topic: String,
    audit: Audit,
    pour: Pour,
}

impl Side {
    fn new(
        (kafka, group, server): (&Kafka, &str, &Server),
        (hub, make): (&str, fn(i32, i64) -> Out),
        each_round: i64,
    ) -> Self {
        let topic = unique(hub);
        let mut supply = Supply::of(make, kafka, &topic, PARTITIONS);
        supply.write(1);
        let auditor = Auditor::of(&topic, PARTITIONS).written(make);
        let pause = std::time::Duration::from_millis(20);
        let audit = auditor.every(pause * 5).begin(kafka, group, &server.hub(hub));
        Self { topic, audit, pour: supply.pour_slowly(each_round * i64::from(PARTITIONS), pause) }
    }

    /// Waits until that many more are written; gives how many of them have arrived, as a part of one.
    #[track_caller]
    fn rate(&self, records: u64) -> f64 {
        let (written, arrived) = (self.pour.written(), self.audit.records());
        self.wait_written(written + records);
        let arrived = self.audit.records() - arrived;
        arrived as f64 / (self.pour.written() - written) as f64
    }

    #[track_caller]
    fn wait_written(&self, records: u64) {
        wait_for("more is written", PATIENCE, || (self.pour.written() >= records).then_some(()));
    }
}

/// What is named of the hub in trouble: a line of the log, a held partition, or the answer to a probe.
fn named(bridge: &Bridge, topic: &str, lines_before: usize) -> Option<String> {
    let log = bridge.log();
    let mut lines = log.lines().skip(lines_before);
    let of_it = |line: &str| line.contains(STRICKEN) || line.contains(topic);
    let grave = |line: &&str| line.contains("WARN") || line.contains("ERROR");
    if let Some(line) = lines.find(|line| grave(line) && of_it(line)) {
        return Some(line.to_owned());
    }
    let label = format!("topic=\"{topic}\"");
    if bridge.count("bridge_partition_held", &[&label]) > 0 {
        return Some(format!("partitions of {topic} are held"));
    }
    let (_, body) = bridge.readiness();
    of_it(&body).then_some(body)
}

/// For how many seconds the oldest record of a topic has not been settled, as the bridge said last.
fn oldest(bridge: &Bridge, topic: &str) -> f64 {
    let metrics = bridge.metrics();
    let of_it = metrics.lines().filter(|line| {
        line.starts_with("bridge_oldest_in_flight_seconds{") && line.contains(topic)
    });
    let age = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
    of_it.filter_map(age).fold(0.0, f64::max)
}

/// How many partitions went on again, and in how many calls of the Kafka client.
fn went_on(bridge: &Bridge) -> (u64, u64) {
    let log = bridge.log();
    let lines = log.lines().filter(|line| line.contains("partitions resumed"));
    let of = |line: &str| line.split_once("partitions=")?.1.split(' ').next()?.parse::<u64>().ok();
    lines.fold((0, 0), |(all, calls), line| (all + of(line).expect("a number"), calls + 1))
}

/// One hub gets into trouble for a while. What came twice.
fn neighbours(partitioning: &str, trouble: impl FnOnce(Plan<'_>) -> Fault) -> Vec<(i32, i64)> {
    let kafka = Kafka::shared();
    let server = Server::builder()
        .hub(HEALTHY, PARTITIONS as u32)
        .hub(STRICKEN, PARTITIONS as u32)
        .start()
        .unwrap();
    let group = unique("g");
    let stage = (kafka, group.as_str(), &server);
    let healthy = Side::new(stage, (HEALTHY, record), 2);
    let stricken = Side::new(stage, (STRICKEN, large_record), 3);
    let mapping = |side: &Side, hub: &str| {
        format!(
            "[[mappings]]\ntopic = '{}'\nhub = '{hub}'\npartitioning = '{partitioning}'",
            side.topic
        )
    };
    let bridge = Settings::new(kafka, &group, &server)
        .with(&mapping(&healthy, HEALTHY))
        .with(&mapping(&stricken, STRICKEN))
        .with("[limits]\nmemory = '16MiB'")
        .with("[log]\nlevel = 'info,kafka_eventhubs_bridge::kafka::hold=debug'")
        .with("[eventhubs]\nsend_timeout = '3s'\nconnect_timeout = '3s'")
        .start();
    for side in [&healthy, &stricken] {
        side.audit.wait_records(u64::from(PARTITIONS as u32) * 20);
    }
    let before = healthy.rate(WINDOW);

    let lines = bridge.log().lines().count();
    let written = stricken.pour.written();
    let fault = trouble(server.faults().hub(STRICKEN));
    let said = wait_for("what stands is named", PATIENCE, || {
        let stands = oldest(&bridge, &stricken.topic);
        let said = named(&bridge, &stricken.topic, lines);
        assert!(said.is_some() || stands <= SOON, "a record stands for {stands} s, nobody says so");
        said
    });
    assert!(!said.is_empty());
    stricken.wait_written(written + FLOOD);
    // And each way of looking tells it.
    bridge.wait_log(&["WARN", "partition paused (held)", &stricken.topic, STRICKEN]);
    let label = format!("topic=\"{}\"", stricken.topic);
    bridge.wait_metric("bridge_partition_held", &[&label], 1.0);
    wait_for("/readyz tells it", PATIENCE, || {
        bridge.readiness().1.contains(&stricken.topic).then_some(())
    });
    let during = healthy.rate(WINDOW);
    assert!(
        during >= before * KEPT,
        "of {WINDOW} records for the healthy hub {:.0} % arrived before, {:.0} % during the trouble; {said}",
        before * 100.0,
        during * 100.0
    );
    let held = bridge.count("bridge_partition_held", &[&format!("topic=\"{}\"", healthy.topic)]);
    assert_eq!(held, 0, "no partition of the healthy topic is held");
    fault.clear();

    let sides = [healthy, stricken].map(|side| (side.audit, side.pour.stop()));
    for (audit, supply) in &sides {
        audit.wait_records(supply.total());
    }
    bridge.wait_ready(200);
    assert_eq!(bridge.count("bridge_records_let_go_total", &[]), 0);
    bridge.stop();
    let (partitions, calls) = went_on(&bridge);
    assert!(calls < partitions, "{partitions} partitions went on one by one");
    // It panics about what is lost or out of order.
    sides.into_iter().flat_map(|(audit, supply)| audit.finish(supply.ends()).duplicates).collect()
}

macro_rules! troubles {
    ($($name:ident: $plan:ident => $fault:expr;)*) => {
        mod mirror {
            use super::*;
            $(#[test] fn $name() { assert_eq!(neighbours("mirror", |$plan| $fault), []); })*
        }
        mod keys {
            use super::*;
            $(#[test] fn $name() { assert_eq!(neighbours("key", |$plan| $fault), []); })*
        }
    };
}

troubles! {
    a_hub_that_releases_everything: plan => plan.released();
    a_hub_that_is_silent: plan => plan.silent();
    a_hub_that_is_slow: plan => plan.latency(std::time::Duration::from_millis(1_500));
    a_hub_that_is_throttled: plan => plan.server_busy();
    a_hub_that_is_deleted: plan => plan.missing();
}

/// Each batch of the hub ends the connection it came on. What others had on it without an answer comes twice, until its lanes are
/// set apart.
#[test]
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method alone is of one lifetime"
)]
fn a_hub_that_ends_connections() {
    for partitioning in ["mirror", "key"] {
        neighbours(partitioning, |plan| plan.drop_before_store());
    }
}

/// The hub acknowledges late, so that a connection that is cut would leave much that is stored and not acknowledged.
#[test]
fn a_partition_that_answers_nothing_doubles_nothing_on_the_others() {
    const SILENT: i32 = 5;
    let kafka = Kafka::shared();
    let server = Server::builder().hub(HEALTHY, PARTITIONS as u32).start().unwrap();
    let group = unique("g");
    let side = Side::new((kafka, &group, &server), (HEALTHY, record), 2);
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!(
            "[[mappings]]
            topic = '{}'
            hub = '{HEALTHY}'
            partitioning = 'mirror'
            [eventhubs]
            send_timeout = '1s'
            connect_timeout = '3s'",
            side.topic
        ))
        .start();
    side.audit.wait_records(u64::from(PARTITIONS as u32) * 20);
    let hub = || server.faults().hub(HEALTHY);
    let late = hub().delay_ack(std::time::Duration::from_millis(200));
    let silent = hub().partition(SILENT as u32).silent();
    wait_for("it is tried again", PATIENCE, || (silent.fired() >= 5).then_some(()));
    silent.clear();
    late.clear();
    let supply = side.pour.stop();
    side.audit.wait_records(supply.total());
    bridge.stop();
    let mut others = side.audit.finish(supply.ends()).duplicates;
    others.retain(|(partition, _)| *partition != SILENT);
    assert_eq!(others, []);
}

/// What the bridge may hold, and what the process needs besides.
const LIMIT: u64 = 32 << 20;
const BASE: u64 = 80 << 20;
const MANY: i32 = 200;

/// Many partitions of a hub that takes nothing, each with that many records of that size.
fn many_partitions_on_a_dead_hub(each: u64, bytes: usize) {
    let kafka = Kafka::shared();
    let server = Server::builder().hub(STRICKEN, 4).start().unwrap();
    let (topic, group) = (unique("many"), unique("g"));
    kafka.create_topic(&topic, MANY);
    let records = (0..each * MANY as u64).map(|number| {
        let word = |at: u64| (number << 20 | at).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let body = (0..bytes as u64 / 8).flat_map(word).collect::<Vec<u8>>();
        Out::value(body).key(format!("{number}")).to((number % MANY as u64) as i32)
    });
    kafka.produce_with(&topic, records, &[]);
    let audit = Auditor::of(&topic, MANY).foreign().begin(kafka, &group, &server.hub(STRICKEN));
    let stuck = server.faults().hub(STRICKEN).released();
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topic, STRICKEN)
        .with("[limits]\nmemory = '32MiB'")
        .start();
    let mut most = 0;
    let mut look = || {
        let resident = bridge.count("process_resident_memory_bytes", &[]);
        most = most.max(resident);
        assert!(most < LIMIT + BASE, "{} MB of {bytes} bytes records", most >> 20);
        bridge.count("bridge_records_received_total", &[])
    };
    // Nothing more is taken from Kafka, however often is tried.
    wait_for("it holds what it may", PATIENCE, || {
        let (taken, fired) = (look(), stuck.fired());
        wait_for("another round", PATIENCE, || (stuck.fired() >= fired + 8).then_some(()));
        (taken > 0 && look() == taken).then_some(())
    });
    stuck.clear();
    wait_for("everything arrives", PATIENCE, || {
        look();
        (audit.records() >= each * MANY as u64).then_some(())
    });
    bridge.stop();
    assert_eq!(audit.finish(&[each as i64; MANY as usize]).duplicates, []);
}

#[test]
fn two_hundred_partitions_of_records_of_10_kb_wait_in_kafka() {
    many_partitions_on_a_dead_hub(100, 10_000);
}

#[test]
fn two_hundred_partitions_of_records_of_nearly_1_mb_wait_in_kafka() {
    many_partitions_on_a_dead_hub(1, 900_000);
}
