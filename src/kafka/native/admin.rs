//! A queue that the answers to admin calls come to: they are asked for and heard without waiting.

use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

/// When a request to a group's coordinator times out by itself: not before whoever waits for it, and its client, are long gone.
/// librdkafka 2.12 answers a request twice whose coordinator is found after it has timed out, the second time from memory that it has
/// freed, and aborts the process.
pub(in crate::kafka) const FAR: Duration = Duration::from_hours(1);

/// `H` keeps the client alive: an `Arc`, or a reference.
pub(super) struct AdminQueue<H> {
    queue: NonNull<ffi::rd_kafka_queue_t>,
    /// Declared last: `drop` below destroys the queue first, then the client may go.
    consumer: H,
}

// SAFETY: librdkafka's queues and clients may be used from any thread.
unsafe impl<H: Send> Send for AdminQueue<H> {}

impl<C: ConsumerContext, H: Deref<Target = BaseConsumer<C>>> AdminQueue<H> {
    pub(super) fn new(consumer: H) -> Self {
        // SAFETY: the client is alive, and kept alive by `consumer`.
        let queue = unsafe { ffi::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue).expect("rd_kafka_queue_new never returns null");
        Self { queue, consumer }
    }

    pub(super) fn client(&self) -> *mut ffi::rd_kafka_t {
        self.consumer.client().native_ptr()
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// Options for calls of kind `op`; within `timeout` there is an answer, or word that there is none.
    pub(super) fn options(&self, op: ffi::rd_kafka_admin_op_t, timeout: Duration) -> Options {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is alive. The time-out is refused only when it is out of range; then the client's own holds.
        unsafe {
            let options = ffi::rd_kafka_AdminOptions_new(self.client(), op);
            ffi::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
            Options(options)
        }
    }

    /// Waits up to `timeout` for an answer.
    ///
    /// # Safety
    /// `read` may read what belongs to a live event of the kinds that were asked for on this queue, and copies it.
    pub(super) unsafe fn take<T>(
        &self,
        timeout: Duration,
        read: unsafe fn(NonNull<ffi::rd_kafka_event_t>) -> T,
    ) -> Option<T> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; what belongs to the event is read before that is destroyed.
        unsafe {
            let event = NonNull::new(ffi::rd_kafka_queue_poll(self.queue.as_ptr(), millis))?;
            let answer = read(event);
            ffi::rd_kafka_event_destroy(event.as_ptr());
            Some(answer)
        }
    }
}

impl<H> Drop for AdminQueue<H> {
    fn drop(&mut self) {
        // SAFETY: created by `rd_kafka_queue_new`, destroyed only here; its client is still alive in `consumer`.
        unsafe { ffi::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Options of an admin call; librdkafka copies them when it is made.
pub(super) struct Options(*mut ffi::rd_kafka_AdminOptions_t);

impl Options {
    pub(super) fn as_ptr(&self) -> *mut ffi::rd_kafka_AdminOptions_t {
        self.0
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: created by `rd_kafka_AdminOptions_new`, destroyed only here.
        unsafe { ffi::rd_kafka_AdminOptions_destroy(self.0) }
    }
}
