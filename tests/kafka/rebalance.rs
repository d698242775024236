//! Who reads what: members that come and go, topics that come later, a member that is replaced.

use std::time::Duration;

use kafka_eventhubs_bridge::config::{ClientValue, LeftOut, Pattern, Topics};
use kafka_eventhubs_bridge::kafka::Fatal;
use stage::{Kafka, Out, unique, wait_for};

use crate::member::{Member, Sink};
use crate::shapes::values;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn members_come_and_go_and_each_record_is_read_once() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("rebalance"), unique("g"));
    kafka.create_topic(&topic, 6);
    let sink = Sink::default();
    let member = || {
        let mut member = Member::new(kafka, &group, &topic);
        member.delay = Duration::from_millis(150);
        member
    };
    let first = member().join(&sink);
    first.wait_assigned(6);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut count = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let batch = (0..600).map(|n| Out::value(n.to_string()).to(n % 6));
                count += kafka.produce(&topic, batch).len();
            }
            count
        });
        for _ in 0..2 {
            let second = member().join(&sink);
            second.wait_assigned(3);
            first.wait_assigned(3);
            let before = sink.len();
            sink.wait(before + 1000);
            second.leave();
            first.wait_assigned(6);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        producer.join().unwrap()
    });
    sink.wait(written);
    first.leave();
    let mut places = sink.places();
    places.sort_unstable();
    let per_partition = (written / 6) as i64;
    let expected = (0..6).flat_map(|p| (0..per_partition).map(move |offset| (p, offset)));
    assert!(places.iter().copied().eq(expected), "lost or doubled among {written}");
}

#[test]
fn a_pattern_takes_topics_that_come_later() {
    let kafka = Kafka::shared();
    let prefix = unique("pattern");
    let name = |end: &str| format!("{prefix}.{end}");
    kafka.create_topic(&name("one"), 1);
    kafka.create_topic(&name("dead"), 1);
    let sink = Sink::default();
    let mut member = Member::new(kafka, &unique("g"), "");
    let pattern = format!("^{}\\.[a-z]+", regex::escape(&prefix));
    member.topics = vec![Topics::Pattern(Pattern::new(&pattern).unwrap())];
    member.left_out = LeftOut::topics([name("dead")]);
    let member = member.join(&sink);
    member.wait_assigned(1);
    for end in ["two", "TWO", "two.three"] {
        kafka.create_topic(&name(end), 1);
    }
    for end in ["one", "two", "TWO", "two.three", "dead"] {
        kafka.produce(&name(end), [Out::value(end)]);
    }
    member.wait_assigned(2);
    sink.wait(2);
    let mut seen = values(&sink.all());
    seen.sort_unstable();
    assert_eq!(seen, ["one", "two"]);
    kafka.delete_topic(&name("two"));
    member.wait_assigned(1);
    member.leave();
}

#[test]
fn a_second_process_with_the_same_instance_id_fences_the_first() {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("fence"), unique("g"));
    kafka.create_topic(&topic, 1);
    let member = || {
        let mut member = Member::new(kafka, &group, &topic);
        member.kafka.instance_id = Some("pod-0".to_owned());
        let timeout = ("session.timeout.ms".to_owned(), ClientValue::Integer(6_000));
        // Of members that share partitions out themselves.
        member.kafka.client = [timeout].into();
        member
    };
    let sink = Sink::default();
    let first = member().join(&sink);
    first.wait_assigned(1);
    let second = member().join(&sink);
    let fatal = wait_for("the first is fenced", PATIENCE, || first.fatal());
    assert!(matches!(&fatal, Fatal::Refused { code, .. } if code == "FencedInstanceId"), "{fatal}");
    let said = fatal.to_string();
    for word in ["`kafka.instance_id`, `pod-0`,", "name of its own", "pod", "`staticMembership`"] {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
    assert!(first.assigned().is_empty(), "everything was taken from the pump");
    first.leave();
    second.wait_assigned(1);
    kafka.produce(&topic, [Out::value("x")]);
    sink.wait(1);
    second.leave();
}
