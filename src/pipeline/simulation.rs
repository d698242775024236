//! The core against a made-up world: a Kafka that remembers commits, a hub that stores, lies and refuses, and time that
//! only passes when told. Thousands of random runs ask the same questions a user would: is anything lost, is anything
//! out of order, does it come to rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::action::Action;
use super::core::{Admitted, Core};
use crate::config::Policy;
use crate::eventhubs::{Cause, Envelope, Event, SendError};
use crate::metrics::Metrics;
use crate::record::{Header, Position, Record, TopicPartition};
use crate::route::Router;

const TOPIC: &str = "orders";
const HUB_PARTITIONS: usize = 3;

/// What one run does, step by step.
#[derive(Debug, Clone)]
enum Step {
    /// Kafka hands out up to so many records of a partition.
    Read { partition: i32, records: usize },
    /// The hub answers the oldest send of some lane.
    Answer { pick: usize, answer: Answer },
    /// Time passes.
    Wait { millis: u64 },
    /// A partition goes away and comes back; the drain may run out of time.
    Rebalance { partition: i32, in_time: bool },
    /// A partition is lost, and comes back.
    Lose { partition: i32 },
    /// Positions are committed.
    Commit,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Accepted,
    /// Not stored, and said so.
    Released,
    /// Stored, but the answer is lost.
    Forgotten,
    /// The link shrinks.
    TooLarge,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        6 => Just(Answer::Accepted), 2 => Just(Answer::Released),
        1 => Just(Answer::Forgotten), 1 => Just(Answer::TooLarge),
    ];
    prop_oneof![
        8 => (0..4, 1..30usize).prop_map(|(partition, records)| Step::Read { partition, records }),
        8 => (any::<usize>(), answer).prop_map(|(pick, answer)| Step::Answer { pick, answer }),
        4 => (1..3_000u64).prop_map(|millis| Step::Wait { millis }),
        1 => (0..4, any::<bool>()).prop_map(|(partition, in_time)| Step::Rebalance { partition, in_time }),
        1 => (0..4).prop_map(|partition| Step::Lose { partition }),
        2 => Just(Step::Commit),
    ]
}

/// Which records are poison: the hub refuses every batch that holds one.
fn poison(partition: i32, offset: i64) -> bool {
    partition == 3 && offset % 17 == 11
}

struct World {
    core: Core,
    now: Instant,
    /// Next offset Kafka hands out, by partition; offsets have holes.
    cursor: HashMap<i32, i64>,
    committed: HashMap<i32, i64>,
    assigned: BTreeSet<i32>,
    paused: BTreeSet<i32>,
    sends: BTreeMap<usize, Envelope>,
    letters: Vec<(u64, i32, i64)>,
    /// What each hub partition holds: (Kafka partition, offset), in order.
    hub: Vec<Vec<(i32, i64)>>,
    dead: BTreeSet<(i32, i64)>,
    read: BTreeSet<(i32, i64)>,
    drains: u64,
}

fn name(partition: i32) -> TopicPartition {
    TopicPartition::new(TOPIC, partition)
}

/// The simulated records end in their own coordinates, and the value is the last thing in an event.
fn identity(event: &Event) -> (i32, i64) {
    let bytes = event.encoded();
    let tail = std::str::from_utf8(&bytes[bytes.len() - 20..]).unwrap();
    (tail[..4].parse().unwrap(), tail[4..].parse().unwrap())
}

impl World {
    fn new(policy: Policy, budget: usize) -> Self {
        let config = crate::config::sample(|config| {
            config.mappings[0].failure.policy = policy;
            config.mappings[0].failure.dead_letter_topic = Some("dead".into());
            config.mappings[0].batch.max_events = Some(7);
        });
        let core = Core::new(Arc::new(Router::new(&config)), Arc::new(Metrics::default()), budget);
        let mut world = Self {
            core,
            now: Instant::now(),
            cursor: HashMap::new(),
            committed: HashMap::new(),
            assigned: BTreeSet::new(),
            paused: BTreeSet::new(),
            sends: BTreeMap::new(),
            letters: Vec::new(),
            hub: vec![Vec::new(); HUB_PARTITIONS],
            dead: BTreeSet::new(),
            read: BTreeSet::new(),
            drains: 0,
        };
        for partition in 0..4 {
            world.assign(partition);
        }
        world
    }

    fn assign(&mut self, partition: i32) {
        self.core.assign(&name(partition), self.now);
        self.assigned.insert(partition);
        self.paused.remove(&partition);
        self.cursor.insert(partition, self.committed.get(&partition).copied().unwrap_or(0));
        self.act();
    }

