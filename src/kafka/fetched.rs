//! One delivery of the queue: the event that owns it, and the record as the pump sees it.
//!
//! Invariants: a [`Fetched`] keeps its event, and through it queue and client, alive, so every borrowed byte of its
//! [`Record`] is valid as long as the `Fetched` is. Nothing is copied but headers' descriptions.

use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;

use rdkafka::bindings as ffi;
use rdkafka::types::RDKafkaRespErr;

use crate::kafka::FetchError;
use crate::kafka::queue::Native;
use crate::record::{Header, Record, TopicPartition};

/// Owns one librdkafka event.
pub(super) struct Event {
    event: NonNull<ffi::rd_kafka_event_t>,
    /// Outlives the event: fields drop after `drop` below.
    _native: Arc<Native>,
}

// SAFETY: an event may be read and destroyed on any thread; nothing else refers to it.
unsafe impl Send for Event {}

impl Event {
    /// # Safety
    /// `event` came from a poll of `native` and has no other owner.
    pub(super) unsafe fn new(event: NonNull<ffi::rd_kafka_event_t>, native: Arc<Native>) -> Self {
        Self { event, _native: native }
    }

    /// The record of a fetch event. Called at once, and once: only this moves librdkafka's own position past it.
    pub(super) fn record(&self) -> Option<NonNull<ffi::rd_kafka_message_t>> {
        // SAFETY: the event is alive, and the record lives as long as it.
        NonNull::new(unsafe { ffi::rd_kafka_event_message_next(self.event.as_ptr()) }.cast_mut())
    }

    pub(super) fn kind(&self) -> i32 {
        // SAFETY: the event is alive.
        unsafe { ffi::rd_kafka_event_type(self.event.as_ptr()) }
    }

    pub(super) fn error(&self) -> FetchError {
        // SAFETY: the event is alive; the text lives as long as the event, the partition is owned by us.
        unsafe {
            let code: RDKafkaRespErr = ffi::rd_kafka_event_error(self.event.as_ptr());
            let detail = text(ffi::rd_kafka_event_error_string(self.event.as_ptr()));
            let partition = ffi::rd_kafka_event_topic_partition(self.event.as_ptr());
            let place = NonNull::new(partition).map(|p| {
                let place = TopicPartition::new(text(p.as_ref().topic), p.as_ref().partition);
                let offset = p.as_ref().offset;
                ffi::rd_kafka_topic_partition_destroy(p.as_ptr());
                (place, offset)
            });
            let offset = place.as_ref().map(|(_, offset)| *offset).filter(|offset| *offset >= 0);
            let partition = place.map(|(place, _)| place);
            FetchError { partition, offset, detail, code: code.into() }
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: owned by us and destroyed only here; `_native` keeps its queue and client alive until after.
        unsafe { ffi::rd_kafka_event_destroy(self.event.as_ptr()) }
    }
}

/// # Safety
/// `text` is null or a NUL-terminated string.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// One record, borrowed from librdkafka's fetch buffer and released on drop.
///
/// Holding one holds the whole fetch buffer it stands in, so let go soon.
pub struct Fetched {
    message: NonNull<ffi::rd_kafka_message_t>,
    /// Memory of the topic object, which lives as long as the event.
    topic: &'static str,
    _event: Event,
}

// SAFETY: the message belongs to the event, which is `Send`.
unsafe impl Send for Fetched {}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fetched({}/{}/{})", self.topic(), self.partition(), self.offset())
    }
}

impl Fetched {
    /// # Safety
    /// `message` is the record of `event`, and `topic` the name of its topic object.
    pub(super) unsafe fn new(
        message: NonNull<ffi::rd_kafka_message_t>,
        topic: &'static str,
        event: Event,
    ) -> Self {
        Self { message, topic, _event: event }
    }

    fn message(&self) -> &ffi::rd_kafka_message_t {
        // SAFETY: the message lives as long as the event, which `self` owns.
        unsafe { self.message.as_ref() }
    }

    /// Topic of the record. The same address means the same topic between two assignments.
    pub fn topic(&self) -> &str {
        self.topic
    }

    /// Kafka partition of the record.
    pub fn partition(&self) -> i32 {
        self.message().partition
    }

    /// Offset of the record.
    pub fn offset(&self) -> i64 {
        self.message().offset
    }

    /// Bytes of key and value, headers not counted.
    pub fn size(&self) -> usize {
        self.message().len + self.message().key_len
    }

    /// Whether it has neither key nor value nor headers.
    pub(super) fn is_bare(&self) -> bool {
        let message = self.message();
        message.key.is_null()
            && message.payload.is_null()
            && self.headers(&mut Headers::default()).is_empty()
    }

    /// The record, its headers written to `headers`, whose memory is used again and again.
    pub fn record<'a>(&'a self, headers: &'a mut Headers) -> Record<'a> {
        let message = self.message();
        let none = ffi::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        let mut kind = none;
        // SAFETY: the message is alive.
        let timestamp =
            unsafe { ffi::rd_kafka_message_timestamp(self.message.as_ptr(), &raw mut kind) };
        // SAFETY: key and value point into the fetch buffer, which the event keeps for `'a`.
        let (key, value) =
            unsafe { (bytes(message.key, message.key_len), bytes(message.payload, message.len)) };
        Record {
            topic: self.topic,
            partition: message.partition,
            offset: message.offset,
            // Without one, the oldest message format reads as the year 1970.
            timestamp: (kind != none && timestamp != -1).then_some(timestamp),
            key,
            value,
            headers: self.headers(headers),
        }
    }

    fn headers<'a>(&'a self, buffer: &'a mut Headers) -> &'a [Header<'a>] {
        let buffer = buffer.lend();
        let mut headers: *mut ffi::rd_kafka_headers_t = ptr::null_mut();
        // SAFETY: the message is alive and keeps its headers for as long.
        let code =
            unsafe { ffi::rd_kafka_message_headers(self.message.as_ptr(), &raw mut headers) };
        if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || headers.is_null() {
            return buffer;
        }
        loop {
            let mut name: *const c_char = ptr::null();
            let mut value: *const c_void = ptr::null();
            let mut size = 0;
            // SAFETY: `headers` is alive; name and value live as long as it. The name is taken as bytes, because it
            // need not be UTF-8. A NUL cuts it: librdkafka gives no length.
            unsafe {
                let code = ffi::rd_kafka_header_get_all(
                    headers,
                    buffer.len(),
                    &raw mut name,
                    &raw mut value,
                    &raw mut size,
                );
                if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return buffer;
                }
                let name = CStr::from_ptr(name).to_bytes();
                buffer.push(Header { name, value: bytes(value, size) });
            }
        }
    }
}

/// Null is `None`, and an empty value is `Some(&[])`.
///
/// # Safety
/// `start` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast::<u8>(), len) })
}

/// Memory for the headers of one record at a time.
#[derive(Default)]
pub struct Headers(Vec<Header<'static>>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers")
    }
}

impl Headers {
    /// Room for a few headers.
    pub fn new() -> Self {
        Self(Vec::with_capacity(16))
    }

    /// The emptied buffer, for headers that live as long as the loan.
    fn lend<'a>(&'a mut self) -> &'a mut Vec<Header<'a>> {
        self.0.clear();
        // SAFETY: only the lifetime changes. The buffer is empty here, and what is put in is never read again through
        // `self`: the field is private, and this, its only use, clears it first.
        unsafe { &mut *(&raw mut self.0).cast::<Vec<Header<'a>>>() }
    }
}
