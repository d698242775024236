//! What a Kafka with access control refuses.

use std::time::Duration;

use stage::acl::{AUTHORIZER, US, allow};
use stage::{Kafka, Out, PATIENCE, Settings, unique, wait_for};

use crate::scene::{Checked, HUB, check, server};
use rdkafka::bindings::rd_kafka_AclOperation_t as Operation;
use rdkafka::bindings::rd_kafka_ResourceType_t as Kind;

fn is_refused(checked: &Checked, subject: &str, name: &str, step: &str) -> bool {
    checked.step(subject, name, step)["outcome"] == "refused"
}

#[test]
fn what_access_control_refuses_is_named_with_the_operation_that_is_missing() {
    let kafka = Kafka::start_with(1, AUTHORIZER);
    let (seen, hidden, group) = (unique("seen"), unique("hidden"), unique("closed"));
    kafka.create_topic(&seen, 1);
    kafka.create_topic(&hidden, 1);
    let server = server();
    let settings = Settings::new(&kafka, &group, &server).mapping(&seen, HUB).mapping(&hidden, HUB);
    let checked = check(&settings);
    assert_eq!((checked.code, checked.not_ok()), (0, Vec::new()), "{:#}", checked.json);

    allow(
        &kafka,
        Kind::RD_KAFKA_RESOURCE_TOPIC,
        &seen,
        US,
        Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE,
    );
    let other = "User:somebody";
    allow(
        &kafka,
        Kind::RD_KAFKA_RESOURCE_TOPIC,
        &hidden,
        other,
        Operation::RD_KAFKA_ACL_OPERATION_READ,
    );
    allow(
        &kafka,
        Kind::RD_KAFKA_RESOURCE_GROUP,
        &group,
        other,
        Operation::RD_KAFKA_ACL_OPERATION_READ,
    );
    // Brokers hear of it a little later.
    let checked = wait_for("the group is refused", PATIENCE + Duration::from_secs(30), || {
        let checked = check(&settings);
        is_refused(&checked, "group", &group, "positions").then_some(checked)
    });
    let words = ["Group authorization failed", "`Read`"];
    checked.found(("group", &group, "positions"), "refused", &words);
    checked.found(("topic", &seen, "exists"), "ok", &[]);
    let words = ["Topic authorization failed", "`Read` and `Describe`", &seen];
    checked.found(("topic", &seen, "read"), "refused", &words);
    checked.found(("topic", &seen, "size"), "skipped", &[]);
    let words = ["Topic authorization failed", "`Describe`", &hidden];
    checked.found(("topic", &hidden, "exists"), "refused", &words);

    let (reading, kind) = (Operation::RD_KAFKA_ACL_OPERATION_READ, Kind::RD_KAFKA_RESOURCE_TOPIC);
    allow(&kafka, kind, &seen, US, reading);
    let checked = wait_for("the topic may be read", PATIENCE, || {
        let checked = check(&settings);
        (!is_refused(&checked, "topic", &seen, "read")).then_some(checked)
    });
    checked.found(("topic", &seen, "read"), "ok", &[]);
    checked.found(("topic", &seen, "size"), "note", &["kafka gave no value", "`DescribeConfigs`"]);

    // Who does not check is told by the bridge.
    let bridge = Settings::new(&kafka, &unique("open"), &server).mapping(&seen, HUB);
    let bridge = bridge.mapping(&hidden, HUB).start();
    bridge.wait_log(&[
        "WARN",
        &hidden,
        "authorization failed; hint: grant the user `Read` on the topic",
    ]);
    bridge.wait_ready(200);
    bridge.stop();
}

/// Reading letters and deleting them are not the same right.
#[test]
fn what_access_control_refuses_of_dead_letters_is_named_with_the_operation_that_is_missing() {
    let kafka = Kafka::start_with(1, AUTHORIZER);
    let target = unique("refused");
    kafka.create_topic(&target, 1);
    kafka.produce(&target, [Out::value("x").to(0)]);
    let settings = Settings::new(&kafka, &unique("g"), &server()).mapping("orders", HUB);
    let settings = settings
        .with(&format!("[failure]\npolicy = 'dead_letter'\ndead_letter_topic = '{target}'"));
    let call = |command: &[&str], arguments: &[&str]| {
        let output = settings.call(&[&["dead-letters"], command].concat(), arguments);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (list, purge) = (["list"], ["purge"]);
    let all = ["--before", "1", "--topic", &format!("{target}:0"), "--yes"];
    let topic = Kind::RD_KAFKA_RESOURCE_TOPIC;
    allow(&kafka, topic, &target, "User:somebody", Operation::RD_KAFKA_ACL_OPERATION_WRITE);
    wait_for("it is hidden", PATIENCE, || (call(&list, &[]).0 == Some(69)).then_some(()));
    let (_, said) = call(&list, &[]);
    assert!(
        said.contains("authorization failed") && said.contains("`Describe` and `Read`"),
        "{said}"
    );

    allow(&kafka, topic, &target, US, Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE);
    let said = wait_for("it is seen, and not to be read", PATIENCE, || {
        let (code, said) = call(&list, &[]);
        (code == Some(69) && said.contains("dead letters cannot be read")).then_some(said)
    });
    assert!(said.contains("authorization failed") && said.contains("`Read`"), "{said}");

    allow(&kafka, topic, &target, US, Operation::RD_KAFKA_ACL_OPERATION_READ);
    wait_for("authorized to read", PATIENCE, || (call(&list, &[]).0 == Some(0)).then_some(()));
    let (code, said) = call(&purge, &all);
    assert!(code == Some(69) && said.contains("the operation `Delete` on the topic"), "{said}");
    assert_eq!(kafka.watermarks(&target, 0), (0, 1));

    allow(&kafka, topic, &target, US, Operation::RD_KAFKA_ACL_OPERATION_DELETE);
    let said = wait_for("it may be purged", PATIENCE, || {
        let (code, said) = call(&purge, &all);
        (code == Some(0)).then_some(said)
    });
    assert!(said.contains("dead letters deleted: 1"), "{said}");
}
