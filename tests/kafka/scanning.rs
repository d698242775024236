//! Parts of partitions that are read without a group: each record once, up to an end, and not for longer than something comes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use kafka_eventhubs_bridge::kafka::{Inquiry, Logins, Stretch, Unread};
use kafka_eventhubs_bridge::record::TopicPartition;
use stage::{Kafka, Out, PATIENCE, unique};

use crate::member::Member;

struct Scene {
    kafka: &'static Kafka,
    topic: String,
    inquiry: Inquiry,
}

impl Scene {
    fn new(records: i64) -> Self {
        let kafka = Kafka::shared();
        let topic = unique("scanned");
        kafka.create_topic(&topic, 1);
        let config = Member::new(kafka, "nobody", "").kafka;
        let access = Logins::open(&config).unwrap();
        let entered = Inquiry::enter(&config, &access, &config.brokers, PATIENCE);
        let scene = Self { kafka, topic, inquiry: entered.unwrap().0 };
        scene.write(records);
        scene
    }

    fn write(&self, records: i64) {
        self.kafka.produce(&self.topic, (0..records).map(|_| Out::value("x").to(0)));
    }

    /// The offsets that are read of this stretch, and what is not; `at` hears of each.
    fn scan(
        &self,
        (from, to): (i64, i64),
        idle: Duration,
        mut at: impl FnMut(i64, i64) -> ControlFlow<()>,
    ) -> (Vec<i64>, Vec<Unread>) {
        let partition = TopicPartition::new(self.topic.as_str(), 0);
        let mut offsets = Vec::new();
        let stretch = vec![Stretch { partition, from, to }];
        let unread = self.inquiry.scan(stretch, idle, &mut |record, done| {
            offsets.push(record.offset);
            at(record.offset, done)
        });
        (offsets, unread.unwrap())
    }
}

fn all(from: i64, to: i64) -> (Vec<i64>, Vec<Unread>) {
    ((from..to).collect(), Vec::new())
}

#[test]
fn each_record_of_a_stretch_is_read_once_and_none_beside_it() {
    let scene = Scene::new(500);
    let mut behind = Vec::new();
    let read = scene.scan((20, 420), PATIENCE, |_, done| {
        behind.push(done);
        ControlFlow::Continue(())
    });
    assert_eq!(read, all(20, 420));
    assert_eq!(behind, (0..400).collect::<Vec<_>>());
    assert_eq!(scene.scan((500, 500), PATIENCE, |_, _| ControlFlow::Continue(())), all(0, 0));
    let some = |offset, _| match offset {
        29 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    assert_eq!(scene.scan((20, 420), PATIENCE, some), all(20, 30));
}

/// What was deleted before it was read is no reason to wait, and what is written meanwhile none to read on.
#[test]
fn a_log_that_changes_meanwhile_is_read_as_it_is() {
    let scene = Scene::new(500);
    scene.kafka.delete_records(&scene.topic, 0, 200);
    assert_eq!(scene.scan((0, 500), PATIENCE, |_, _| ControlFlow::Continue(())), all(200, 500));
    // Its end had been told already.
    let grow = |offset, _| {
        if offset == 499 {
            scene.write(100);
        }
        ControlFlow::Continue(())
    };
    assert_eq!(scene.scan((200, 550), PATIENCE, grow), all(200, 550));
}

/// It is not how long all of it takes that has an end, but how long nothing comes.
#[test]
fn where_nothing_comes_any_more_it_ends_and_says_what_is_not_read() {
    let scene = Scene::new(10);
    let (idle, begun) = (Duration::from_secs(10), Instant::now());
    let (offsets, unread) = scene.scan((0, 20), idle, |_, _| ControlFlow::Continue(()));
    assert_eq!(offsets, (0..10).collect::<Vec<_>>());
    let [Unread { rest, why }] = &unread[..] else { panic!("{unread:?}") };
    assert_eq!((rest.from, rest.to), (10, 20));
    assert!(why.contains("no record arrived within 10"), "{why}");
    assert!(begun.elapsed() >= idle);
}
