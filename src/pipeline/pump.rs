//! The one thread per shard that owns its [`Core`]: it feeds it records, answers and time, and does what it wants done.
//!
//! Each turn: hear what was said, take a run of records while there is room, send what is due, and only when there was
//! nothing to take, wait. It waits in the Kafka queue when records may come, so that a record is taken at once and any
//! signal wakes it; and at its inbox when nothing may come, which is all there is to backpressure.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bridge_core::action::Action;
use bridge_core::{Admitted, Core};
use tokio::runtime::Handle;

use crate::blob::Uploads;
use crate::eventhubs::{Bell, LaneEvent, LaneSender, Lessor, NamespaceClient};
use crate::health::ShardHealth;
use crate::kafka::{Consumer, DeadLetter, DeadLetters, Delivered, End, HeaderBuffer, Queue};
use crate::metrics::{LetGo, Metrics};
use crate::record::{Commit, TopicPartition};
use crate::registry::{Registries, SchemaNews};
use crate::status::{ShardCommand, View};

use super::cadence::Cadence;
use super::inbox::{Mailbox, Signal};
use super::lookups::Lookups;
use super::notes::Notes;
use super::post::Post;
use super::rate::Rate;
use super::resolve::HubWatches;
use super::sends::Sends;
use super::states::States;
use super::tally::Tally;

/// Records taken before answers are heard and batches sent.
const RUN: usize = 512;
/// A deadline within this is waited for, whatever comes.
const SOON: Duration = Duration::from_millis(1);
/// The longest wait without a look around; also how often the metrics hear how things stand.
const TICK: Duration = Duration::from_secs(1);

/// A revoke the Kafka event thread waits for.
pub(super) struct Revoke(SyncSender<Vec<(TopicPartition, Commit)>>);

/// See the module.
pub(super) struct Pump {
    pub(super) core: Core,
    pub(super) inbox: Receiver<Signal>,
    pub(super) mailbox: Mailbox,
    pub(super) queue: Queue,
    pub(super) consumer: Consumer,
    pub(super) namespaces: HashMap<String, NamespaceClient>,
    pub(super) hubs: HubWatches,
    pub(super) lanes: Vec<LaneSender>,
    /// Where they run.
    pub(super) runtime: Handle,
    pub(super) letters: DeadLetters,
    /// Letters the desk had no room for, by their target.
    pub(super) unsent: HashMap<Arc<str>, VecDeque<DeadLetter>>,
    /// Partitions that are to go on.
    pub(super) resumed: Vec<TopicPartition>,
    pub(super) headers: HeaderBuffer,
    pub(super) metrics: Arc<Metrics>,
    pub(super) notes: Notes,
    pub(super) states: States,
    pub(super) sends: Sends,
    pub(super) health: ShardHealth,
    pub(super) shard: u32,
    /// Bytes of events that may be held.
    pub(super) budget: usize,
    pub(super) drain_timeout: Duration,
    pub(super) cadence: Cadence,
    /// Where schemas are asked for.
    pub(super) registries: Registries,
    /// Where values go that are too large.
    pub(super) uploads: Uploads,
    /// What is asked of hubs that may hold what was sent before.
    pub(super) lookups: Lookups,
    /// Until when lanes send of which each event is to be stored once.
    pub(super) lessor: Lessor,
    pub(super) rate: Rate,
    /// Where dead letters are sent again.
    pub(super) post: Option<Post>,
    pub(super) revokes: HashMap<u64, Revoke>,
    pub(super) next_revoke: u64,
}

impl Pump {
    /// Turns until told to stop.
    pub(super) fn run(mut self) {
        self.turn();
        self.count_filtered();
        self.notes.count_up(None);
    }

    fn turn(&mut self) {
        let mut report_at = Instant::now();
        loop {
            self.health.beat_pump();
            let mut now = Instant::now();
            while let Ok(signal) = self.inbox.try_recv() {
                if !self.hear(signal, now) {
                    return;
                }
            }
            self.resume();
            self.core.gathered(self.consumer.gathered());
            let taken = self.take_run(now);
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
            self.resume();
            let commit_at = self.cadence.due(now).unwrap_or(report_at);
            if taken == 0 && !self.wait(now, commit_at.min(report_at)) {
                return;
            }
        }
    }

