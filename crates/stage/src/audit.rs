//! Somebody who does not trust the bridge: compares what is committed in Kafka with what the hub holds, all the time.
//!
//! First the committed positions are read, then the hub's log, then every record below a position must be in the log:
//! in that order, so that what the audit finds missing was missing when it was committed. Every event is compared with the
//! record it was made of, and the order of each source partition on each hub partition is watched. An event that has been
//! seen before is a duplicate; going back to one is a rewind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use eventhubs_local::{Event, Hub};

use crate::event::{Form, Seen, expected, place};
use crate::kafka::Group;
use crate::records::record;
use crate::{Kafka, Out, PATIENCE, rest, wait_for};

/// Between two looks, unless said otherwise.
const PAUSE: Duration = Duration::from_millis(20);

/// Partition and offset of a record.
pub type Place = (i32, i64);

/// Tells of a record that need not be in the hub: it was dropped, or it is among the dead letters.
type Excuse = Box<dyn Fn(Place) -> bool + Send>;

/// The record that was written to a place.
type Written = Box<dyn Fn(i32, i64) -> Out + Send>;

/// An audit under way: of one topic that goes to one hub.
pub struct Audit {
    ledger: Arc<Mutex<Ledger>>,
    stop: Arc<AtomicBool>,
    seen: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

/// What is to be audited.
pub struct Auditor {
    topic: String,
    partitions: i32,
    form: Form,
    /// `None`: the contents are not looked at.
    written: Option<Written>,
    /// What the hub holds already is not looked at.
    only_new: bool,
    /// What comes out of order is noted, and no reason to panic.
    patient: bool,
    pause: Duration,
    excuse: Excuse,
    hole: Excuse,
}

impl Auditor {
    /// The topic of a [`crate::Supply`], every event compared.
    pub fn of(topic: &str, partitions: i32) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions,
            form: Form::default(),
            written: Some(Box::new(record)),
            only_new: false,
            patient: false,
            pause: PAUSE,
            excuse: Box::new(|_| false),
            hole: Box::new(|_| false),
        }
    }

    /// Events carry something else than by default.
    pub fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// The records are not those of a supply: their contents are not looked at.
    pub fn foreign(mut self) -> Self {
        self.written = None;
        self
    }

    /// The records are not those of a supply, but these.
    pub fn written(mut self, written: impl Fn(i32, i64) -> Out + Send + 'static) -> Self {
        self.written = Some(Box::new(written));
        self
    }

    /// The hub holds events of an older topic of that name.
    pub fn only_new(mut self) -> Self {
        self.only_new = true;
        self
    }

    /// Some records need not be in the hub. Asked after the committed positions were read.
    pub fn excuse(mut self, excuse: impl Fn(Place) -> bool + Send + 'static) -> Self {
        self.excuse = Box::new(excuse);
        self
    }

    /// Some offsets hold no record: markers, and what was aborted. A position may stand before them for ever.
    pub fn holes(mut self, hole: impl Fn(Place) -> bool + Send + 'static) -> Self {
        self.hole = Box::new(hole);
        self
    }

    /// What comes out of order is only noted: nothing promises the order, or nobody can.
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// Looks less often: one of many audits.
    pub fn every(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Begins to look, until [`Audit::finish`].
    pub fn begin(self, kafka: &Kafka, group: &str, hub: &Arc<Hub>) -> Audit {
        let partitions = self.partitions as usize;
        let begin = |hub: &eventhubs_local::Partition| match self.only_new {
            true => hub.next_sequence(),
            false => 0,
        };
        let read_to = hub.partitions().iter().map(begin).collect();
        let (pause, seen) = (self.pause, Arc::new(AtomicU64::new(0)));
        let ledger = Ledger {
            of: self,
            group: kafka.group(group),
            hub: Arc::clone(hub),
            read_to,
            counts: vec![Vec::new(); partitions],
            proven: vec![0; partitions],
            lanes: HashMap::new(),
            seen: Arc::clone(&seen),
            report: Report::default(),
        };
        let ledger = Arc::new(Mutex::new(ledger));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&ledger), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                lock(&shared).look();
                rest(pause);
            }
        });
        Audit { ledger, stop, seen, thread: Some(thread) }
    }
}