    fn act(&mut self) {
        for action in self.core.take_actions() {
            match action {
                Action::ResolveHub { namespace, hub } => {
                    let ids: Vec<String> = (0..HUB_PARTITIONS).map(|n| n.to_string()).collect();
                    self.core.hub_known(&namespace, &hub, &ids, self.now);
                    self.act();
                }
                Action::OpenLane { .. } => {}
                Action::Send { lane, envelope } => {
                    assert!(
                        self.sends.insert(lane, envelope).is_none(),
                        "one batch in flight a lane"
                    );
                }
                Action::Pause(p) => assert!(self.paused.insert(p.partition)),
                Action::Resume(p) => assert!(self.paused.remove(&p.partition)),
                Action::DeadLetter(letter) => {
                    self.letters.push((letter.id, letter.source.partition, letter.offset));
                }
            }
        }
    }

    fn turn(&mut self) {
        self.core.unblock(self.now);
        self.core.dispatch(self.now);
        self.act();
    }

    fn read(&mut self, partition: i32, records: usize) {
        for _ in 0..records {
            if self.core.is_blocked() || self.paused.contains(&partition) {
                break;
            }
            // Holes, as compaction leaves them: of seven offsets, two hold no record.
            let next = self.cursor[&partition];
            let offset = (next..next + 7).find(|offset| offset % 7 < 5).unwrap();
            self.cursor.insert(partition, offset + 1);
            let key = format!("key-{}", offset % 6);
            let value = format!("{partition:04}{offset:016}");
            let header = [Header { name: b"h", value: Some(b"v") }];
            let record = Record {
                topic: TOPIC,
                partition,
                offset,
                timestamp: Some(offset),
                key: (offset % 4 != 0).then_some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &header,
            };
            let admitted = self.core.admit(&record, self.now);
            assert_ne!(admitted, Admitted::Unknown, "the partition is assigned");
            self.read.insert((partition, offset));
        }
        self.turn();
    }

    fn answer(&mut self, pick: usize, answer: Answer) {
        if self.sends.is_empty() {
            return;
        }
        let lane = *self.sends.keys().nth(pick % self.sends.len()).unwrap();
        let envelope = self.sends.remove(&lane).unwrap();
        let events: Vec<_> = envelope.events.iter().map(identity).collect();
        let bad = events.iter().any(|(partition, offset)| poison(*partition, *offset));
        let retry = |cause| SendError::Retry { cause, after: None, detail: String::new() };
        let result = match answer {
            _ if bad => Err(SendError::Refused {
                condition: "amqp:not-allowed".into(),
                detail: String::new(),
            }),
            Answer::Released => Err(retry(Cause::Released)),
            Answer::Forgotten => Err(retry(Cause::Timeout)),
            Answer::TooLarge if events.len() > 1 => Err(SendError::TooLarge { limit: 100_000 }),
            Answer::Accepted | Answer::TooLarge => Ok(()),
        };
        if result.is_ok() || (matches!(answer, Answer::Forgotten) && !bad) {
            self.hub[lane].extend(events);
        }
        self.core.settled(lane, envelope, result, 0.5, self.now, 0);
        self.turn();
    }

    fn finish_letters(&mut self) {
        for (id, partition, offset) in std::mem::take(&mut self.letters) {
            self.dead.insert((partition, offset));
            self.core.letter_done(id, Ok(()), self.now);
        }
        self.turn();
    }

    fn commit(&mut self, positions: Vec<(TopicPartition, Position)>) {
        for (tp, position) in positions {
            let before = self.committed.insert(tp.partition, position.0).unwrap_or(0);
            assert!(before <= position.0, "a commit never goes back");
        }
    }

