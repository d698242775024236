//! Events that are to stand in their hubs once: members crash, answers are lost, batches are stored late, commits fail, and still
//! each hub holds each event once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Weak;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::core::Core;
use crate::encode::tests::events;
use crate::mapping::Policy;
use crate::once::{Lookup, StoredEvent, Terms};
use crate::record::{Commit, Position};
use crate::route::Router;

use super::plan::{Answer, Mode, Place, Plan, Tp};
use super::world::{World, identity, name, tp};
use super::{budget, histories, plan};

mod named;

/// Clocks are the same here, so that nothing is found by luck.
const TERMS: Terms = Terms {
    lease: Duration::from_secs(5),
    late: Duration::from_secs(3),
    skew: Duration::ZERO,
    room: 40,
};

/// A batch that was given up at that moment, and is stored later: where, and the events of it.
type Late = (Instant, Place, Vec<(Tp, i64)>);

/// What is on its way, and what is known of what was.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    pub(super) lookups: Vec<Weak<Lookup>>,
    commits: Vec<(Tp, Commit, Instant)>,
    /// Batches that were given up and are stored later.
    pub(super) late: Vec<Late>,
    /// Until when lanes may send.
    lease: Option<Instant>,
    /// Whether what is in flight is to be given up.
    ended: bool,
    /// When each lane sent what is in flight.
    sent: HashMap<usize, Instant>,
    /// When what hub partitions hold was stored.
    pub(super) times: BTreeMap<Place, Vec<i64>>,
    /// Since when events beyond what is committed may have been sent.
    pub(super) labels: HashMap<Tp, Option<i64>>,
}

impl UnderWay {
    /// What is to be committed takes the place of what was, as long as that is not confirmed.
    pub(super) fn commit(&mut self, at: Tp, commit: Commit, now: Instant) {
        self.forget(at);
        self.commits.push((at, commit, now));
    }

    /// A stay has ended, and nothing of it is committed any more.
    pub(super) fn forget(&mut self, at: Tp) {
        self.commits.retain(|(of, ..)| *of != at);
    }

    pub(super) fn sent(&mut self, lane: usize, now: Instant, once: bool) {
        let may = !once || self.lease.is_some_and(|until| now < until);
        assert!(may, "nothing is sent without a lease");
        self.sent.insert(lane, now);
    }

    pub(super) fn lasts(&mut self, until: Option<Instant>) {
        self.lease = until;
        self.ended |= until.is_none();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Read {
        pick: usize,
        records: usize,
    },
    Answer {
        pick: usize,
        answer: Answer,
    },
    Wait {
        millis: u64,
    },
    Mode {
        hub: usize,
        mode: Mode,
    },
    Rebalance {
        pick: usize,
        in_time: bool,
    },
    Lose {
        pick: usize,
    },
    /// The member dies: of what it had sent, some is stored, some is stored later.
    Crash {
        fates: Vec<u8>,
    },
    /// Kafka takes a commit.
    Confirm {
        pick: usize,
    },
    /// A hub is looked into, or cannot be.
    Look {
        pick: usize,
        well: bool,
    },
    Letters,
    Commit,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        6 => Just(Answer::Accepted), 1 => Just(Answer::Released), 1 => Just(Answer::Lost),
        2 => Just(Answer::Forgotten), 2 => Just(Answer::Late), 1 => Just(Answer::TooLarge),
    ];
    let mode = prop_oneof![
        3 => Just(Mode::Good), 1 => Just(Mode::Released), 1 => Just(Mode::Silent), 1 => Just(Mode::Throttled),
    ];
    prop_oneof![
        8 => (any::<usize>(), 1..30usize).prop_map(|(pick, records)| Step::Read { pick, records }),
        8 => (any::<usize>(), answer).prop_map(|(pick, answer)| Step::Answer { pick, answer }),
        6 => (1..4_000u64).prop_map(|millis| Step::Wait { millis }),
        1 => (0..3usize, mode).prop_map(|(hub, mode)| Step::Mode { hub, mode }),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(pick, in_time)| Step::Rebalance { pick, in_time }),
        1 => any::<usize>().prop_map(|pick| Step::Lose { pick }),
        1 => prop::collection::vec(any::<u8>(), 8).prop_map(|fates| Step::Crash { fates }),
        5 => any::<usize>().prop_map(|pick| Step::Confirm { pick }),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(pick, well)| Step::Look { pick, well }),
        1 => Just(Step::Letters),
        2 => Just(Step::Commit),
    ]
}

