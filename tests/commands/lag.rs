//! `lag` and `offsets show`: how far the group is behind, whether a bridge runs or not.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use eventhubs_local::Server;
use rdkafka::producer::Producer as _;
use serde_json::json;
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::said::{entry, json, keys, refused, table};

const LAG: &[&str] = &["lag"];
const SHOW: &[&str] = &["offsets", "show"];

pub(crate) fn settings(kafka: &Kafka, group: &str) -> Settings {
    Settings::only(&format!(
        "[kafka]
        brokers = '{}'
        group_id = '{group}'
        [eventhubs]
        connection_string = 'Endpoint=sb://h;SharedAccessKeyName=k;SharedAccessKey=secret'",
        kafka.bootstrap()
    ))
}

fn time(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).unwrap().to_string()
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Record `n` of each partition is from `n` minutes after a day ago.
fn fill(kafka: &Kafka, topic: &str, partitions: i32, count: i64, first: i64) {
    let record = move |partition| move |n| Out::value("x").to(partition).at(first + n * 60_000);
    let all = (0..partitions).flat_map(|partition| (0..count).map(record(partition)));
    kafka.produce(topic, all);
}

#[test]
fn a_group_without_a_bridge_is_told_in_records_and_in_time() {
    let kafka = Kafka::shared();
    let (group, orders) = (unique("g"), unique("orders"));
    let (audit, left_out) = (format!("{orders}.audit"), format!("{orders}.internal"));
    let day = 24 * 3600;
    let first = now() - day * 1000;
    for topic in [&orders, &audit, &left_out] {
        kafka.create_topic(topic, 3);
        fill(kafka, topic, 3, 10, first);
    }
    kafka.commit(&group, &orders, 0, 4);
    kafka.commit(&group, &orders, 1, 10);
    let absent = unique("absent");
    let settings = settings(kafka, &group).mapping(&orders, "orders").mapping(&absent, "x").with(
        &format!(
            "[[mappings]]\ntopic_pattern = '{}\\..*'\ntopic_exclude = ['.*\\.internal']\nhub = 'audit'",
            orders.replace('.', "\\.")
        ),
    );
    let lag = json(&settings, LAG, &[], 0);
    assert_eq!(keys(&lag, ["group", "state", "members"]), json!([group, "empty", []]));
    assert_eq!(lag["missing"], json!([absent]));
    assert_eq!(lag["partitions"].as_array().unwrap().len(), 6, "not what is excluded: {lag}");
    let columns = ["state", "committed", "begin", "end", "next", "behind", "lost", "oldest"];
    assert_eq!(
        keys(entry(&lag, &orders, 0), columns),
        json!(["ok", 4, 0, 10, 4, 6, 0, time(first + 4 * 60_000)])
    );
    assert_eq!(keys(entry(&lag, &orders, 1), columns), json!(["ok", 10, 0, 10, 10, 0, 0, null]));
    assert_eq!(
        keys(entry(&lag, &orders, 2), columns),
        json!(["new", null, 0, 10, 0, 10, 0, time(first)])
    );
    assert_eq!(lag["behind"], 6 + 10 + 30);
    let oldest = lag["oldest_seconds"].as_f64().unwrap();
    assert!((0.0..PATIENCE.as_secs_f64()).contains(&(oldest - day as f64)), "{oldest}");

    let said = table(&settings, LAG, &[]);
    assert!(said.starts_with(&format!("group {group}: empty, no members\n")), "{said}");
    assert!(said.contains("caught up: 1 of 6 partitions\n"), "{said}");
    assert!(
        said.contains("behind: 46 records in 5 of 6 partitions\noldest: written 1 d 0 h ago\n")
    );
    assert!(said.contains(&format!("topic {absent}: kafka does not have it")), "{said}");
    assert!(!said.contains(&format!("{orders}/1")), "{said}");
    let all = table(&settings, LAG, &["--all", "--topic", &format!("{orders}:1")]);
    assert!(all.contains(&format!("{orders}/1")) && all.contains("0 of 1 partitions"), "{all}");
    let shown = table(&settings, SHOW, &["--topic", &orders]);
    assert!(shown.contains(&format!("{orders}/1")) && !shown.contains("oldest"), "{shown}");
    let shown = json(&settings, SHOW, &["--topic", &orders], 0);
    assert_eq!(keys(entry(&shown, &orders, 0), ["committed", "behind"]), json!([4, 6]));
}

