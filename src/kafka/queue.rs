//! The pump's own librdkafka queue, to which every assigned partition is forwarded, and the records it yields.
//!
//! Invariants: a [`Fetched`] keeps its event, and the event's client, alive, so every borrowed byte of a [`Record`]
//! is valid as long as the `Fetched` is; events die before their queue, and the queue before its client. The event
//! API is used, never `rd_kafka_consume_batch_queue`: in librdkafka 2.12.1 the batch API loses a record after each
//! fetch-error or end-of-partition event when the partition is paused afterwards, as every rebalance does
//! (confluentinc/librdkafka#4844).

use std::any::Any;
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

use crate::record::{Header, Record, TopicPartition};

/// The native queue and what keeps its client alive.
struct Native {
    queue: NonNull<ffi::rd_kafka_queue_t>,
    client: *mut ffi::rd_kafka_t,
    /// Grows whenever topics may come or go, so that names cached by address are forgotten.
    assignments: AtomicU64,
    /// Declared last: `drop` below destroys the queue first, then the client may go.
    _client: Arc<dyn Any + Send + Sync>,
}

// SAFETY: librdkafka's queues and clients may be used from any thread; the fields are never written after creation.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: created by `rd_kafka_queue_new`, destroyed only here; its client is still alive in `_client`.
        unsafe { ffi::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// The queue the pump drains. One thread polls it; [`Waker`]s interrupt it from any other.
pub struct Queue {
    native: Arc<Native>,
    names: Names,
    /// Polling is for one thread at a time.
    _not_sync: PhantomData<Cell<()>>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

/// What the queue yields.
#[derive(Debug)]
pub enum Delivery {
    /// A record.
    Record(Fetched),
    /// A partition could not be read. Only for the pump's information: the event thread deals with it.
    Error(FetchError),
}

/// A partition could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    /// The partition, if the error names one.
    pub partition: Option<TopicPartition>,
    /// What happened.
    pub code: RDKafkaErrorCode,
    /// What librdkafka says.
    pub detail: String,
}

impl Queue {
    /// Makes a queue of `consumer`; it may not be the consumer's own queue.
    pub(super) fn new<C: ConsumerContext + 'static>(consumer: &Arc<BaseConsumer<C>>) -> Self {
        let client = consumer.client().native_ptr();
        // SAFETY: `client` is alive, and kept alive by the clone of `consumer` below.
        let queue = unsafe { ffi::rd_kafka_queue_new(client) };
        let native = Native {
            queue: NonNull::new(queue).expect("rd_kafka_queue_new never returns null"),
            client,
            assignments: AtomicU64::new(0),
            _client: Arc::clone(consumer) as Arc<dyn Any + Send + Sync>,
        };
        Self { native: Arc::new(native), names: Names::default(), _not_sync: PhantomData }
    }

    /// Waits up to `timeout` for the next delivery; `None` when there is none or a [`Waker`] called.
    pub fn poll(&mut self, timeout: Duration) -> Option<Delivery> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is owned by `Event` from here on.
        let event = unsafe { ffi::rd_kafka_queue_poll(self.native.queue.as_ptr(), millis) };
        let event = Event { event: NonNull::new(event)?, native: Arc::clone(&self.native) };
        match event.kind() {
            ffi::RD_KAFKA_EVENT_FETCH => self.fetched(event).map(Delivery::Record),
            ffi::RD_KAFKA_EVENT_ERROR => Some(Delivery::Error(event.error())),
            _ => None,
        }
    }

    fn fetched(&mut self, event: Event) -> Option<Fetched> {
        // SAFETY: a fetch event yields its record at the first call. Called at once: only this moves librdkafka's
        // own position past the record.
        let message = unsafe { ffi::rd_kafka_event_message_next(event.event.as_ptr()) };
        let message = NonNull::new(message.cast_mut())?;
        // SAFETY: the record lives as long as its event, and its topic as long as the record.
        let topic = unsafe { self.names.of(message.as_ref().rkt, &self.native.assignments) };
        Some(Fetched { message, topic, _event: event })
    }

    /// A handle that interrupts [`Queue::poll`].
    pub fn waker(&self) -> Waker {
        Waker(Arc::downgrade(&self.native))
    }

    /// What the rebalance needs of this queue.
    pub(super) fn inlet(&self) -> Inlet {
        Inlet(Arc::downgrade(&self.native))
    }
}

/// Interrupts [`Queue::poll`] from any thread; does nothing once the queue is gone.
#[derive(Clone)]
pub struct Waker(Weak<Native>);

