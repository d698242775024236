//! Records that one hub never takes: each must become a dead letter, and nothing else may.

use std::collections::BTreeSet;

use eventhubs_local::{Condition, Server};
use stage::audit::Place;
use stage::event::place;
use stage::{Kafka, Out};

/// The hub that is particular.
pub(crate) const HUB: &str = "copy";
/// Partitions of the topic of dead letters.
const PARTITIONS: i32 = 2;

/// Whether the content of a record is not to its taste.
pub(crate) fn is_bad((_, offset): Place) -> bool {
    offset % 301 == 17
}

/// How many such records are below the ends of a topic.
pub(crate) fn count(ends: &[i64]) -> u64 {
    all(ends).len() as u64
}

fn all(ends: &[i64]) -> BTreeSet<Place> {
    let of = |(partition, end): (usize, &i64)| (0..*end).map(move |at| (partition as i32, at));
    ends.iter().enumerate().flat_map(of).filter(|place| is_bad(*place)).collect()
}

/// From now on the hub refuses them, for ever.
pub(crate) fn begin(kafka: &Kafka, server: &Server, letters: &str) {
    kafka.create_topic(letters, PARTITIONS);
    server.faults().hub(HUB).reject_if(
        |event| event.message_id().and_then(place).is_some_and(|(_, p, at)| is_bad((p, at))),
        Condition::new("amqp:not-allowed", "not to our taste"),
    );
}

/// Every one of them, and no other record, has become a letter, maybe more than once.
#[track_caller]
pub(crate) fn assert_letters(kafka: &Kafka, letters: &str, ends: &[i64]) {
    let found = (0..PARTITIONS).flat_map(|partition| kafka.records(letters, partition));
    let found = found.map(|letter| source(&letter)).collect::<BTreeSet<_>>();
    let wanted = all(ends);
    let (lost, wrong) = (wanted.difference(&found), found.difference(&wanted));
    let (lost, wrong) = (lost.collect::<Vec<_>>(), wrong.collect::<Vec<_>>());
    assert!(lost.is_empty(), "neither in the hub nor among the dead letters: {lost:?}");
    assert!(wrong.is_empty(), "among the dead letters, and not refused: {wrong:?}");
}

fn source(letter: &Out) -> Place {
    let number = |name: &[u8]| {
        let mut headers = letter.headers.iter().rev();
        let value = headers.find(|(header, _)| header == name)?.1.as_deref()?;
        std::str::from_utf8(value).ok()?.parse::<i64>().ok()
    };
    let partition = number(b"bridge_partition").expect("a letter says where it was");
    (partition as i32, number(b"bridge_offset").expect("a letter says where it was"))
}
