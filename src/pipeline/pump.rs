//! The one thread per shard that owns its [`Core`]: it feeds it records, answers and time, and does what it wants done.
//!
//! Each turn: hear what was said, take a run of records while there is room, send what is due, and only when there was
//! nothing to take, wait. It waits in the Kafka queue when records may come, so that a record is taken at once and any
//! signal wakes it; and at its inbox when nothing may come, which is all there is to backpressure.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::eventhubs::{Lane, LaneEvent, Namespace};
use crate::health::ShardHealth;
use crate::kafka::{Consumer, DeadLetters, Delivery, Headers, Letter, Queue};
use crate::metrics::Metrics;
use crate::record::{Position, Record, TopicPartition};

use super::action::{self, Action};
use super::cadence::Cadence;
use super::core::{Admitted, Core};
use super::inbox::{Mailbox, Signal};
use super::resolve;

/// Records taken before answers are heard and batches sent.
const RUN: usize = 512;
/// The longest wait without a look around; also how often the metrics hear how things stand.
const TICK: Duration = Duration::from_secs(1);

/// A revoke the Kafka event thread waits for.
pub(super) struct Revoke(SyncSender<Vec<(TopicPartition, Position)>>);

/// See the module.
pub(super) struct Pump {
    pub(super) core: Core,
    pub(super) inbox: Receiver<Signal>,
    pub(super) mailbox: Mailbox,
    pub(super) queue: Queue,
    pub(super) consumer: Consumer,
    pub(super) namespaces: HashMap<String, Namespace>,
    pub(super) lanes: Vec<Lane>,
    pub(super) letters: DeadLetters,
    /// Letters the desk had no room for.
    pub(super) unsent: VecDeque<Letter>,
    pub(super) headers: Headers,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: ShardHealth,
    pub(super) shard: u32,
    /// Bytes of events that may be held.
    pub(super) budget: usize,
    pub(super) drain_timeout: Duration,
    pub(super) cadence: Cadence,
    pub(super) revokes: HashMap<u64, Revoke>,
    pub(super) next_revoke: u64,
}

impl Pump {
    /// Turns until told to stop.
    pub(super) fn run(mut self) {
        let mut report_at = Instant::now();
        loop {
            self.health.beat_pump();
            let mut now = Instant::now();
            while let Ok(signal) = self.inbox.try_recv() {
                if !self.hear(signal, now) {
                    return;
                }
            }
            let taken = if self.core.unblock(now) { self.take_run(now) } else { 0 };
            if taken > 0 {
                now = Instant::now();
            }
            self.send_due(now);
            if self.cadence.due(now).is_some_and(|at| now >= at) {
                let committed = self.commit();
                self.cadence.looked(now, committed);
            }
            if now >= report_at {
                self.report(now);
                // What moves without a record, such as a marker, is looked for now and then.
                self.cadence.stir();
                report_at = now + TICK;
            }
            let commit_at = self.cadence.due(now).unwrap_or(report_at);
            if taken == 0 && !self.wait(now, commit_at.min(report_at)) {
                return;
            }
        }
    }

    /// Takes records until there are none, there is no room, or it has been a run. Returns how many.
    fn take_run(&mut self, now: Instant) -> usize {
        let mut tally = Tally::default();
        for _ in 0..RUN {
            if !self.core.has_room() {
                break;
            }
            let Some(delivery) = self.queue.poll(Duration::ZERO) else { break };
            if !self.take(&delivery, now, &mut tally) {
                break;
            }
        }
        tally.report(&self.metrics);
        tally.records
    }

    /// `false` when nothing more may be taken.
    fn take(&mut self, delivery: &Delivery, now: Instant, tally: &mut Tally) -> bool {
        // What goes wrong with a fetch is the event thread's to mend and to report.
        let Delivery::Record(fetched) = delivery else { return true };
        self.cadence.stir();
        let mut headers = std::mem::take(&mut self.headers);
        let record = fetched.record(&mut headers);
        tally.add(&record, &self.metrics);
        let go_on = self.admit(&record, now);
        self.headers = headers;
        go_on
    }

    fn admit(&mut self, record: &Record<'_>, now: Instant) -> bool {
        let mut admitted = self.core.admit(record, now);
        if admitted == Admitted::Unknown {
            // Its assignment may have been announced after the inbox was last looked into.
            while let Ok(signal) = self.inbox.try_recv() {
                if !self.hear(signal, now) {
                    return false;
                }
            }
            admitted = self.core.admit(record, now);
        }
        if admitted == Admitted::Unknown {
            self.metrics.records_let_go("revoked", 1);
        }
        admitted != Admitted::Blocked
    }

    /// Waits for a record, a signal or a deadline. `false` when told to stop.
    fn wait(&mut self, now: Instant, tick: Instant) -> bool {
        let until =
            self.core.deadline().map_or(tick, |deadline| deadline.min(tick)).min(now + TICK);
        let timeout = until.saturating_duration_since(now).max(Duration::from_millis(1));
        if !self.core.is_blocked() && self.core.has_room() {
            let Some(delivery) = self.queue.poll(timeout) else { return true };
            let mut tally = Tally::default();
            self.take(&delivery, Instant::now(), &mut tally);
            tally.report(&self.metrics);
            return true;
        }
        match self.inbox.recv_timeout(timeout) {
            Ok(signal) => self.hear(signal, Instant::now()),
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        }
    }

