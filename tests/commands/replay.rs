//! `replay`: exactly what was asked for comes again, marked; the bridge and its group notice nothing; and it goes on after a kill.

use std::sync::Arc;

use eventhubs_local::{Hub, Server};
use rdkafka::bindings::rd_kafka_AclOperation_t as Operation;
use rdkafka::bindings::rd_kafka_ResourceType_t as Kind;
use rdkafka::producer::Producer as _;
use serde_json::json;
use stage::acl::{AUTHORIZER, US, allow};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::offsets::{HOUR, MIDNIGHT};
use crate::replaying::{Held, committed, groups, once, replay};
use crate::said::{entry, json, keys, refused, table, text};

const REPLAY: &[&str] = &["replay"];

/// A topic, and a bridge that copies it to the hub `orders`.
struct Scene {
    kafka: &'static Kafka,
    topic: String,
    group: String,
    hub: Arc<Hub>,
    settings: Settings,
    server: Server,
}

impl Scene {
    /// Each partition has `each` records, one an hour from midnight on.
    fn new(name: &str, partitions: i32, each: i64) -> Self {
        let kafka = Kafka::shared();
        let (topic, group) = (unique(name), unique("g"));
        let server = Server::builder().hub("orders", 4).start().unwrap();
        let settings = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
        kafka.create_topic(&topic, partitions);
        let record = |n: i64| move |p| Out::value(format!("{n}")).to(p).at(MIDNIGHT + n * HOUR);
        kafka.produce(&topic, (0..each).flat_map(|n| (0..partitions).map(record(n))));
        Self { kafka, topic, group, hub: server.hub("orders"), settings, server }
    }

    fn held(&self) -> Held {
        Held::of(&self.hub, &self.topic)
    }

    /// The groups of replays of this bridge.
    fn replays(&self) -> Vec<String> {
        groups(self.kafka, &format!("{}.replay.", self.group))
    }
}

#[test]
fn what_stands_between_two_places_comes_again_and_nothing_else() {
    let scene = Scene::new("between", 2, 10);
    let place = format!("{}:1", scene.topic);
    // A record that stands at `--to` is not among them.
    let by_time = ["--from", "2026-01-31T04:00:00Z", "--to", "2026-01-31T06:00:01Z"];
    let told = json(&scene.settings, REPLAY, &[&by_time[..], &["--dry-run"]].concat(), 0);
    assert_eq!(keys(&told, ["state", "begun", "records", "left"]), json!(["absent", false, 6, 6]));
    let told = entry(&told, &scene.topic, 1);
    assert_eq!(keys(told, ["from", "to", "next", "begin", "end"]), json!([4, 7, 4, 0, 10]));
    assert_eq!((scene.hub.total(), scene.replays()), (0, Vec::new()), "it was only asked");
    let told = replay(&scene.settings, &by_time).ends(0);
    assert_eq!(keys(&told, ["done", "records", "left", "kept"]), json!([true, 6, 0, null]));
    assert_eq!(scene.held().replayed, once(0..2, 4..7));

    let by_offset = ["--from", "2", "--to", "4", "--topic", &place];
    let told = replay(&scene.settings, &by_offset).ends(0);
    assert_eq!(keys(&told, ["done", "records", "partitions"]), json!([true, 2, 1]));
    let mut expected = once(0..2, 4..7);
    expected.extend(once([1], 2..4));
    assert_eq!(scene.held().replayed, expected);

    // What is not there cannot be sent; all of it was not copied yet either, and the group knows nothing of it.
    for (from, to) in [("2026-02-10", "latest"), ("latest", "latest"), ("9", "3")] {
        let told = replay(&scene.settings, &["--from", from, "--to", to, "--topic", &place]);
        assert_eq!(keys(&told.ends(0), ["done", "records"]), json!([true, 0]), "{from} {to}");
    }
    assert_eq!(scene.held(), Held { replayed: expected, ..Held::default() });
    assert_eq!(scene.replays(), Vec::<String>::new(), "what is over leaves nothing");
    assert_eq!(
        committed(scene.kafka, &scene.group, &scene.topic, 2),
        vec![(None, String::new()); 2]
    );
}

