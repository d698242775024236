//! A Kafka with access control.

use std::ffi::CString;
use std::ptr;

use rdkafka::bindings as ffi;
use rdkafka::bindings::rd_kafka_AclOperation_t as Operation;
use rdkafka::bindings::rd_kafka_ResourceType_t as Kind;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::{Kafka, PATIENCE};

/// Everybody may do everything, except where it is said who may do what.
pub const AUTHORIZER: &str =
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
";
/// Who comes without a login.
pub const US: &str = "User:ANONYMOUS";

/// Allows somebody something, and so nobody anything else. By foreign calls, because the crate knows no access control.
pub fn allow(kafka: &Kafka, kind: Kind, name: &str, who: &str, operation: Operation) {
    // A name that ends in a dot stands for all that begin so.
    let pattern = match name.ends_with('.') {
        true => ffi::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        false => ffi::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
    };
    let client: BaseConsumer = kafka.config().create().unwrap();
    let text = |text: &str| CString::new(text).unwrap();
    let (name, who, host) = (text(name), text(who), text("*"));
    // SAFETY: the client outlives what is made of it here; texts outlive the calls, which copy them.
    unsafe {
        let mut binding = ffi::rd_kafka_AclBinding_new(
            kind,
            name.as_ptr(),
            pattern,
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
