//! Histories that are known by name.

use std::time::Duration;

use crate::mapping::Policy;
use crate::simulation::plan::Answer;
use crate::simulation::world::World;

use super::{TERMS, world};

/// Partitions that are assigned together are not each a reason to read a hub.
#[test]
fn a_hub_is_looked_into_once_for_all_partitions_that_begin() {
    let mut world = world(1 << 20, Policy::Drop, false);
    for crashed in [false, true] {
        for at in world.partitions() {
            world.read(at, 3);
            world.act();
        }
        while !world.under_way.commits.is_empty() {
            world.pass(Duration::from_millis(80));
            world.confirm(0);
        }
        for _ in 0..90 {
            world.pass(Duration::from_millis(100));
            world.turn();
        }
        assert_eq!(world.under_way.lookups.len(), if crashed { 3 } else { 0 }, "one a hub");
        world.crash(&[0]);
    }
}

/// A partition is lost whose commit was to renew the lease, while lanes wait for that.
#[test]
fn another_partition_renews_the_lease_when_one_is_lost() {
    let mut world = world(1 << 20, Policy::Drop, false);
    let (first, second) = (world.partitions()[0], world.partitions()[1]);
    for at in [first, second] {
        // The claim, and then a record.
        for _ in 0..2 {
            world.read(at, 1);
            world.act();
            while !world.under_way.commits.is_empty() {
                world.confirm(0);
            }
        }
    }
    world.pass(Duration::from_secs(1));
    world.turn();
    while world.answer(0, Answer::Accepted) {
        world.turn();
    }
    world.pass(2 * TERMS.lease);
    world.read(second, 1);
    world.pass(Duration::from_secs(1));
    world.turn();
    let asked = |world: &World| world.under_way.commits.iter().map(|it| it.0).collect::<Vec<_>>();
    assert_eq!(asked(&world), [first]);
    world.lose(first);
    world.turn();
    assert_eq!(asked(&world), [second]);
    world.confirm(0);
    world.turn();
    assert!(world.answer(0, Answer::Accepted), "what waited is sent");
}
