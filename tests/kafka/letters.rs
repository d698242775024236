//! Dead letters: the record as it was, and the reason.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_eventhubs_bridge::config::{ClientValue, Holds};
use kafka_eventhubs_bridge::kafka::{DeadLetter, DeadLetters, LetterError, Logins};
use kafka_eventhubs_bridge::metrics::Metrics;
use kafka_eventhubs_bridge::record::TopicPartition;
use stage::records::noise;
use stage::{Kafka, Out, unique, wait_for};

use crate::member::{Member, Sink};
use crate::shapes::{assert_same, shapes};

type Answers = Arc<Mutex<Vec<(DeadLetter, Result<(), LetterError>)>>>;

fn letter(topic: &str, offset: i64, target: &str) -> DeadLetter {
    DeadLetter {
        id: 0,
        source: TopicPartition::new(topic, 0),
        offset,
        holds: Holds::Record,
        target: target.into(),
        hub: "orders".into(),
        namespace: "default".into(),
        reason: "too_large",
        detail: "larger than the 1048576 bytes that the link accepts".into(),
    }
}

fn desk(kafka: &Kafka, group: &str) -> (DeadLetters, Answers) {
    desk_with(kafka, group, &[])
}

/// With properties of the Kafka client.
fn desk_with(kafka: &Kafka, group: &str, client: &[(&str, i64)]) -> (DeadLetters, Answers) {
    let answers = Answers::default();
    let told = Arc::clone(&answers);
    let mut config = Member::new(kafka, group, "").kafka;
    let client =
        client.iter().map(|(key, value)| ((*key).to_owned(), ClientValue::Integer(*value)));
    config.client.extend(client);
    let on_done = Box::new(move |letter, result| told.lock().unwrap().push((letter, result)));
    let desk = DeadLetters::start(
        &config,
        0,
        Logins::open(&config).unwrap(),
        Arc::new(Metrics::default()),
        None,
        on_done,
    )
    .unwrap();
    (desk, answers)
}

fn wait_answers(answers: &Answers, count: usize) -> Vec<(DeadLetter, Result<(), LetterError>)> {
    wait_for(&format!("{count} answers"), Duration::from_secs(120), || {
        let answers = answers.lock().unwrap();
        (answers.len() >= count).then(|| answers.clone())
    })
}