    /// Takes records until there are none, there is no room, or it has been a run. Returns how many.
    fn take_run(&mut self, now: Instant) -> usize {
        let mut tally = Tally::default();
        for _ in 0..self.rate.room(now).min(RUN) {
            if !self.core.has_room() {
                break;
            }
            let Some(delivery) = self.queue.poll(Duration::ZERO) else { break };
            self.take(&delivery, now, &mut tally);
        }
        tally.report(&self.metrics);
        self.rate.take(tally.records);
        tally.records
    }

    fn take(&mut self, delivery: &Delivered, now: Instant, tally: &mut Tally) {
        let fetched = match delivery {
            Delivered::Record(fetched) => fetched,
            // Its position moves to the end when what was taken of it is settled.
            Delivered::Past(partition) => {
                self.cadence.stir();
                return self.consumer.pause(std::slice::from_ref(partition));
            }
            // What goes wrong with a fetch is the event thread's to mend and to report.
            Delivered::Error(_) => return,
        };
        self.cadence.stir();
        let mut headers = std::mem::take(&mut self.headers);
        let record = fetched.record(&mut headers);
        let admitted = match &mut self.post {
            None => self.core.admit(&record, now),
            Some(post) => post.hand_on(&mut self.core, &record, now),
        };
        match admitted {
            Admitted::Taken => tally.add(&record, &self.metrics),
            // At once: whatever else was polled of it is to be dropped, and to come again.
            Admitted::Held => self.carry_out(),
            // Of an assignment that has ended.
            Admitted::Unknown => self.metrics.records_let_go(LetGo::Revoked, 1),
        }
        self.headers = headers;
    }

