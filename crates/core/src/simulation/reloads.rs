//! Mappings that change while records flow.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::mapping::Partitioning::{self, Key, Mirror};
use crate::mapping::{Policy, TooLarge};
use crate::route::Router;

use super::plan::{Answer, Mode, Plan, Tp};
use super::shaped::Registry;
use super::world::World;

/// How long it is waited for what is under way.
const PATIENCE: Duration = Duration::from_secs(20);

impl World {
    /// From now on `topic` goes to these hubs; none of them is given a mirror that it has no room for.
    pub(super) fn reroute(&mut self, topic: usize, hubs: Vec<(usize, Partitioning)>) {
        let room = |hub: &usize| {
            self.plan.hubs[*hub] >= self.plan.partitions as usize && !self.resized.contains(hub)
        };
        let key = |hub, by| self.plan.forked || by == Mirror && !room(&hub);
        let fits = |(hub, by)| (hub, if key(hub, by) { Key } else { by });
        let hubs: Vec<_> = hubs.into_iter().map(fits).collect();
        self.plan.topics[topic].clone_from(&hubs);
        self.versions[topic].push(hubs);
        // What was read by then may be read again, and then goes elsewhere.
        for at in self.partitions().into_iter().filter(|at| at.0 == topic) {
            let last = self.read.range((at, 0)..=(at, i64::MAX)).next_back();
            self.rerouted.extend(last.copied());
        }
        self.reload();
    }

    /// The core is told of the mappings as they are now.
    pub(super) fn reload(&mut self) {
        let router = Arc::new(Router::new(&self.plan.mappings()));
        self.core.reroute(router, self.paused.clone(), self.now + PATIENCE, self.now);
        self.act();
    }

    /// Every topic goes somewhere, so that everything can come to rest.
    pub(super) fn map_all(&mut self) {
        for topic in 0..self.plan.topics.len() {
            if self.plan.topics[topic].is_empty() {
                let first = self.versions[topic][0].clone();
                self.reroute(topic, first);
            }
        }
    }

    fn answer_all(&mut self) {
        self.now += Duration::from_secs(1);
        self.turn();
        while self.answer(0, Answer::Accepted) {
            self.turn();
        }
    }

    fn offsets(&self, hub: usize) -> BTreeSet<(Tp, i64)> {
        assert_eq!(
            self.by_hub[hub].len(),
            self.by_hub[hub].iter().collect::<BTreeSet<_>>().len(),
            "nothing comes twice to hub {hub}"
        );
        self.by_hub[hub].iter().copied().collect()
    }
}

/// Topics of one partition, each to a hub of its own of two partitions, and two hubs more.
fn world(topics: usize, policy: Policy, poison: fn(Tp, i64) -> bool) -> World {
    let mut world = World::new(Plan {
        topics: (0..topics).map(|topic| vec![(topic, Key)]).collect(),
        partitions: 1,
        hubs: vec![2; topics + 2],
        policy,
        budget: 64 << 20,
        max_events: Some(7),
        link: 2_000,
        value: 0,
        poison,
        registry: Registry::default(),
        forked: false,
        too_large: TooLarge::Policy,
        once: false,
    });
    world.resolve();
    world
}

fn healthy(topics: usize) -> World {
    world(topics, Policy::Halt, |_, _| false)
}

#[test]
fn what_was_read_goes_by_the_old_ways_and_the_rest_by_the_new_ones() {
    let mut world = healthy(2);
    assert_eq!((world.read((0, 0), 30), world.read((1, 0), 5)), (30, 5));
    world.reroute(0, vec![(2, Key)]);
    world.resolve();
    assert_eq!(world.read((0, 0), 5), 0, "what was read before is delivered first");
    assert_eq!(world.labels, ["reload"]);
    assert_eq!(world.read((1, 0), 5), 5, "the other topic does not notice");
    world.answer_all();
    assert!(!world.held.contains(&(0, 0)), "and then it goes on");
    assert_eq!(world.read((0, 0), 10), 10);
    world.come_to_rest();
    let (old, new, other) = (world.offsets(0), world.offsets(2), world.offsets(1));
    assert_eq!((old.len(), new.len(), other.len()), (30, 10, 10));
    assert!(old.last() < new.first());
    assert_eq!(world.labels.len(), 1, "nobody else was held");
}

