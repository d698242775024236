//! In what the languages differ, though their programs do the same.

use eventhubs_local::Value;

/// How many things every program does that have to fail.
const FAILURES: usize = 9;
/// With this one the clients agree with the service on the partition: of four it is 1.
const BUFFERED_KEY: &str = "7149583486996073602";

pub(crate) struct Language {
    pub(crate) name: &'static str,
    /// The AMQP value that its integer becomes.
    pub(crate) int: fn(i64) -> Value,
    /// Whether its client has a buffered producer.
    pub(crate) buffers: bool,
    /// The key that such an event has in the end: a client may only use it to choose a partition.
    pub(crate) buffered_key: Option<&'static str>,
    /// What must not be possible, and the words in which the client says so.
    pub(crate) failures: [(&'static str, &'static str); FAILURES],
}

pub(crate) static PYTHON: Language = Language {
    name: "python",
    int: |n| Value::Int(n as i32),
    buffers: true,
    buffered_key: Some(BUFFERED_KEY),
    failures: [
        // It keeps the reason to itself, but for the condition.
        ("wrong_key", "com.microsoft:auth-failed"),
        ("expired_token", "com.microsoft:auth-failed"),
        ("missing_right_to_send", "'Send' claim(s) are required"),
        ("missing_right_to_receive", "'Listen' claim(s) are required"),
        ("unknown_hub", "amqp:not-found"),
        ("unknown_partition", "Invalid partition 9 for the event hub orders"),
        ("oversize_event", "EventDataSendError: The received message"),
        ("stolen_by_a_higher_epoch", "amqp:link:stolen"),
        ("refused_by_a_higher_epoch", "amqp:link:stolen"),
    ],
};

pub(crate) static JAVASCRIPT: Language = Language {
    name: "javascript",
    // Numbers have no types there: what is above zero is sent as unsigned.
    int: |n| if n > 0 { Value::Uint(n as u32) } else { Value::Int(n as i32) },
    buffers: true,
    buffered_key: None,
    failures: [
        ("wrong_key", "UnauthorizedError"),
        ("expired_token", "ExpiredToken"),
        ("missing_right_to_send", "'Send' claim(s) are required"),
        ("missing_right_to_receive", "'Listen' claim(s) are required"),
        ("unknown_hub", "MessagingEntityNotFoundError"),
        ("unknown_partition", "ArgumentOutOfRangeError"),
        ("oversize_event", "MessageTooLargeError"),
        ("stolen_by_a_higher_epoch", "ReceiverDisconnectedError"),
        ("refused_by_a_higher_epoch", "ReceiverDisconnectedError"),
    ],
};

pub(crate) static JAVA: Language = Language {
    name: "java",
    int: |n| Value::Int(n as i32),
    buffers: true,
    buffered_key: Some(BUFFERED_KEY),
    failures: [
        ("wrong_key", "InvalidSignature"),
        ("expired_token", "ExpiredToken"),
        ("missing_right_to_send", "'Send' claim(s) are required"),
        ("missing_right_to_receive", "'Listen' claim(s) are required"),
        ("unknown_hub", "could not be found"),
        ("unknown_partition", "com.microsoft:argument-out-of-range"),
        ("oversize_event", "amqp:link:message-size-exceeded"),
        ("stolen_by_a_higher_epoch", "amqp:link:stolen"),
        ("refused_by_a_higher_epoch", "amqp:link:stolen"),
    ],
};

pub(crate) static GO: Language = Language {
    name: "go",
    int: Value::Long,
    buffers: false,
    buffered_key: None,
    failures: [
        ("wrong_key", "InvalidSignature"),
        ("expired_token", "ExpiredToken"),
        ("missing_right_to_send", "'Send' claim(s) are required"),
        ("missing_right_to_receive", "'Listen' claim(s) are required"),
        ("unknown_hub", "The messaging entity 'nowhere' could not be found"),
        ("unknown_partition", "com.microsoft:argument-out-of-range"),
        ("oversize_event", "too large"),
        ("stolen_by_a_higher_epoch", "ownershiplost"),
        ("refused_by_a_higher_epoch", "amqp:link:stolen"),
    ],
};