/// What an audit found out. What must never be, it panics about.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Different records seen in the hub.
    pub records: u64,
    /// Events that were there before.
    pub duplicates: Vec<Place>,
    /// How often a source partition went back on a hub partition.
    pub rewinds: u64,
    /// Events that were new and came behind later ones of their source partition, by hub partition.
    pub stragglers: Vec<(u32, Place)>,
    /// Looks at which a committed position had moved: how often the promise was really tested.
    pub proofs: u64,
}

impl Audit {
    /// Waits until that many different records are in the hub.
    #[track_caller]
    pub fn wait_records(&self, count: u64) {
        wait_for(&format!("{count} records in the hub"), PATIENCE, || {
            assert!(!self.thread.as_ref().is_some_and(JoinHandle::is_finished), "the audit failed");
            let seen = lock(&self.ledger).look().report.records;
            if seen < count {
                rest(PAUSE);
            }
            (seen >= count).then_some(())
        });
    }

    /// Different records in the hub when it was last looked at; asks nobody, and panics if the audit has failed.
    #[track_caller]
    pub fn seen(&self) -> u64 {
        assert!(!self.thread.as_ref().is_some_and(JoinHandle::is_finished), "the audit failed");
        self.seen.load(Ordering::Relaxed)
    }

    /// Different records in the hub by now.
    pub fn records(&self) -> u64 {
        lock(&self.ledger).look().report.records
    }

    /// What has been found until now.
    pub fn report(&self) -> Report {
        lock(&self.ledger).look().report.clone()
    }

    /// The records that are in the hub and not committed. Ask when no bridge runs: these, and no others, will be sent
    /// again by the next one.
    pub fn uncommitted(&self) -> Vec<Place> {
        let mut ledger = lock(&self.ledger);
        let committed = ledger.wait_committed();
        let ledger = ledger.look();
        let of = |(partition, counts): (usize, &Vec<u16>)| {
            let from = committed[partition].unwrap_or(0);
            let seen = (from..counts.len() as i64).filter(|at| counts[*at as usize] > 0);
            seen.map(|offset| (partition as i32, offset)).collect::<Vec<_>>()
        };
        ledger.counts.iter().enumerate().flat_map(of).collect()
    }

    /// Ends the audit: every record below `ends` must be in the hub, and everything must be committed.
    #[track_caller]
    pub fn finish(mut self, ends: &[i64]) -> Report {
        self.halt();
        let mut ledger = lock(&self.ledger);
        // Not `look`: a coordinator that has just moved must not make the last look one at nothing.
        let committed = ledger.wait_committed();
        ledger.compare(&committed);
        for (partition, end) in ends.iter().enumerate() {
            ledger.assert_whole(partition, *end, "lost");
        }
        for (partition, end) in ends.iter().enumerate() {
            let position = committed[partition].unwrap_or(0);
            let hole = |offset| (ledger.of.hole)((partition as i32, offset));
            let whole = position == *end || position < *end && (position..*end).all(hole);
            assert!(whole, "partition {partition} is committed to {position}, its end is {end}");
        }
        assert!(ledger.report.proofs > 0, "no committed position was ever looked at");
        ledger.report.clone()
    }

