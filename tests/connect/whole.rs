//! When all is as it should be, and that a check leaves no trace.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use stage::{Kafka, PATIENCE, Settings, unique, wait_for};

use crate::scene::{HUB, check, check_with, closed, scene, server, silent, table};

#[test]
fn what_is_good_is_said_step_by_step() {
    let server = server();
    let (settings, topic) = scene(&server, 3);
    let begun = Instant::now();
    let checked = check(&settings);
    assert_eq!((checked.code, checked.not_ok()), (0, Vec::new()), "{:#}", checked.json);
    println!("a check of all took {:?}", begun.elapsed());
    let broker = Kafka::shared().bootstrap();
    checked.found(("broker", broker, "resolve"), "ok", &["127.0.0.1"]);
    checked.found(("broker", broker, "log in"), "ok", &["plaintext", "brokers: 1"]);
    checked.found(("cluster", "kafka", "advertised"), "ok", &[broker, "can be reached"]);
    checked.found(("topic", &topic, "exists"), "ok", &["partitions: 3"]);
    checked.found(("topic", &topic, "size"), "ok", &["1048588", "default"]);
    checked.found(("namespace", "default", "token"), "ok", &["`root`", "min"]);
    checked.found(("hub", "default/orders", "partitions"), "ok", &["partitions: 4"]);
    checked.found(("hub", "default/orders", "send"), "ok", &["1048576"]);
    let mapping = checked.mapping();
    assert_eq!(mapping["topic"], topic.as_str());
    assert_eq!((&mapping["namespace"], &mapping["hub"]), (&"default".into(), &HUB.into()));
    assert_eq!((&mapping["kafka_partitions"], &mapping["hub_partitions"]), (&3.into(), &4.into()));

    // People are told the same.
    let (code, text) = table(&settings);
    assert_eq!(code, 0, "{text}");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for step in checked.json["steps"].as_array().unwrap() {
        let row = format!("{} ok", step["step"].as_str().unwrap());
        assert!(text.contains(&row), "`{row}` is not in {text}");
    }
    for words in [&format!("topic {topic}"), "partitions: 3", "3 → 4", "`root`", "nothing was sent"]
    {
        assert!(text.contains(words), "`{words}` is not in {text}");
    }
}

#[test]
fn nothing_is_sent_joined_or_committed() {
    let server = server();
    let kafka = Kafka::shared();
    let (topic, group, known) = (unique("traceless"), unique("g"), unique("g"));
    kafka.create_topic(&topic, 2);
    kafka.commit(&known, &topic, 1, 0);
    let checked = check(&Settings::new(kafka, &group, &server).mapping(&topic, HUB));
    checked.found(("group", &group, "positions"), "ok", &["0 of 2"]);
    let checked = check(&Settings::new(kafka, &known, &server).mapping(&topic, HUB));
    checked.found(("group", &known, "positions"), "ok", &["1 of 2"]);

    assert_eq!(server.hub(HUB).total(), 0);
    wait_for("connections are closed", PATIENCE, || server.connections().is_empty().then_some(()));
    assert_eq!(kafka.committed(&known, &topic, 1), Some(0));
    assert_eq!(kafka.committed(&known, &topic, 0), None);
    let client: BaseConsumer = kafka.config().create().unwrap();
    let groups = client.fetch_group_list(None, PATIENCE).unwrap();
    let exists = |name: &str| groups.groups().iter().any(|it| it.name() == name);
    assert!(exists(&known) && !exists(&group));
}

#[test]
fn who_else_is_in_the_group_is_said() {
    let (server, kafka) = (server(), Kafka::shared());
    let (topic, group) = (unique("company"), unique("g"));
    kafka.create_topic(&topic, 2);
    let settings = Settings::new(kafka, &group, &server).mapping(&topic, HUB);
    let members = ("group", group.as_str(), "members");
    check(&settings).found(members, "ok", &["no members"]);

    let bridge = settings.start();
    bridge.wait_ready(200);
    check(&settings).found(members, "ok", &["members: 1"]);
    bridge.stop();

    let stranger: BaseConsumer = kafka
        .config()
        .set("group.id", &group)
        .set("partition.assignment.strategy", "range")
        .create()
        .unwrap();
    stranger.subscribe(&[&topic]).unwrap();
    wait_for("the stranger has partitions", PATIENCE, || {
        drop(stranger.poll(Duration::from_millis(100)));
        (stranger.assignment().unwrap().count() == 2).then_some(())
    });
    let checked = check(&settings);
    assert_eq!(checked.code, 0, "it may go before the bridge comes");
    checked.found(members, "warning", &["members: 1", "`range`", "`kafka.group_id`"]);
    let bridge = settings.start();
    bridge.wait_log(&["WARN", "InconsistentGroupProtocol", "hint: ", "`kafka.group_id`"]);
    bridge.terminate();
    drop(stranger);
    assert_eq!(bridge.wait_exit(PATIENCE), 0);
}

