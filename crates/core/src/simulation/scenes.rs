//! Histories that went wrong once, and what a neighbour in trouble may cost the others: each by its name.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::mapping::{Partitioning, Policy, TooLarge};
use crate::record::Position;

use super::plan::{Answer, Mode, Plan, Tp};
use super::shaped::Registry;
use super::world::World;

pub(super) const MIB: usize = 1 << 20;

fn no_poison(_: Tp, _: i64) -> bool {
    false
}

/// Topics, each to a hub of its own.
pub(super) fn estate(
    hubs: usize,
    hub_partitions: usize,
    partitions: i32,
    by: Partitioning,
) -> Plan {
    Plan {
        topics: (0..hubs).map(|hub| vec![(hub, by)]).collect(),
        partitions,
        hubs: vec![hub_partitions; hubs],
        policy: Policy::Halt,
        budget: 8 * MIB,
        max_events: None,
        link: 1 << 20,
        value: 1_000,
        poison: no_poison,
        registry: Registry::default(),
        forked: false,
        too_large: TooLarge::Policy,
        once: false,
    }
}

/// How a scene goes: what is offered, and how fast hubs answer.
pub(super) struct Scene {
    pub(super) world: World,
    /// Records of each topic offered in a step of 10 ms.
    pub(super) rates: Vec<usize>,
    /// How long each hub takes to answer.
    pub(super) latency: Vec<Duration>,
    sent: BTreeMap<usize, Instant>,
    /// What each topic's log holds beyond what was read.
    backlog: BTreeMap<Tp, usize>,
}

impl Scene {
    pub(super) fn new(plan: Plan, rate: usize) -> Self {
        let hubs = plan.hubs.len();
        let mut world = World::new(plan);
        world.audited = false;
        world.resolve();
        Self {
            world,
            rates: vec![rate; hubs],
            latency: vec![Duration::from_millis(10); hubs],
            sent: BTreeMap::new(),
            backlog: BTreeMap::new(),
        }
    }

    /// Lets time pass; gives how many records each hub took.
    pub(super) fn play(&mut self, time: Duration) -> Vec<usize> {
        let before = self.stored();
        let end = self.world.now + time;
        while self.world.now < end {
            self.step();
        }
        self.stored().iter().zip(before).map(|(now, before)| now - before).collect()
    }

    pub(super) fn stored(&self) -> Vec<usize> {
        let mut stored = vec![0; self.rates.len()];
        for ((hub, _), log) in &self.world.stored {
            stored[*hub] += log.len();
        }
        stored
    }

    fn step(&mut self) {
        self.world.now += Duration::from_millis(10);
        let now = self.world.now;
        for at in self.world.partitions() {
            let partitions = self.world.plan.partitions as usize;
            *self.backlog.entry(at).or_default() += self.rates[at.0].div_ceil(partitions);
            let wanted = self.backlog[&at].min(512);
            let taken = self.world.read(at, wanted);
            *self.backlog.get_mut(&at).unwrap() -= taken;
        }
        self.world.turn();
        for lane in self.world.sends.keys() {
            self.sent.entry(*lane).or_insert(now);
        }
        let (latency, world) = (&self.latency, &self.world);
        let due = |(lane, at): &(&usize, &Instant)| now >= **at + latency[world.hub_of(**lane)];
        let due: Vec<usize> = self.sent.iter().filter(due).map(|(lane, _)| *lane).collect();
        for lane in due {
            if self.world.answer_lane(lane, Answer::Accepted) {
                self.sent.remove(&lane);
            }
        }
        if self.world.now.duration_since(self.world.began).as_millis().is_multiple_of(1_000) {
            self.world.core.standings(now, 0);
            self.world.act();
            self.world.core.audit();
        }
    }
}

/// One hub of two takes nothing, in each way: the other keeps its rate, memory stays bounded, and what stands is named.
#[test]
fn a_hub_in_trouble_costs_its_neighbour_nothing() {
    for by in [Partitioning::Mirror, Partitioning::Key] {
        for mode in [Mode::Released, Mode::Silent, Mode::Throttled] {
            let mut scene = Scene::new(estate(2, 32, 32, by), 128);
            let second = Duration::from_secs(1);
            scene.play(second);
            let well = scene.play(3 * second)[1];
            scene.world.modes[0] = mode;
            scene.play(3 * second);
            assert!(
                scene.world.said.iter().any(|it| it.starts_with("topic-0/")),
                "{by:?} {mode:?}"
            );
            for _ in 0..10 {
                let [none, other] = scene.play(3 * second)[..] else { unreachable!() };
                assert_eq!(none, 0);
                assert!(other * 100 >= well * 99, "{by:?} {mode:?}: {other} instead of {well}");
                assert!(scene.world.core.bytes() <= 8 * MIB, "{}", scene.world.core.bytes());
            }
            let named = scene.world.said.iter().all(|it| it.starts_with("topic-0/"));
            assert!(named, "nobody else waits: {:?}", scene.world.said);
            // When it is well again, everything that waited goes.
            scene.world.modes[0] = Mode::Good;
            scene.play(5 * second);
            assert!(scene.play(second)[0] > 0);
            scene.world.come_to_rest();
            scene.world.assert_nothing_lost();
            scene.world.assert_order();
        }
    }
}