    fn rebalance(&mut self, partition: i32, in_time: bool) {
        self.drains += 1;
        let deadline = self.now + Duration::from_secs(20);
        self.core.drain(self.drains, &[name(partition)], deadline);
        self.turn();
        for _ in 0..200 {
            if !in_time {
                self.now = deadline;
            }
            let done = self.core.finish_drains(self.now);
            if let [drained] = &done[..] {
                assert_eq!(drained.id, self.drains);
                self.commit(drained.positions.clone());
                self.assign(partition);
                return self.turn();
            }
            self.now += Duration::from_millis(50);
            self.turn();
            self.answer(0, Answer::Accepted);
            self.finish_letters();
        }
        panic!("the drain never ended");
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Read { partition, records } => self.read(partition, records),
            Step::Answer { pick, answer } => self.answer(pick, answer),
            Step::Wait { millis } => {
                self.now += Duration::from_millis(millis);
                self.finish_letters();
            }
            Step::Rebalance { partition, in_time } => self.rebalance(partition, in_time),
            Step::Lose { partition } => {
                self.core.lose(&[name(partition)]);
                self.letters.retain(|(_, of, _)| *of != partition);
                self.assign(partition);
                self.turn();
            }
            Step::Commit => {
                let positions = self.core.positions_to_commit();
                self.commit(positions);
            }
        }
    }

    /// Every record below a committed position is in the hub, or in the dead-letter topic, or dropped by policy.
    fn assert_nothing_lost(&self, policy: Policy) {
        let stored: BTreeSet<_> = self.hub.iter().flatten().copied().collect();
        for (partition, offset) in &self.read {
            let below = *offset < self.committed.get(partition).copied().unwrap_or(0);
            let dropped = policy == Policy::Drop && poison(*partition, *offset);
            let safe = stored.contains(&(*partition, *offset))
                || self.dead.contains(&(*partition, *offset));
            assert!(!below || safe || dropped, "{partition}/{offset} is committed and nowhere");
        }
    }

    /// In each hub partition, first deliveries of one Kafka partition come in Kafka order.
    fn assert_order(&self) {
        for log in &self.hub {
            let mut last: HashMap<i32, i64> = HashMap::new();
            let mut seen = BTreeSet::new();
            for (partition, offset) in log {
                if seen.insert((*partition, *offset)) {
                    let before = last.insert(*partition, *offset).unwrap_or(-1);
                    assert!(before < *offset, "{partition}/{offset} came after {before}");
                }
            }
        }
    }

    /// What was read and is not committed is read again, and a hub that accepts everything takes it.
    fn come_to_rest(&mut self) {
        let mut quiet = 0;
        while quiet < 3 {
            self.now += Duration::from_secs(31);
            self.turn();
            quiet += 1;
            while !self.sends.is_empty() {
                self.answer(0, Answer::Accepted);
                quiet = 0;
            }
            self.finish_letters();
            for partition in 0..4 {
                let last =
                    self.read.iter().rfind(|(p, _)| *p == partition).map(|(_, offset)| *offset);
                if last >= Some(self.cursor[&partition]) && !self.paused.contains(&partition) {
                    self.read(partition, 5);
                    quiet = 0;
                }
            }
        }
        let positions = self.core.positions_to_commit();
        self.commit(positions);
    }
}

/// Memory from none to plenty: it decides how far lanes run ahead of their acknowledgements.
fn budget() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 1_000..20_000usize, Just(usize::MAX)]
}

fn run(policy: Policy, budget: usize, steps: Vec<Step>) -> World {
    let mut world = World::new(policy, budget);
    for lane in 0..HUB_PARTITIONS {
        world.core.lane_ready(lane, 2_000, world.now);
    }
    for step in steps {
        world.step(step);
        world.assert_nothing_lost(policy);
        world.assert_order();
    }
    world.come_to_rest();
    world.assert_nothing_lost(policy);
    world.assert_order();
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_reordered_and_everything_ends(
        steps in prop::collection::vec(step(), 1..120), dead_letter in any::<bool>(), budget in budget(),
    ) {
        let policy = if dead_letter { Policy::DeadLetter } else { Policy::Drop };
        let world = run(policy, budget, steps);
        for partition in 0..4 {
            let read: Vec<_> = world.read.iter().filter(|(p, _)| *p == partition).collect();
            if let Some((_, last)) = read.last() {
                let end = world.committed[&partition];
                prop_assert!(end > *last, "partition {} rests at {} and {} was read", partition, end, last);
            }
        }
        prop_assert!(world.paused.is_empty(), "nothing stays paused");
    }

    #[test]
    fn a_halted_partition_stops_exactly_at_its_record(
        steps in prop::collection::vec(step(), 1..120), budget in budget(),
    ) {
        let world = run(Policy::Halt, budget, steps);
        for partition in 0..3 {
            if let Some((_, last)) = world.read.iter().rfind(|(p, _)| *p == partition) {
                prop_assert!(world.committed[&partition] > *last, "the other partitions go on");
            }
        }
        let first = world.read.iter().find(|(p, offset)| poison(*p, *offset));
        if let Some((partition, offset)) = first {
            let end = world.committed.get(partition).copied().unwrap_or(0);
            prop_assert!(end <= *offset, "committed {end}, past the record that stopped it");
            prop_assert!(world.paused.contains(partition));
        }
    }
}
