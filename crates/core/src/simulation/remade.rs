//! Hubs that are deleted and made again with fewer partitions, while events wait for those that are gone.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::mapping::Partitioning::{self, Key, Mirror, RoundRobin};
use crate::mapping::{Policy, TooLarge};

use super::plan::{Answer, Mode, Plan};
use super::shaped::Registry;
use super::world::World;

/// One topic of four partitions to hubs of eight; small batches, so that many wait.
fn world(hubs: &[Partitioning]) -> World {
    let mut world = World::new(Plan {
        topics: vec![hubs.iter().copied().enumerate().collect()],
        partitions: 4,
        hubs: vec![8; hubs.len()],
        policy: Policy::Halt,
        budget: 64 << 20,
        max_events: Some(7),
        link: 1 << 20,
        value: 10,
        poison: |_, _| false,
        registry: Registry::default(),
        forked: false,
        too_large: TooLarge::Policy,
        once: false,
    });
    world.resolve();
    world
}

/// Reads so many records of each partition; then each lane in use has a batch in flight, and more that wait.
fn fill(world: &mut World, records: usize) {
    for at in world.partitions() {
        assert_eq!(world.read(at, records), records);
    }
    world.now += Duration::from_millis(500);
    world.turn();
}

/// Events of a hub in flight, and those that wait, for partitions from `first` on.
fn held(world: &World, hub: usize, first: usize) -> (usize, usize) {
    let (mut in_flight, mut waiting) = (0, 0);
    for (number, berth) in world.core.berths.iter().enumerate() {
        if world.hub_of(number) == hub && berth.id.parse::<usize>().unwrap() >= first {
            let waits = berth.lane.waiting_tickets().count();
            waiting += waits;
            in_flight += berth.lane.tickets().count() - waits;
        }
    }
    (in_flight, waiting)
}

/// Everything that was read is in every hub once, and committed.
fn assert_each_once(world: &mut World) {
    world.come_to_rest();
    world.assert_nothing_lost();
    if world.plan.topics[0].iter().all(|(_, by)| *by != RoundRobin) {
        world.assert_order();
    }
    assert!(world.held.is_empty(), "nothing stays held: {:?}", world.held);
    for log in &world.by_hub {
        let different: BTreeSet<_> = log.iter().copied().collect();
        assert_eq!(different, world.read, "all that was read");
        assert_eq!(log.len(), different.len(), "and nothing twice");
    }
    for (at, offset) in &world.read {
        assert!(world.committed[at] > *offset, "{at:?}/{offset} is committed");
    }
}

/// Eight partitions become four while events wait and are in flight: all of them are stored, by the new count.
#[test]
fn what_waits_for_a_partition_that_is_gone_goes_where_the_new_count_says() {
    for by in [Key, RoundRobin, Mirror] {
        let mut world = world(&[by]);
        fill(&mut world, 30);
        let first = if by == Mirror { 2 } else { 4 };
        let (in_flight, waiting) = held(&world, 0, first);
        assert!(in_flight > 0 && waiting > 0, "{by:?}: {in_flight} in flight, {waiting} wait");
        world.resize(0, first);
        world.resolve();
        assert_eq!(held(&world, 0, first), (in_flight, 0), "what waited is taken out");
        if by == Mirror {
            // Two of the four have no place in two; they wait for the hub to grow, and lose nothing.
            while world.answer(0, Answer::Accepted) {
                world.turn();
            }
            for at in world.partitions() {
                world.read(at, 5);
            }
            assert_eq!(world.held, BTreeSet::from([(0, 2), (0, 3)]));
            world.resize(0, 4);
        }
        assert_each_once(&mut world);
        assert!(world.stored.keys().all(|(_, partition)| *partition < 4));
    }
}

/// Of a record for two hubs, only what the hub did not get goes again.
#[test]
fn the_other_hub_of_a_record_gets_nothing_twice() {
    let mut world = world(&[Key, Key]);
    fill(&mut world, 30);
    world.resize(0, 3);
    world.resolve();
    // The other hub takes all it has, the one made again nothing yet.
    world.modes[0] = Mode::Silent;
    while world.answer(0, Answer::Accepted) {
        world.turn();
    }
    assert_eq!(world.by_hub[1].len(), 120);
    world.resize(1, 2);
    world.resolve();
    assert_each_once(&mut world);
}

/// A hub that is told to have fewer partitions and then as many as before has lost nothing in between.
#[test]
fn a_hub_that_has_all_its_partitions_again_takes_what_waited() {
    let mut world = world(&[Key]);
    fill(&mut world, 30);
    world.resize(0, 4);
    world.resolve();
    for at in world.partitions() {
        assert_eq!(world.read(at, 1), 0, "what is under way goes first");
    }
    world.resize(0, 8);
    world.resolve();
    assert_each_once(&mut world);
}

/// What Kafka has not kept until it could be read again holds nothing up.
#[test]
fn records_that_expired_before_they_came_again_are_passed() {
    let mut world = world(&[Key]);
    fill(&mut world, 30);
    world.resize(0, 1);
    world.resolve();
    while world.answer(0, Answer::Accepted) {
        world.turn();
    }
    let at = (0, 0);
    let next = world.read.range((at, 0)..=(at, i64::MAX)).next_back().unwrap().1 + 1;
    assert!(world.cursor[&at] < next, "it has gone back");
    world.cursor.insert(at, next);
    assert_eq!(world.read(at, 1), 1);
    world.come_to_rest();
    assert!(world.committed[&at] > next);
}
