//! The pump's own librdkafka queue, to which every assigned partition is forwarded.
//!
//! Invariant: events die before their queue, and the queue before its client. The event API is used, never
//! `rd_kafka_consume_batch_queue`: in librdkafka 2.12.1 the batch API loses a record after each fetch-error or
//! end-of-partition event when the partition is paused afterwards, as every rebalance does
//! (confluentinc/librdkafka#4844). Nor is the callback of `rd_kafka_consume_callback_queue`, which takes the whole queue
//! away, so that librdkafka fetches on without a bound. What that costs stands in `docs/performance.md`.

use std::any::Any;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::kafka::bounds::Bounds;
use crate::kafka::commit::Commits;
use crate::kafka::fetched::{Event, Fetched};
use crate::kafka::withheld::Withheld;
use crate::record::{Position, TopicPartition};

/// The native queue and what keeps its client alive.
pub(super) struct Native {
    queue: NonNull<ffi::rd_kafka_queue_t>,
    client: *mut ffi::rd_kafka_t,
    /// Grows with every partition assigned, so that what is known by address is forgotten.
    assignments: AtomicU64,
    /// Partitions whose records are passed over.
    withheld: Withheld,
    /// Where partitions end that are not read as far as they go.
    bounds: Bounds,
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
    sources: Sources,
    reports: Option<Reports>,
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
    /// Nothing more is to be read of this partition: it has come to its bound.
    Past(TopicPartition),
    /// A partition could not be read. Only for the pump's information: the event thread deals with it.
    Error(FetchError),
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
    fn misread(partition: TopicPartition, offset: i64) -> Self {
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

/// What a queue tells the event thread.
pub(super) struct Reports {
    /// Learns where leader epochs begin.
    pub(super) commits: Arc<Commits>,
    /// Takes the fetch errors.
    pub(super) errors: mpsc::Sender<FetchError>,
}

impl Queue {
    /// Makes a queue of `consumer`; it may not be the consumer's own queue.
    pub(super) fn new<C: ConsumerContext + 'static>(
        consumer: &Arc<BaseConsumer<C>>,
        reports: Option<Reports>,
    ) -> Self {
        let client = consumer.client().native_ptr();
        // SAFETY: `client` is alive, and kept alive by the clone of `consumer` below.
        let queue = unsafe { ffi::rd_kafka_queue_new(client) };
        let native = Native {
            queue: NonNull::new(queue).expect("rd_kafka_queue_new never returns null"),
            client,
            assignments: AtomicU64::new(0),
            withheld: Withheld::default(),
            bounds: Bounds::default(),
            _client: Arc::clone(consumer) as Arc<dyn Any + Send + Sync>,
        };
        Self {
            native: Arc::new(native),
            sources: Sources::default(),
            reports,
            _not_sync: PhantomData,
        }
    }

    /// Waits up to `timeout` for the next delivery; `None` when there is none or a [`Waker`] called.
    ///
    /// Offsets of a partition grow from one assignment to the next, except that a record may come twice in a row when
    /// librdkafka's own pause (at every rebalance) meets the poll: whoever counts offsets drops what it has seen.
    pub fn poll(&mut self, timeout: Duration) -> Option<Delivery> {
        // Rounded up: who waits for a time would come too early, and again.
        let millis = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is owned by `Event` from here on.
        let event = unsafe { ffi::rd_kafka_queue_poll(self.native.queue.as_ptr(), millis) };
        // SAFETY: just polled from this queue.
        let event = unsafe { Event::new(NonNull::new(event)?, Arc::clone(&self.native)) };
        match event.kind() {
            ffi::RD_KAFKA_EVENT_FETCH => self.fetched(event),
            ffi::RD_KAFKA_EVENT_ERROR => Some(self.failed(event.error())),
            _ => None,
        }
    }

    fn fetched(&mut self, event: Event) -> Option<Delivery> {
        let message = event.record()?;
        // SAFETY: the record lives as long as its event, and its topic as long as the record.
        let (rkt, partition) = unsafe { (message.as_ref().rkt, message.as_ref().partition) };
        // SAFETY: as above.
        let source = unsafe { self.sources.of(rkt, partition, &self.native) };
        // SAFETY: message and topic are this event's.
        let fetched = unsafe { Fetched::new(message, source.topic, event) };
        if let Some(reports) = &self.reports {
            // SAFETY: the record is alive.
            let epoch = unsafe { ffi::rd_kafka_message_leader_epoch(message.as_ptr()) };
            if epoch != source.epoch {
                source.epoch = epoch;
                let place = TopicPartition::new(source.topic, partition);
                reports.commits.epoch_begins(&place, fetched.offset(), epoch);
            }
            if epoch < 0 && fetched.is_bare() {
                let place = TopicPartition::new(fetched.topic(), partition);
                return Some(self.failed(FetchError::misread(place, fetched.offset())));
            }
        }
        let withheld = &self.native.withheld;
        let changes = withheld.changes();
        if source.looked != Some(changes) {
            source.looked = Some(changes);
            source.withheld = withheld.is(&TopicPartition::new(source.topic, partition));
        }
        match source.withheld {
            true => None,
            false if fetched.offset() < source.end => Some(Delivery::Record(fetched)),
            false => Some(Delivery::Past(TopicPartition::new(source.topic, partition))),
        }
    }

    /// Whether records of `partition` are passed over until it is read again from where it broke.
    pub fn is_broken(&self, partition: &TopicPartition) -> bool {
        self.native.withheld.is_broken(partition)
    }

    fn failed(&self, error: FetchError) -> Delivery {
        if error.needs_restart()
            && let Some(partition) = &error.partition
        {
            self.native.withheld.breaks(partition);
        }
        if let Some(reports) = &self.reports {
            // Nobody listens while the consumer ends; then nobody needs to.
            reports.errors.send(error.clone()).ok();
        }
        Delivery::Error(error)
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

/// Interrupts [`Queue::poll`] from any thread; does nothing once the queue is gone. By default it is of none.
#[derive(Clone, Default)]
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
        self.forward_until(partition, None)
    }

    /// The same; what stands at `end` or behind is [`Delivery::Past`].
    pub(super) fn forward_until(&self, partition: &TopicPartition, end: Option<i64>) -> bool {
        let (Some(native), Ok(topic)) = (self.0.upgrade(), CString::new(&*partition.topic)) else {
            return false;
        };
        native.withheld.let_go(std::slice::from_ref(partition));
        native.bounds.set(partition, end);
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

    /// `position`, or where `partition` is bound to end, if that is before.
    pub(super) fn within(&self, partition: &TopicPartition, position: Position) -> Position {
        let end = self.0.upgrade().and_then(|native| native.bounds.of(partition));
        end.map_or(position, |end| position.min(Position(end)))
    }

    /// Records of these partitions are passed over until they are let go.
    pub(super) fn hold(&self, positions: &[(TopicPartition, Position)]) {
        if let Some(native) = self.0.upgrade() {
            native.withheld.hold(positions);
        }
    }

    /// Which of `partitions` are held, and where.
    pub(super) fn held(&self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, Position)> {
        self.0.upgrade().map_or_else(Vec::new, |native| native.withheld.held(partitions))
    }

    /// Everything that is held.
    pub(super) fn all_held(&self) -> HashSet<TopicPartition> {
        self.0.upgrade().map_or_else(HashSet::new, |native| native.withheld.all_held())
    }

    /// Records of these partitions, which were held, come again.
    pub(super) fn let_go(&self, held: &[TopicPartition]) {
        if let Some(native) = self.0.upgrade().filter(|_| !held.is_empty()) {
            native.withheld.let_go(held);
        }
    }

    /// Records of `partition` are passed over until it is assigned anew.
    pub(super) fn breaks(&self, partition: &TopicPartition) {
        if let Some(native) = self.0.upgrade() {
            native.withheld.breaks(partition);
        }
    }
}

/// Topics and partitions by the address of their topic object, so that a record costs neither `strlen` nor a UTF-8
/// check.
///
/// An address may be used again for another topic only after the first one was unassigned and the other assigned, and
/// each assignment clears the table.
#[derive(Default)]
struct Sources {
    assignments: u64,
    known: Vec<Source>,
    by_address: HashMap<(usize, i32), usize>,
    last: usize,
}

struct Source {
    address: (usize, i32),
    topic: &'static str,
    epoch: i32,
    /// Whether its records are passed over, as of this change.
    withheld: bool,
    looked: Option<u64>,
    /// Where what is read of it ends.
    end: i64,
}

impl Sources {
    /// # Safety
    /// `topic` is a live topic object; the name may be used as long as it lives.
    unsafe fn of(
        &mut self,
        topic: *mut ffi::rd_kafka_topic_t,
        partition: i32,
        native: &Native,
    ) -> &mut Source {
        let now = native.assignments.load(Ordering::Acquire);
        if now != self.assignments {
            self.assignments = now;
            self.known.clear();
            self.by_address.clear();
            self.last = 0;
        }
        let address = (topic as usize, partition);
        // Records come in runs of one partition.
        if self.known.get(self.last).is_none_or(|source| source.address != address) {
            let known = &mut self.known;
            self.last = *self.by_address.entry(address).or_insert_with(|| {
                // SAFETY: the topic object is alive; Kafka allows only ASCII in names.
                let name = unsafe { CStr::from_ptr(ffi::rd_kafka_topic_name(topic)) };
                let topic = name.to_str().unwrap_or("");
                let place = TopicPartition::new(topic, partition);
                let end = native.bounds.of(&place).unwrap_or(i64::MAX);
                let (epoch, withheld, looked) = (-1, false, None);
                known.push(Source { address, topic, epoch, withheld, looked, end });
                known.len() - 1
            });
        }
        &mut self.known[self.last]
    }
}
