//! A namespace that takes so much and no more: its lanes share that, and are free as soon as it takes more.
//!
//! Beside each bound stands what was measured with the governor and without it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::mapping::Partitioning::{Key, Mirror};

use super::plan::{Mode, Place, Plan, Units};
use super::scenes::{MIB, Scene, estate};

const SECOND: Duration = Duration::from_secs(1);

/// Two hubs with more to do than their namespace takes.
fn throttled(lanes: usize, rate: f64, max_events: u32) -> Scene {
    let partitions = lanes as i32;
    let plan = Plan {
        max_events: Some(max_events),
        budget: 512 * MIB,
        ..estate(2, lanes, partitions, Mirror)
    };
    let mut scene = Scene::new(plan, 128);
    scene.world.units = Some(Units::new(rate, scene.world.now));
    scene
}

/// What happened in some time.
struct Shares {
    passed: usize,
    refused: usize,
    /// Of what the namespace takes, how much was used.
    used: f64,
    lanes: Vec<usize>,
}

fn play(scene: &mut Scene, seconds: u32) -> Shares {
    let before = stored(scene);
    let units = scene.world.units.clone().unwrap();
    scene.play(seconds * SECOND);
    let lanes = stored(scene).iter().map(|(at, events)| events - before[at]).collect();
    let now = scene.world.units.as_ref().unwrap();
    Shares {
        passed: now.passed - units.passed,
        refused: now.refused - units.refused,
        used: (now.bytes - units.bytes) as f64 / units.rate / f64::from(seconds),
        lanes,
    }
}

fn stored(scene: &Scene) -> BTreeMap<Place, usize> {
    let plan = &scene.world.plan.hubs;
    let all = plan.iter().enumerate().flat_map(|(hub, ids)| (0..*ids).map(move |id| (hub, id)));
    all.map(|at| (at, scene.world.stored.get(&at).map_or(0, Vec::len))).collect()
}

#[test]
fn the_lanes_of_two_hubs_share_what_their_namespace_takes() {
    for (lanes, rate, max_events, refusals) in [
        // Refused for a hundred that pass: 0.4, and 33 without the governor.
        (32, 1e6, 20, 2),
        // 1.0, and 25.
        (8, 4e5, 20, 4),
        // 4.2, and 164.
        (32, 1e6, 100, 15),
    ] {
        let mut scene = throttled(lanes, rate, max_events);
        play(&mut scene, 20);
        let Shares { passed, refused, used, lanes } = play(&mut scene, 60);
        // 1.00, and 0.83 to 0.99.
        assert!(used > 0.95, "{used} of what it takes");
        assert!(refused * 100 <= passed * refusals, "{refused} are refused and {passed} pass");
        // 1.1 to 1.5 times as much, and 4 to 44.
        let (least, most) = (lanes.iter().min().unwrap(), lanes.iter().max().unwrap());
        assert!(*most <= 2 * *least, "each has its share: {lanes:?}");
        scene.world.come_to_rest();
        assert_eq!(scene.world.core.governed().count(), 0, "in the end everybody is free");
        scene.world.assert_nothing_lost();
        scene.world.assert_order();
    }
}

/// Whoever is refused waits for four seconds: more than three quarters cannot be had. 0.76, and 0.29 without the governor.
#[test]
fn a_single_lane_finds_its_rate() {
    let plan = Plan { max_events: Some(7), ..estate(1, 1, 1, Key) };
    let mut scene = Scene::new(plan, 128);
    scene.world.units = Some(Units::new(1e5, scene.world.now));
    play(&mut scene, 20);
    let Shares { used, .. } = play(&mut scene, 60);
    assert!(used > 0.6, "{used} of what it takes");
}

/// Sixty-four lanes that take turns of half a minute, and then all of them may send.
#[test]
fn a_throttle_that_ends_is_over_for_every_lane() {
    for (rate, max_events) in [(1e6, 20), (1e5, 20), (1e6, 400)] {
        let mut scene = throttled(32, rate, max_events);
        play(&mut scene, 27);
        scene.world.units = None;
        let before = stored(&scene);
        scene.play(Duration::from_millis(5_100));
        for (place, events) in stored(&scene) {
            assert!(events > before[&place], "{place:?} still waits, at {rate}");
        }
    }
}

/// What a namespace takes falls to nothing and comes back, many times.
#[test]
fn what_a_namespace_takes_may_change() {
    let mut scene = throttled(16, 1e6, 20);
    for rate in [1e6, 1e5, 2e6, 5e5] {
        scene.world.modes.fill(Mode::Throttled);
        scene.play(10 * SECOND);
        scene.world.modes.fill(Mode::Good);
        scene.world.units = Some(Units::new(rate, scene.world.now));
        play(&mut scene, 15);
        let Shares { used, .. } = play(&mut scene, 20);
        assert!(used > 0.85, "{used} of {rate}");
    }
    scene.world.come_to_rest();
    scene.world.assert_nothing_lost();
    scene.world.assert_order();
}

/// A hub that refuses everything costs its neighbour nothing, also when that took turns with it a moment ago.
#[test]
fn a_hub_that_goes_on_refusing_does_not_slow_one_that_is_well() {
    let mut scene = throttled(8, 4e5, 20);
    scene.world.units = None;
    scene.play(SECOND);
    let well = scene.play(3 * SECOND)[1];
    scene.world.units = Some(Units::new(4e5, scene.world.now));
    scene.play(20 * SECOND);
    assert_eq!(scene.world.core.governed().count(), 1);
    scene.world.units = None;
    scene.world.modes[0] = Mode::Throttled;
    scene.play(20 * SECOND);
    let [none, other] = scene.play(3 * SECOND)[..] else { unreachable!() };
    assert_eq!(none, 0);
    assert!(other * 100 >= well * 95, "{other} instead of {well}");
}

/// A partition that goes and comes back makes everybody hurry, and only as long as that takes.
#[test]
fn after_a_drain_turns_are_taken_again() {
    let mut scene = throttled(32, 1e6, 20);
    play(&mut scene, 20);
    scene.world.rebalance((0, 0), true);
    play(&mut scene, 5);
    let Shares { passed, refused, .. } = play(&mut scene, 20);
    assert!(refused * 50 <= passed, "{refused} are refused and {passed} pass");
}

/// A drain waits for nobody's turn.
#[test]
fn a_drain_tries_at_once() {
    let mut scene = throttled(32, 1e5, 20);
    play(&mut scene, 20);
    let waiting = |scene: &Scene| scene.world.core.governed().map(|it| it.waiting).sum::<usize>();
    assert!(waiting(&scene) > 30, "{} lanes wait for their turn", waiting(&scene));
    let flying = scene.world.sends.len();
    let all: Vec<_> = scene.world.partitions().into_iter().map(super::world::name).collect();
    scene.world.core.drain(1, &all, scene.world.now + 20 * SECOND);
    scene.world.turn();
    assert_eq!(waiting(&scene), 0);
    assert!(scene.world.sends.len() > flying + 60, "{} are sent", scene.world.sends.len());
    scene.world.core.audit();
}
