//! A namespace that takes so much and no more.

use std::time::Duration;

use crate::mapping::Partitioning::{Key, Mirror};

use super::plan::Units;
use super::scenes::{Scene, estate};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn measure() {
    for (lanes, partitions, rate, max_events, hubs) in [
        (1usize, 1, 100_000.0, None, 1usize),
        (1, 1, 100_000.0, Some(7), 1),
        (1, 4, 400_000.0, Some(20), 2),
        (4, 8, 400_000.0, None, 2),
        (8, 16, 400_000.0, Some(20), 2),
        (32, 32, 1_000_000.0, Some(20), 2),
        (32, 32, 1_000_000.0, Some(100), 2),
        (32, 32, 1_000_000.0, None, 2),
        (32, 32, 100_000.0, None, 2),
        (32, 32, 10_000.0, None, 2),
    ] {
        let mut plan = estate(hubs, lanes, partitions, if lanes == 1 { Key } else { Mirror });
        plan.max_events = max_events;
        plan.budget = 512 << 20;
        if max_events == None {
            plan.link = 1 << 18;
        }
        let mut scene = Scene::new(plan, 128);
        scene.world.units = Some(Units::new(rate, scene.world.now));
        scene.play(10 * SECOND);
        let units = scene.world.units.as_mut().unwrap();
        let first = (units.passed, units.refused);
        (units.passed, units.refused) = (0, 0);
        let before = scene.world.stored.clone();
        let hub = scene.play(120 * SECOND);
        let took: usize = hub.iter().sum();
        let share: Vec<usize> = scene
            .world
            .stored
            .iter()
            .map(|(at, log)| log.len() - before.get(at).map_or(0, Vec::len))
            .collect();
        let units = scene.world.units.as_ref().unwrap();
        eprintln!(
            "lanes {lanes}x{hubs} rate {rate} max {max_events:?}: first {first:?} goodput {:.2} refused {} passed {} ratio {:.3}; hubs {hub:?}, lanes {:?}..{:?} of {} {:?}",
            took as f64 * 1210.0 / rate / 120.0,
            units.refused,
            units.passed,
            units.refused as f64 / units.passed.max(1) as f64,
            share.iter().min(),
            share.iter().max(),
            share.len(),
            scene.world.core.governed().collect::<Vec<_>>()
        );
    }
}
