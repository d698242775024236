//! Records and how they get into Kafka: by foreign calls, because the crate takes only UTF-8 header names.

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::bindings as ffi;
use rdkafka::client::ClientContext;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer, ProducerContext};

use crate::{Kafka, PATIENCE};

/// A record to be produced. Header names are bytes: Kafka does not ask for UTF-8.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Out {
    /// `None` lets the producer choose by the key.
    pub partition: Option<i32>,
    /// `None`: the record has none.
    pub key: Option<Vec<u8>>,
    /// `None`: a tombstone.
    pub value: Option<Vec<u8>>,
    /// Names and values, in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Milliseconds since the Unix epoch; `None`: when it is produced.
    pub timestamp: Option<i64>,
}

impl Out {
    /// A record with this value alone.
    pub fn value(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }
    /// With this key.
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }
    /// To this partition.
    pub fn to(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
    /// With one header more.
    pub fn header(mut self, name: impl Into<Vec<u8>>, value: Option<&[u8]>) -> Self {
        self.headers.push((name.into(), value.map(<[u8]>::to_vec)));
        self
    }
    /// With this timestamp.
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }
}

/// Partition and offset, or why not.
pub type Report = Result<(i32, i64), String>;

/// What Kafka has said of each record so far.
#[derive(Default)]
pub struct Reports(Mutex<Vec<(usize, Report)>>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;
    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let result = match result {
            Ok(record) => Ok((record.partition(), record.offset())),
            Err((error, _)) => Err(error.to_string()),
        };
        self.0.lock().unwrap().push((index, result));
    }
}

impl Kafka {
    /// Produces `records` to `topic` and waits until Kafka has them; gives partition and offset of each.
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = Out>) -> Vec<(i32, i64)> {
        self.produce_with(topic, records, &[])
    }

    /// As [`Kafka::produce`], with settings of the producer.
    pub fn produce_with(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = Out>,
        settings: &[(&str, &str)],
    ) -> Vec<(i32, i64)> {
        let mut writer = self.writer(settings);
        for record in records {
            writer.write(topic, &record);
        }
        writer.finish()
    }

    /// A producer that stays.
    pub fn writer(&self, settings: &[(&str, &str)]) -> Writer {
        Writer::new(self.config(), settings)
    }
}

/// An idempotent producer: what it writes to a partition is there once and in order.
pub struct Writer {
    producer: BaseProducer<Reports>,
    count: usize,
}

impl Writer {
    /// One that writes to the cluster of `config`.
    pub fn new(mut config: ClientConfig, settings: &[(&str, &str)]) -> Self {
        config.set("enable.idempotence", "true").set("linger.ms", "5");
        config.set("queue.buffering.max.messages", "100000");
        // It turns away from a node that is frozen; what it asked of that is not written twice.
        config.set("socket.timeout.ms", "10000");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let producer = config.create_with_context(Reports::default()).expect("a producer");
        Self { producer, count: 0 }
    }

    /// For transactions, if it was made with a `transactional.id`.
    pub fn producer(&self) -> &impl Producer<Reports> {
        &self.producer
    }

    /// Hands a record over; waits while the producer is full.
    pub fn write(&mut self, topic: &str, record: &Out) {
        while !send(&self.producer, topic, record, self.count) {
            self.producer.poll(Duration::from_millis(50));
        }
        self.count += 1;
        if self.count.is_multiple_of(1000) {
            self.producer.poll(Duration::ZERO);
        }
    }

    /// Waits until Kafka has everything written since the last time; gives partition and offset of each.
    pub fn finish(&mut self) -> Vec<(i32, i64)> {
        let reports = self.reports().into_iter();
        reports.map(|result| result.expect("kafka takes the record")).collect()
    }

    /// As [`Writer::finish`], of records that Kafka may not have taken.
    pub fn reports(&mut self) -> Vec<Report> {
        // Not `flush`, which looks only ten times a second.
        let deadline = Instant::now() + PATIENCE;
        while self.producer.in_flight_count() > 0 {
            assert!(Instant::now() < deadline, "kafka takes the records");
            self.producer.poll(Duration::from_millis(5));
        }
        let mut reports = self.producer.context().0.lock().unwrap();
        assert_eq!(reports.len(), self.count, "every record is reported");
        self.count = 0;
        reports.sort_by_key(|(index, _)| *index);
        reports.drain(..).map(|(_, result)| result).collect()
    }
}

/// False when the producer's queue is full.
fn send(producer: &BaseProducer<Reports>, topic: &str, record: &Out, index: usize) -> bool {
    use ffi::rd_kafka_vtype_t as Kind;
    use ffi::rd_kafka_vu_s__bindgen_ty_1 as Value;
    let topic = CString::new(topic).expect("no NUL in a topic");
    let memory = |bytes: &Option<Vec<u8>>| {
        let (ptr, size) =
            bytes.as_ref().map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
        Value {
            mem: ffi::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
                ptr: ptr.cast_mut().cast(),
                size,
            },
        }
    };
    let number = |value: i64| Value { i64_: value };
    let arg = |vtype, u| ffi::rd_kafka_vu_t { vtype, u };
    let mut args = vec![
        arg(Kind::RD_KAFKA_VTYPE_TOPIC, Value { cstr: topic.as_ptr() }),
        arg(Kind::RD_KAFKA_VTYPE_KEY, memory(&record.key)),
        arg(Kind::RD_KAFKA_VTYPE_VALUE, memory(&record.value)),
        arg(Kind::RD_KAFKA_VTYPE_MSGFLAGS, Value { i: ffi::RD_KAFKA_MSG_F_COPY }),
        arg(Kind::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: index as *mut c_void }),
    ];
    if let Some(partition) = record.partition {
        args.push(arg(Kind::RD_KAFKA_VTYPE_PARTITION, Value { i32_: partition }));
    }
    if let Some(timestamp) = record.timestamp {
        args.push(arg(Kind::RD_KAFKA_VTYPE_TIMESTAMP, number(timestamp)));
    }
    // SAFETY: all memory lives through the call; the headers are ours unless it succeeds.
    unsafe {
        let headers = ffi::rd_kafka_headers_new(record.headers.len());
        for (name, value) in &record.headers {
            let (start, size) =
                value.as_ref().map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
            ffi::rd_kafka_header_add(
                headers,
                name.as_ptr().cast(),
                name.len() as isize,
                start.cast(),
                size as isize,
            );
        }
        args.push(arg(Kind::RD_KAFKA_VTYPE_HEADERS, Value { headers }));
        let client = producer.client().native_ptr();
        let error = ffi::rd_kafka_produceva(client, args.as_ptr(), args.len());
        if error.is_null() {
            return true;
        }
        let code = ffi::rd_kafka_error_code(error);
        ffi::rd_kafka_error_destroy(error);
        ffi::rd_kafka_headers_destroy(headers);
        let full = ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__QUEUE_FULL;
        assert_eq!(code, full, "the producer takes the record");
        false
    }
}
