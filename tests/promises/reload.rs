//! The configuration of a running bridge changes: what has changed drains and goes on as it is now, and nothing else notices.

use std::collections::BTreeSet;

use eventhubs_local::{Hub, Partition, Server};
use kafka_eventhubs_bridge::admin::Answer;
use kafka_eventhubs_bridge::status::document::Document;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use stage::audit::{Audit, Auditor};
use stage::event::place;
use stage::records::{Pour, noise};
use stage::{Bridge, Kafka, Out, PATIENCE, Settings, Supply, unique, wait_for};

/// A Kafka partition and an offset.
type Spot = (i32, i64);

const PARTITIONS: i32 = 2;
/// What nobody touches, where the other topic goes at first, and two hubs more.
const HUBS: [&str; 4] = ["returns", "orders", "bills", "copies"];

/// Two topics that are written to all the time. The first is never touched.
struct Estate {
    topics: [String; 2],
    server: Server,
    bare: Settings,
    audit: Audit,
    pours: [Pour; 2],
}

impl Estate {
    fn new(kafka: &Kafka) -> Self {
        let builder = HUBS.iter().fold(Server::builder(), |it, hub| it.hub(*hub, 2));
        let (server, group) = (builder.start().unwrap(), unique("g"));
        let topics = ["returns", "orders"].map(unique);
        let pours = topics.each_ref().map(|topic| {
            let mut supply = Supply::new(kafka, topic, PARTITIONS);
            supply.write(200);
            supply.pour()
        });
        let auditor = Auditor::of(&topics[0], PARTITIONS);
        let audit = auditor.begin(kafka, &group, &server.hub(HUBS[0]));
        let bare = Settings::new(kafka, &group, &server).mapping(&topics[0], HUBS[0]);
        Self { topics, server, bare, audit, pours }
    }

    /// With these mappings of the other topic: each a hub and what else it says.
    fn with(&self, mappings: &[(&str, &str)]) -> Settings {
        mappings.iter().fold(self.bare.clone(), |settings, (hub, more)| {
            let topic = &self.topics[1];
            settings.with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = '{hub}'\n{more}"))
        })
    }

    fn orders(&self) -> Settings {
        self.with(&[(HUBS[1], "")])
    }

    fn wait_total(&self, hub: &str, least: u64) {
        assert!(self.server.hub(hub).wait_for(least, PATIENCE), "hub {hub} has {least}");
    }

    /// Waits until so many more are in a hub.
    fn wait_more(&self, hub: &str, more: u64) {
        self.wait_total(hub, self.server.hub(hub).total() + more);
    }

    /// Everything of the topic that was not touched came once, and nothing has held it. What the other's hubs hold, by place.
    fn finish(self, bridge: &Bridge) -> (BTreeSet<Spot>, Vec<Vec<Spot>>) {
        let [returns, orders] = self.pours.map(Pour::stop);
        let everything =
            (0..PARTITIONS).flat_map(|p| (0..orders.ends()[p as usize]).map(move |n| (p, n)));
        let everything: BTreeSet<_> = everything.collect();
        self.audit.wait_records(returns.total());
        let hubs = HUBS[1..].iter().map(|hub| self.server.hub(hub)).collect::<Vec<_>>();
        let stored = || hubs.iter().map(|hub| places(hub)).collect::<Vec<_>>();
        wait_for("all of the other topic is stored", PATIENCE, || {
            let all: BTreeSet<_> = stored().into_iter().flatten().collect();
            (all == everything).then_some(())
        });
        assert_eq!(bridge.count("bridge_partition_held", &[&self.topics[0], "reload"]), 0);
        bridge.stop();
        assert_eq!(self.audit.finish(returns.ends()).duplicates, []);
        (everything, stored())
    }
}

/// The Kafka partition and offset of each event of a hub, in the order of its partitions.
fn places(hub: &Hub) -> Vec<Spot> {
    let events = hub.partitions().iter().flat_map(Partition::events);
    let place = |id: &str| place(id).map(|(_, partition, offset)| (partition, offset));
    events.map(|event| event.message_id().and_then(place).expect("a place")).collect()
}

fn reload(bridge: &Bridge) -> (Option<i32>, String) {
    bridge.command("reload", &[])
}

#[track_caller]
fn reloaded(bridge: &Bridge, settings: &Settings) -> String {
    bridge.rewrite(settings);
    let (code, said) = reload(bridge);
    assert_eq!(code, Some(0), "{said}");
    said
}

