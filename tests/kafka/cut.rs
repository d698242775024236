//! A log that was cut by the election of a leader that lacks what was read.

use std::time::Duration;

use stage::{Kafka, Out, unique, wait_for};

use crate::member::{Member, Sink};

const PATIENCE: Duration = Duration::from_secs(120);

/// What stands below the point at which the logs part does not come again, and what stands above it is not missed.
#[test]
fn a_log_that_was_cut_is_read_from_where_it_parts() {
    let kafka = Kafka::start(3);
    let (topic, group) = (unique("cut"), unique("g"));
    kafka.create_unclean(&topic, &[1, 2]);
    let write = |word: &str, count: i64| {
        kafka.produce(&topic, (0..count).map(|n| Out::value(format!("{word} {n}"))));
    };
    write("both", 100);
    let sink = Sink::default();
    let member = Member::new(&kafka, &group, &topic).join(&sink);
    sink.wait(100);
    kafka.kill(2);
    write("first", 50);
    sink.wait(150);
    wait_for("it is committed", PATIENCE, || {
        (kafka.group(&group).committed(&topic, &[0])? == [Some(150)]).then_some(())
    });
    // With the second one the controllers are a majority again, and it leads without what only the first one has.
    kafka.kill(1);
    kafka.revive(2);
    write("second", 30);
    sink.wait(180);
    let seen = sink.all().split_off(150);
    let seen = seen.iter().map(|seen| (seen.offset, seen.value.clone().unwrap()));
    let expected = (0..30).map(|n| (100 + n, format!("second {n}").into_bytes()));
    assert!(seen.eq(expected), "{:?}", sink.places().split_off(150));
    member.leave();
    assert_eq!(kafka.committed(&group, &topic, 0), Some(130));
}
