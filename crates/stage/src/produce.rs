//! Records and how they get into Kafka: by foreign calls, because the crate takes only UTF-8 header names.

use std::ffi::{CString, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::bindings as ffi;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer};

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
    producer: BaseProducer,
    count: usize,
    /// What Kafka has said of each record so far.
    reports: Vec<(usize, Report)>,
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
        let producer = config.create().expect("a producer");
        Self { producer, count: 0, reports: Vec::new() }
    }

    /// For transactions, if it was made with a `transactional.id`.
    pub fn producer(&self) -> &impl Producer {
        &self.producer
    }

    /// Hands a record over; waits while the producer is full.
    pub fn write(&mut self, topic: &str, record: &Out) {
        while !send(&self.producer, topic, record, self.count) {
            self.hear(Duration::from_millis(50));
        }
        self.count += 1;
        if self.count.is_multiple_of(1000) {
            self.hear(Duration::ZERO);
        }
    }

    /// Waits until Kafka has everything written since the last time; gives partition and offset of each.
    pub fn finish(&mut self) -> Vec<(i32, i64)> {
        let reports = self.reports().into_iter();
        reports.map(|result| result.expect("kafka takes the record")).collect()
    }

    /// As [`Writer::finish`], of records that Kafka may not have taken.
    pub fn reports(&mut self) -> Vec<Report> {
        let deadline = Instant::now() + PATIENCE;
        while self.reports.len() < self.count {
            assert!(Instant::now() < deadline, "kafka takes the records");
            self.hear(Duration::from_millis(100));
        }
        assert_eq!(self.reports.len(), self.count, "every record is reported once");
        self.count = 0;
        self.reports.sort_by_key(|(index, _)| *index);
        self.reports.drain(..).map(|(_, result)| result).collect()
    }

    /// Waits for the next reports: by a foreign call, because `poll` of the crate waits out its time whatever comes.
    fn hear(&mut self, timeout: Duration) {
        // SAFETY: the client is alive; queue and event are ours until they are destroyed, and messages are the event's.
        unsafe {
            let queue = ffi::rd_kafka_queue_get_main(self.producer.client().native_ptr());
            let event = ffi::rd_kafka_queue_poll(queue, timeout.as_millis() as i32);
            if ffi::rd_kafka_event_type(event) == ffi::RD_KAFKA_EVENT_DR {
                while let Some(message) = ffi::rd_kafka_event_message_next(event).as_ref() {
                    let none = ffi::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
                    let report = match message.err {
                        code if code == none => Ok((message.partition, message.offset)),
                        code => Err(RDKafkaErrorCode::from(code).to_string()),
                    };
                    self.reports.push((message._private as usize, report));
                }
            }
            ffi::rd_kafka_event_destroy(event);
            ffi::rd_kafka_queue_destroy(queue);
        }
    }
}

/// False when the producer's queue is full.
fn send(producer: &BaseProducer, topic: &str, record: &Out, index: usize) -> bool {
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