#[test]
fn a_bridge_that_runs_and_its_group_are_left_alone_whoever_leads_it() {
    for led in [false, true] {
        let mut scene = Scene::new("beside", 4, 100);
        if led {
            scene.settings = scene.settings.led_by_broker();
        }
        let bridge = scene.settings.start();
        assert!(scene.hub.wait_for(400, PATIENCE), "it copies");
        let before = wait_for("it has committed", PATIENCE, || {
            let now = committed(scene.kafka, &scene.group, &scene.topic, 4);
            now.iter().all(|(at, _)| *at == Some(100)).then_some(now)
        });
        let lag = || json(&scene.settings, &["lag"], &[], 0);
        let members = lag()["members"].clone();
        let settings = scene.settings.clone().with("[limits]\nshards = 2");
        let told = replay(&settings, &["--from", "earliest"]).ends(0);
        assert_eq!(keys(&told, ["done", "records", "kept"]), json!([true, 400, null]));
        assert_eq!(scene.held(), Held { copied: once(0..4, 0..100), replayed: once(0..4, 0..100) });
        assert_eq!(committed(scene.kafka, &scene.group, &scene.topic, 4), before);
        assert_eq!(lag()["members"], members);
        assert_eq!(bridge.logged("partitions revoked"), 0);
        // It goes on as if nothing had been.
        scene.kafka.produce(&scene.topic, [Out::value("new").to(2)]);
        assert!(scene.hub.wait_for(801, PATIENCE), "it copies");
        assert_eq!(scene.held().copied.get(&(2, 100)), Some(&1));
        assert_eq!(scene.replays(), Vec::<String>::new());
        bridge.stop();
    }
}

/// It ends where it was to end when it began, though more was written, and what comes twice was not committed.
#[test]
fn a_replay_that_is_killed_goes_on_by_the_same_command() {
    let scene = Scene::new("killed", 4, 2_000);
    let settings = scene.settings.clone().with("[kafka]\ncommit_interval = '500ms'");
    let arguments = ["--from", "earliest", "--rate", "3000/s"];
    let mut allowed = Vec::new();
    for least in [1_500, 4_000] {
        let running = replay(&settings, &arguments);
        assert!(scene.hub.wait_for(least, PATIENCE), "it sends");
        let name = wait_for("it has a group", PATIENCE, || scene.replays().pop());
        let is_on = |now: &[(Option<i64>, String)]| now.iter().any(|(at, _)| *at > Some(0));
        wait_for("it has committed", PATIENCE, || {
            is_on(&committed(scene.kafka, &name, &scene.topic, 4)).then_some(())
        });
        running.kill();
        let stood = committed(scene.kafka, &name, &scene.topic, 4);
        assert!(stood.iter().all(|(_, label)| label.ends_with(" replay=0-2000")), "{stood:?}");
        let sent = scene.held().replayed.into_keys();
        let open = sent.filter(|(partition, offset)| Some(*offset) >= stood[*partition as usize].0);
        allowed.extend(open);
        scene.kafka.produce(&scene.topic, (0..4).map(|p| Out::value("later").to(p)));
        let told = json(&settings, REPLAY, &[&arguments[..], &["--dry-run"]].concat(), 0);
        assert_eq!(keys(&told, ["begun", "records"]), json!([true, 8_000]));
    }
    let told = replay(&settings, &arguments).ends(0);
    assert_eq!(keys(&told, ["done", "left", "kept"]), json!([true, 0, null]));
    let held = scene.held().replayed;
    assert!(held.keys().eq(once(0..4, 0..2_000).keys()), "all of it, and nothing else");
    for (place, times) in held {
        let excused = allowed.iter().filter(|it| **it == place).count();
        assert!(times <= 1 + excused, "{place:?} came {times} times, and was open {excused} times");
    }
    assert_eq!(scene.replays(), Vec::<String>::new());
}

/// A slow machine only takes longer.
#[test]
fn one_that_is_stopped_says_so_and_sends_nothing_twice_and_no_faster_than_it_may() {
    let scene = Scene::new("stopped", 2, 1_500);
    let arguments = ["--from", "2026-01-31", "--rate", "1000/s"];
    let running = replay(&scene.settings, &arguments);
    assert!(scene.hub.wait_for(200, PATIENCE), "it sends");
    running.terminate();
    let told = running.ends(75);
    assert_eq!(told["done"], false);
    let there = scene.hub.total();
    assert!(there < 3_000, "the rate holds");
    let told = replay(&scene.settings, &arguments).ends(0);
    assert_eq!(told["done"], true);
    assert_eq!(scene.held().replayed, once(0..2, 0..1_500));
    // A tenth of a second's worth may come at once.
    let least = (3_000 - there) as f64 / 1_000.0 - 0.1;
    assert!(told["seconds"].as_f64().unwrap() >= least, "{told}, {there}");
}

/// Markers of transactions take offsets, before an end and behind it.
#[test]
fn what_is_no_record_is_not_waited_for() {
    let scene = Scene::new("marked", 1, 0);
    let mut writer = scene.kafka.writer(&[("transactional.id", &unique("t"))]);
    writer.producer().init_transactions(PATIENCE).unwrap();
    for _ in 0..2 {
        writer.producer().begin_transaction().unwrap();
        (0..5).for_each(|_| writer.write(&scene.topic, &Out::value("x").to(0)));
        writer.finish();
        writer.producer().commit_transaction(PATIENCE).unwrap();
    }
    wait_for("the markers are there", PATIENCE, || {
        (scene.kafka.watermarks(&scene.topic, 0) == (0, 12)).then_some(())
    });
    for (from, to, there) in [("5", "6", 0), ("0", "6", 5), ("3", "5", 7), ("6", "latest", 12)] {
        let told = replay(&scene.settings, &["--from", from, "--to", to]).ends(0);
        assert_eq!(told["done"], true, "{from} {to}");
        assert_eq!(scene.hub.total(), there, "{from} {to}");
    }
}

