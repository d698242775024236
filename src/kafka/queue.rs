//! The pump's own librdkafka queue, to which every assigned partition is forwarded.
//!
//! Invariant: events die before their queue, and the queue before its client ([`Handle`] sees to the second). The event API is used, never
//! `rd_kafka_consume_batch_queue`: in librdkafka 2.12.1 the batch API loses a record after each fetch-error or
//! end-of-partition event when the partition is paused afterwards, as every rebalance does
//! (confluentinc/librdkafka#4844). Nor is the callback of `rd_kafka_consume_callback_queue`, which takes the whole queue
//! away, so that librdkafka fetches on without a bound. What that costs stands in `docs/performance.md`.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rdkafka::bindings as ffi;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};

use crate::kafka::commit::Commits;
use crate::kafka::fetched::{FetchError, Fetched, Polled};
use crate::kafka::inlet::{Handle, Inlet, Waker};
use crate::record::TopicPartition;

/// The queue the pump drains. One thread polls it; [`Waker`]s interrupt it from any other.
pub struct Queue {
    handle: Arc<Handle>,
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
pub enum Delivered {
    /// A record.
    Record(Fetched),
    /// Nothing more is to be read of this partition: it has come to its bound.
    Past(TopicPartition),
    /// A partition could not be read. Only for the pump's information: the event thread deals with it.
    Error(FetchError),
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
        Self {
            handle: Handle::new(consumer),
            sources: Sources::default(),
            reports,
            _not_sync: PhantomData,
        }
    }

    /// Waits up to `timeout` for the next delivery; `None` when there is none or a [`Waker`] called.
    ///
    /// Offsets of a partition grow from one assignment to the next, except that a record may come twice in a row when
    /// librdkafka's own pause (at every rebalance) meets the poll: whoever counts offsets drops what it has seen.
    pub fn poll(&mut self, timeout: Duration) -> Option<Delivered> {
        // Rounded up: who waits for a time would come too early, and again.
        let millis = i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is owned by `Polled` from here on.
        let event = unsafe { ffi::rd_kafka_queue_poll(self.handle.queue.as_ptr(), millis) };
        // SAFETY: just polled from this queue.
        let event = unsafe { Polled::new(NonNull::new(event)?, Arc::clone(&self.handle)) };
        match event.kind() {
            ffi::RD_KAFKA_EVENT_FETCH => self.fetched(event),
            ffi::RD_KAFKA_EVENT_ERROR => Some(self.failed(event.error())),
            _ => None,
        }
    }

    fn fetched(&mut self, event: Polled) -> Option<Delivered> {
        let message = event.record()?;
        // SAFETY: the record lives as long as its event, and its topic as long as the record.
        let (rkt, partition) = unsafe { (message.as_ref().rkt, message.as_ref().partition) };
        // SAFETY: as above.
        let source = unsafe { self.sources.of(rkt, partition, &self.handle) };
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
        let withheld = &self.handle.withheld;
        let changes = withheld.changes();
        if source.looked != Some(changes) {
            source.looked = Some(changes);
            source.withheld = withheld.is(&TopicPartition::new(source.topic, partition));
        }
        match source.withheld {
            true => None,
            false if fetched.offset() < source.end => Some(Delivered::Record(fetched)),
            false => Some(Delivered::Past(TopicPartition::new(source.topic, partition))),
        }
    }

    /// Whether records of `partition` are passed over until it is read again from where it broke.
    pub fn is_broken(&self, partition: &TopicPartition) -> bool {
        self.handle.withheld.is_broken(partition)
    }

    fn failed(&self, error: FetchError) -> Delivered {
        if error.needs_restart()
            && let Some(partition) = &error.partition
        {
            self.handle.withheld.breaks(partition);
        }
        if let Some(reports) = &self.reports {
            // Nobody listens while the consumer ends; then nobody needs to.
            reports.errors.send(error.clone()).ok();
        }
        Delivered::Error(error)
    }

    /// A handle that interrupts [`Queue::poll`].
    pub fn waker(&self) -> Waker {
        Waker(Arc::downgrade(&self.handle))
    }

    /// What the rebalance needs of this queue.
    pub(super) fn inlet(&self) -> Inlet {
        Inlet(Arc::downgrade(&self.handle))
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
        handle: &Handle,
    ) -> &mut Source {
        let now = handle.assignments.load(Ordering::Acquire);
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
                let end = handle.bounds.of(&place).unwrap_or(i64::MAX);
                let (epoch, withheld, looked) = (-1, false, None);
                known.push(Source { address, topic, epoch, withheld, looked, end });
                known.len() - 1
            });
        }
        &mut self.known[self.last]
    }
}