#[test]
fn mappings_are_changed_added_and_removed_and_each_record_goes_by_one_of_them() {
    let estate = Estate::new(Kafka::shared());
    let bridge = estate.orders().start();
    estate.wait_total(HUBS[1], 300);
    // It goes elsewhere.
    let said = reloaded(&bridge, &estate.with(&[(HUBS[2], "partitioning = 'mirror'")]));
    let topic = &estate.topics[1];
    assert!(said.contains(&format!("+ mapping {topic} → default/bills")), "{said}");
    assert!(said.contains(&format!("- mapping {topic} → default/orders")), "{said}");
    estate.wait_more(HUBS[2], 300);
    // And to a second hub as well.
    reloaded(&bridge, &estate.with(&[(HUBS[2], "partitioning = 'mirror'"), (HUBS[3], "")]));
    estate.wait_more(HUBS[3], 300);
    // Nowhere; and from where it stood, back to where it began.
    let said = reloaded(&bridge, &estate.bare);
    assert_eq!(said.matches("- mapping").count(), 2, "{said}");
    estate.wait_more(HUBS[0], 1_000);
    reloaded(&bridge, &estate.orders());
    estate.wait_more(HUBS[1], 300);
    assert!(reloaded(&bridge, &estate.orders()).contains("nothing has changed"));
    let kinds: Vec<_> = bridge.events::<Answer>(0).events.into_iter().map(|it| it.change).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "reloaded").count(), 5, "{kinds:?}");
    assert_eq!(bridge.count("bridge_config_reloads_total", &["applied"]), 5);

    let (everything, [orders, bills, copies]) = {
        let (everything, stored) = estate.finish(&bridge);
        (everything, <[_; 3]>::try_from(stored).unwrap())
    };
    assert_eq!(orders.len() + bills.len(), everything.len(), "by one mapping or the other, once");
    let [orders, bills, copies] = [orders, bills, copies].map(BTreeSet::from_iter);
    assert!(copies.is_subset(&bills) && !copies.is_empty(), "and a copy of a part of it");
    for partition in 0..PARTITIONS {
        let of = |set: &BTreeSet<Spot>| {
            let offsets = set.iter().filter(|it| it.0 == partition).map(|it| it.1);
            offsets.collect::<BTreeSet<_>>()
        };
        let (first, last) = (*of(&bills).first().unwrap(), *of(&bills).last().unwrap());
        let between = of(&orders).range(first..=last).count();
        assert_eq!(between, 0, "the ways of a partition are exchanged in one step");
    }
}

#[test]
fn a_wrong_configuration_is_refused_whole_and_the_old_one_runs_on() {
    let estate = Estate::new(Kafka::shared());
    let bridge = estate.orders().start();
    estate.wait_total(HUBS[1], 300);
    bridge.write("[kafka\n");
    let (code, said) = reload(&bridge);
    assert_eq!(code, Some(78), "{said}");
    assert!(
        said.contains("the bridge keeps its previous configuration: the configuration is invalid"),
        "{said}"
    );
    assert!(said.contains("bridge.toml:1"), "{said}");
    assert_eq!(bridge.count("bridge_config_reload_successful", &[]), 0);
    // Half of it could be taken, and none of it is.
    bridge.rewrite(&estate.with(&[(HUBS[2], "")]).with("[limits]\ndrain_timeout = '7s'"));
    let (code, said) = reload(&bridge);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("a restart is needed for limits.drain_timeout"), "{said}");
    bridge.wait_log(&["ERROR", "was not reloaded", "limits.drain_timeout"]);
    estate.wait_more(HUBS[1], 300);
    assert_eq!(estate.server.hub(HUBS[2]).total(), 0);
    let kinds: Vec<_> = bridge.events::<Answer>(0).events.into_iter().map(|it| it.change).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "reload_refused").count(), 2, "{kinds:?}");
    // SIGHUP asks for the same.
    bridge.rewrite(&estate.orders().with("[log]\nlevel = 'debug'"));
    bridge.signal(libc::SIGHUP);
    bridge.wait_log(&["~ log.level = \"info\" → \"debug\""]);
    bridge.wait_log(&["DEBUG"]);
    bridge.wait_metric("bridge_config_reload_successful", &[], 1.0);
    estate.finish(&bridge);
}

