//! The records: a key, two headers, and a value of so many bytes.

use kafka_eventhubs_bridge::record::{Header, Record};

pub(crate) const TOPIC: &str = "orders";

/// What a record is made of.
#[derive(Debug)]
pub(crate) struct Made {
    offset: i64,
    pub(crate) key: String,
    pub(crate) trace: String,
    pub(crate) value: Vec<u8>,
}

impl Made {
    pub(crate) fn new(number: usize, size: usize) -> Self {
        let (key, trace) =
            (format!("customer-{}", number * 7919 % 10_000), format!("{number:016x}"));
        Self { offset: number as i64, key, trace, value: vec![b'a' + (number % 26) as u8; size] }
    }

    pub(crate) fn headers(&self) -> [Header<'_>; 2] {
        let header =
            |name: &'static str, value| Header { name: name.as_bytes(), value: Some(value) };
        [header("source", b"orders-service".as_slice()), header("trace", self.trace.as_bytes())]
    }

    pub(crate) fn record<'a>(&'a self, partition: i32, headers: &'a [Header<'a>]) -> Record<'a> {
        Record {
            topic: TOPIC,
            partition,
            offset: self.offset,
            timestamp: Some(1_700_000_000_000),
            key: Some(self.key.as_bytes()),
            value: Some(&self.value),
            headers,
        }
    }
}
