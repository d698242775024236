//! A Kafka that remembers commits, hubs that store, lie, refuse, stand, grow, shrink and are slow, and time that only passes when told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::action::{Action, Note};
use crate::core::{Admitted, Core};
use crate::encode::tests::events;
use crate::event::{Cause, SendError, Target};
use crate::mapping::{Partitioning, TooLarge};
use crate::record::{Header, Position, Record, TopicPartition};
use crate::route::Router;

use super::claims::{self, Blobs};
use super::once::UnderWay;
use super::plan::{Answer, Mode, Place, Plan, Tp, Units};
use super::shaped::Registry;
use super::splits::{self, Readers};

pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) core: Core,
    pub(super) now: Instant,
    pub(super) modes: Vec<Mode>,
    /// Next offset Kafka hands out; offsets have holes.
    pub(super) cursor: BTreeMap<Tp, i64>,
    pub(super) committed: HashMap<Tp, i64>,
    /// Just after the last record polled in this assignment, given back or not: where the client says it stands.
    pub(super) polled: HashMap<Tp, i64>,
    pub(super) held: BTreeSet<Tp>,
    pub(super) halted: BTreeSet<Tp>,
    /// Where each lane leads.
    pub(super) lanes: Vec<Place>,
    pub(super) sends: BTreeMap<usize, Bytes>,
    /// Hubs whose partitions are asked for.
    pub(super) unresolved: Vec<usize>,
    pub(super) letters: Vec<(u64, Tp, i64)>,
    /// What each hub partition holds, in order.
    pub(super) stored: BTreeMap<Place, Vec<(Tp, i64)>>,
    /// The same by hub.
    pub(super) by_hub: Vec<Vec<(Tp, i64)>>,
    pub(super) dead: BTreeSet<(Tp, i64)>,
    pub(super) read: BTreeSet<(Tp, i64)>,
    pub(super) said: Vec<String>,
    /// The labels partitions were held with.
    pub(super) labels: Vec<&'static str>,
    /// A hub partition that says nothing.
    pub(super) silence: Option<Place>,
    pub(super) began: Instant,
    /// Whether the books are proven after every step.
    pub(super) audited: bool,
    /// Hubs that have, or have had, other partitions than at first.
    pub(super) resized: BTreeSet<usize>,
    /// Where each topic has gone, ever.
    pub(super) versions: Vec<Vec<Vec<(usize, Partitioning)>>>,
    /// The last record of each partition that was read before its topic went elsewhere.
    pub(super) rerouted: BTreeMap<Tp, i64>,
    /// Hubs whose partitions nobody asks for any more.
    pub(super) forgotten: BTreeSet<usize>,
    pub(super) drains: u64,
    pub(super) paused: BTreeSet<usize>,
    /// What the namespace takes, if that is limited.
    pub(super) units: Option<Units>,
    pub(super) jitter: f64,
    pub(super) traced: bool,
    /// What steps wait for, and what is known to them.
    pub(super) registry: Registry,
    pub(super) blobs: Blobs,
    /// What is on its way where events are to stand in their hubs once.
    pub(super) under_way: UnderWay,
    /// What readers have of values in parts.
    pub(super) readers: Readers,
}

pub(super) fn topic(number: usize) -> String {
    format!("topic-{number}")
}

pub(super) fn name((of, partition): Tp) -> TopicPartition {
    TopicPartition::new(topic(of), partition)
}

pub(super) fn tp(name: &TopicPartition) -> Tp {
    (name.topic["topic-".len()..].parse().unwrap(), name.partition)
}

pub(super) fn key(offset: i64) -> Option<String> {
    (offset % 4 != 0).then(|| format!("key-{}", offset % 6))
}

/// The simulated records end in their own coordinates, and the value is the last thing in an event.
pub(super) fn identity(bytes: &[u8]) -> (Tp, i64) {
    let elsewhere = claims::identity(bytes);
    if let Some(at) = elsewhere.or_else(|| splits::identity(bytes)) {
        return at;
    }
    let tail = std::str::from_utf8(&bytes[bytes.len() - 24..]).unwrap();
    let number = |range: std::ops::Range<usize>| tail[range].parse::<i64>().unwrap();
    ((number(0..4) as usize, number(4..8) as i32), number(8..24))
}

