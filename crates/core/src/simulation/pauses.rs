//! Mappings that are paused.

use std::collections::BTreeSet;

use crate::mapping::Partitioning::Key;
use crate::mapping::{Policy, TooLarge};

use super::plan::{Answer, Mode, Plan, Tp};
use super::shaped::Registry;
use super::world::World;

impl World {
    /// These mappings are paused, and no others.
    pub(super) fn pause(&mut self, mappings: BTreeSet<usize>) {
        self.paused.clone_from(&mappings);
        self.core.pause(mappings, self.now);
        self.act();
    }

    /// Whether a mapping of the topic is paused. Mappings stand in the order of the topics.
    pub(super) fn is_paused(&self, (of, _): Tp) -> bool {
        let count = |ways| self.plan.groups(ways).len();
        let before = self.plan.topics[..of].iter().map(|ways| count(ways)).sum::<usize>();
        (before..before + count(&self.plan.topics[of])).any(|it| self.paused.contains(&it))
    }
}

/// One topic of one partition to each of two hubs.
fn two_hubs(budget: usize) -> World {
    let mut world = World::new(Plan {
        topics: vec![vec![(0, Key)], vec![(1, Key)]],
        partitions: 1,
        hubs: vec![1, 1],
        policy: Policy::Halt,
        budget,
        max_events: None,
        link: 2_000,
        value: 0,
        poison: |_, _| false,
        registry: Registry::default(),
        forked: false,
        too_large: TooLarge::Policy,
        once: false,
    });
    world.resolve();
    world
}

#[test]
fn what_is_paused_drains_and_what_is_not_goes_on() {
    let mut world = two_hubs(64 << 20);
    assert_eq!(world.read((0, 0), 5), 5);
    world.pause([0].into());
    assert_eq!((world.read((0, 0), 5), world.read((1, 0), 5)), (0, 5));
    world.now += std::time::Duration::from_secs(1);
    world.turn();
    while world.answer(0, Answer::Accepted) {
        world.turn();
    }
    world.commit();
    let stored = |world: &World, hub: usize| world.by_hub[hub].len();
    assert_eq!((stored(&world, 0), stored(&world, 1)), (5, 5), "what was taken is delivered");
    world.pause(BTreeSet::new());
    assert_eq!(world.read((0, 0), 5), 5, "it goes on where it stood");
    world.come_to_rest();
    world.assert_nothing_lost();
}

#[test]
fn who_is_resumed_still_waits_for_what_else_holds_it() {
    let mut world = two_hubs(20_000);
    world.modes[0] = Mode::Silent;
    while world.may_read((0, 0)) {
        world.read((0, 0), 50);
    }
    let held = |world: &World| world.held.contains(&(0, 0));
    assert!(held(&world), "its hub accepts nothing");
    world.pause([0].into());
    world.pause(BTreeSet::new());
    assert!(held(&world), "nobody resumed that");
    // It is paused while it waits, and the hub comes back.
    world.pause([0].into());
    world.modes[0] = Mode::Good;
    world.turn();
    while world.answer(0, Answer::Accepted) {
        world.turn();
    }
    assert_eq!(world.read((0, 0), 5), 0, "the next one waits for another reason");
    assert!(held(&world));
    world.come_to_rest();
    world.assert_nothing_lost();
}
