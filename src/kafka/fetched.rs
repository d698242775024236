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
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;

use crate::kafka::inlet::Handle;
use crate::record::{Header, Position, Record, TopicPartition};

/// Owns one librdkafka event.
pub(super) struct Polled {
    event: NonNull<ffi::rd_kafka_event_t>,
    /// Outlives the event: fields drop after `drop` below.
    _handle: Arc<Handle>,
}

// SAFETY: an event may be read and destroyed on any thread; nothing else refers to it.
unsafe impl Send for Polled {}

impl Polled {
    /// # Safety
    /// `event` came from a poll of `handle` and has no other owner.
    pub(super) unsafe fn new(event: NonNull<ffi::rd_kafka_event_t>, handle: Arc<Handle>) -> Self {
        Self { event, _handle: handle }
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

impl Drop for Polled {
    fn drop(&mut self) {
        // SAFETY: owned by us and destroyed only here; `_handle` keeps its queue and client alive until after.
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

/// A partition could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    /// The partition, if the error names one.
    pub partition: Option<TopicPartition>,
    /// Where in it, if the error says so.
    pub(super) offset: Option<i64>,
    /// What librdkafka says.
    pub detail: String,
    pub(super) code: RDKafkaErrorCode,
}

impl FetchError {
    /// What was written in the format before Kafka 0.11, which alone has no leader epoch, librdkafka 2.5 to 2.15 reads from
    /// brokers since 2.7 without its key and value (librdkafka 5549). What such a record holds cannot be known, so its
    /// partition is not read on, rather than taken for a tombstone.
    pub(super) fn misread(partition: TopicPartition, offset: i64) -> Self {
        let detail = format!(
            "the record at offset {offset} is in the message format before kafka 0.11, which the kafka client cannot \
             read from this broker; hint: copy the records to a topic with the current format"
        );
        let code = RDKafkaErrorCode::NotImplemented;
        Self { partition: Some(partition), offset: Some(offset), detail, code }
    }

    /// A partition that was held cannot go on from there.
    pub(super) fn stuck(partition: TopicPartition, at: Position, error: &KafkaError) -> Self {
        let detail =
            format!("reading cannot continue at offset {}, where it was paused: {error}", at.0);
        let code = RDKafkaErrorCode::State;
        Self { partition: Some(partition), offset: Some(at.0), detail, code }
    }

    /// The error code's name.
    pub fn code(&self) -> String {
        format!("{:?}", self.code)
    }

    /// Whether the partition is not read on, or not from where it stood, until it is assigned anew.
    ///
    /// A batch that can not be unpacked belongs here because librdkafka 2.12.1 goes on behind it, after a bad checksum
    /// even from an offset it made up; a codec it does not know, because it stands in front of that batch for ever.
    pub(super) fn needs_restart(&self) -> bool {
        matches!(
            self.code,
            RDKafkaErrorCode::AutoOffsetReset
                | RDKafkaErrorCode::LogTruncation
                | RDKafkaErrorCode::BadMessage
                | RDKafkaErrorCode::BadCompression
                | RDKafkaErrorCode::NotImplemented
                | RDKafkaErrorCode::State
        )
    }
}

/// One record, borrowed from librdkafka's fetch buffer and released on drop.
///
/// Holding one holds the whole fetch buffer it stands in, so let go soon.
pub struct Fetched {
    message: NonNull<ffi::rd_kafka_message_t>,
    /// Memory of the topic object, which lives as long as the event.
    topic: &'static str,
    _event: Polled,
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
        event: Polled,
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
            && self.headers(&mut HeaderBuffer::default()).is_empty()
    }

    /// The record, its headers written to `headers`, whose memory is used again and again.
    pub fn record<'a>(&'a self, headers: &'a mut HeaderBuffer) -> Record<'a> {
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

    fn headers<'a>(&'a self, buffer: &'a mut HeaderBuffer) -> &'a [Header<'a>] {
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
pub struct HeaderBuffer(Vec<Header<'static>>);

impl fmt::Debug for HeaderBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers")
    }
}

impl HeaderBuffer {
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
