//! Users of SCRAM and their passwords, kept by Kafka itself: by foreign calls, because the crate has none for this.

use std::ffi::CString;
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::Kafka;

/// How a password is kept.
pub type Mechanism = ffi::rd_kafka_ScramMechanism_t;
/// `SCRAM-SHA-256`
pub const SHA_256: Mechanism = Mechanism::RD_KAFKA_SCRAM_MECHANISM_SHA_256;
/// `SCRAM-SHA-512`
pub const SHA_512: Mechanism = Mechanism::RD_KAFKA_SCRAM_MECHANISM_SHA_512;

impl Kafka {
    /// Makes `user`, or gives it another password.
    pub fn set_password(&self, user: &str, mechanism: Mechanism, password: &str) {
        let client: BaseConsumer = self.config().create().expect("a client");
        let user = CString::new(user).expect("no NUL in a name");
        let wait = Duration::from_secs(30).as_millis() as i32;
        // SAFETY: everything lives until it is destroyed below, in the opposite order; strings and bytes are copied.
        let refused = unsafe {
            let queue = ffi::rd_kafka_queue_new(client.client().native_ptr());
            let mut change = ffi::rd_kafka_UserScramCredentialUpsertion_new(
                user.as_ptr(),
                mechanism,
                4096,
                password.as_ptr(),
                password.len(),
                ptr::null(),
                0,
            );
            ffi::rd_kafka_AlterUserScramCredentials(
                client.client().native_ptr(),
                &raw mut change,
                1,
                ptr::null(),
                queue,
            );
            let event = ffi::rd_kafka_queue_poll(queue, wait);
            assert!(!event.is_null(), "kafka answers");
            let refused = refusal(event);
            ffi::rd_kafka_event_destroy(event);
            ffi::rd_kafka_UserScramCredentialAlteration_destroy(change);
            ffi::rd_kafka_queue_destroy(queue);
            refused
        };
        assert_eq!(refused, None, "kafka takes the password");
    }
}

/// SAFETY: a live event, the answer to one change.
unsafe fn refusal(event: *mut ffi::rd_kafka_event_t) -> Option<String> {
    // SAFETY: what is asked of the event lives as long as it does.
    unsafe {
        let code = ffi::rd_kafka_event_error(event);
        if code != ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Some(format!("{code:?}"));
        }
        let result = ffi::rd_kafka_event_AlterUserScramCredentials_result(event);
        let mut count = 0;
        let answers =
            ffi::rd_kafka_AlterUserScramCredentials_result_responses(result, &raw mut count);
        assert_eq!(count, 1, "one change, one answer");
        let error = ffi::rd_kafka_AlterUserScramCredentials_result_response_error(*answers);
        let code = ffi::rd_kafka_error_code(error);
        (code != ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| format!("{code:?}"))
    }
}
