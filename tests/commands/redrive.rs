//! `dead-letters replay`: what could not be stored goes where it was to go, once somebody has seen to it, and no more than once.

use eventhubs_local::{Partition, Server};
use rdkafka::producer::Producer as _;
use serde_json::json;
use stage::event::{Form, Seen, expected, place};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::offsets::MIDNIGHT;
use crate::replaying::{Held, committed, once, started};
use crate::said::{json, keys, refused};

const LETTERS: &[&str] = &["dead-letters", "replay"];
const LARGE: usize = 200_000;

fn large() -> Out {
    Out::value(vec![b'x'; LARGE]).key("k").header("own", Some(b"1")).to(1).at(MIDNIGHT)
}

/// One hub takes it, the other not; what is not taken is lettered, mended, sent again.
#[test]
fn letters_go_to_the_hub_that_was_to_have_them_and_only_once() {
    let kafka = Kafka::shared();
    let (topic, dead, group) = (unique("source"), unique("dead"), unique("g"));
    kafka.create_topic(&topic, 2);
    kafka.create_topic(&dead, 3);
    let server = Server::builder().hub("orders", 4).hub("wide", 4).start().unwrap();
    let (hub, wide) = (server.hub("orders"), server.hub("wide"));
    let settings = Settings::new(kafka, &group, &server);
    let settings = settings
        .mapping(&topic, "orders")
        .mapping(&topic, "wide")
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{dead}'"));
    let copy = || {
        let bridge = settings.clone().until_caught_up().start();
        assert_eq!(bridge.wait_exit(PATIENCE), 0);
    };
    let replay = |arguments: &[&str]| {
        let told = started(LETTERS, &settings, arguments).ends(0);
        assert_eq!(keys(&told, ["done", "left"]), json!([true, 0]), "{told}");
        told["records"].as_i64().unwrap()
    };
    let small = server.faults().hub("orders").max_message_size(100_000);
    kafka.produce(&topic, (0..10).map(|_| Out::value("small").to(1)));
    kafka.produce(&topic, [large(), large()]);
    copy();
    assert_eq!((hub.total(), wide.total()), (10, 12));
    let before = committed(kafka, &group, &topic, 2);

    small.clear();
    refused(&settings, LETTERS, &[], 64, &["does not hold where to start on", "--from earliest"]);
    let plan = json(&settings, LETTERS, &["--from", "earliest", "--dry-run"], 0);
    assert_eq!(keys(&plan, ["begun", "records", "left"]), json!([false, 2, 2]));
    // What is no letter is passed over, and so is what is no record: the marker behind it.
    let mut writer = kafka.writer(&[("transactional.id", &unique("t"))]);
    writer.producer().init_transactions(PATIENCE).unwrap();
    writer.producer().begin_transaction().unwrap();
    writer.write(&dead, &Out::value("foreign").to(2));
    writer.finish();
    writer.producer().commit_transaction(PATIENCE).unwrap();
    wait_for("the marker is there", PATIENCE, || {
        (kafka.watermarks(&dead, 2) == (0, 2)).then_some(())
    });
    assert_eq!(replay(&["--from", "earliest", "--rate", "100/s"]), 4);
    let settled = committed(kafka, &format!("{group}.dead-letters"), &dead, 3);
    assert_eq!(settled[2].0, Some(2), "nothing is left of it");
    let held = Held::of(&hub, &topic);
    assert_eq!(held, Held { copied: once([1], 0..10), replayed: once([1], 10..12) });
    assert_eq!(wide.total(), 12, "it has them");
    let events = hub.partitions().iter().flat_map(Partition::events).map(|it| Seen::stored(&it));
    for mut seen in events.filter(|it| it.body.len() == LARGE) {
        assert!(seen.properties.remove("kafka_replayed").is_some());
        let (_, partition, offset) = place(&seen.message_id).unwrap();
        assert_eq!(seen, expected(&large(), &topic, partition, offset, &Form::default()));
    }
    assert_eq!(replay(&[]), 0, "they were sent before");
    assert_eq!(hub.total(), 12);

    // Refused again, it lies behind the others, and is for the next time.
    let small = server.faults().hub("orders").max_message_size(100_000);
    server.faults().hub("orders").detach_links("amqp:link:detach-forced");
    kafka.produce(&topic, [large()]);
    copy();
    assert_eq!((replay(&[]), hub.total()), (1, 12));
    small.clear();
    assert_eq!((replay(&[]), hub.total()), (1, 13));
    assert_eq!(Held::of(&hub, &topic).replayed, once([1], 10..13));
    assert_eq!((replay(&[]), hub.total(), wide.total()), (0, 13, 13));
    // Who wants them all again says so.
    assert_eq!(replay(&["--from", "earliest", "--topic", &format!("{dead}:2")]), 2);
    let marker = ["--from", "1", "--topic", &format!("{dead}:2")];
    assert_eq!((replay(&marker), replay(&[])), (1, 0), "a marker is not left for ever");
    let after = committed(kafka, &group, &topic, 2);
    assert_eq!(after[1], (Some(13), before[1].1.clone()), "as the bridge has left it");

    let none = settings.clone().without("failure");
    refused(&none, LETTERS, &["--from", "earliest"], 64, &["writes dead letters"]);
    let other = ["--from", "earliest", "--topic", &topic];
    refused(&settings, LETTERS, &other, 64, &["no selected mapping writes dead letters to"]);
}

/// Keys that have not the length of their type, until somebody says that they are text.
#[test]
fn a_process_that_is_killed_in_mid_way_goes_on_by_the_same_command() {
    const ALL: i64 = 300;
    let kafka = Kafka::shared();
    let (topic, dead, group) = (unique("source"), unique("dead"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&dead, 2);
    let server = Server::builder().hub("orders", 4).start().unwrap();
    let hub = server.hub("orders");
    let settings = Settings::new(kafka, &group, &server)
        .mapping(&topic, "orders")
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{dead}'"));
    kafka.produce(&topic, (0..ALL).map(|n| Out::value("x").key(format!("key {n}"))));
    let wrong = settings.clone().with("[events]\nkey_type = 'int64'").until_caught_up();
    assert_eq!(wrong.start().wait_exit(PATIENCE), 0);
    assert_eq!(hub.total(), 0);

    let arguments = ["--from", "earliest", "--rate", "100/s"];
    let running = started(LETTERS, &settings, &arguments);
    let name = format!("{group}.dead-letters");
    let settled = || {
        let all = committed(kafka, &name, &dead, 2).into_iter();
        all.map(|(at, _)| at.unwrap_or_default()).sum::<i64>()
    };
    assert!(hub.wait_for(80, PATIENCE), "it sends");
    wait_for("it has committed", PATIENCE, || (settled() > 0).then_some(()));
    running.kill();
    let open = i64::try_from(hub.total()).unwrap() - settled();
    assert!((0..ALL).contains(&open));
    let told = started(LETTERS, &settings, &arguments).ends(0);
    assert_eq!(keys(&told, ["done", "left"]), json!([true, 0]));
    let held = Held::of(&hub, &topic).replayed;
    assert!(held.keys().eq(once([0], 0..ALL).keys()), "all of them");
    let twice = i64::try_from(hub.total()).unwrap() - ALL;
    assert!(twice <= open, "{twice} came twice, and {open} were not committed");
    assert_eq!(settled(), ALL);
}
