//! What a Kafka with access control refuses.

use std::ffi::CString;
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::bindings::rd_kafka_AclOperation_t as Operation;
use rdkafka::bindings::rd_kafka_ResourceType_t as Kind;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::scene::{Checked, HUB, check, server};
use crate::support::{Kafka, PATIENCE, Settings, unique, wait_for};

/// Everybody may do everything, except where it is said who may do what.
const AUTHORIZER: &str =
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
";
/// Who comes without a login.
const US: &str = "User:ANONYMOUS";

/// Allows somebody something, and so nobody anything else. By foreign calls, because the crate knows no access control.
fn allow(kafka: &Kafka, kind: Kind, name: &str, who: &str, operation: Operation) {
    let client: BaseConsumer = kafka.config().create().unwrap();
    let text = |text: &str| CString::new(text).unwrap();
    let (name, who, host) = (text(name), text(who), text("*"));
    // SAFETY: the client outlives what is made of it here; texts outlive the calls, which copy them.
    unsafe {
        let mut binding = ffi::rd_kafka_AclBinding_new(
            kind,
            name.as_ptr(),
            ffi::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
            who.as_ptr(),
            host.as_ptr(),
            operation,
            ffi::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            ptr::null_mut(),
            0,
        );
        assert!(!binding.is_null(), "a binding as Kafka knows them");
        let native = client.client().native_ptr();
        let queue = ffi::rd_kafka_queue_new(native);
        ffi::rd_kafka_CreateAcls(native, &raw mut binding, 1, ptr::null(), queue);
        let event = ffi::rd_kafka_queue_poll(queue, PATIENCE.as_millis() as i32);
        assert!(!event.is_null(), "kafka answers");
        let error = ffi::rd_kafka_event_error(event);
        assert_eq!(error, ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
        ffi::rd_kafka_event_destroy(event);
        ffi::rd_kafka_queue_destroy(queue);
        ffi::rd_kafka_AclBinding_destroy(binding);
    }
}

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
    checked.found(("topic", &seen, "size"), "note", &["kafka does not tell", "`DescribeConfigs`"]);

    // Who does not check is told by the bridge.
    let bridge = Settings::new(&kafka, &unique("open"), &server).mapping(&seen, HUB);
    let bridge = bridge.mapping(&hidden, HUB).start();
    bridge.wait_log(&[
        "WARN",
        &hidden,
        "authorization failed; hint: let the user `Read` the topic",
    ]);
    bridge.wait_ready(200);
    bridge.stop();
}
