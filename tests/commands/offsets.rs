//! `offsets set`: the group goes on elsewhere, and only while nobody is in it.

use std::time::Duration;

use eventhubs_local::Server;
use kafka_eventhubs_bridge::config::{Config, Start};
use kafka_eventhubs_bridge::group::{ErrorKind, PositionTarget, PositionsPlan, Session};
use kafka_eventhubs_bridge::kafka::objection;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::said::{entry, json, keys, refused, table};

const SET: &[&str] = &["offsets", "set"];
/// 2026-01-31T00:00:00Z, and an hour in milliseconds.
pub(crate) const MIDNIGHT: i64 = 1_769_817_600_000;
pub(crate) const HOUR: i64 = 3_600_000;

/// A topic of two partitions with a record an hour, ten each, from two hours before midnight on.
struct Scene {
    kafka: &'static Kafka,
    topic: String,
    group: String,
    server: Server,
    settings: Settings,
}

impl Scene {
    fn new(name: &str) -> Self {
        let kafka = Kafka::shared();
        let (topic, group) = (unique(name), unique("g"));
        let server = Server::builder().hub("orders", 4).start().unwrap();
        let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
        let scene = Self { kafka, topic, group, server, settings };
        scene.kafka.create_topic(&scene.topic, 2);
        scene.fill();
        scene
    }

    fn fill(&self) {
        let record = |n: i64| move |partition| hourly(partition, n);
        let all = (0..10).flat_map(|n| (0..2).map(record(n)));
        self.kafka.produce(&self.topic, all);
    }

    /// What is committed, and what with it.
    fn labels(&self) -> Vec<(Option<i64>, String)> {
        let mut config = self.kafka.config();
        let client: BaseConsumer = config.set("group.id", &self.group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, 1);
        let list = client.committed_offsets(list, PATIENCE).unwrap();
        let one = |it: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match it.offset()
        {
            Offset::Offset(offset) => (Some(offset), it.metadata().to_owned()),
            _ => (None, String::new()),
        };
        list.elements().into_iter().map(one).collect()
    }

    /// Commits for nobody.
    fn commit(&self, labelled: &[(Option<i64>, String)]) {
        let mut config = self.kafka.config();
        let client: BaseConsumer = config.set("group.id", &self.group).create().unwrap();
        let mut list = TopicPartitionList::new();
        for (partition, (position, label)) in (0..).zip(labelled) {
            let mut element = list.add_partition(&self.topic, partition);
            element.set_offset(Offset::Offset(position.unwrap())).unwrap();
            element.set_metadata(label);
        }
        client.commit(&list, CommitMode::Sync).unwrap();
    }

    fn positions(&self) -> [Option<i64>; 2] {
        [0, 1].map(|partition| self.kafka.committed(&self.group, &self.topic, partition))
    }

    #[track_caller]
    fn set(&self, to: &str, more: &[&str]) -> Value {
        json(&self.settings, SET, &[&["--to", to, "--yes"], more].concat(), 0)
    }

    fn wait_empty(&self) {
        wait_for("nobody is in the group", PATIENCE, || {
            (json(&self.settings, &["lag"], &[], 0)["state"] == "empty").then_some(())
        });
    }
}

fn hourly(partition: i32, n: i64) -> Out {
    Out::value(format!("{n}")).to(partition).at(MIDNIGHT + (n - 2) * HOUR)
}

#[test]
fn a_group_with_a_bridge_in_it_is_left_alone_whoever_leads_it() {
    for led in [false, true] {
        let mut scene = Scene::new("alive");
        if led {
            scene.settings = scene.settings.led_by_broker();
        }
        let hub = scene.server.hub("orders");
        let bridge = scene.settings.start();
        assert!(hub.wait_for(20, PATIENCE), "it copies");
        let words =
            ["has members", "kafka-eventhubs-bridge at 127.0.0.1", "hint: stop every bridge"];
        refused(&scene.settings, SET, &["--to", "earliest", "--yes"], 75, &words);
        let error = json(&scene.settings, SET, &["--to", "earliest", "--yes"], 75);
        assert_eq!(error["error"]["kind"], "alive");
        // What would change can be seen, and does not.
        let plan = json(&scene.settings, SET, &["--to", "earliest", "--dry-run"], 0);
        assert_eq!((&plan["changed"], &plan["state"]), (&json!(false), &json!("stable")));
        bridge.stop();
        scene.wait_empty();
        assert_eq!(scene.positions(), [Some(10), Some(10)]);
        assert_eq!(hub.total(), 20);
    }
}