/// What is not in the log any more, what is of an older topic, and what a bridge would make of it.
#[test]
fn a_position_that_does_not_count_is_told_first() {
    let kafka = Kafka::shared();
    let (group, topic) = (unique("g"), unique("gone"));
    kafka.create_topic(&topic, 4);
    fill(kafka, &topic, 4, 40, now());
    kafka.delete_records(&topic, 2, 12);
    for (partition, position) in [(0, 0), (1, 40), (2, 5), (3, 99)] {
        kafka.commit(&group, &topic, partition, position);
    }
    let settings = settings(kafka, &group).mapping(&topic, "orders");
    let columns = ["state", "next", "behind", "lost"];
    for (policy, gone, cut) in [
        ("earliest", json!(["gone", 12, 28, 7]), json!(["gone", 0, 40, 0])),
        ("latest", json!(["gone", 40, 0, 7]), json!(["gone", 40, 0, 0])),
        ("halt", json!(["gone", null, 28, 7]), json!(["gone", null, 40, 0])),
    ] {
        let settings = settings.clone().with(&format!("[kafka]\nout_of_range = '{policy}'"));
        let lag = json(&settings, LAG, &[], 0);
        assert_eq!(keys(entry(&lag, &topic, 2), columns), gone, "{policy}");
        assert_eq!(keys(entry(&lag, &topic, 3), columns), cut, "{policy}");
        let order = lag["partitions"].as_array().unwrap().iter().map(|it| &it["partition"]);
        let order = order.map(|it| it.as_i64().unwrap()).collect::<Vec<_>>();
        assert_eq!((&order[2..], order[..2].contains(&2)), (&[0, 1][..], true), "{policy}");
    }
    let said = table(&settings, LAG, &[]);
    assert!(
        said.contains("gone: the position is not in the log") && said.contains("lost: 7 records")
    );
    // With `latest`, a topic of which nothing is committed begins at its end.
    let other = unique("g");
    let latest =
        self::settings(kafka, &other).mapping(&topic, "o").with("[kafka]\nstart = 'latest'");
    let begins = |number| keys(entry(&json(&latest, LAG, &[], 0), &topic, number), columns);
    assert_eq!(begins(0), json!(["new", 40, 0, 0]));
    // And one of which something is committed has grown: what is new in it is read whole.
    kafka.commit(&other, &topic, 1, 40);
    assert_eq!(begins(0), json!(["new", 0, 40, 0]));
}

/// Markers take offsets, and are no records.
#[test]
fn a_group_that_has_read_every_record_of_a_transaction_is_not_behind() {
    let kafka = Kafka::shared();
    let (group, topic) = (unique("g"), unique("tx"));
    kafka.create_topic(&topic, 1);
    let mut writer = kafka.writer(&[("transactional.id", &unique("t"))]);
    writer.producer().init_transactions(PATIENCE).unwrap();
    writer.producer().begin_transaction().unwrap();
    (0..5).for_each(|n| writer.write(&topic, &Out::value("x").at(now() + n)));
    writer.finish();
    writer.producer().commit_transaction(PATIENCE).unwrap();
    wait_for("the marker is there", PATIENCE, || {
        (kafka.watermarks(&topic, 0) == (0, 6)).then_some(())
    });
    kafka.commit(&group, &topic, 0, 5);
    let settings = settings(kafka, &group).mapping(&topic, "orders");
    let lag = json(&settings, LAG, &[], 0);
    let told = keys(entry(&lag, &topic, 0), ["committed", "end", "behind", "oldest"]);
    assert_eq!(told, json!([5, 6, 0, null]));
    kafka.commit(&group, &topic, 0, 4);
    let lag = json(&settings, LAG, &[], 0);
    assert!(entry(&lag, &topic, 0)["oldest"].is_string(), "{lag}");
}

