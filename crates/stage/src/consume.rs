//! Records as they lie in Kafka, header names as bytes: by foreign calls, for the reason `produce` gives.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::{Kafka, Out, PATIENCE};

impl Kafka {
    /// Everything a partition holds now, in order.
    pub fn records(&self, topic: &str, partition: i32) -> Vec<Out> {
        let (first, end) = self.watermarks(topic, partition);
        let mut config = self.config();
        config.set("group.id", "reader").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().expect("a client");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(first)).expect("an offset");
        consumer.assign(&list).expect("an assignment");
        let deadline = Instant::now() + PATIENCE;
        let mut records = Vec::new();
        while (records.len() as i64) < end - first {
            assert!(Instant::now() < deadline, "`{topic}` can be read");
            records.extend(poll(&consumer, Duration::from_millis(100)));
        }
        records
    }
}

fn poll(consumer: &BaseConsumer, wait: Duration) -> Option<Out> {
    // SAFETY: the message is destroyed once, after everything in it has been copied.
    unsafe {
        let client = consumer.client().native_ptr();
        let message = ffi::rd_kafka_consumer_poll(client, wait.as_millis() as i32);
        let seen = message.as_ref()?;
        let none = ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let record = (seen.err == none).then(|| {
            let timestamp = ffi::rd_kafka_message_timestamp(message, ptr::null_mut());
            Out {
                partition: Some(seen.partition),
                key: bytes(seen.key, seen.key_len),
                value: bytes(seen.payload, seen.len),
                headers: headers(message),
                timestamp: (timestamp >= 0).then_some(timestamp),
            }
        });
        ffi::rd_kafka_message_destroy(message);
        record
    }
}

/// SAFETY: a live message.
unsafe fn headers(message: *mut ffi::rd_kafka_message_t) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let none = ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
    let mut found = Vec::new();
    // SAFETY: the headers live as long as their message.
    unsafe {
        let mut headers = ptr::null_mut();
        if ffi::rd_kafka_message_headers(message, &raw mut headers) != none {
            return found;
        }
        let (mut name, mut value, mut size): (*const c_char, *const c_void, usize) =
            (ptr::null(), ptr::null(), 0);
        while ffi::rd_kafka_header_get_all(
            headers,
            found.len(),
            &raw mut name,
            &raw mut value,
            &raw mut size,
        ) == none
        {
            found.push((CStr::from_ptr(name).to_bytes().to_vec(), bytes(value, size)));
        }
    }
    found
}

/// SAFETY: null, or that many bytes.
unsafe fn bytes(start: *const c_void, size: usize) -> Option<Vec<u8>> {
    // SAFETY: as the caller says.
    let copy = || unsafe { std::slice::from_raw_parts(start.cast::<u8>(), size) }.to_vec();
    (!start.is_null()).then(copy)
}