impl World {
    /// The time of day, in milliseconds.
    pub(super) fn wall(&self) -> i64 {
        1_000_000 + self.now.duration_since(self.began).as_millis() as i64
    }

    fn once_step(&mut self, step: Step) {
        let partitions = self.partitions();
        let at = |pick: usize| partitions[pick % partitions.len()];
        match step {
            Step::Read { pick, records } => drop(self.read(at(pick), records)),
            Step::Answer { pick, answer } => drop(self.answer(pick, answer)),
            Step::Wait { millis } => self.pass(Duration::from_millis(millis)),
            Step::Mode { hub, mode } => self.modes[hub] = mode,
            Step::Rebalance { pick, in_time } => self.rebalance(at(pick), in_time),
            Step::Lose { pick } => self.lose(at(pick)),
            Step::Crash { fates } => self.crash(&fates),
            Step::Confirm { pick } => self.confirm(pick),
            Step::Look { pick, well } => drop(self.look(pick, well)),
            Step::Letters => self.finish_letters(Ok(())),
            Step::Commit => self.commit(),
        }
        self.act();
        self.turn();
    }

    /// Time passes: what has waited for its answer for too long is given up, and what is late is stored in time.
    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        if !self.plan.once {
            return;
        }
        let now = self.now;
        let lease = self.under_way.lease;
        if lease.is_some_and(|until| now >= until) && !self.sends.is_empty() {
            // At that moment, and no later.
            self.now = lease.unwrap();
            self.under_way.ended = true;
            self.cut();
            self.now = now;
        }
        let is_due = |(since, ..): &mut Late| now >= *since + TERMS.late;
        let due: Vec<_> = self.under_way.late.extract_if(.., is_due).collect();
        // At the last moment, and not when somebody looked at the clock.
        for (since, place, events) in due {
            self.now = since + TERMS.late;
            self.store(place, events);
        }
        self.now = now;
    }

    /// What is in flight is given up where the lease is over: some of it is stored, some of it later.
    pub(super) fn cut(&mut self) {
        if !std::mem::take(&mut self.under_way.ended) || !self.plan.once {
            return;
        }
        let modes = self.modes.clone();
        self.modes.fill(Mode::Good);
        let lanes: Vec<_> = self.sends.keys().copied().collect();
        for lane in lanes {
            self.jitter = (self.jitter + 0.618_034).fract();
            let fates = [Answer::Lost, Answer::Forgotten, Answer::Late];
            self.answer_lane(lane, fates[(self.jitter * 3.0) as usize]);
        }
        self.modes = modes;
    }

    fn crash(&mut self, fates: &[u8]) {
        for ((lane, message), fate) in
            std::mem::take(&mut self.sends).into_iter().zip(fates.iter().cycle())
        {
            let (place, events) = (self.lanes[lane], events(&message).map(identity).collect());
            match fate % 3 {
                0 => self.store(place, events),
                // It may have been frozen before it died, and sent until its lease was over.
                1 => {
                    let until = self.under_way.lease.map_or(self.now, |it| it.max(self.now));
                    self.under_way.late.push((until, place, events));
                }
                _ => {}
            }
        }
        self.lanes.clear();
        self.letters.clear();
        self.unresolved.clear();
        self.under_way.commits.clear();
        self.under_way.lookups.clear();
        self.under_way.sent.clear();
        self.under_way.lease = None;
        self.core =
            Core::new(std::sync::Arc::new(Router::new(&self.plan.mappings())), self.plan.budget);
        self.core.agree(TERMS);
        self.core.tell_time(self.wall());
        for at in self.partitions() {
            self.assign(at);
        }
        self.resolve();
    }

    /// Kafka takes one of the commits that are under way.
    fn confirm(&mut self, pick: usize) {
        let commits = &mut self.under_way.commits;
        if commits.is_empty() {
            return;
        }
        let (at, commit, handed) = commits.remove(pick % commits.len());
        self.committed(vec![(name(at), commit)]);
        self.core.confirmed(&[name(at)], handed, self.now);
        self.act();
    }

    /// A hub is looked into: what it holds at this moment is found, and nothing else. `false` when none is to be.
    fn look(&mut self, pick: usize, well: bool) -> bool {
        let lookups = &mut self.under_way.lookups;
        lookups.retain(|lookup| lookup.strong_count() > 0);
        if lookups.is_empty() {
            return false;
        }
        let place = pick % lookups.len();
        let lookup = lookups[place].upgrade().unwrap();
        if !well {
            self.core.look_failed(lookup.id, "away");
            return true;
        }
        lookups.remove(place);
        let hub: usize = lookup.hub.hub["hub-".len()..].parse().unwrap();
        let asked: HashMap<Tp, (usize, i64)> = lookup
            .of
            .iter()
            .enumerate()
            .map(|(index, (name, Position(from)))| (tp(name), (index, *from)))
            .collect();
        let mut found = Vec::new();
        for ((of, partition), log) in &self.stored {
            let id = partition.to_string();
            let is_asked =
                lookup.partitions.as_ref().is_none_or(|ids| ids.iter().any(|it| **it == *id));
            if *of != hub || !is_asked {
                continue;
            }
            let times = &self.under_way.times[&(*of, *partition)];
            for ((at, offset), time) in log.iter().zip(times) {
                let Some((of, from)) = asked.get(at) else { continue };
                if *time >= lookup.since && offset >= from {
                    found.push(StoredEvent { of: *of, offset: *offset, written: Some(*offset) });
                }
            }
        }
        self.core.looked_up(lookup.id, &found, self.now);
        self.act();
        true
    }

    fn assert_once(&self) {
        for (hub, log) in self.by_hub.iter().enumerate() {
            let mut seen = BTreeSet::new();
            for event in log {
                assert!(seen.insert(event), "{event:?} stands twice in hub {hub}");
            }
        }
    }

    fn rest_once(&mut self) {
        self.modes.fill(Mode::Good);
        let mut quiet = 0;
        for round in 0.. {
            assert!(round < 20_000, "it never rests: held {:?}", self.held);
            self.pass(Duration::from_secs(1));
            self.turn();
            quiet += 1;
            while !self.under_way.commits.is_empty() {
                self.confirm(0);
            }
            self.turn();
            while self.answer(0, Answer::Accepted) {
                quiet = 0;
                self.turn();
            }
            self.finish_letters(Ok(()));
            while self.look(0, true) {
                quiet = 0;
            }
            if self.core.deadline().is_some() {
                quiet = 0;
            }
            for at in self.partitions() {
                let last = self.read.range((at, 0)..=(at, i64::MAX)).next_back().copied();
                let behind = last.is_some_and(|(_, offset)| offset >= self.cursor[&at]);
                if behind && self.read(at, 5) > 0 || self.held.contains(&at) {
                    quiet = 0;
                }
            }
            if quiet == 3 {
                break;
            }
        }
        self.commit();
        while !self.under_way.commits.is_empty() {
            self.confirm(0);
        }
    }
}

fn world(budget: usize, policy: Policy, forked: bool) -> World {
    let mut world = World::new(Plan { once: true, ..plan(policy, budget, forked) });
    world.core.agree(TERMS);
    world.core.tell_time(world.wall());
    world.resolve();
    world
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn each_hub_holds_each_event_once(
        steps in prop::collection::vec(step(), 1..200), budget in budget(), forked in any::<bool>(),
        dead_letter in any::<bool>(),
    ) {
        let policy = if dead_letter { Policy::DeadLetter } else { Policy::Drop };
        let mut world = world(budget, policy, forked);
        for step in steps {
            world.once_step(step);
            world.assert_once();
            world.assert_nothing_lost();
            world.assert_order();
        }
        world.rest_once();
        world.assert_once();
        world.assert_nothing_lost();
        world.assert_order();
        for at in world.partitions() {
            let read = world.read.range((at, 0)..=(at, i64::MAX)).next_back();
            if let Some((_, last)) = read {
                let end = world.committed[&at];
                prop_assert!(end > *last, "{at:?} rests at {end} and {last} was read");
            }
        }
    }
}