#[test]
fn a_bridge_goes_on_at_the_time_it_was_set_to() {
    for led in [false, true] {
        let mut scene = Scene::new("time");
        if led {
            scene.settings = scene.settings.led_by_broker();
        }
        let hub = scene.server.hub("orders");
        let bridge = scene.settings.start();
        assert!(hub.wait_for(20, PATIENCE), "it copies");
        bridge.stop();
        scene.wait_empty();
        let labels = scene.labels();
        assert!(labels.iter().all(|(_, label)| label.starts_with("topic-id=")), "{labels:?}");

        let set = scene.set("2026-01-31T05:00:00Z", &[]);
        assert_eq!(keys(&set, ["changed", "again", "skipped"]), json!([true, 6, 0]));
        let columns = ["before", "after", "begin", "end", "clamped"];
        assert_eq!(keys(entry(&set, &scene.topic, 1), columns), json!([10, 7, 0, 10, false]));
        let again = labels.iter().map(|(_, label)| (Some(7), label.clone())).collect::<Vec<_>>();
        assert_eq!(scene.labels(), again, "a position says which topic it is of");
        let bridge = scene.settings.start();
        assert!(hub.wait_for(26, PATIENCE), "three of each come again");
        wait_for("they are committed", PATIENCE, || {
            (scene.positions() == [Some(10), Some(10)]).then_some(())
        });
        bridge.stop();
        assert_eq!(hub.total(), 26, "and no more");
    }
}

#[test]
fn every_way_to_say_where_is_understood_and_what_the_log_does_not_hold_is_clamped() {
    let scene = Scene::new("ways");
    let one = format!("{}:1", scene.topic);
    scene.kafka.delete_records(&scene.topic, 0, 3);
    scene.kafka.commit(&scene.group, &scene.topic, 0, 8);
    for (to, after) in [
        ("latest", [10, 10]),
        ("-4", [6, 6]),
        ("+1", [7, 7]),
        ("2026-01-31", [3, 2]),
        ("2026-01-31T02:00:01+01:00", [4, 4]),
        ("2030-01-01", [10, 10]),
        ("earliest", [3, 0]),
        ("+100", [10, 10]),
        ("-100", [3, 0]),
    ] {
        let set = scene.set(to, &[]);
        assert_eq!(scene.positions(), after.map(Some), "{to}: {set}");
    }
    let set = scene.set("4", &["--topic", &one]);
    assert_eq!(set["partitions"].as_array().unwrap().len(), 1, "{set}");
    assert_eq!(scene.positions(), [Some(3), Some(4)]);
    let said = table(&scene.settings, SET, &["--to", "77", "--topic", &one, "--yes"]);
    assert!(said.contains("clamped: 77 is") && said.contains("read back to be sure: 1"), "{said}");
    assert_eq!(scene.positions(), [Some(3), Some(10)]);
    let said = table(&scene.settings, SET, &["--to", "-4", "--dry-run"]);
    assert!(said.contains("nothing was changed") && said.contains("-4"), "{said}");
    assert_eq!(scene.positions(), [Some(3), Some(10)]);

    let yes = |to: &'static str, more: &[&'static str]| [&["--to", to, "--yes"], more].concat();
    for (arguments, code, words) in [
        (yes("4", &[]), 64, "offset 4 needs exactly one partition, and 2 are selected"),
        (yes("latest", &["--topic", "invoices"]), 64, "topic `invoices` is in no mapping"),
        (yes("yesterday", &[]), 64, "write `earliest`, `latest`, an offset"),
        (yes("--4", &[]), 64, "write `earliest`"),
        (vec!["--to", "latest"], 64, "add `--yes`"),
    ] {
        refused(&scene.settings, SET, &arguments, code, &[words]);
    }
    assert_eq!(scene.positions(), [Some(3), Some(10)]);
}

/// The old position exists in the new topic, and would be passed over as of the old one.
#[test]
fn a_position_in_a_topic_that_was_made_again_is_one_of_the_new_topic() {
    let scene = Scene::new("again");
    let hub = scene.server.hub("orders");
    let bridge = scene.settings.start();
    assert!(hub.wait_for(20, PATIENCE), "it copies");
    bridge.stop();
    scene.wait_empty();
    let old = scene.labels();
    scene.kafka.delete_topic(&scene.topic);
    scene.kafka.create_topic(&scene.topic, 2);
    scene.fill();
    // Kafka forgets the positions of a topic that is deleted; a bridge that runs meanwhile commits them again.
    wait_for("they are forgotten", PATIENCE, || (scene.positions() == [None; 2]).then_some(()));
    scene.commit(&old);
    let lag = json(&scene.settings, &["lag"], &[], 0);
    let columns = ["state", "committed", "next", "behind"];
    assert_eq!(keys(entry(&lag, &scene.topic, 0), columns), json!(["renewed", 10, 0, 10]));
    let set = scene.set("6", &["--topic", &format!("{}:0", scene.topic)]);
    assert_eq!(keys(&set, ["again", "skipped"]), json!([0, 6]));
    let lag = json(&scene.settings, &["lag"], &[], 0);
    assert_eq!(keys(entry(&lag, &scene.topic, 0), columns), json!(["ok", 6, 6, 4]));
    let bridge = scene.settings.start();
    assert!(hub.wait_for(20 + 4 + 10, PATIENCE), "one from there, the other whole");
    bridge.stop();
    assert_eq!(hub.total(), 34);
}