/// Nine hubs of ten stand, and the tenth has what it needs.
#[test]
fn nine_hubs_of_ten_cost_the_tenth_nothing() {
    let mut scene = Scene::new(estate(10, 8, 8, Partitioning::Key), 64);
    scene.play(Duration::from_secs(1));
    let well = scene.play(Duration::from_secs(3))[9];
    for hub in 0..9 {
        scene.world.modes[hub] = [Mode::Released, Mode::Silent, Mode::Throttled][hub % 3];
    }
    scene.play(Duration::from_secs(3));
    let other = scene.play(Duration::from_secs(3))[9];
    assert!(other * 100 >= well * 99, "{other} instead of {well}");
    assert!(scene.world.core.bytes() <= 8 * MIB);
}

/// A hub that answers, but only after a second and a half, and is offered more than it takes.
#[test]
fn a_slow_hub_sets_its_own_pace_only() {
    let mut scene = Scene::new(estate(2, 4, 8, Partitioning::Key), 128);
    scene.play(Duration::from_secs(1));
    let well = scene.play(Duration::from_secs(3))[1];
    scene.latency[0] = Duration::from_millis(1_500);
    scene.play(Duration::from_secs(3));
    for _ in 0..5 {
        let [slow, other] = scene.play(Duration::from_secs(3))[..] else { unreachable!() };
        assert!(slow > 0);
        assert!(other * 100 >= well * 99, "{other} instead of {well}");
    }
    assert!(scene.world.labels.contains(&"hub_slow"), "{:?}", scene.world.labels);
    scene.world.come_to_rest();
    scene.world.assert_nothing_lost();
}

/// Two hundred partitions feed a hub that takes nothing, with records up to the largest there are.
#[test]
fn what_waits_for_a_dead_hub_is_bounded_whatever_its_size() {
    for value in [10_000, 1_000_000] {
        let plan = Plan { value, ..estate(2, 4, 200, Partitioning::Key) };
        let mut scene = Scene::new(plan, 200);
        scene.rates[1] = 0;
        scene.world.modes[0] = Mode::Silent;
        scene.play(Duration::from_secs(5));
        let held = scene.world.core.bytes();
        assert!(held <= 8 * MIB + 2 * value, "{held} with records of {value}");
        assert!(scene.world.core.has_room(), "the other hub has room");
        scene.rates = vec![0, 1];
        assert!(scene.play(Duration::from_secs(2))[1] > 0, "and takes events");
    }
}

/// A lane that is silent, and a key beside it that flows: what is in flight behind the oldest record has a window.
#[test]
fn records_behind_one_that_is_not_settled_have_a_window() {
    let plan = Plan { value: 0, budget: 256 * MIB, ..estate(1, 3, 1, Partitioning::Key) };
    let mut scene = Scene::new(plan, 512);
    scene.world.silence = Some((0, 1));
    scene.play(Duration::from_secs(20));
    let most = scene.world.core.standings(scene.world.now, 0)[0].in_flight;
    assert!(most <= 100_000, "{most} in flight");
    scene.world.silence = None;
    scene.world.come_to_rest();
    scene.world.assert_nothing_lost();
    scene.world.assert_order();
}

/// Dead letters that cannot be written hold their own partition, and nobody else.
#[test]
fn letters_that_cannot_be_written_hold_their_partition_only() {
    let all = |(topic, _): Tp, _: i64| topic == 0;
    let plan =
        Plan { policy: Policy::DeadLetter, poison: all, ..estate(2, 4, 4, Partitioning::Mirror) };
    let mut scene = Scene::new(plan, 64);
    let [none, other] = scene.play(Duration::from_secs(5))[..] else { unreachable!() };
    assert_eq!(none, 0);
    assert!(scene.world.letters.len() <= 4 * 512, "{}", scene.world.letters.len());
    assert!(other > 0);
    assert!(scene.play(Duration::from_secs(3))[1] * 5 >= other * 2, "it goes on");
    scene.world.come_to_rest();
    scene.world.assert_nothing_lost();
}

