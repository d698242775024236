//! The core as one: records are admitted, their batches leave, and are answered at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bridge_core::action::Action;
use bridge_core::mapping::{Batch, Delivery, Events, Failure, Mapping, Partitioning, Topics};
use bridge_core::record::TopicPartition;
use bridge_core::route::Router;
use bridge_core::step::Step;
use bridge_core::{Admitted, Core};
use bridge_shape::{Asked, Pattern, Select};

use crate::counted;
use crate::made::{Made, TOPIC};

/// Kafka partitions, and partitions of the hub.
const PARTITIONS: usize = 8;
/// Records that the pump takes before it looks around.
const RUN: usize = 512;
/// Runs that are counted, and as many before, after which memory has been got and lanes know their pace.
const RUNS: usize = 20;
/// What batches may take at the default `limits.memory`.
const BUDGET: usize = 24 << 20;

pub(crate) fn whole(size: usize, step: Option<Step>) -> usize {
    let mut core = core(step);
    let mut now = Instant::now();
    for partition in 0..PARTITIONS {
        core.assign(&TopicPartition::new(TOPIC, partition as i32), now);
    }
    let ids: Vec<String> = (0..PARTITIONS).map(|id| id.to_string()).collect();
    core.hub_known("default", TOPIC, &ids, now);
    for lane in 0..PARTITIONS {
        core.lane_ready(lane, 1 << 20);
    }
    drop(core.take_actions());
    for run in 0..2 * RUNS {
        let made: Vec<_> = (run * RUN..(run + 1) * RUN).map(|it| Made::new(it, size)).collect();
        now += Duration::from_millis(1);
        let mut turn = || turn(&mut core, &made, now);
        if run < RUNS { turn() } else { counted(&mut turn) }
    }
    RUNS * RUN
}

/// A step that lets all of them pass.
pub(crate) fn filter() -> Step {
    let pattern = Pattern::parse("orders-service").expect("a pattern");
    let select = Select { header: vec![("source".into(), pattern)], ..Select::default() };
    let asked = Asked { select, ..Asked::default() };
    Step { written: "source".into(), shape: Arc::new(asked) }
}

fn core(step: Option<Step>) -> Core {
    let mapping = Mapping {
        topics: Topics::Named(vec![TOPIC.to_owned()]),
        hub: TOPIC.to_owned(),
        choice: None,
        namespace: "default".to_owned(),
        partitioning: Partitioning::Key,
        batch: Batch::default(),
        events: Events::default(),
        failure: Failure::default(),
        step,
        delivery: Delivery::AtLeastOnce,
        paused: false,
    };
    Core::new(Arc::new(Router::new(&[mapping])), BUDGET)
}

/// What the pump does in one: a run of records, and what is due.
fn turn(core: &mut Core, made: &[Made], now: Instant) {
    for (number, made) in made.iter().enumerate() {
        let headers = made.headers();
        // In runs of one partition, as they come from Kafka.
        let partition = number * PARTITIONS / RUN;
        let record = made.record(partition as i32, &headers);
        assert!(core.has_room(), "nothing waits");
        assert_eq!(core.admit(&record, now), Admitted::Taken, "there is room");
    }
    core.dispatch(now);
    for action in core.take_actions() {
        if let Action::Send { lane, message, .. } = action {
            drop(message);
            core.settled(lane, Ok(()), 0.5, now, 1_700_000_000_000);
        }
    }
    drop(core.take_actions());
    core.positions_to_commit();
}
