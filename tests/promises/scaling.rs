//! Pods come and go as KEDA and the autoscaler would have it, on the lag of a real group: nothing is lost, nothing doubled.

use std::time::Duration;

use stage::kafka::Group;
use stage::scene::{HUB, PARTITIONS};
use stage::{Bridge, Kafka, PATIENCE, Scene, Settings, rest, wait_for};

/// As the chart's `keda.lagThreshold` and `keda.maxReplicas`, for smaller numbers.
const THRESHOLD: i64 = 3_000;
const MOST: i64 = 3;

/// What decides how many pods there are.
struct Scaler<'a> {
    kafka: &'a Kafka,
    group: Group,
    topic: String,
}

impl Scaler<'_> {
    /// The lag as KEDA's Kafka scaler counts it, with `offsetResetPolicy: earliest`.
    fn lag(&self) -> i64 {
        let partitions = (0..PARTITIONS).collect::<Vec<_>>();
        let committed = wait_for("the group answers", PATIENCE, || {
            self.group.committed(&self.topic, &partitions)
        });
        let end = |partition| self.kafka.watermarks(&self.topic, partition).1;
        let lags = partitions
            .iter()
            .zip(committed)
            .map(|(partition, committed)| end(*partition) - committed.unwrap_or(0));
        // No more pods than partitions.
        lags.sum::<i64>().min(i64::from(PARTITIONS) * THRESHOLD)
    }

    /// How many pods the autoscaler wants when there are `now`: one for each threshold of lag, and no change for a tenth.
    fn wanted(&self, now: usize) -> usize {
        let (lag, now) = (self.lag(), now as i64);
        if (lag - now * THRESHOLD).abs() * 10 <= now * THRESHOLD {
            return now as usize;
        }
        ((lag + THRESHOLD - 1) / THRESHOLD).clamp(1, MOST) as usize
    }
}

/// Makes it so many pods: the youngest goes first, as in a StatefulSet.
fn scale(pods: &mut Vec<Bridge>, wanted: usize, settings: &Settings) {
    while pods.len() > wanted {
        pods.pop().expect("it is not empty").stop();
    }
    while pods.len() < wanted {
        pods.push(settings.start());
    }
}

#[test]
fn pods_follow_the_lag_and_are_replaced_meanwhile() {
    let kafka = Kafka::shared();
    let scene = Scene::new(kafka, "scaled").with("[batch]\nmax_events = 50");
    let scaler = Scaler { kafka, group: kafka.group(&scene.group), topic: scene.topic.clone() };
    // Variables as the chart sets them.
    let settings = scene.settings.clone().without("admin.listen");
    let settings = settings.variable("BRIDGE_ADMIN__LISTEN", "127.0.0.1:0");
    let settings = settings.variable("BRIDGE_LIMITS__DRAIN_TIMEOUT", "20s");
    // One pod moves less than comes in.
    let slow = scene.server.faults().hub(HUB).delay_ack(Duration::from_millis(300));
    let mut pods = vec![settings.start()];
    let mut follow = |until: usize| {
        wait_for(&format!("there are {until} pods"), PATIENCE, || {
            let wanted = scaler.wanted(pods.len());
            scale(&mut pods, wanted, &settings);
            rest(Duration::from_millis(100));
            (pods.len() == until).then_some(())
        });
        for pod in &mut pods {
            pod.wait_ready(200);
            // A roll-out: the new one first, then the old one goes.
            let new = settings.start();
            new.wait_ready(200);
            std::mem::replace(pod, new).stop();
        }
    };
    follow(MOST as usize);
    slow.clear();
    follow(1);
    wait_for("the lag has fallen", PATIENCE, || (scaler.lag() < THRESHOLD).then_some(()));
    let last = pods.pop().expect("one is left");
    assert_eq!(scene.finish(&last), []);
}
