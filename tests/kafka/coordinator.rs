//! A coordinator that is found after nobody waits for it any more.

use std::time::Duration;

use kafka_eventhubs_bridge::kafka::{Inquiry, Logins};
use stage::{Kafka, PATIENCE};

use crate::member::Member;

/// librdkafka would abort the process when it is answered at last.
#[test]
fn an_answer_that_comes_too_late_ends_nothing() {
    let kafka = Kafka::start(1);
    let config = Member::new(&kafka, "nobody", "").kafka;
    let access = Logins::open(&config).unwrap();
    let (inquiry, _) = Inquiry::enter(&config, &access, &config.brokers, PATIENCE).unwrap();
    kafka.freeze(1);
    inquiry.group(Duration::from_secs(3)).unwrap_err();
    kafka.thaw(1);
    // The broker answers in the order in which it was asked.
    assert!(inquiry.group(PATIENCE).unwrap().is_idle());
}