#[test]
fn a_dead_letter_is_the_record_and_the_reason() {
    let kafka = Kafka::shared();
    let (topic, target, group) = (unique("alive"), unique("dead"), unique("g"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, shapes());
    let (desk, answers) = desk(kafka, &group);
    let count = shapes().len() as i64;
    for offset in 0..count {
        desk.try_send(letter(&topic, offset, &target)).unwrap();
    }
    let answered = wait_answers(&answers, count as usize);
    for (offset, (letter, result)) in answered.iter().enumerate() {
        assert_eq!((letter.offset, result), (offset as i64, &Ok(())));
    }
    let sink = Sink::default();
    let member = Member::new(kafka, &unique("g"), &target).join(&sink);
    for (offset, (seen, mut out)) in sink.wait(count as usize).iter().zip(shapes()).enumerate() {
        let offset = offset.to_string();
        for (name, value) in [
            ("bridge_reason", "too_large"),
            ("bridge_detail", "larger than the 1048576 bytes that the link accepts"),
            ("bridge_topic", &topic),
            ("bridge_partition", "0"),
            ("bridge_offset", &offset),
            ("bridge_hub", "orders"),
            ("bridge_namespace", "default"),
        ] {
            out = out.header(name, Some(value.as_bytes()));
        }
        assert_same(seen, &out);
    }
    member.leave();
    drop(desk);
    assert_eq!(kafka.committed(&group, &topic, 0), None, "the desk commits nothing");
}

/// The desk reads ahead, and comes to the end of the partition between two letters, again and again.
#[test]
fn a_dead_letter_is_found_behind_what_was_the_end() {
    let kafka = Kafka::shared();
    let (topic, target) = (unique("alive"), unique("dead"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    let (desk, answers) = desk(kafka, &unique("g"));
    for round in 0..12 {
        kafka.produce(&topic, ["a", "b", "c"].map(Out::value));
        // The first after the end, or one behind it.
        desk.try_send(letter(&topic, 3 * round + round % 3, &target)).unwrap();
        let answered = wait_answers(&answers, round as usize + 1);
        assert_eq!(answered[round as usize].1, Ok(()), "round {round}");
    }
    assert_eq!(kafka.watermarks(&target, 0), (0, 12));
    drop(desk);
}

#[test]
fn a_dead_letter_that_can_never_be_written_says_why() {
    let kafka = Kafka::shared();
    let (topic, target, small) = (unique("alive"), unique("dead"), unique("small"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    kafka.create_topic_with(&small, 1, &[("max.message.bytes", "1000")]);
    kafka.produce(&topic, [Out::value("a"), Out::value(noise(5000)), Out::value("c")]);
    kafka.delete_records(&topic, 0, 1);
    let (desk, answers) = desk(kafka, &unique("g"));
    desk.try_send(letter(&topic, 0, &target)).unwrap();
    desk.try_send(letter(&topic, 1, &small)).unwrap();
    desk.try_send(letter(&topic, 2, &small)).unwrap();
    let answers = wait_answers(&answers, 3);
    assert_eq!(answers[0].1, Err(LetterError::Gone));
    assert!(
        matches!(
            &answers[1].1,
            Err(LetterError::TooLarge { bytes: 5000.., limit: Some(1000), .. })
        ),
        "{:?}",
        answers[1].1
    );
    assert_eq!(answers[2].1, Ok(()));
    assert_eq!(kafka.watermarks(&small, 0), (0, 1));
    drop(desk);
}

/// Bytes that a batch of one record of some thousand bytes has beside the value.
const AROUND: usize = 61 + 2 + 3 + 1 + 2 + 1;

/// What the bridge adds gives way to the record: the words first, then the rest.
#[test]
fn a_record_that_fits_its_dead_letter_topic_is_written() {
    const LIMIT: usize = 4000;
    let kafka = Kafka::shared();
    let (topic, target) = (unique("alive"), unique("dead"));
    // What all headers but `bridge_detail` take; that takes 61.
    let others = 24 + 14 + topic.len() + 19 + 16 + 18 + 25;
    let sizes = [others + 200, others + 20, 0].map(|room| LIMIT - AROUND - room);
    kafka.create_topic(&topic, 1);
    kafka.create_topic_with(&target, 1, &[("max.message.bytes", &LIMIT.to_string())]);
    let over = LIMIT - AROUND + 1;
    kafka.produce(&topic, sizes.iter().chain([&over]).map(|size| Out::value(noise(*size))));
    let (desk, answers) = desk(kafka, &unique("g"));
    for offset in 0..4 {
        desk.try_send(letter(&topic, offset, &target)).unwrap();
    }
    let answers = wait_answers(&answers, 4);
    for (_, answer) in &answers[..3] {
        assert_eq!(answer, &Ok(()));
    }
    let error = answers[3].1.clone().unwrap_err();
    let limit = Some(LIMIT as u64);
    let bytes = LIMIT as u64 + 1;
    assert_eq!(error, LetterError::TooLarge { target: target.as_str().into(), bytes, limit });
    let written = kafka.records(&target, 0);
    let values: Vec<_> = written.iter().map(|out| out.value.as_ref().unwrap().len()).collect();
    assert_eq!(values, sizes);
    assert_eq!(written.iter().map(|out| out.headers.len()).collect::<Vec<_>>(), [7, 6, 0]);
    drop(desk);
}

/// A topic measures what is stored: a large record that its producer compressed takes no more room as a letter. And what
/// the operator says of the client is not the limit of its letters.
#[test]
fn a_record_that_was_compressed_fits_where_it_came_from() {
    let kafka = Kafka::shared();
    let (topic, target) = (unique("alive"), unique("dead"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    let large = [b"well, ".repeat(1 << 19), noise(5000)].concat();
    let settings = [("compression.codec", "gzip"), ("message.max.bytes", "100000000")];
    kafka.produce_with(&topic, [Out::value(large.clone())], &settings);
    let (desk, answers) = desk_with(kafka, &unique("g"), &[("message.max.bytes", 1000)]);
    desk.try_send(letter(&topic, 0, &target)).unwrap();
    assert_eq!(wait_answers(&answers, 1)[0].1, Ok(()));
    let written = kafka.records(&target, 0);
    assert!(written[0].value.as_ref() == Some(&large) && written[0].headers.len() == 7);
    drop(desk);
}

/// One target is missing, and more letters wait for it than the desk takes of one.
#[test]
fn a_topic_that_is_away_holds_up_no_other() {
    let kafka = Kafka::shared();
    let (topic, target, missing) = (unique("alive"), unique("dead"), unique("missing"));
    kafka.create_topic(&topic, 1);
    kafka.create_topic(&target, 1);
    kafka.produce(&topic, ["a", "b", "c"].map(Out::value));
    let (desk, answers) = desk(kafka, &unique("g"));
    let stuck = (0..10_000).take_while(|n| desk.try_send(letter(&topic, n % 3, &missing)).is_ok());
    assert!(stuck.count() >= 300, "so many wait");
    for offset in 0..3 {
        desk.try_send(letter(&topic, offset, &target)).expect("there is room for others");
    }
    let answered = wait_answers(&answers, 3);
    let written = answered.iter().filter(|(letter, _)| *letter.target == target);
    assert_eq!(written.filter(|(_, result)| *result == Ok(())).count(), 3, "{answered:?}");
    assert_eq!(kafka.watermarks(&target, 0), (0, 3));
    // It comes, and its letters are written in the order they were handed over.
    kafka.create_topic(&missing, 1);
    let sink = Sink::default();
    let member = Member::new(kafka, &unique("g"), &missing).join(&sink);
    let seen = sink.wait(300);
    let values = crate::shapes::values(&seen);
    assert!(values.iter().zip(["a", "b", "c"].iter().cycle()).all(|(seen, out)| seen == out));
    member.leave();
    drop(desk);
}