#[test]
fn it_goes_by_the_mappings_that_are_named_and_paused_ones_are_to_be_named() {
    let kafka = Kafka::shared();
    let (topic, other) = (unique("one"), unique("two"));
    let server = Server::builder().hub("one", 2).hub("two", 2).hub("three", 2).start().unwrap();
    for topic in [&topic, &other] {
        kafka.create_topic(topic, 1);
        kafka.produce(topic, (0..5).map(|_| Out::value("x")));
    }
    let settings = Settings::new(kafka, &unique("g"), &server);
    let settings = settings.mapping(&topic, "one").mapping(&other, "two");
    let settings =
        settings.with(&format!("[[mappings]]\ntopic = '{topic}'\nhub = 'three'\npaused = true"));
    let totals = || ["one", "two", "three"].map(|hub| server.hub(hub).total());
    for (arguments, expected) in [
        (&["--mapping", "two"][..], [0, 5, 0]),
        (&["--mapping", "0"], [5, 5, 0]),
        (&["--topic", &topic], [10, 5, 0]),
        (&["--mapping", &topic], [15, 5, 5]),
        (&[], [20, 10, 5]),
    ] {
        let all = [&["--from", "earliest"], arguments].concat();
        assert_eq!(replay(&settings, &all).ends(0)["done"], true);
        assert_eq!(totals(), expected, "{arguments:?}");
    }
    let wrong = |arguments: &[&'static str], words: &str| {
        let all = [&["--from", "earliest"], arguments].concat();
        refused(&settings, REPLAY, &all, 64, &[words]);
    };
    wrong(&["--mapping", "four"], "the mappings are 0 (one), 1 (two), 2 (three)");
    let elsewhere = ["--from", "earliest", "--mapping", "two", "--topic", &topic];
    refused(&settings, REPLAY, &elsewhere, 64, &["no selected mapping reads topic"]);
    wrong(&["--topic", "invoices"], "no selected mapping reads");
    wrong(&["--to", "4"], "`--to 4` needs exactly one partition, and 2 are selected");
    wrong(&["--to", "+4"], "write a time");
    wrong(&["--rate", "fast"], "write records a second");
    assert_eq!(totals(), [20, 10, 5]);
}

