//! A process that gets no time: what it does not notice itself, others may have acted upon.

use std::time::Duration;

use stage::scene::PARTITIONS;
use stage::{Kafka, PATIENCE, Scene, rest, wait_for};

use crate::members::{overtaken, wait_busy};

/// A thread that is silent for so long is taken for dead: 30 s and the drain timeout.
const STALL: Duration = Duration::from_secs(31);

#[test]
fn a_process_that_stands_for_longer_than_its_probe_allows_and_keeps_its_session_goes_on() {
    let scene = Scene::new(Kafka::shared(), "starved").with(
        "[limits]
        drain_timeout = '1s'
        [kafka.client]
        'session.timeout.ms' = 120000
        'heartbeat.interval.ms' = 1000",
    );
    let bridge = scene.settings.start();
    wait_busy(&bridge);
    bridge.signal(libc::SIGSTOP);
    rest(STALL + Duration::from_secs(2));
    bridge.signal(libc::SIGCONT);
    scene.wait_more(2_000);
    bridge.wait_ready(200);
    assert_eq!(bridge.liveness().0, 200, "it goes on");
    for kind in ["lost", "revoke"] {
        let label = format!("kind=\"{kind}\"");
        assert_eq!(bridge.count("bridge_rebalances_total", &[&label]), 0, "{kind}");
    }
    assert_eq!(scene.finish(&bridge), []);
}

/// What it would have committed next belongs to somebody else by then.
#[test]
fn a_process_that_wakes_after_its_session_commits_nothing_of_before() {
    let (scene, frozen, next) = overtaken("fenced", "kafka.commit_interval = '2s'");
    let group = Kafka::shared().group(&scene.group);
    let partitions = (0..PARTITIONS).collect::<Vec<_>>();
    let mut reached = vec![0; partitions.len()];
    let mut look = || {
        let committed = group.committed(&scene.topic, &partitions).unwrap_or_default();
        // Of some there may be none yet.
        for (before, now) in reached.iter_mut().zip(committed) {
            let Some(now) = now else { continue };
            assert!(now >= *before, "the group went back from {before} to {now}");
            *before = now;
        }
    };
    look();
    frozen.signal(libc::SIGCONT);
    let lost = || frozen.count("bridge_rebalances_total", &["kind=\"lost\""]) > 0;
    wait_for("it notices", PATIENCE, || {
        look();
        lost().then_some(())
    });
    let before = scene.audit.records();
    wait_for("more records", PATIENCE, || {
        look();
        (scene.audit.records() >= before + 2_000).then_some(())
    });
    frozen.wait_ready(200);
    frozen.stop();
    scene.finish(&next);
}
