//! The core against a made-up world. Thousands of random histories ask the same questions a user would: is anything lost, is
//! anything out of order, does one hub's trouble become another's, does it come to rest; and the books are audited after
//! every step.

mod claims;
mod forked;
mod once;
mod pauses;
mod plan;
mod reloads;
mod remade;
mod scenes;
mod shaped;
mod splits;
mod stays;
mod throttled;
mod traced;
mod verdict;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::mapping::Partitioning::{Key, Mirror};
use crate::mapping::{Policy, TooLarge};
use plan::{Answer, Mode, Plan, Tp, Units};
use shaped::Registry;
use world::World;

/// What one history does, step by step.
#[derive(Debug, Clone)]
enum Step {
    /// Kafka hands out up to so many records of a partition.
    Read { pick: usize, records: usize },
    /// A hub answers the send of some lane.
    Answer { pick: usize, answer: Answer },
    /// Time passes.
    Wait { millis: u64 },
    /// A hub changes its mind.
    Mode { hub: usize, mode: Mode },
    /// The namespace takes so many bytes a second, or as many as come.
    Units { bytes: Option<u32> },
    /// A hub has other partitions, more or fewer; it is told at once or later.
    Resize { hub: usize, to: usize, told: bool },
    /// The namespace is connected to again.
    Connect,
    /// Hubs say what partitions they have.
    Resolve,
    /// A partition goes away and comes back; the drain may run out of time.
    Rebalance { pick: usize, in_time: bool },
    /// A partition is lost, and comes back.
    Lose { pick: usize },
    /// Some of the mappings are paused, the others not any more.
    Pause { mappings: BTreeSet<usize> },
    /// A topic goes elsewhere.
    Reroute { topic: usize, hubs: BTreeMap<usize, bool> },
    /// Some of what steps wait for is fetched, or cannot be.
    Fetched { pick: usize, well: bool },
    /// A blob is stored, or cannot be.
    Stored { pick: usize, well: bool },
    /// Dead letters are written.
    Letters,
    /// Positions are committed.
    Commit,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        6 => Just(Answer::Accepted), 2 => Just(Answer::Released), 1 => Just(Answer::Lost),
        1 => Just(Answer::Forgotten), 1 => Just(Answer::TooLarge),
    ];
    let mode = prop_oneof![
        2 => Just(Mode::Good), 1 => Just(Mode::Released), 1 => Just(Mode::Silent), 1 => Just(Mode::Throttled),
    ];
    prop_oneof![
        8 => (any::<usize>(), 1..30usize).prop_map(|(pick, records)| Step::Read { pick, records }),
        8 => (any::<usize>(), answer).prop_map(|(pick, answer)| Step::Answer { pick, answer }),
        4 => (1..3_000u64).prop_map(|millis| Step::Wait { millis }),
        2 => (0..3usize, mode).prop_map(|(hub, mode)| Step::Mode { hub, mode }),
        1 => prop::option::of(500..20_000u32).prop_map(|bytes| Step::Units { bytes }),
        2 => (0..3usize, 1..7usize, any::<bool>()).prop_map(|(hub, to, told)| Step::Resize { hub, to, told }),
        1 => Just(Step::Connect),
        1 => Just(Step::Resolve),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(pick, in_time)| Step::Rebalance { pick, in_time }),
        1 => any::<usize>().prop_map(|pick| Step::Lose { pick }),
        1 => prop::collection::btree_set(0..3usize, 0..3).prop_map(|mappings| Step::Pause { mappings }),
        1 => (0..2usize, prop::collection::btree_map(0..3usize, any::<bool>(), 0..3))
            .prop_map(|(topic, hubs)| Step::Reroute { topic, hubs }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(pick, well)| Step::Fetched { pick, well }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(pick, well)| Step::Stored { pick, well }),
        1 => Just(Step::Letters),
        2 => Just(Step::Commit),
    ]
}

/// Which records are poison: the hub refuses every batch that holds one.
fn poison((topic, partition): Tp, offset: i64) -> bool {
    topic == 0 && partition == 2 && offset % 17 == 11
}

/// Three hubs; the second topic feeds two of them, or all where records choose.
fn plan(policy: Policy, budget: usize, forked: bool) -> Plan {
    let topics = if forked {
        vec![vec![(0, Key), (1, Key)], vec![(2, Mirror), (0, Key), (1, Key)]]
    } else {
        vec![vec![(0, Key)], vec![(1, Key), (2, Mirror)]]
    };
    Plan {
        topics,
        partitions: 3,
        hubs: vec![3, 2, 3],
        policy,
        budget,
        max_events: Some(7),
        link: 2_000,
        value: 0,
        poison,
        registry: Registry::default(),
        forked,
        too_large: TooLarge::Policy,
        once: false,
    }
}