    /// `false` when told to stop.
    fn hear(&mut self, signal: Signal, now: Instant) -> bool {
        self.cadence.stir();
        match signal {
            Signal::Assigned(names, noted) => {
                for name in &names {
                    self.core.assign(name, now);
                }
                noted.try_send(()).ok();
                self.health.joined(true);
            }
            Signal::Revoke(names, reply) => {
                self.next_revoke += 1;
                self.revokes.insert(self.next_revoke, Revoke(reply));
                self.core.drain(self.next_revoke, &names, now + self.drain_timeout);
            }
            Signal::Lost(names, noted) => {
                self.core.lose(&names);
                noted.try_send(()).ok();
            }
            Signal::Lane(lane, LaneEvent::Ready { max_message_size }) => {
                self.core.lane_ready(lane, max_message_size, now);
            }
            Signal::Lane(lane, LaneEvent::Settled { envelope, result }) => {
                let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let jitter = rand::random();
                self.core.settled(lane, envelope, result, jitter, now, wall.as_millis() as i64);
            }
            Signal::Hub { namespace, hub, partition_ids } => {
                self.core.hub_known(&namespace, &hub, &partition_ids, now);
            }
            Signal::Letter(id, result) => {
                self.core.letter_done(id, result, now);
                self.write_unsent();
            }
            Signal::Stop => return false,
        }
        self.carry_out();
        true
    }

    fn send_due(&mut self, now: Instant) {
        self.core.dispatch(now);
        self.carry_out();
        for drained in self.core.finish_drains(now) {
            let Some(Revoke(reply)) = self.revokes.remove(&drained.id) else { continue };
            // The Kafka side has given up waiting only if the process is about to end.
            drop(reply.try_send(drained.positions));
        }
    }

    fn carry_out(&mut self) {
        for action in self.core.take_actions() {
            match action {
                Action::ResolveHub { namespace, hub } => {
                    if let Some(handle) = self.namespaces.get(&*namespace) {
                        let task =
                            resolve::hub(handle.clone(), namespace, hub, self.mailbox.clone());
                        self.runtime.spawn(task);
                    }
                }
                Action::OpenLane { namespace, hub, target } => {
                    let Some(handle) = self.namespaces.get(&*namespace) else { continue };
                    let (number, mailbox) = (self.lanes.len(), self.mailbox.clone());
                    let tell = move |event| mailbox.send(Signal::Lane(number, event));
                    self.lanes.push(handle.lane(&hub, target, tell));
                }
                Action::Send { lane, envelope } => self.lanes[lane].send(envelope),
                Action::Pause(name) => self.consumer.pause(&[name]),
                Action::Resume(name) => self.consumer.resume(&[name]),
                Action::DeadLetter(letter) => self.write(letter),
            }
        }
    }

    fn write(&mut self, letter: action::Letter) {
        let action::Letter { id, source, offset, topic, reason, detail } = letter;
        self.unsent.push_back(Letter { id, source, offset, target: topic.into(), reason, detail });
        self.write_unsent();
    }

    /// The desk takes so many at a time; the rest goes as it finishes one after the other.
    fn write_unsent(&mut self) {
        while let Some(letter) = self.unsent.pop_front() {
            if let Err(back) = self.letters.try_send(letter) {
                return self.unsent.push_front(back);
            }
        }
    }

    /// Whether there was something to commit.
    fn commit(&mut self) -> bool {
        let mut idle = self.core.idle();
        // What waits to be read again was polled and passed over. This is asked first: were the mark taken away between the
        // two questions, the client's answer would still be from before.
        idle.retain(|(_, name)| !self.queue.is_broken(name));
        if !idle.is_empty() {
            let positions = self.consumer.positions();
            for (assignment, name) in idle {
                if let Some(position) = positions.get(&name) {
                    self.core.skip_to(assignment, *position);
                }
            }
        }
        let positions = self.core.positions_to_commit();
        if !positions.is_empty() {
            self.consumer.commit(&positions);
        }
        !positions.is_empty()
    }

    fn report(&mut self, now: Instant) {
        self.core.report(now);
        self.metrics.buffered(self.shard, self.core.bytes() as u64, self.budget as u64);
    }
}

/// What a run took, so that the metrics are touched once a run and topic, not once a record.
#[derive(Debug, Default)]
struct Tally {
    records: usize,
    topic: String,
    of_topic: u64,
    bytes: u64,
}

impl Tally {
    fn add(&mut self, record: &Record<'_>, metrics: &Metrics) {
        if self.topic != record.topic {
            self.report(metrics);
            record.topic.clone_into(&mut self.topic);
        }
        self.records += 1;
        self.of_topic += 1;
        self.bytes +=
            (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
    }

    fn report(&mut self, metrics: &Metrics) {
        if self.of_topic > 0 {
            metrics.records_received(&self.topic, self.of_topic, self.bytes);
            self.of_topic = 0;
            self.bytes = 0;
        }
    }
}