/// A drain of a halted partition whose record was on its way to a second hub, too, ends at once.
#[test]
fn a_halted_partition_drains_at_once() {
    let mut plan = estate(2, 1, 1, Partitioning::Mirror);
    plan.topics = vec![vec![(0, Partitioning::Key), (1, Partitioning::Key)]];
    plan.poison = |_, offset| offset == 1;
    let mut scene = Scene::new(plan, 1);
    scene.play(Duration::from_secs(1));
    assert!(!scene.world.halted.is_empty());
    let before = scene.world.now;
    scene.world.rebalance((0, 0), true);
    assert!(scene.world.now - before < Duration::from_secs(1));
    assert_eq!(scene.world.committed[&(0, 0)], 1);
}

/// Throttled for seventy seconds, then free: the first batch of every lane leaves within five seconds, a drain at once.
#[test]
fn trouble_ends_when_it_ends() {
    let mut scene = Scene::new(estate(1, 8, 8, Partitioning::Mirror), 64);
    scene.play(Duration::from_secs(1));
    scene.world.modes[0] = Mode::Throttled;
    scene.play(Duration::from_secs(70));
    scene.world.modes[0] = Mode::Good;
    let before = scene.world.stored.clone();
    scene.play(Duration::from_millis(5_100));
    for (place, log) in &scene.world.stored {
        assert!(log.len() > before[place].len(), "{place:?} still waits");
    }
}

/// Two hundred topics to two hundred hubs of 32, and a trickle: a turn costs as much as what is due.
#[test]
fn an_estate_costs_what_is_in_use() {
    let mut scene = Scene::new(estate(200, 32, 5, Partitioning::Key), 0);
    assert_eq!(scene.world.core.deadline(), None, "idle lanes want nothing");
    scene.rates[7] = 5;
    scene.play(Duration::from_secs(1));
    assert!(scene.stored()[7] > 0);
    scene.world.come_to_rest();
    scene.world.assert_nothing_lost();
}

/// A record that was given back stands before where the client says it is: a commit does not skip it.
#[test]
fn a_record_that_was_given_back_is_not_skipped() {
    let mut world = World::new(estate(1, 2, 1, Partitioning::Key));
    // The partitions of the hub are not known, so the first record is given back.
    assert_eq!(world.read((0, 0), 1), 0);
    world.commit();
    world.resolve();
    world.commit();
    assert_eq!(world.read((0, 0), 5), 5, "it comes again");
    world.come_to_rest();
    world.assert_nothing_lost();
    assert_eq!(world.committed[&(0, 0)], 7, "and markers behind the last are passed");
}

/// What Kafka has and nobody could read is behind, too: in records at once, in time for as long as it is so.
#[test]
fn a_partition_that_cannot_be_read_falls_behind() {
    let mut world = World::new(estate(1, 2, 1, Partitioning::Key));
    world.resolve();
    let (name, second) = (super::world::name((0, 0)), Duration::from_secs(1));
    let lag = |world: &mut World| world.core.standings(world.now, 0)[0].lag;
    let end = |world: &mut World, end| {
        world.core.end_known(&name, Some(Position(3)), Position(end), world.now)
    };
    assert_eq!(world.core.end_known(&name, None, Position(7), world.now), None, "from where?");
    assert_eq!((end(&mut world, 3), lag(&mut world)), (Some(0), Duration::ZERO));
    assert_eq!(end(&mut world, 10), Some(7));
    world.now += second;
    assert_eq!(end(&mut world, 12), Some(9));
    world.now += second;
    assert_eq!(lag(&mut world), 2 * second);
    assert_eq!(world.read((0, 0), 5), 5);
    assert_eq!(end(&mut world, 12), Some(12), "of what was read nothing is settled");
    world.come_to_rest();
    assert_eq!((end(&mut world, 5), lag(&mut world)), (Some(0), Duration::ZERO));
}

/// A hub grows under way: what is under way is delivered first, then its new partitions are used.
#[test]
fn a_hub_that_grows_is_used_whole_from_a_drained_point_on() {
    let mut scene = Scene::new(estate(1, 4, 4, Partitioning::Key), 64);
    scene.play(Duration::from_secs(1));
    scene.world.resize(0, 8);
    scene.world.resolve();
    scene.play(Duration::from_secs(2));
    let used = scene.world.stored.iter().filter(|(_, log)| !log.is_empty()).count();
    assert!(used > 4, "{used} partitions are used");
    scene.world.come_to_rest();
    scene.world.assert_nothing_lost();
    scene.world.assert_order();
}

/// A partition that is gone makes the bridge ask what partitions its hub has now.
#[test]
fn a_hub_that_answers_not_found_is_asked_for_its_partitions() {
    let mut scene = Scene::new(estate(1, 4, 4, Partitioning::Mirror), 64);
    scene.play(Duration::from_secs(1));
    assert!(scene.world.unresolved.is_empty());
    scene.world.plan.hubs[0] = 2;
    scene.play(Duration::from_secs(1));
    assert!(scene.world.unresolved.contains(&0));
}