impl World {
    fn step(&mut self, step: Step) {
        let partitions = self.partitions();
        let at = |pick: usize| partitions[pick % partitions.len()];
        match step {
            Step::Read { pick, records } => drop(self.read(at(pick), records)),
            Step::Answer { pick, answer } => drop(self.answer(pick, answer)),
            Step::Wait { millis } => self.now += Duration::from_millis(millis),
            Step::Mode { hub, mode } => self.modes[hub] = mode,
            Step::Units { bytes } => {
                let now = self.now;
                self.units = bytes.map(|bytes| Units::new(f64::from(bytes), now));
            }
            Step::Resize { hub, to, told } => {
                // A partition without a mirror would wait for its hub to grow.
                let mut ways = self.versions.iter().flatten().flatten();
                let mirrors = ways.any(|it| *it == (hub, Mirror));
                let least = if mirrors { self.plan.partitions as usize } else { 1 };
                self.resize(hub, to.max(least));
                if told {
                    self.resolve();
                }
            }
            Step::Connect => self.core.namespace_connected("default", || 0.5, self.now),
            Step::Resolve => self.resolve(),
            Step::Rebalance { pick, in_time } => self.rebalance(at(pick), in_time),
            Step::Lose { pick } => self.lose(at(pick)),
            Step::Pause { mappings } => self.pause(mappings),
            Step::Reroute { topic, hubs } => {
                let by = |mirror| if mirror { Mirror } else { Key };
                self.reroute(topic, hubs.into_iter().map(|(hub, it)| (hub, by(it))).collect());
            }
            Step::Fetched { pick, well } => self.fetched(pick, well),
            Step::Stored { pick, well } => self.stores(pick, well),
            Step::Letters => self.finish_letters(Ok(())),
            Step::Commit => self.commit(),
        }
        self.act();
        self.turn();
    }
}

/// What the mappings of a history do besides: shape, choose a hub, put aside or split what is too large.
type Kind = (bool, bool, TooLarge);

fn kind() -> impl Strategy<Value = Kind> {
    let claims = TooLarge::ClaimCheck(claims::container());
    let too_large = prop_oneof![Just(TooLarge::Policy), Just(claims), Just(TooLarge::Split)];
    (any::<bool>(), any::<bool>(), too_large)
}

fn run(
    policy: Policy,
    budget: usize,
    (shaped, forked, too_large): Kind,
    steps: Vec<Step>,
) -> World {
    let registry = if shaped { Registry::shared() } else { Registry::default() };
    let mut world = World::new(Plan { registry, too_large, ..plan(policy, budget, forked) });
    if budget.is_multiple_of(2) {
        world.follow();
    }
    for step in steps {
        world.step(step);
        world.assert_nothing_lost();
        world.assert_order();
        world.assert_lag();
    }
    world.come_to_rest();
    world.assert_nothing_lost();
    world.assert_order();
    world
}

/// Memory from none to plenty.
fn budget() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(1), 3 => 1_000..40_000usize, 1 => Just(64 << 20)]
}

/// `PROPTEST_CASES` asks for more.
fn histories() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.max(400), ..usual }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn nothing_is_lost_or_reordered_and_everything_ends(
        steps in prop::collection::vec(step(), 1..120), dead_letter in any::<bool>(), budget in budget(),
        kind in kind(),
    ) {
        let policy = if dead_letter { Policy::DeadLetter } else { Policy::Drop };
        let world = run(policy, budget, kind, steps);
        for at in world.partitions() {
            let read = world.read.range((at, 0)..=(at, i64::MAX)).next_back();
            if let Some((_, last)) = read {
                let end = world.committed[&at];
                prop_assert!(end > *last, "{at:?} rests at {end} and {last} was read");
            }
        }
        prop_assert!(world.held.is_empty(), "nothing stays held: {:?}", world.held);
    }

    #[test]
    fn a_halted_partition_stops_exactly_at_its_record(
        steps in prop::collection::vec(step(), 1..120), budget in budget(), kind in kind(),
    ) {
        let world = run(Policy::Halt, budget, kind, steps);
        for at in world.partitions() {
            let records: Vec<i64> =
                world.read.range((at, 0)..=(at, i64::MAX)).map(|(_, offset)| *offset).collect();
            let end = world.committed.get(&at).copied().unwrap_or(0);
            match records.iter().find(|offset| world.plan.is_refused(at, **offset)) {
                Some(bad) => {
                    prop_assert!(end <= *bad, "committed {end}, past the record that stopped it");
                    let stopped = world.halted.contains(&at) || world.held.contains(&at);
                    prop_assert!(stopped, "{at:?} goes on behind {bad}");
                }
                None => prop_assert!(records.last().is_none_or(|last| end > *last), "the others go on"),
            }
        }
    }
}