/// Of seven offsets, two hold no record, as compaction or transactions leave them.
pub(super) fn record_at_or_after(offset: i64) -> i64 {
    (offset..offset + 7).find(|offset| offset % 7 < 5).unwrap()
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let (hubs, now) = (plan.hubs.len(), Instant::now());
        let mut world = Self {
            core: Core::new(Arc::new(Router::new(&plan.mappings())), plan.budget),
            now,
            modes: vec![Mode::Good; hubs],
            cursor: BTreeMap::new(),
            committed: HashMap::new(),
            polled: HashMap::new(),
            held: BTreeSet::new(),
            halted: BTreeSet::new(),
            lanes: Vec::new(),
            sends: BTreeMap::new(),
            unresolved: Vec::new(),
            letters: Vec::new(),
            stored: BTreeMap::new(),
            by_hub: vec![Vec::new(); hubs],
            dead: BTreeSet::new(),
            read: BTreeSet::new(),
            said: Vec::new(),
            labels: Vec::new(),
            silence: None,
            began: now,
            audited: true,
            resized: BTreeSet::new(),
            versions: plan.topics.iter().map(|hubs| vec![hubs.clone()]).collect(),
            rerouted: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            drains: 0,
            paused: BTreeSet::new(),
            units: None,
            jitter: 0.5,
            traced: false,
            registry: plan.registry.clone(),
            blobs: Blobs::default(),
            under_way: UnderWay::default(),
            readers: Readers::default(),
            plan,
        };
        for of in 0..world.plan.topics.len() {
            for partition in 0..world.plan.partitions {
                world.assign((of, partition));
            }
        }
        world
    }

    pub(super) fn partitions(&self) -> Vec<Tp> {
        self.cursor.keys().copied().collect()
    }

    pub(super) fn act(&mut self) {
        for action in self.core.take_actions() {
            match action {
                Action::ResolveHub(hub) => {
                    let hub = hub.hub["hub-".len()..].parse().unwrap();
                    self.forgotten.remove(&hub);
                    self.unresolved.push(hub);
                }
                Action::ForgetHub(hub) => {
                    let new = self.forgotten.insert(hub.hub["hub-".len()..].parse().unwrap());
                    assert!(new, "{hub} was forgotten");
                }
                Action::Fetch(reference) => self.registry.ask(reference),
                Action::Store(reference, blob) => self.blobs.ask(reference, blob),
                Action::OpenLane { hub, target, .. } => {
                    let Target::Partition(id) = target else { panic!("none is a gateway") };
                    let hub = hub.hub["hub-".len()..].parse().unwrap();
                    self.lanes.push((hub, id.parse().unwrap()));
                }
                Action::Commit(name, commit) => self.under_way.commit(tp(&name), commit, self.now),
                Action::LookUp(lookup) => self.under_way.lookups.push(lookup),
                Action::Lease(until) => self.under_way.lasts(until),
                Action::Send { lane, message, origins } => {
                    self.under_way.sent(lane, self.now, self.plan.once);
                    events(&message).for_each(|event| self.blobs.assert_holds(event));
                    self.assert_fits(&message);
                    let before = self.sends.insert(lane, message);
                    assert!(before.is_none(), "one batch in flight a lane");
                    self.assert_origins(events(&self.sends[&lane]).map(identity), origins);
                }
                Action::Hold(partition, Position(from)) => {
                    let at = tp(&partition);
                    self.held.insert(at);
                    let mut skipped = (self.cursor[&at]..from).filter(|it| it % 7 < 5);
                    let known = skipped.all(|offset| self.read.contains(&(at, offset)));
                    assert!(known, "{at:?} goes on at {from} and skips what was not read");
                    self.cursor.insert(at, from);
                }
                Action::Resume(partition) => {
                    self.halted.remove(&tp(&partition));
                    assert!(self.held.remove(&tp(&partition)));
                }
                Action::Pause(partition) => assert!(self.halted.insert(tp(&partition))),
                Action::DeadLetter(letter) => {
                    self.letters.push((letter.id, tp(&letter.source), letter.offset));
                }
                Action::Tell(Note::Held { reason, held: true, .. }) => {
                    self.labels.push(reason.as_str());
                }
                Action::Tell(Note::Waits { partition, detail }) => {
                    self.said.push(format!("{partition}: {detail}"));
                }
                Action::Tell(_) => {}
            }
        }
        if self.audited {
            self.core.audit();
        }
    }

    /// The hubs say what partitions they have.
    pub(super) fn resolve(&mut self) {
        for hub in std::mem::take(&mut self.unresolved) {
            self.know(hub);
        }
    }

    pub(super) fn know(&mut self, hub: usize) {
        let ids: Vec<String> = (0..self.plan.hubs[hub]).map(|n| n.to_string()).collect();
        let name = format!("hub-{hub}");
        if self.plan.too_large == TooLarge::Split {
            self.core.hub_takes("default", &name, self.plan.link);
        }
        self.core.hub_known("default", &name, &ids, self.now);
        self.act();
    }

    /// A hub has other partitions from now on; what it stored is still there. Whether that is told is another matter.
    pub(super) fn resize(&mut self, hub: usize, to: usize) {
        self.plan.hubs[hub] = to;
        self.resized.insert(hub);
        self.unresolved.push(hub);
    }

    pub(super) fn turn(&mut self) {
        self.core.tell_time(self.wall());
        self.core.dispatch(self.now);
        self.act();
        self.cut();
    }

    /// Whether the pump would take a record of `at`.
    pub(super) fn may_read(&self, at: Tp) -> bool {
        self.core.has_room() && !self.held.contains(&at) && !self.halted.contains(&at)
    }

    /// Kafka hands out up to `records` records; gives how many were taken.
    pub(super) fn read(&mut self, at: Tp, records: usize) -> usize {
        let mut taken = 0;
        for _ in 0..records {
            if !self.may_read(at) {
                break;
            }
            let offset = record_at_or_after(self.cursor[&at]);
            self.cursor.insert(at, offset + 1);
            self.polled.insert(at, offset + 1);
            let key = key(offset);
            let value = self.value(at, offset);
            let trace = self.trace_of(at, offset);
            let value_of = trace.as_deref().map_or(&b"v"[..], str::as_bytes);
            let name = if trace.is_some() { &b"traceparent"[..] } else { b"h" };
            let header = [Header { name, value: Some(value_of) }];
            let topic = topic(at.0);
            let record = Record {
                topic: &topic,
                partition: at.1,
                offset,
                timestamp: Some(offset),
                key: key.as_deref().map(str::as_bytes),
                value: Some(&value),
                headers: &header,
            };
            match self.core.admit(&record, self.now) {
                Admitted::Taken => {
                    taken += 1;
                    let new = self.read.insert((at, offset));
                    assert!(!new || !self.is_paused(at), "{at:?} is paused, and {offset} is taken");
                }
                Admitted::Held => {
                    self.act();
                    break;
                }
                Admitted::Unknown => panic!("{at:?} is assigned"),
            }
        }
        taken
    }

    /// The hub of some lane answers its send. `false` when none does.
    pub(super) fn answer(&mut self, pick: usize, answer: Answer) -> bool {
        let speaks = |lane: &usize| self.speaks(*lane);
        let speaking: Vec<usize> = self.sends.keys().copied().filter(speaks).collect();
        let lane = speaking.get(pick % speaking.len().max(1)).copied();
        lane.is_some_and(|lane| self.answer_lane(lane, answer))
    }

    fn speaks(&self, lane: usize) -> bool {
        let place = self.lanes[lane];
        self.modes[place.0] != Mode::Silent && self.silence != Some(place)
    }

    pub(super) fn hub_of(&self, lane: usize) -> usize {
        self.lanes[lane].0
    }

    /// The hub answers what is in flight on a lane, unless it is silent.
    pub(super) fn answer_lane(&mut self, lane: usize, answer: Answer) -> bool {
        if !self.speaks(lane) {
            return false;
        }
        let Some(message) = self.sends.remove(&lane) else { return true };
        let place = self.lanes[lane];
        let bytes = events(&message).map(<[u8]>::len).sum();
        let events: Vec<_> = events(&message).map(identity).collect();
        let bad = events.iter().any(|(at, offset)| (self.plan.poison)(*at, *offset));
        let retry = |cause, after| SendError::Retry {
            cause,
            after,
            detail: String::new(),
            doubtful: matches!(cause, Cause::Connection | Cause::Timeout),
        };
        let gone = place.1 >= self.plan.hubs[place.0];
        let good = self.modes[place.0] == Mode::Good && !gone;
        let now = self.now;
        let busy = good && self.units.as_mut().is_some_and(|it| !it.take(bytes, events.len(), now));
        let result = match (self.modes[place.0], answer) {
            _ if gone => Err(retry(Cause::NotFound, None)),
            (Mode::Released, _) => Err(retry(Cause::Released, None)),
            (mode, _) if busy || mode == Mode::Throttled => {
                Err(retry(Cause::Throttled, Some(Duration::from_secs(4))))
            }
            _ if bad => Err(SendError::Refused { condition: "no".into(), detail: String::new() }),
            (_, Answer::Released) => Err(retry(Cause::Released, None)),
            (_, Answer::Lost) => Err(retry(Cause::Connection, None)),
            (_, Answer::Forgotten | Answer::Late) => Err(retry(Cause::Timeout, None)),
            (_, Answer::TooLarge) if events.len() > 1 => {
                Err(SendError::TooLarge { limit: 100_000 })
            }
            (_, Answer::Accepted | Answer::TooLarge) => Ok(()),
        };
        let stored = match (&result, answer) {
            (Ok(()), _) => true,
            (Err(SendError::Retry { cause, .. }), Answer::Forgotten) => *cause == Cause::Timeout,
            _ => false,
        };
        if stored {
            let whole = self.whole(place, &message);
            self.store(place, whole);
        } else if let (Answer::Late, Err(SendError::Retry { cause: Cause::Timeout, .. })) =
            (answer, &result)
        {
            self.under_way.late.push((self.now, place, events));
        }
        self.core.lane_ready(lane, self.plan.link);
        // As good as random, and the same each time.
        self.jitter = (self.jitter + 0.618_034).fract();
        self.core.settled(lane, result, self.jitter, self.now, 0);
        self.act();
        true
    }

    pub(super) fn finish_letters(&mut self, result: Result<(), String>) {
        for (id, at, offset) in std::mem::take(&mut self.letters) {
            if result.is_ok() {
                self.dead.insert((at, offset));
            }
            self.core.letter_done(id, result.clone(), self.now);
        }
        self.act();
    }
}