/// What holds a partition is marked in what is committed, and is over once somebody has decided.
#[test]
fn a_partition_that_is_held_goes_on_where_it_is_set_to() {
    let scene = Scene::new("held");
    let hub = scene.server.hub("orders");
    scene.kafka.delete_records(&scene.topic, 0, 4);
    scene.kafka.commit(&scene.group, &scene.topic, 0, 1);
    scene.kafka.commit(&scene.group, &scene.topic, 1, 10);
    let settings = scene.settings.clone().with("[kafka]\nout_of_range = 'halt'");
    let bridge = settings.start();
    bridge.wait_log(&["ERROR", "halted", &format!("{}/0", scene.topic)]);
    bridge.stop();
    scene.wait_empty();
    let lag = json(&settings, &["lag"], &[], 0);
    assert_eq!(keys(&lag["partitions"][0], ["state", "next", "lost"]), json!(["held", null, 3]));
    let to = ["--to", "5", "--yes", "--topic", &format!("{}:0", scene.topic)];
    json(&settings, SET, &to, 0);
    let bridge = settings.start();
    assert!(hub.wait_for(5, PATIENCE), "it goes on");
    bridge.stop();
    assert_eq!(scene.positions(), [Some(10), Some(10)]);
}

/// With `latest`, a topic of which the group has some positions has grown: the others would come whole.
#[test]
fn partitions_beside_those_that_are_set_are_told() {
    let scene = Scene::new("beside");
    let settings = scene.settings.clone().with("[kafka]\nstart = 'latest'");
    let place = format!("{}:0", scene.topic);
    let said = table(&settings, SET, &["--to", "latest", "--topic", &place, "--dry-run"]);
    assert!(said.contains("note: 1 more partitions") && said.contains("`kafka.start`"), "{said}");
    let said = table(&settings, SET, &["--to", "latest", "--dry-run"]);
    assert!(!said.contains("note:"), "{said}");
}

/// Kafka itself refuses the commit of who is no member once there are some; nobody can be overlooked in between.
#[test]
fn whoever_joins_between_the_plan_and_the_commit_is_not_overlooked() {
    let scene = Scene::new("race");
    scene.kafka.commit(&scene.group, &scene.topic, 0, 5);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.toml");
    std::fs::write(&file, scene.settings.to_toml()).unwrap();
    let config = Config::load(&file, [], &[], objection).unwrap();
    let mut session = Session::open(&config, &[], PATIENCE).unwrap();
    let plan = PositionsPlan::make(&session, PositionTarget::Start(Start::Earliest)).unwrap();
    assert!(plan.objection().is_none());
    let bridge = scene.settings.start();
    assert!(scene.server.hub("orders").wait_for(15, PATIENCE), "it has joined");
    let failure = plan.carry_out(&mut session, PATIENCE).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Alive, "{failure}");
    assert!(failure.what.contains("kafka-eventhubs-bridge at 127.0.0.1"), "{failure}");
    bridge.stop();
    assert_eq!(scene.positions(), [Some(10), Some(10)]);

    // Somebody else's group without members: what was committed meanwhile is seen when it is read back.
    scene.wait_empty();
    let plan = PositionsPlan::make(&session, PositionTarget::Start(Start::Earliest)).unwrap();
    plan.carry_out(&mut session, PATIENCE).unwrap();
    assert_eq!(scene.positions(), [Some(0), Some(0)]);
}

/// One request, so there is no half of it: a process that is killed at any time has set all positions, or none.
#[test]
fn a_process_that_is_killed_has_set_everything_or_nothing() {
    const WIDE: i32 = 200;
    let scene = Scene::new("killed");
    let topic = unique("wide");
    scene.kafka.create_topic(&topic, WIDE);
    scene.kafka.produce(&topic, (0..WIDE).flat_map(|p| (0..3).map(move |_| Out::value("x").to(p))));
    let settings = Settings::new(scene.kafka, &scene.group, &scene.server).mapping(&topic, "o");
    let mut client = scene.kafka.config();
    let client: BaseConsumer = client.set("group.id", &scene.group).create().unwrap();
    let mut list = TopicPartitionList::new();
    (0..WIDE).for_each(|p| list.add_partition_offset(&topic, p, Offset::Offset(1)).unwrap());
    let (partitions, group) = ((0..WIDE).collect::<Vec<_>>(), scene.kafka.group(&scene.group));
    for wait in (0..20).map(|step| Duration::from_millis(step * 25)) {
        client.commit(&list, CommitMode::Sync).unwrap();
        settings.begin(SET, &["--to", "latest", "--yes"]).kill_after(wait);
        let now = group.committed(&topic, &partitions).unwrap();
        assert!([Some(1), Some(3)].contains(&now[0]), "after {wait:?}: {now:?}");
        assert!(now.iter().all(|it| *it == now[0]), "after {wait:?}: {now:?}");
    }
}