#[test]
fn who_says_nothing_is_named_within_the_time_limit() {
    let kafka = Kafka::shared();
    let (topic, mute) = (unique("mute"), silent());
    kafka.create_topic(&topic, 1);
    let host = silent();
    let namespace = format!(
        "[kafka]\nbrokers = '{mute},{}'\n[eventhubs]\nconnection_string = 'Endpoint=sb://{host};SharedAccessKeyName=k;\
         SharedAccessKey=s;UseDevelopmentEmulator=true'",
        kafka.bootstrap()
    );
    let settings =
        Settings::new(kafka, &unique("g"), &server()).mapping(&topic, HUB).with(&namespace);
    let begun = Instant::now();
    let checked = check_with(&settings, &["--timeout", "4s"]);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    checked.found(("broker", &mute, "connect"), "ok", &[]);
    checked.found(
        ("broker", &mute, "log in"),
        "failed",
        &["no answer within", "a listener of Kafka"],
    );
    checked.found(("namespace", "default", "connect"), "ok", &[]);
    checked.found(("namespace", "default", "amqp"), "failed", &["no answer", "within"]);
    checked.found(("namespace", "default", "token"), "skipped", &[]);
    checked.found(("hub", "default/orders", "send"), "skipped", &[]);
    // The broker that answers is asked all the same.
    checked.found(("topic", &topic, "read"), "ok", &[]);
    assert_eq!(checked.mapping()["outcome"], "skipped");
}

#[test]
fn where_nobody_is_nobody_is_waited_for() {
    let server = server();
    let (nobody, elsewhere) = (closed(), "no-such-host.invalid:9092");
    let brokers = format!("[kafka]\nbrokers = '{elsewhere}, {nobody}'");
    let namespace = "[eventhubs]\nconnection_string = 'Endpoint=sb://no-such-host.invalid;SharedAccessKeyName=k;SharedAccessKey=s'";
    let (settings, topic) = scene(&server, 1);
    let begun = Instant::now();
    let checked = check(&settings.with(&brokers).with(namespace));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    checked.found(("broker", elsewhere, "resolve"), "failed", &["lookup", "DNS"]);
    checked.found(("broker", elsewhere, "connect"), "skipped", &[]);
    checked.found(("broker", &nobody, "resolve"), "ok", &[]);
    checked.found(("broker", &nobody, "connect"), "failed", &["refused", "firewalls"]);
    checked.found(
        ("namespace", "default", "resolve"),
        "failed",
        &["no-such-host.invalid:5671", "private"],
    );
    checked.found(("topic", &topic, "exists"), "skipped", &[]);
}

#[test]
fn a_configuration_that_is_wrong_is_78_and_nobody_is_asked() {
    let output = Settings::only("[kafka]\nbrokers = 'k'").check(&["--connect", "--json"]);
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["good"], &json["steps"]), (&false.into(), &serde_json::json!([])));
    let mut told = json["problems"].as_array().unwrap().iter().map(|it| it["what"].to_string());
    assert!(told.any(|what| what.contains("kafka.group_id")), "{json:#}");
}

/// A script asks the same way, whatever it asks for.
#[test]
fn without_a_connection_there_is_a_document_too() {
    let (settings, _) = scene(&server(), 1);
    let output = settings.variable("BRIDGE_VERSION", "1").check(&["--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["good"], &json["problems"]), (&true.into(), &serde_json::json!([])));
    let warning = &json["warnings"][0];
    assert_eq!(
        (&warning["source"], &warning["name"]),
        (&"variable".into(), &"BRIDGE_VERSION".into())
    );
}
