//! Hearing what became of records that were produced. The `poll` of the crate waits out its whole time, however soon a report
//! comes, and asks without a pause through the last millisecond of it.

use std::ffi::{CStr, c_char};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use super::OK;

/// What became of a record, by the number it was produced with.
pub(in crate::kafka) type Report = (usize, Result<(), RDKafkaErrorCode>);

/// A producer and its reports. Nobody else may poll it.
pub(in crate::kafka) struct ReportQueue<C: ProducerContext + 'static> {
    queue: NonNull<ffi::rd_kafka_queue_t>,
    /// Declared last: `drop` below destroys the queue first, then the client may go.
    producer: Arc<BaseProducer<C>>,
}

// SAFETY: librdkafka's queues and clients may be used from any thread.
unsafe impl<C: ProducerContext> Send for ReportQueue<C> {}

impl<C: ProducerContext> ReportQueue<C> {
    pub(in crate::kafka) fn new(producer: Arc<BaseProducer<C>>) -> Self {
        // SAFETY: the client is alive, and kept alive by `producer`.
        let queue = unsafe { ffi::rd_kafka_queue_get_main(producer.client().native_ptr()) };
        let queue = NonNull::new(queue).expect("every client has a main queue");
        Self { queue, producer }
    }

    pub(in crate::kafka) fn producer(&self) -> &BaseProducer<C> {
        &self.producer
    }

    /// Waits up to `timeout` for reports.
    pub(in crate::kafka) fn wait(&self, timeout: Duration) -> Vec<Report> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive, and so is the event until it is destroyed.
        unsafe {
            let event = ffi::rd_kafka_queue_poll(self.queue.as_ptr(), millis);
            let Some(event) = NonNull::new(event) else { return Vec::new() };
            // Others have none.
            let reports = reports(event);
            if reports.is_empty() {
                log(event);
            }
            ffi::rd_kafka_event_destroy(event.as_ptr());
            reports
        }
    }
}

impl<C: ProducerContext> Drop for ReportQueue<C> {
    fn drop(&mut self) {
        // SAFETY: a reference of our own, given back only here; its client is still alive in `producer`.
        unsafe { ffi::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// # Safety
/// `event` is live.
unsafe fn reports(event: NonNull<ffi::rd_kafka_event_t>) -> Vec<Report> {
    // SAFETY: the caller's promise; messages belong to the event.
    let next = || unsafe { ffi::rd_kafka_event_message_next(event.as_ptr()).as_ref() };
    let report = |message: &ffi::rd_kafka_message_t| {
        let result = if message.err == OK { Ok(()) } else { Err(message.err.into()) };
        (message._private as usize, result)
    };
    std::iter::from_fn(next).map(report).collect()
}

/// # Safety
/// `event` is live.
unsafe fn log(event: NonNull<ffi::rd_kafka_event_t>) {
    let (mut facility, mut text, mut level): (*const c_char, *const c_char, _) =
        (ptr::null(), ptr::null(), 0);
    // SAFETY: the caller's promise; texts belong to the event. What is no line of a log leaves them as they are.
    unsafe {
        let event = event.as_ptr();
        ffi::rd_kafka_event_log(event, &raw mut facility, &raw mut text, &raw mut level);
        if text.is_null() {
            text = ffi::rd_kafka_event_error_string(event);
        }
        let read = |text: *const c_char| text.as_ref().map(|text| CStr::from_ptr(text));
        tracing::debug!(target: "librdkafka", facility = ?read(facility), text = ?read(text));
    }
}