    /// Waits for a record, a signal or a deadline. `false` when told to stop.
    fn wait(&mut self, now: Instant, tick: Instant) -> bool {
        let next = self.rate.next(now);
        let until = self.core.deadline().into_iter().chain(next).fold(tick, Instant::min);
        let until = until.min(now + TICK);
        let timeout = until.saturating_duration_since(now).max(Duration::from_millis(1));
        // What comes just before a batch leaves is taken together then.
        if self.core.has_room() && next.is_none() && until > now + SOON {
            let Some(delivery) = self.queue.poll(timeout) else { return true };
            self.consumer.arrived();
            let mut tally = Tally::default();
            self.take(&delivery, Instant::now(), &mut tally);
            tally.report(&self.metrics);
            self.rate.take(tally.records);
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
        // What was to be resumed is to be so before its stay ends.
        if let Signal::Assigned(..) | Signal::Revoke(..) | Signal::Lost(..) = signal {
            self.resume();
        }
        match signal {
            Signal::Assigned(names, noted) => {
                for (name, sent_since) in &names {
                    self.core.assign_after(name, *sent_since, now);
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
                self.core.lose(&names, now);
                noted.try_send(()).ok();
                self.health.joined(false);
            }
            Signal::Lane(lane, LaneEvent::Ready { max_message_size }) => {
                self.core.lane_ready(lane, max_message_size);
            }
            Signal::Lane(lane, LaneEvent::Settled(result)) => {
                self.sends.ended(lane, &result);
                self.core.settled(lane, result, rand::random(), now, wall());
            }
            Signal::Hub { namespace, hub, answer } => {
                if let Some(limit) = answer.limit {
                    self.core.hub_takes(&namespace, &hub, limit);
                }
                self.core.hub_known(&namespace, &hub, &answer.partition_ids, now);
            }
            Signal::Connected(namespace) => {
                self.core.namespace_connected(&namespace, rand::random, now);
            }
            Signal::HubTrouble { namespace, hub, error } => {
                self.core.hub_trouble(&namespace, &hub, &error.to_string());
            }
            Signal::Letter(id, result) => {
                self.core.letter_done(id, result, now);
                self.write_unsent();
            }
            Signal::Fetched(reference, SchemaNews::Here(thing)) => {
                self.core.fetched(reference, thing);
            }
            Signal::Stored(reference, Ok(())) => self.core.stored(reference),
            Signal::Fetched(reference, SchemaNews::Trouble(why))
            | Signal::Stored(reference, Err(why)) => {
                self.core.fetch_failed(&reference, &why);
            }
            Signal::Ends(ends) => {
                for End { partition, start, end } in ends {
                    if let Some(lag) = self.core.end_known(&partition, start, end, now) {
                        self.metrics.consumer_lag(&partition, lag);
                    }
                }
            }
            Signal::Confirmed(names, handed) => self.core.confirmed(&names, handed, now),
            Signal::Looked(id, Ok(found)) => self.core.looked_up(id, &found, now),
            Signal::Looked(id, Err(why)) => self.core.look_failed(id, &why),
            // Whoever asked may have left.
            Signal::Word(ShardCommand::View(reply)) => {
                drop(reply.send(View::of(&mut self.core, now, wall())));
            }
            Signal::Word(ShardCommand::Pause(mappings)) => self.core.pause(mappings, now),
            Signal::Word(ShardCommand::Reroute(router, paused)) => {
                self.core.reroute(router, paused, now + self.drain_timeout, now);
            }
            Signal::Stop => return false,
        }
        self.carry_out();
        true
    }

    fn send_due(&mut self, now: Instant) {
        self.core.tell_time(wall());
        self.core.dispatch(now);
        self.carry_out();
        let ended = self.core.finish_drains(now);
        self.carry_out();
        // Before the stays of these end.
        self.resume();
        for drained in ended {
            let Some(Revoke(reply)) = self.revokes.remove(&drained.id) else { continue };
            // The Kafka side has given up waiting only if the process is about to end.
            drop(reply.try_send(drained.positions));
        }
    }

    pub(super) fn carry_out(&mut self) {
        let mut bells = Vec::new();
        for action in self.core.take_actions() {
            match action {
                Action::ResolveHub(name) => self.hubs.resolve(name.namespace, name.hub),
                Action::ForgetHub(name) => self.hubs.forget(name.namespace, name.hub),
                Action::Commit(name, commit) => self.consumer.commit(&[(name, commit)]),
                Action::LookUp(lookup) => {
                    let mailbox = self.mailbox.clone();
                    let tell = move |id, found| mailbox.send(Signal::Looked(id, found));
                    self.lookups.want(lookup, tell);
                }
                Action::Lease(until) => self.lessor.lasts(until),
                Action::OpenLane { hub, target, once } => {
                    let Some(handle) = self.namespaces.get(&*hub.namespace) else { continue };
                    self.sends.opened(&hub, &target);
                    let (number, mailbox) = (self.lanes.len(), self.mailbox.clone());
                    let tell = move |event| mailbox.post(Signal::Lane(number, event));
                    let lease = once.then(|| self.lessor.lease());
                    self.lanes.push(handle.lane_within(lease, &hub.hub, target, tell));
                }
                Action::Hold(name, from) => {
                    self.resume();
                    self.consumer.hold(&[(name, from)]);
                }
                Action::Send { lane, message, origins } => {
                    self.sends.left(lane, origins);
                    bells.push(self.lanes[lane].post(message));
                }
                Action::Fetch(reference) => {
                    let mailbox = self.mailbox.clone();
                    let tell = move |news| mailbox.send(Signal::Fetched(reference, news));
                    self.registries.want(reference, tell);
                }
                Action::Store(reference, blob) => {
                    let mailbox = self.mailbox.clone();
                    let tell = move |stored| mailbox.send(Signal::Stored(reference, stored));
                    self.uploads.want(reference, blob, tell);
                }
                Action::Pause(name) => {
                    self.resume();
                    self.consumer.pause(&[name]);
                }
                Action::Resume(name) => self.resumed.push(name),
                Action::DeadLetter(letter) => self.write(letter),
                Action::Tell(note) => self.notes.tell(note),
            }
        }
        if !bells.is_empty() {
            Bell::ring_all(bells, &self.runtime);
        }
    }

    /// Lets partitions go on, all in one call: it waits for librdkafka, and a hub that is back frees hundreds at once. Made
    /// before anything else is done to a partition, and before records are taken.
    fn resume(&mut self) {
        if !self.resumed.is_empty() {
            self.consumer.resume(&std::mem::take(&mut self.resumed));
        }
    }
}

/// The time of day, in milliseconds.
pub(super) fn wall() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)
}