impl Waker {
    /// Makes a [`Queue::poll`] that waits return at once; if none waits, the next one that finds nothing.
    pub fn wake(&self) {
        if let Some(native) = self.0.upgrade() {
            // SAFETY: the queue is alive; yielding is allowed from any thread.
            unsafe { ffi::rd_kafka_queue_yield(native.queue.as_ptr()) }
        }
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// Where partitions are forwarded to.
#[derive(Clone)]
pub(super) struct Inlet(Weak<Native>);

impl Inlet {
    /// Forwards a partition to the queue, before it is assigned. False when the queue is gone.
    pub(super) fn forward(&self, partition: &TopicPartition) -> bool {
        let (Some(native), Ok(topic)) = (self.0.upgrade(), CString::new(&*partition.topic)) else {
            return false;
        };
        native.assignments.fetch_add(1, Ordering::Release);
        // SAFETY: client and queue are alive; the partition's queue handle is only a reference and is given back.
        // Forwarding outlives the handle, and librdkafka keeps a reference to the queue forwarded to.
        unsafe {
            let queue = ffi::rd_kafka_queue_get_partition(
                native.client,
                topic.as_ptr(),
                partition.partition,
            );
            if queue.is_null() {
                return false;
            }
            ffi::rd_kafka_queue_forward(queue, native.queue.as_ptr());
            ffi::rd_kafka_queue_destroy(queue);
        }
        true
    }
}

/// Owns one librdkafka event.
struct Event {
    event: NonNull<ffi::rd_kafka_event_t>,
    /// Outlives the event: fields drop after `drop` below.
    native: Arc<Native>,
}

// SAFETY: an event may be read and destroyed on any thread; nothing else refers to it.
unsafe impl Send for Event {}

impl Event {
    fn kind(&self) -> i32 {
        // SAFETY: the event is alive.
        unsafe { ffi::rd_kafka_event_type(self.event.as_ptr()) }
    }

    fn error(&self) -> FetchError {
        // SAFETY: the event is alive; the text lives as long as the event, the partition is owned by us.
        unsafe {
            let code: RDKafkaRespErr = ffi::rd_kafka_event_error(self.event.as_ptr());
            let detail = text(ffi::rd_kafka_event_error_string(self.event.as_ptr()));
            let partition = ffi::rd_kafka_event_topic_partition(self.event.as_ptr());
            let place = NonNull::new(partition).map(|p| {
                let place = TopicPartition::new(text(p.as_ref().topic), p.as_ref().partition);
                ffi::rd_kafka_topic_partition_destroy(p.as_ptr());
                place
            });
            FetchError { partition: place, code: code.into(), detail }
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: owned by us and destroyed only here; `native` keeps its queue and client alive until after.
        unsafe { ffi::rd_kafka_event_destroy(self.event.as_ptr()) }
        debug_assert!(Arc::strong_count(&self.native) > 0);
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

    /// The record, its headers written to `headers`, whose memory is used again and again.
    pub fn record<'a>(&'a self, headers: &'a mut Headers) -> Record<'a> {
        let message = self.message();
        let mut kind = ffi::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
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
            timestamp: (timestamp != -1).then_some(timestamp),
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

/// Topic names by the address of their topic object, so that a record costs neither `strlen` nor a UTF-8 check.
///
/// An address may be used again for another topic only after the first one was unassigned and the other assigned, and
/// each assignment clears the cache.
#[derive(Default)]
struct Names {
    assignments: u64,
    known: Vec<(usize, &'static str)>,
    last: usize,
}

impl Names {
    /// # Safety
    /// `topic` is a live topic object; the name may be used as long as it lives.
    unsafe fn of(
        &mut self,
        topic: *mut ffi::rd_kafka_topic_t,
        assignments: &AtomicU64,
    ) -> &'static str {
        let now = assignments.load(Ordering::Acquire);
        if now != self.assignments {
            self.assignments = now;
            self.known.clear();
        }
        let address = topic as usize;
        if let Some((known, name)) = self.known.get(self.last)
            && *known == address
        {
            return name;
        }
        self.last =
            self.known.iter().position(|(known, _)| *known == address).unwrap_or_else(|| {
                // SAFETY: the topic object is alive; Kafka allows only ASCII in names.
                let name = unsafe { CStr::from_ptr(ffi::rd_kafka_topic_name(topic)) };
                self.known.push((address, name.to_str().unwrap_or("")));
                self.known.len() - 1
            });
        self.known[self.last].1
    }
}
