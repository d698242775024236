//! A start that serves who can be served: what is away or refused holds its own mappings, is named everywhere, and is tried
//! again; the others run at once.

use std::net::TcpListener;

use eventhubs_local::{Rights, Server};
use serde_json::Value;
use stage::audit::{Audit, Auditor};
use stage::{Bridge, Kafka, PATIENCE, Settings, Supply, unique, wait_for};

const HUB: &str = "orders";
/// Of both namespaces.
const KEY: &str = "bm9ib2R5IG11c3QgZXZlciBzZWUgdGhpcw==";

/// Two topics, one for each of two namespaces.
struct Two {
    group: String,
    topics: [String; 2],
    supplies: [Supply; 2],
    near: Server,
    far: Server,
}

impl Two {
    fn new(kafka: &Kafka) -> Self {
        let topics = [unique("near"), unique("far")];
        let supplies = topics.each_ref().map(|topic| {
            let mut supply = Supply::new(kafka, topic, 2);
            supply.write(100);
            supply
        });
        let server = || Server::builder().hub(HUB, 2).key("bridge", KEY).start().unwrap();
        let [near, far] = [server(), server()];
        Self { group: unique("g"), topics, supplies, near, far }
    }

    /// A bridge that goes to `far` by that connection string.
    fn settings(&self, kafka: &Kafka, far: &str) -> Settings {
        let topic = &self.topics[1];
        Settings::new(kafka, &self.group, &self.near)
            .with(&format!("[eventhubs.west]\nconnection_string = '{far}'"))
            .mapping(&self.topics[0], HUB)
            .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = '{HUB}'\nnamespace = 'west'"))
    }

    fn audit(&self, kafka: &Kafka, which: usize) -> Audit {
        let server = [&self.near, &self.far][which];
        Auditor::of(&self.topics[which], 2).begin(kafka, &self.group, &server.hub(HUB))
    }
}

/// Waits until `/readyz`, which is good, tells of something held that has all of these, and gives why.
#[track_caller]
pub(crate) fn wait_held(bridge: &Bridge, parts: &[(&str, &str)]) -> String {
    wait_for(&format!("{parts:?} is held"), PATIENCE, || {
        let (status, body) = bridge.readiness();
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let is = |entry: &&Value| parts.iter().all(|(key, value)| entry[key] == *value);
        let entry = body["held"].as_array().expect("a list").iter().find(is)?;
        (status == 200).then(|| entry["detail"].as_str().expect("a reason").to_owned())
    })
}

#[track_caller]
fn wait_nothing_held(bridge: &Bridge) {
    wait_for("nothing is held", PATIENCE, || {
        let (status, body) = bridge.readiness();
        (status == 200 && body.contains("\"held\":[]")).then_some(())
    });
}

fn unavailable(bridge: &Bridge, namespace: &str, hub: &str) -> u64 {
    let labels = [format!("eventhubs_namespace=\"{namespace}\""), format!("hub=\"{hub}\"")];
    bridge.count("bridge_hub_unavailable", &labels.each_ref().map(String::as_str))
}