#[test]
fn a_changed_file_is_taken_however_it_came_there() {
    let estate = Estate::new(Kafka::shared());
    let bridge = estate.orders().watched().start();
    estate.wait_total(HUBS[1], 300);
    bridge.swap(&estate.with(&[(HUBS[2], "")]));
    estate.wait_more(HUBS[2], 300);
    bridge.swap(&estate.orders().with("[kafka]\ngroup_id = 'another'"));
    bridge.wait_log(&["was not reloaded", "a restart is needed for kafka.group_id"]);
    estate.wait_more(HUBS[2], 300);
    bridge.swap(&estate.with(&[(HUBS[3], "")]));
    estate.wait_more(HUBS[3], 300);
    assert_eq!(bridge.count("bridge_config_reloads_total", &["refused"]), 1, "told once");
    let (everything, stored) = estate.finish(&bridge);
    assert_eq!(stored.iter().map(Vec::len).sum::<usize>(), everything.len(), "each once");
}

#[test]
fn what_a_dead_hub_does_not_store_goes_elsewhere_after_a_reload() {
    let estate = Estate::new(Kafka::shared());
    let drain = "[limits]\ndrain_timeout = '2s'";
    let bridge = estate.orders().with(drain).start();
    estate.wait_total(HUBS[1], 300);
    let dead = estate.server.faults().hub(HUBS[1]).silent();
    estate.wait_more(HUBS[0], 1_000);
    reloaded(&bridge, &estate.with(&[(HUBS[2], "")]).with(drain));
    estate.wait_more(HUBS[2], 300);
    bridge.wait_log(&[
        "the partition is read again from its committed position, with the new mappings",
    ]);
    assert!(bridge.count("bridge_records_let_go_total", &["reload"]) > 0);
    wait_for("nothing is said of the hub any more", PATIENCE, || {
        let (_, ready) = bridge.readiness();
        (!ready.contains("\"orders\"")).then_some(())
    });
    estate.finish(&bridge);
    dead.clear();
}

#[test]
fn a_partition_that_has_halted_tries_its_record_again() {
    let (kafka, topic) = (Kafka::shared(), unique("orders"));
    let server = Server::builder().hub(HUBS[1], 2).max_message_size(20_000).start().unwrap();
    kafka.create_topic(&topic, 1);
    let large = Out::value(noise(30_000)).to(0);
    let others = |n: &str| Out::value(n).to(0);
    kafka.produce(&topic, [others("0"), large, others("2")]);
    let settings = Settings::new(kafka, &unique("g"), &server).mapping(&topic, HUBS[1]);
    let bridge = settings.start();
    bridge.wait_metric("bridge_partition_held", &[&topic, "halted"], 1.0);
    // It does so in vain, and is held again.
    reloaded(&bridge, &settings.clone().with("batch.linger = '20ms'"));
    wait_for("it has halted twice", PATIENCE, || {
        (bridge.logged("partition halted") == 2).then_some(())
    });
    reloaded(&bridge, &settings.with("batch.linger = '20ms'\nfailure.policy = 'drop'"));
    assert!(server.hub(HUBS[1]).wait_for(2, PATIENCE), "it goes on behind the record");
    assert_eq!(bridge.count("bridge_records_refused_total", &["drop", "too_large"]), 1);
    bridge.wait_status("nothing is held", |status: &Document| status.held.is_empty().then_some(()));
    bridge.stop();
    assert_eq!(server.hub(HUBS[1]).total(), 2);
}

/// A hundred reloads of one topic while records flow; in between files that are wrong. By turns it is asked for by the command
/// and by a signal.
#[test]
fn a_hundred_reloads_lose_nothing_and_double_nothing() {
    let estate = Estate::new(Kafka::shared());
    let bridge = estate.orders().start();
    estate.wait_total(HUBS[1], 300);
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut applied, mut refused) = (0, 0);
    for _ in 0..100 {
        if rng.random_bool(0.1) {
            bridge.write(["", "[[mappings]]", "what = 1", "\u{0}"][rng.random_range(0..4)]);
            assert_eq!(reload(&bridge).0, Some(78));
            refused += 1;
            continue;
        }
        let by = ["key", "mirror", "fixed:1", "gateway"][rng.random_range(0..4)];
        let linger = [1, 10, 40][rng.random_range(0..3)];
        let more = format!("partitioning = '{by}'\n[mappings.batch]\nlinger = '{linger}ms'");
        let hub = HUBS[rng.random_range(1..4)];
        reloaded(&bridge, &estate.with(&[(hub, &more)]));
        applied += 1;
        if rng.random_bool(0.3) {
            estate.wait_more(HUBS[0], 50);
        }
    }
    let count = |outcome| bridge.count("bridge_config_reloads_total", &[outcome]);
    assert_eq!((count("applied"), count("refused")), (applied, refused));
    reloaded(&bridge, &estate.orders());
    let (everything, stored) = estate.finish(&bridge);
    assert_eq!(stored.iter().map(Vec::len).sum::<usize>(), everything.len(), "each once");
}