#[test]
fn an_idle_partition_changes_at_once() {
    let mut world = healthy(1);
    world.reroute(0, vec![(1, Key), (2, Key)]);
    world.turn();
    world.resolve();
    assert_eq!(world.read((0, 0), 10), 10);
    world.come_to_rest();
    assert_eq!([0, 1, 2].map(|hub| world.offsets(hub).len()), [0, 10, 10]);
    assert_eq!(world.forgotten, [0].into(), "nothing goes there any more");
}

#[test]
fn other_numbers_of_mappings_are_no_change() {
    let mut world = healthy(2);
    world.pause([1].into());
    world.read((0, 0), 5);
    // The mapping of the first topic goes, so that of the second has another number; and it stays paused.
    world.paused = [0].into();
    world.reroute(0, vec![]);
    assert!(!world.held.contains(&(0, 0)), "nothing of it came since");
    assert_eq!(world.read((1, 0), 5), 0, "it is paused still");
    world.answer_all();
    world.pause(BTreeSet::new());
    assert_eq!(world.read((1, 0), 5), 5);
    assert_eq!(world.labels, ["paused"]);
}

#[test]
fn a_topic_that_is_not_mapped_any_more_stands_at_its_position_until_it_is_again() {
    let mut world = healthy(1);
    world.read((0, 0), 20);
    world.reroute(0, vec![]);
    world.answer_all();
    world.commit();
    let rests = world.committed[&(0, 0)];
    assert_eq!(world.read((0, 0), 20), 0);
    world.commit();
    assert_eq!(world.committed[&(0, 0)], rests, "nothing is passed over");
    assert_eq!(world.offsets(0).len(), 20);
    world.reroute(0, vec![(0, Key)]);
    world.turn();
    assert_eq!(world.read((0, 0), 20), 20);
    world.come_to_rest();
    assert_eq!(world.offsets(0), world.read, "each once");
}

#[test]
fn what_a_dead_hub_does_not_store_goes_by_the_new_way_after_the_deadline() {
    let mut world = healthy(2);
    world.modes[0] = Mode::Silent;
    world.read((0, 0), 30);
    world.answer_all();
    world.reroute(0, vec![(2, Key)]);
    world.resolve();
    world.now += PATIENCE.saturating_sub(Duration::from_secs(2));
    world.turn();
    assert_eq!((world.read((0, 0), 5), world.read((1, 0), 5)), (0, 5), "it has its time");
    world.now += Duration::from_secs(3);
    world.turn();
    assert!(world.read((0, 0), 30) >= 30, "it is read again from its position");
    world.come_to_rest();
    assert!(
        world
            .offsets(2)
            .is_superset(&world.read.iter().copied().filter(|it| it.0 == (0, 0)).collect())
    );
}

#[test]
fn a_reload_back_to_what_was_lets_everything_go_on() {
    let mut world = healthy(1);
    world.read((0, 0), 30);
    world.reroute(0, vec![(1, Key)]);
    world.read((0, 0), 1);
    assert!(world.held.contains(&(0, 0)));
    world.reroute(0, vec![(0, Key)]);
    assert_eq!(world.read((0, 0), 5), 5, "nothing has changed");
    world.come_to_rest();
    assert_eq!(world.offsets(0), world.read);
}

#[test]
fn a_partition_that_has_halted_is_read_again_by_the_new_ways() {
    let mut world = world(1, Policy::Halt, |_, offset| offset == 8);
    world.read((0, 0), 20);
    world.come_to_rest();
    assert!(world.halted.contains(&(0, 0)));
    world.plan.policy = Policy::Drop;
    world.reload();
    world.turn();
    assert!(!world.halted.contains(&(0, 0)));
    world.come_to_rest();
    world.assert_nothing_lost();
    assert!(
        world.committed[&(0, 0)] > world.read.last().unwrap().1,
        "it goes on behind the record"
    );
}

#[test]
fn a_partition_that_is_taken_away_meanwhile_comes_back_by_the_new_ways() {
    let mut world = healthy(1);
    world.read((0, 0), 30);
    world.reroute(0, vec![(1, Key)]);
    world.resolve();
    world.rebalance((0, 0), true);
    world.read((0, 0), 10);
    world.come_to_rest();
    assert_eq!((world.offsets(0).len(), world.offsets(1).len()), (30, 10));
}