#[test]
fn members_are_named_whoever_leads_the_group() {
    let kafka = Kafka::shared();
    let server = Server::builder().hub("orders", 4).start().unwrap();
    for led in [false, true] {
        let (group, topic) = (unique("g"), unique("named"));
        kafka.create_topic(&topic, 3);
        let classic = Settings::new(kafka, &group, &server).mapping(&topic, "orders");
        let settings = if led { classic.led_by_broker() } else { classic };
        let bridge = settings.start();
        bridge.wait_ready(200);
        let lag = wait_for("the member has its partitions", PATIENCE, || {
            let lag = json(&settings, LAG, &[], 0);
            (lag["state"] == "stable" && lag["members"][0]["partitions"] == 3).then_some(lag)
        });
        assert_eq!(lag["members"].as_array().unwrap().len(), 1, "{lag}");
        let columns = ["client", "host", "instance"];
        let member = json!(["kafka-eventhubs-bridge", "127.0.0.1", null]);
        assert_eq!(keys(&lag["members"][0], columns), member);
        let said = table(&settings, LAG, &[]);
        let words = "members: 1\n  kafka-eventhubs-bridge at 127.0.0.1, partitions: 3\n";
        assert!(said.contains(words), "{said}");
        bridge.stop();
        wait_for("it is gone", PATIENCE, || {
            (json(&settings, LAG, &[], 0)["state"] == "empty").then_some(())
        });
    }
}

#[test]
fn a_thousand_partitions_are_told_at_once() {
    let kafka = Kafka::shared();
    let (group, topic) = (unique("g"), unique("many"));
    kafka.create_topic(&topic, 1000);
    let first = now();
    let record = |partition| {
        let value = vec![b'x'; 2000];
        let out = move |n| Out::value(value.clone()).to(partition).at(first + n);
        (0..3).map(out)
    };
    kafka.produce(&topic, (0..1000).flat_map(record));
    let settings = settings(kafka, &group).mapping(&topic, "orders");
    let begun = Instant::now();
    let lag = json(&settings, LAG, &[], 0);
    eprintln!("1000 partitions: {:.1?}", begun.elapsed());
    let all = lag["partitions"].as_array().unwrap();
    assert_eq!((all.len(), &lag["behind"]), (1000, &json!(3000)));
    let told = time(first);
    let told = all.iter().filter(|it| it["oldest"] == told).count();
    assert_eq!(told, 1000, "the first record of each was read");
    kafka.delete_topic(&topic);
}

/// A broker that says nothing hides its own partitions, and nothing else: not for longer than it may take, either.
#[test]
fn a_broker_that_is_silent_hides_its_own_partitions_alone() {
    let kafka = Kafka::start(3);
    let (group, topic) = (unique("g"), unique("silent"));
    kafka.create_topic(&topic, 6);
    fill(&kafka, &topic, 6, 5, now());
    (0..6).for_each(|partition| kafka.commit(&group, &topic, partition, 2));
    let settings = settings(&kafka, &group).mapping(&topic, "orders");
    let frozen = kafka.coordinator(&group) % 3 + 1;
    kafka.freeze(frozen);
    let begun = Instant::now();
    let lag = json(&settings, LAG, &["--timeout", "12s"], 0);
    let took = begun.elapsed();
    assert!(took < PATIENCE, "{took:?}");
    let all = lag["partitions"].as_array().unwrap();
    let known = all.iter().filter(|it| it["state"] == "ok" && it["behind"] == 3).count();
    let hidden = all.iter().filter(|it| it["state"] == "unknown" && it["committed"] == 2).count();
    assert!(known >= 4 && known + hidden == 6, "{known} and {hidden}: {lag}");
    let read = all.iter().filter(|it| it["oldest"].is_string()).count();
    assert_eq!(read, known, "{lag}");
    kafka.thaw(frozen);
}

#[test]
fn who_cannot_be_asked_is_named_and_so_is_the_way_out() {
    let kafka = Kafka::shared();
    let topic = unique("named");
    kafka.create_topic(&topic, 2);
    let settings = settings(kafka, &unique("g")).mapping(&topic, "orders");
    let words = ["topic `invoices` is in no mapping", "hint: select a topic"];
    refused(&settings, LAG, &["--topic", "invoices"], 64, &words);
    let place = format!("{topic}:2");
    let words = ["has no partition 2", "it has 2: 0 to 1"];
    refused(&settings, LAG, &["--topic", &place], 64, &words);
    let absent = settings.clone().mapping("absent", "x");
    refused(&absent, LAG, &["--topic", "absent"], 69, &["topic `absent`", "no such topic"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let closed = settings.with(&format!("[kafka]\nbrokers = '127.0.0.1:{port}'"));
    let quick = ["--timeout", "2s"];
    let begun = Instant::now();
    refused(&closed, LAG, &quick, 69, &["cannot ask kafka", "`check --connect`"]);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    let error = json(&closed, SHOW, &quick, 69);
    assert_eq!(error["error"]["kind"], "denied", "{error}");
    let wrong = closed.without("kafka.group_id");
    assert_eq!(json(&wrong, LAG, &[], 78)["good"], false);
}
