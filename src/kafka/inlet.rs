//! The native queue that every assigned partition is forwarded to, and its ends that other threads hold.
//!
//! [`Queue`](crate::kafka::Queue) and each record that came out of it keep it alive. An [`Inlet`] or a [`Waker`] does not:
//! once the pump has dropped its queue, both do nothing.

use std::any::Any;
use std::collections::HashSet;
use std::ffi::CString;
use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};

use crate::kafka::bounds::Bounds;
use crate::kafka::withheld::Withheld;
use crate::record::{Position, TopicPartition};

/// The native queue and what keeps its client alive.
pub(super) struct Handle {
    pub(super) queue: NonNull<ffi::rd_kafka_queue_t>,
    pub(super) client: *mut ffi::rd_kafka_t,
    /// Grows with every partition assigned, so that what is known by address is forgotten.
    pub(super) assignments: AtomicU64,
    /// Partitions whose records are passed over.
    pub(super) withheld: Withheld,
    /// Where partitions end that are not read as far as they go.
    pub(super) bounds: Bounds,
    /// Declared last: `drop` below destroys the queue first, then the client may go.
    _client: Arc<dyn Any + Send + Sync>,
}

// SAFETY: librdkafka's queues and clients may be used from any thread; the fields are never written after creation.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: created by `rd_kafka_queue_new`, destroyed only here; its client is still alive in `_client`.
        unsafe { ffi::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

impl Handle {
    /// Makes a queue of `consumer`; it may not be the consumer's own queue.
    pub(super) fn new<C: ConsumerContext + 'static>(consumer: &Arc<BaseConsumer<C>>) -> Arc<Self> {
        let client = consumer.client().native_ptr();
        // SAFETY: `client` is alive, and kept alive by the clone of `consumer` below.
        let queue = unsafe { ffi::rd_kafka_queue_new(client) };
        Arc::new(Self {
            queue: NonNull::new(queue).expect("rd_kafka_queue_new never returns null"),
            client,
            assignments: AtomicU64::new(0),
            withheld: Withheld::default(),
            bounds: Bounds::default(),
            _client: Arc::clone(consumer) as Arc<dyn Any + Send + Sync>,
        })
    }
}

/// Interrupts [`Queue::poll`](crate::kafka::Queue::poll) from any thread; does nothing once the queue is gone. By default it is of none.
#[derive(Clone, Default)]
pub struct Waker(pub(super) Weak<Handle>);

impl Waker {
    /// Makes a [`Queue::poll`](crate::kafka::Queue::poll) that waits return at once; if none waits, the next one that finds nothing.
    pub fn wake(&self) {
        if let Some(handle) = self.0.upgrade() {
            // SAFETY: the queue is alive; yielding is allowed from any thread.
            unsafe { ffi::rd_kafka_queue_yield(handle.queue.as_ptr()) }
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
pub(super) struct Inlet(pub(super) Weak<Handle>);

impl Inlet {
    /// Forwards a partition to the queue, before it is assigned. False when the queue is gone.
    pub(super) fn forward(&self, partition: &TopicPartition) -> bool {
        self.forward_until(partition, None)
    }

    /// The same; what stands at `end` or behind is [`Delivery::Past`](crate::kafka::Delivered::Past).
    pub(super) fn forward_until(&self, partition: &TopicPartition, end: Option<i64>) -> bool {
        let (Some(handle), Ok(topic)) = (self.0.upgrade(), CString::new(&*partition.topic)) else {
            return false;
        };
        handle.withheld.let_go(std::slice::from_ref(partition));
        handle.bounds.set(partition, end);
        handle.assignments.fetch_add(1, Ordering::Release);
        // SAFETY: client and queue are alive; the partition's queue handle is only a reference and is given back.
        // Forwarding outlives the handle, and librdkafka keeps a reference to the queue forwarded to.
        unsafe {
            let queue = ffi::rd_kafka_queue_get_partition(
                handle.client,
                topic.as_ptr(),
                partition.partition,
            );
            if queue.is_null() {
                return false;
            }
            ffi::rd_kafka_queue_forward(queue, handle.queue.as_ptr());
            ffi::rd_kafka_queue_destroy(queue);
        }
        true
    }

    /// `position`, or where `partition` is bound to end, if that is before.
    pub(super) fn within(&self, partition: &TopicPartition, position: Position) -> Position {
        let end = self.0.upgrade().and_then(|handle| handle.bounds.of(partition));
        end.map_or(position, |end| position.min(Position(end)))
    }

    /// Records of these partitions are passed over until they are let go.
    pub(super) fn hold(&self, positions: &[(TopicPartition, Position)]) {
        if let Some(handle) = self.0.upgrade() {
            handle.withheld.hold(positions);
        }
    }

    /// Which of `partitions` are held, and where.
    pub(super) fn held(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Position)> {
        self.0.upgrade().map_or_else(Vec::new, |handle| handle.withheld.held(partitions))
    }

    /// Everything that is held.
    pub(super) fn all_held(&self) -> HashSet<TopicPartition> {
        self.0.upgrade().map_or_else(HashSet::new, |handle| handle.withheld.all_held())
    }

    /// Records of these partitions, which were held, come again.
    pub(super) fn let_go(&self, held: &[TopicPartition]) {
        if let Some(handle) = self.0.upgrade().filter(|_| !held.is_empty()) {
            handle.withheld.let_go(held);
        }
    }

    /// Notes which partitions the pump has paused.
    pub(super) fn set_paused(&self, partitions: &[TopicPartition], paused: bool) {
        if let Some(handle) = self.0.upgrade() {
            handle.withheld.set_paused(partitions, paused);
        }
    }

    /// Takes out of `partitions` what is still paused from an earlier assignment.
    pub(super) fn take_paused(&self, partitions: &[TopicPartition]) -> Vec<TopicPartition> {
        self.0.upgrade().map_or_else(Vec::new, |handle| handle.withheld.take_paused(partitions))
    }

    /// Records of `partition` are passed over until it is assigned anew.
    pub(super) fn breaks(&self, partition: &TopicPartition) {
        if let Some(handle) = self.0.upgrade() {
            handle.withheld.breaks(partition);
        }
    }
}