#[test]
fn a_namespace_that_is_away_costs_the_other_nothing() {
    let kafka = Kafka::shared();
    let two = Two::new(kafka);
    two.far.stop();
    let [near, far] = [0, 1].map(|which| two.audit(kafka, which));
    let bridge = two.settings(kafka, &two.far.connection_string()).start();
    near.wait_records(two.supplies[0].total());
    let why = wait_held(&bridge, &[("namespace", "west"), ("hub", HUB)]);
    assert!(why.contains("refused"), "{why}");
    let said =
        bridge.wait_log(&["WARN", "cannot connect to event hubs, retrying; records", "west", HUB]);
    assert!(said.contains("refused"), "{said}");
    assert!((unavailable(&bridge, "west", HUB), unavailable(&bridge, "default", HUB)) == (1, 0));
    two.far.restart().unwrap();
    far.wait_records(two.supplies[1].total());
    bridge.wait_log(&["INFO", "connected to event hubs again", "west", "lasted"]);
    assert_eq!(
        bridge.logged("cannot connect to event hubs, retrying; records"),
        1,
        "{}",
        bridge.log()
    );
    wait_for("the metric", PATIENCE, || (unavailable(&bridge, "west", HUB) == 0).then_some(()));
    bridge.stop();
    for (audit, supply) in [near, far].into_iter().zip(&two.supplies) {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}

/// It would be waited for for longer than the test has patience.
#[test]
fn a_namespace_that_says_nothing_is_not_waited_for() {
    let kafka = Kafka::shared();
    let two = Two::new(kafka);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (here, there) = (two.far.addr().to_string(), silent.local_addr().unwrap().to_string());
    let far = two.far.connection_string();
    assert!(far.contains(&here), "{far}");
    let near = two.audit(kafka, 0);
    let bridge = two
        .settings(kafka, &far.replace(&here, &there))
        .with("[eventhubs.west]\nconnect_timeout = '5m'")
        .start();
    near.wait_records(two.supplies[0].total());
    bridge.wait_ready(200);
    bridge.stop();
    assert_eq!(near.finish(two.supplies[0].ends()).duplicates, []);
}

#[test]
fn a_wrong_key_of_one_namespace_costs_the_other_nothing() {
    let kafka = Kafka::shared();
    let two = Two::new(kafka);
    let right = two.far.connection_string();
    let wrong = right.replace(KEY, "d3Jvbmc=");
    assert_ne!(wrong, right);
    let near = two.audit(kafka, 0);
    let bridge = two.settings(kafka, &wrong).start();
    near.wait_records(two.supplies[0].total());
    let why = wait_held(&bridge, &[("namespace", "west"), ("hub", HUB)]);
    assert!(why.contains("not authorized") && why.contains("was it regenerated?"), "{why}");
    bridge.wait_log(&["ERROR", "the hub is not usable", "west", HUB, "not authorized"]);
    assert!(unavailable(&bridge, "west", HUB) == 1);
    assert_eq!(bridge.exit_code(), None);
    bridge.stop();
    assert_eq!(near.finish(two.supplies[0].ends()).duplicates, []);
    assert_eq!(two.far.hub(HUB).total(), 0);
}

#[test]
fn one_hub_of_ten_is_missing_and_then_made() {
    let kafka = Kafka::shared();
    let group = unique("g");
    let hubs = (0..10).map(|n| format!("hub-{n}")).collect::<Vec<_>>();
    let (missing, there) = hubs.split_last().unwrap();
    let server = there.iter().fold(Server::builder(), |server, hub| server.hub(hub, 2));
    let server = server.start().unwrap();
    let mut settings = Settings::new(kafka, &group, &server);
    let mut supplies = Vec::new();
    for hub in &hubs {
        let mut supply = Supply::new(kafka, &unique("ten"), 1);
        supply.write(50);
        settings = settings.mapping(supply.topic(), hub);
        supplies.push(supply);
    }
    let audit = |(hub, supply): (&String, &Supply)| {
        Auditor::of(supply.topic(), 1).begin(kafka, &group, &server.hub(hub))
    };
    let audits = there.iter().zip(&supplies).map(audit).collect::<Vec<_>>();
    let bridge = settings.start();
    for (audit, supply) in audits.iter().zip(&supplies) {
        audit.wait_records(supply.total());
    }
    let why = wait_held(&bridge, &[("namespace", "default"), ("hub", missing)]);
    assert!(why.contains("no such hub") && why.contains("hint: create it"), "{why}");
    bridge.wait_log(&["ERROR", "the hub is not usable", missing, "no such hub"]);
    assert!(unavailable(&bridge, "default", missing) == 1);
    assert!(unavailable(&bridge, "default", &hubs[0]) == 0);
    // The same namespace, with the hub that was missing.
    let (address, last) = (server.addr().to_string(), supplies.last().unwrap());
    server.stop();
    let server = hubs.iter().fold(Server::builder(), |server, hub| server.hub(hub, 2));
    let server = server.listen(address).start().unwrap();
    wait_for("its records come", PATIENCE, || {
        (server.hub(missing).total() == last.total()).then_some(())
    });
    wait_nothing_held(&bridge);
    bridge.stop();
    assert_eq!(kafka.committed(&group, last.topic(), 0), Some(50));
    for (audit, supply) in audits.into_iter().zip(&supplies) {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}

#[test]
fn a_mirror_without_room_does_not_hold_up_the_others() {
    let kafka = Kafka::shared();
    let (topics, group) = ([unique("fits"), unique("too-many")], unique("g"));
    let server = Server::builder().hub(HUB, 2).start().unwrap();
    let mut supply = Supply::new(kafka, &topics[0], 2);
    supply.write(100);
    kafka.create_topic(&topics[1], 3);
    let topic = &topics[1];
    let audit = Auditor::of(&topics[0], 2).begin(kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topics[0], HUB)
        .with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = '{HUB}'\npartitioning = 'mirror'"))
        .start();
    audit.wait_records(supply.total());
    let why = wait_held(&bridge, &[("topic", topic), ("hub", HUB)]);
    assert!(why.contains("kafka partition 2 has no mirror") && why.contains("hint:"), "{why}");
    bridge.wait_log(&["ERROR", "no partition of the hub to go to", topic, HUB]);
    let label = format!("topic=\"{topic}\"");
    assert!(bridge.count("bridge_topic_unavailable", &[&label]) == 1);
    assert_eq!(bridge.exit_code(), None);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}

#[test]
fn topics_that_are_missing_are_told_until_they_are_there() {
    let kafka = Kafka::shared();
    let (topics, group) = ([unique("there"), unique("missing")], unique("g"));
    let letters = unique("letters");
    let server = Server::builder().hub(HUB, 2).start().unwrap();
    let mut supply = Supply::new(kafka, &topics[0], 2);
    supply.write(100);
    let audit = Auditor::of(&topics[0], 2).begin(kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(kafka, &group, &server)
        .mapping(&topics[0], HUB)
        .mapping(&topics[1], HUB)
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{letters}'"))
        .start();
    audit.wait_records(supply.total());
    wait_held(&bridge, &[("topic", &topics[1])]);
    wait_held(&bridge, &[("dead_letter_topic", &letters)]);
    bridge.wait_log(&["ERROR", "a dead-letter topic is missing", &letters]);
    for topic in [&topics[1], &letters] {
        let label = format!("topic=\"{topic}\"");
        assert!(bridge.count("bridge_topic_unavailable", &[&label]) == 1, "{topic}");
        kafka.create_topic(topic, 1);
    }
    wait_nothing_held(&bridge);
    bridge.wait_log(&["INFO", "the dead-letter topic exists now", &letters, "lasted"]);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
}

#[test]
fn it_ends_with_69_when_nothing_can_run_or_when_told_to_be_strict() {
    let server = Server::builder().hub(HUB, 2).start().unwrap();
    let settings = |hubs: [&str; 2]| {
        let settings = Settings::only(&format!(
            "[kafka]\nbrokers = '127.0.0.1:1'\ngroup_id = 'g'\n[eventhubs]\nconnection_string = '{}'\n\
             [admin]\nlisten = '127.0.0.1:0'",
            server.connection_string()
        ));
        settings.mapping("first", hubs[0]).mapping("second", hubs[1])
    };
    let none = settings(["none", "nil"]).start();
    assert_eq!(none.wait_exit(PATIENCE), 69, "{}", none.log());
    none.wait_log(&["ERROR", "the bridge ended", "no such hub", "`nil`", "1 more"]);
    none.wait_log(&["ERROR", "the hub is not usable", "none"]);

    let strict = settings([HUB, "nil"]).strict().start();
    assert_eq!(strict.wait_exit(PATIENCE), 69, "{}", strict.log());
    strict.wait_log(&["ERROR", "the bridge ended", "no such hub", "`nil`", "hint: create it"]);

    // The same without the flag runs, as far as it can without Kafka.
    let lenient = settings([HUB, "nil"]).start();
    lenient.wait_log(&["subscribing"]);
    lenient.wait_log(&["ERROR", "the hub is not usable", "nil"]);
    assert_eq!(lenient.exit_code(), None);
    lenient.stop();
}

#[test]
fn a_strict_start_waits_for_what_is_away_and_then_runs() {
    let kafka = Kafka::shared();
    let two = Two::new(kafka);
    two.far.stop();
    let [near, far] = [0, 1].map(|which| two.audit(kafka, which));
    let bridge = two.settings(kafka, &two.far.connection_string()).strict().start();
    bridge.wait_log(&["WARN", "cannot connect to event hubs, retrying; records", "west"]);
    bridge.wait_log(&["INFO", "hub found", "default"]);
    bridge.wait_ready(503);
    assert_eq!((near.records(), bridge.logged("subscribing")), (0, 0));
    two.far.restart().unwrap();
    for (audit, supply) in [&near, &far].into_iter().zip(&two.supplies) {
        audit.wait_records(supply.total());
    }
    bridge.wait_ready(200);
    bridge.stop();
    for (audit, supply) in [near, far].into_iter().zip(&two.supplies) {
        assert_eq!(audit.finish(supply.ends()).duplicates, []);
    }
}

/// For as long as it is no member, whatever it was before.
#[test]
fn a_member_that_has_lost_its_group_is_not_ready_and_says_why() {
    let kafka = Kafka::start(1);
    let (topic, group) = (unique("lost"), unique("g"));
    let server = Server::builder().hub(HUB, 2).start().unwrap();
    let mut supply = Supply::new(&kafka, &topic, 2);
    supply.write(100);
    let audit = Auditor::of(&topic, 2).begin(&kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(&kafka, &group, &server)
        .mapping(&topic, HUB)
        .with("[kafka.client]\n'session.timeout.ms' = 4000\n'heartbeat.interval.ms' = 500")
        .start();
    audit.wait_records(supply.total());
    bridge.wait_ready(200);
    kafka.stop(1);
    bridge.wait_unready(&["not a member of its consumer group: "]);
    kafka.restart(1);
    bridge.wait_ready(200);
    supply.write(100);
    audit.wait_records(supply.total());
    bridge.stop();
    drop(audit.finish(supply.ends()));
}

/// The namespace is the same one: that it says no for one hub must not make it look shut for the other.
#[test]
fn a_key_for_one_hub_of_two_serves_that_one_and_stays_ready() {
    let kafka = Kafka::shared();
    let (topics, group) = ([unique("open"), unique("shut")], unique("g"));
    let server = Server::builder()
        .hub(HUB, 2)
        .hub("returns", 2)
        .key("bridge", "b3RoZXI=")
        .limited_key(Some(HUB), "sender", KEY, Rights::SEND)
        .start()
        .unwrap();
    let limited =
        server.connection_string().replace("=bridge;", "=sender;").replace("b3RoZXI=", KEY);
    let mut supply = Supply::new(kafka, &topics[0], 2);
    supply.write(100);
    Supply::new(kafka, &topics[1], 2).write(10);
    let audit = Auditor::of(&topics[0], 2).begin(kafka, &group, &server.hub(HUB));
    let bridge = Settings::new(kafka, &group, &server)
        .with(&format!("[eventhubs]\nconnection_string = '{limited}'"))
        .mapping(&topics[0], HUB)
        .mapping(&topics[1], "returns")
        .start();
    audit.wait_records(supply.total());
    // The shard itself is refused, too, not only whoever looked before it.
    bridge.wait_log(&["WARN", "not authorized to use the namespace"]);
    let why = wait_held(&bridge, &[("namespace", "default"), ("hub", "returns")]);
    assert!(why.contains("not authorized"), "{why}");
    bridge.wait_ready(200);
    bridge.stop();
    assert_eq!(audit.finish(supply.ends()).duplicates, []);
    assert_eq!(server.hub("returns").total(), 0);
}