    /// Ends the audit of a topic that cannot go on to its end.
    pub fn stop(mut self) -> Report {
        self.halt();
        lock(&self.ledger).look().report.clone()
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is halted once");
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A source partition on a hub partition.
#[derive(Default)]
struct Lane {
    /// The last event.
    last: Option<i64>,
    /// The furthest.
    furthest: Option<i64>,
}

struct Ledger {
    of: Auditor,
    group: Group,
    hub: Arc<Hub>,
    /// By hub partition: the next event to look at.
    read_to: Vec<i64>,
    /// By source partition and offset: how often it is in the hub.
    counts: Vec<Vec<u16>>,
    /// By source partition: everything below has been found.
    proven: Vec<i64>,
    lanes: HashMap<(i32, u32), Lane>,
    seen: Arc<AtomicU64>,
    report: Report,
}

impl Ledger {
    fn committed(&self) -> Option<Vec<Option<i64>>> {
        let partitions = (0..self.of.partitions).collect::<Vec<_>>();
        self.group.committed(&self.of.topic, &partitions)
    }

    /// The same, for who needs to know: a coordinator that has just moved asks to be asked again.
    fn wait_committed(&self) -> Vec<Option<i64>> {
        wait_for("kafka answers", PATIENCE, || self.committed())
    }

    /// One look: Kafka first.
    fn look(&mut self) -> &mut Self {
        let committed = self.committed().unwrap_or_default();
        self.compare(&committed);
        self
    }

    /// Every record below the `committed` positions, which were read before, is in the hub.
    #[track_caller]
    fn compare(&mut self, committed: &[Option<i64>]) {
        self.read();
        let mut moved = false;
        for (partition, position) in committed.iter().enumerate() {
            let Some(position) = *position else { continue };
            moved |= position > self.proven[partition];
            self.assert_whole(partition, position, "committed and not in the hub");
        }
        self.report.proofs += u64::from(moved);
    }

    /// Every record of `partition` below `position` is in the hub.
    #[track_caller]
    fn assert_whole(&mut self, partition: usize, position: i64, what: &str) {
        for offset in self.proven[partition]..position {
            let count = self.counts[partition].get(offset as usize).copied().unwrap_or(0);
            let place = (partition as i32, offset);
            assert!(
                count > 0 || (self.of.excuse)(place) || (self.of.hole)(place),
                "{what}: {}/{partition}/{offset}, position {position}",
                self.of.topic
            );
        }
        self.proven[partition] = self.proven[partition].max(position);
    }

    fn read(&mut self) {
        let hub = Arc::clone(&self.hub);
        // It may have grown.
        self.read_to.resize(hub.partitions().len(), 0);
        for partition in hub.partitions() {
            let from = self.read_to[partition.id() as usize];
            for event in partition.events_from(from) {
                self.read_to[partition.id() as usize] = event.sequence() + 1;
                self.enter(partition.id(), &event);
            }
        }
    }

    fn enter(&mut self, hub_partition: u32, event: &Event) {
        let (topic, partition, offset) =
            event.message_id().and_then(place).expect("the message-id is a place");
        if topic != self.of.topic {
            return;
        }
        if let Some(written) = &self.of.written {
            let record = written(partition, offset);
            let expected = expected(&record, topic, partition, offset, &self.of.form);
            assert_eq!(Seen::stored(event), expected);
        }
        let counts = &mut self.counts[partition as usize];
        if counts.len() <= offset as usize {
            counts.resize(offset as usize + 1, 0);
        }
        let count = &mut counts[offset as usize];
        *count += 1;
        let lane = self.lanes.entry((partition, hub_partition)).or_default();
        if *count > 1 {
            self.report.duplicates.push((partition, offset));
        } else {
            self.report.records += 1;
            self.seen.store(self.report.records, Ordering::Relaxed);
            let late = lane.furthest.is_some_and(|furthest| offset <= furthest);
            assert!(
                !late || self.of.patient,
                "out of order: {topic}/{partition}/{offset} after {:?} on hub partition {hub_partition}",
                lane.furthest
            );
            if late {
                self.report.stragglers.push((hub_partition, (partition, offset)));
            }
        }
        self.report.rewinds += u64::from(lane.last.is_some_and(|last| offset <= last));
        lane.last = Some(offset);
        lane.furthest = lane.furthest.max(Some(offset));
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