#[test]
fn a_group_of_somebody_else_is_not_taken() {
    let scene = Scene::new("taken", 2, 10);
    let wrong = |name: &str, words: &str| {
        let arguments = ["--from", "earliest", "--name", name];
        refused(&scene.settings, REPLAY, &arguments, 64, &[words]);
    };
    wrong(&scene.group, "is the group of the bridge");
    let other = unique("other");
    scene.kafka.commit(&other, &scene.topic, 1, 5);
    wrong(&other, "was not made by a replay");
    assert_eq!(committed(scene.kafka, &other, &scene.topic, 2)[1], (Some(5), String::new()));
    assert_eq!(scene.hub.total(), 0);
    let said = table(
        &scene.settings,
        REPLAY,
        &[
            "--from",
            "7",
            "--to",
            "99",
            "--topic",
            &format!("{}:0", scene.topic),
            "--rate",
            "2/s",
            "--dry-run",
        ],
    );
    for words in ["records to send: 3 in 1 of 1", "clamped: 99", "at 2/s: 2 s", "nothing was sent"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// What can never be stored is met again. Where that halts a partition, the replay waits for somebody.
#[test]
fn a_partition_that_halts_is_said_and_waited_for() {
    let scene = Scene::new("halted", 2, 10);
    let small = scene.server.faults().hub("orders").max_message_size(100_000);
    scene.kafka.produce(&scene.topic, [Out::value(vec![0; 200_000]).to(1)]);
    let settings = scene.settings.clone();
    let running = replay(&settings, &["--from", "earliest"]);
    running.wait_log(&["ERROR", "halted"]);
    assert!(scene.hub.wait_for(20, PATIENCE), "the others are sent");
    running.terminate();
    assert_eq!(keys(&running.ends(75), ["done", "left"])[0], false);
    let dropping = settings.with("[failure]\npolicy = 'drop'");
    assert_eq!(replay(&dropping, &["--from", "earliest"]).ends(0)["done"], true);
    assert_eq!(scene.hub.total(), 20);
    small.clear();
}

/// What it was to send is gone with the topic; the rest is sent.
#[test]
fn a_topic_that_is_made_again_meanwhile_is_left_out() {
    let scene = Scene::new("stays", 1, 500);
    let other = unique("goes");
    let make = || {
        scene.kafka.create_topic(&other, 1);
        scene.kafka.produce(&other, (0..500).map(|_| Out::value("x")));
    };
    make();
    let settings = scene.settings.clone().mapping(&other, "orders");
    let running = replay(&settings, &["--from", "earliest", "--rate", "150/s"]);
    assert!(scene.hub.wait_for(50, PATIENCE), "it sends");
    scene.kafka.delete_topic(&other);
    make();
    running.wait_log(&["WARN", "nothing more of this partition is replayed", &other]);
    assert_eq!(running.ends(0)["done"], true);
    let ids = scene.hub.partitions().iter().flat_map(eventhubs_local::Partition::events);
    let ours = ids.filter(|it| it.message_id().unwrap().starts_with(&scene.topic)).count();
    assert_eq!(ours, 500);
}

/// It may read in its group and not delete it: then it is over, and says what is left behind.
#[test]
fn a_group_that_may_not_be_deleted_is_told_and_one_that_may_not_be_read_is_refused() {
    let kafka = Kafka::start_with(1, AUTHORIZER);
    let (topic, group) = (unique("guarded"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.produce(&topic, (0..5).map(|_| Out::value("x")));
    let server = Server::builder().hub("orders", 2).start().unwrap();
    let settings = Settings::new(&kafka, &group, &server).mapping(&topic, "orders");
    let ours = format!("{group}.replay.");
    let may =
        |who: &str, operation| allow(&kafka, Kind::RD_KAFKA_RESOURCE_GROUP, &ours, who, operation);
    may("User:somebody", Operation::RD_KAFKA_ACL_OPERATION_READ);
    let replay = || settings.call(REPLAY, &["--from", "earliest", "--json"]);
    // Brokers hear of it a little later.
    let told = wait_for("it is refused", PATIENCE, || {
        let output = replay();
        (output.status.code() == Some(69)).then(|| text(&output.stdout))
    });
    let before = server.hub("orders").total();
    assert!(told.contains("Group authorization failed") && told.contains(&ours), "{told}");
    may(US, Operation::RD_KAFKA_ACL_OPERATION_READ);
    let told = wait_for("it is let in", PATIENCE, || {
        let output = replay();
        (output.status.code() == Some(0)).then(|| text(&output.stdout))
    });
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(keys(&told, ["done", "records", "left"]), json!([true, 5, 0]));
    assert!(told["kept"].as_str().unwrap().contains("authorization failed"), "{told}");
    let told = json(&settings, REPLAY, &["--from", "earliest"], 0);
    assert_eq!(keys(&told, ["done", "records"]), json!([true, 0]), "it is over already");
    may(US, Operation::RD_KAFKA_ACL_OPERATION_DELETE);
    wait_for("the group may be deleted", PATIENCE, || {
        json(&settings, REPLAY, &["--from", "earliest"], 0)["kept"].is_null().then_some(())
    });
    assert_eq!(server.hub("orders").total(), before + 5);
}

/// A record goes to two hubs, one of which stands for a while: its partition is held, and goes back to where it was. The bound
/// holds all the same.
#[test]
fn a_hub_that_stands_is_waited_for_and_nothing_behind_the_end_is_sent() {
    let scene = Scene::new("stands", 2, 6_000);
    let slow = Server::builder().hub("slow", 2).start().unwrap();
    let settings = scene.settings.clone().with(&format!(
        "[limits]
        memory = '64MiB'
        [eventhubs.other]
        connection_string = '{}'
        send_timeout = '4s'
        [[mappings]]
        topic = '{}'
        hub = 'slow'
        namespace = 'other'
        batch.max_events = 100",
        slow.connection_string(),
        scene.topic
    ));
    // The first batch of a partition is taken and not answered for, so the lane stands.
    let silence = slow.faults().hub("slow").partition(1).times(1).forget_ack();
    let to = "2026-08-15";
    let plan = json(&settings, REPLAY, &["--from", "earliest", "--to", to, "--dry-run"], 0);
    let end = entry(&plan, &scene.topic, 0)["to"].as_i64().unwrap();
    assert!((4_000..5_000).contains(&end), "{plan}");
    let running = replay(&settings, &["--from", "earliest", "--to", to]);
    wait_for("an answer is kept back", PATIENCE, || (silence.fired() > 0).then_some(()));
    assert_eq!(running.ends(0)["done"], true);
    for hub in [&scene.hub, &slow.hub("slow")] {
        let held = Held::of(hub, &scene.topic).replayed;
        assert!(held.keys().eq(once(0..2, 0..end).keys()), "all of it, and nothing else");
    }
    assert_eq!(scene.held().replayed, once(0..2, 0..end), "each once, where nothing is kept back");
}
