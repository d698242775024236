//! The parts: an event is measured and written, a batch is sealed, its records are settled.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bridge_core::batch::Item;
use bridge_core::encode::{EventPlan, Layout, envelope_size};
use bridge_core::lane::{Lane, Room, Settings};
use bridge_core::mapping::Events;
use bridge_core::offsets::{Assignment, Offsets};

use crate::counted;
use crate::made::Made;

/// Records.
const MANY: usize = 1024;
/// Records of a batch.
const BATCH: usize = 64;
/// Batches.
const BATCHES: usize = 16;
const LINGER: Duration = Duration::from_millis(10);

pub(crate) fn measure(size: usize) -> usize {
    let layout = Layout::new(&Events::default());
    let made = Made::new(7, size);
    let headers = made.headers();
    let record = made.record(3, &headers);
    let mut sum = 0;
    counted(&mut || {
        for _ in 0..MANY {
            sum += EventPlan::new(black_box(&record), &layout).expect("text").weight();
        }
    });
    black_box(sum);
    MANY
}

pub(crate) fn write(size: usize) -> usize {
    let layout = Layout::new(&Events::default());
    let made = Made::new(7, size);
    let headers = made.headers();
    let record = made.record(3, &headers);
    let plan = EventPlan::new(&record, &layout).expect("text");
    let mut message = Vec::with_capacity(plan.weight());
    counted(&mut || {
        for _ in 0..MANY {
            message.clear();
            black_box(&plan).write_section(&mut message);
            black_box(&message);
        }
    });
    MANY
}

/// A lane, and the records on it.
struct Filled {
    lane: Lane,
    offsets: Offsets,
    partition: Assignment,
    layout: Layout,
    now: Instant,
    next: usize,
}

impl Filled {
    fn new() -> Self {
        let (now, mut offsets) = (Instant::now(), Offsets::default());
        let partition = offsets.assign();
        let settings =
            Settings { linger: LINGER, max_bytes: None, max_events: usize::MAX, room: 0 };
        let lane = Lane::new(settings, Some(1 << 20), now);
        Self { lane, offsets, partition, layout: Layout::new(&Events::default()), now, next: 0 }
    }

    /// A batch more is open, and due.
    fn fill(&mut self, size: usize) {
        for _ in 0..BATCH {
            let made = Made::new(self.next, size);
            let headers = made.headers();
            let record = made.record(3, &headers);
            let plan = EventPlan::new(&record, &self.layout).expect("text");
            let offset = self.next as i64;
            let ticket = self.offsets.track(self.partition, offset, size, record.timestamp);
            let room = self.lane.room(plan.weight(), envelope_size(None), None, self.now);
            assert_eq!(room, Room::Now, "a batch of {BATCH} fits");
            let write = |message: &mut Vec<u8>| plan.write_section(message);
            let ticket = ticket.expect("it is new");
            let (weight, timestamp) = (plan.weight(), record.timestamp);
            let item = Item { weight, write, ticket, timestamp, context: None };
            self.lane.push(item, None, 1 << 20, self.now);
            self.next += 1;
        }
        self.now += LINGER;
    }

    fn settle(&mut self) {
        let arrival = self.lane.accepted(self.now).expect("a batch is in flight");
        for ticket in arrival.tickets {
            self.offsets.settle(ticket);
        }
    }
}

pub(crate) fn seal(size: usize) -> usize {
    let mut filled = Filled::new();
    for _ in 0..BATCHES {
        filled.fill(size);
        counted(&mut || {
            let departure = filled.lane.next(filled.now).expect("it is due");
            assert_eq!(black_box(departure).events, BATCH, "all of them");
        });
        filled.settle();
    }
    BATCHES
}

pub(crate) fn settle(size: usize) -> usize {
    let mut filled = Filled::new();
    for _ in 0..BATCHES {
        filled.fill(size);
        drop(filled.lane.next(filled.now).expect("it is due"));
        counted(&mut || filled.settle());
    }
    assert_eq!(filled.offsets.in_flight(filled.partition), 0, "all are settled");
    BATCHES * BATCH
}
