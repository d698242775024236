//! What the event thread rests on: librdkafka takes the answer to a rebalance when the callback that told of it is long
//! over, and waits for it; also while the client closes.
//!
//! Each test plays a member that only notes what it is told. A version of librdkafka that answers by itself when the
//! event is gone would let another member read what this one has not let go.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use stage::{Kafka, Out, unique};

const PATIENCE: Duration = Duration::from_secs(60);

/// How a group shares partitions out, and what librdkafka calls the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Eager,
    Cooperative,
    LedByBroker,
}

/// A rebalance that waits for its answer.
#[derive(Debug)]
struct Rebalance {
    takes: bool,
    partitions: TopicPartitionList,
}

/// Notes rebalances, and does nothing.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Rebalance>>);

impl ClientContext for Notes {}

impl ConsumerContext for Notes {
    fn rebalance(
        &self,
        _consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let takes = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
        self.0.lock().unwrap().push(Rebalance { takes, partitions: list.clone() });
    }
}

struct NotingMember {
    protocol: Protocol,
    client: BaseConsumer<Notes>,
    /// How many records it has read.
    read: usize,
}

impl NotingMember {
    fn join(kafka: &Kafka, protocol: Protocol, group: &str, topic: &str) -> Self {
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", kafka.bootstrap())
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest");
        match protocol {
            Protocol::Eager => settings.set("partition.assignment.strategy", "range"),
            Protocol::Cooperative => {
                settings.set("partition.assignment.strategy", "cooperative-sticky")
            }
            Protocol::LedByBroker => settings.set("group.protocol", "consumer"),
        };
        let client: BaseConsumer<Notes> = settings.create_with_context(Notes::default()).unwrap();
        client.subscribe(&[topic]).unwrap();
        Self { protocol, client, read: 0 }
    }

    /// Polls once; whatever callback that made is over.
    fn turn(&mut self) -> Option<Rebalance> {
        if let Some(Ok(record)) = self.client.poll(Duration::from_millis(50)) {
            assert!(record.offset() >= 0);
            self.read += 1;
        }
        self.client.context().0.lock().unwrap().pop()
    }

    fn answer(&self, note: &Rebalance) {
        let answered = match (self.protocol, note.takes) {
            (Protocol::Eager, false) => self.client.assign(&note.partitions),
            (Protocol::Eager, true) => self.client.unassign(),
            (_, false) => self.client.incremental_assign(&note.partitions),
            (_, true) => self.client.incremental_unassign(&note.partitions),
        };
        answered.unwrap();
    }

    /// Polls once, and answers at once.
    fn play_once(&mut self) {
        if let Some(note) = self.turn() {
            self.answer(&note);
        }
    }

    /// Waits for something to answer that is not empty; `others` go on meanwhile.
    fn wait_note(&mut self, others: &mut [&mut Self]) -> Rebalance {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: a rebalance");
            match self.turn() {
                Some(note) if note.partitions.count() > 0 => return note,
                Some(note) => self.answer(&note),
                None => {}
            }
            for other in others.iter_mut() {
                other.play_once();
            }
        }
    }

    /// A commit is taken before the answer, and it is of partitions that are still ours.
    fn commit(&self, kafka: &Kafka, note: &Rebalance, (topic, group): (&str, &str), offset: i64) {
        assert!(!self.client.assignment_lost());
        let mut list = TopicPartitionList::new();
        for element in note.partitions.elements() {
            let at = Offset::Offset(offset);
            list.add_partition_offset(topic, element.partition(), at).unwrap();
        }
        self.client.commit(&list, CommitMode::Sync).unwrap();
        for element in note.partitions.elements() {
            assert_eq!(kafka.committed(group, topic, element.partition()), Some(offset));
        }
    }

    fn assigned(&self) -> usize {
        self.client.assignment().unwrap().count()
    }
}

impl Drop for NotingMember {
    /// A client that is dropped waits for the answer to its last rebalance.
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The answer that did not come.
            let given = self.client.assignment().unwrap_or_default();
            match self.protocol {
                Protocol::Eager => self.client.unassign().ok(),
                _ => self.client.incremental_unassign(&given).ok(),
            };
        }
        let deadline = Instant::now() + PATIENCE;
        let closes = self.client.closed() || self.client.close_queue().is_ok();
        while closes && !self.client.closed() && Instant::now() < deadline {
            self.play_once();
        }
    }
}

/// Polls `members` until `done`; each answers at once.
fn play(
    members: &mut [&mut NotingMember],
    what: &str,
    mut done: impl FnMut(&[&mut NotingMember]) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while !done(members) {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        for member in members.iter_mut() {
            member.play_once();
        }
    }
}

/// Polls so often that whatever librdkafka does by itself is seen.
const TURNS: usize = 20;

fn holds(protocol: Protocol) {
    let kafka = Kafka::shared();
    let (topic, group) = (unique("answers"), unique("g"));
    kafka.create_topic(&topic, 4);
    kafka.produce(&topic, (0..400).map(|n| Out::value(n.to_string()).to(n % 4)));
    let member = || NotingMember::join(kafka, protocol, &group, &topic);

    let mut first = member();
    let given = first.wait_note(&mut []);
    assert!(!given.takes && given.partitions.count() == 4, "{given:?}");
    for _ in 0..TURNS {
        assert!(first.turn().is_none(), "nothing follows before the answer");
    }
    assert_eq!((first.assigned(), first.read), (0, 0));
    first.answer(&given);
    play(&mut [&mut first], "all is read", |all| all[0].read == 400);

    let mut second = member();
    let taken = first.wait_note(&mut [&mut second]);
    assert!(taken.takes, "{taken:?}");
    for _ in 0..TURNS {
        assert!(first.turn().is_none(), "nothing follows before the answer");
        second.play_once();
        assert_eq!((first.assigned(), second.assigned()), (4, 0), "nothing is let go");
    }
    first.commit(kafka, &taken, (&topic, &group), 77);
    first.answer(&taken);
    play(&mut [&mut first, &mut second], "two each", |all| all.iter().all(|it| it.assigned() == 2));
    let before = second.read;
    play(&mut [&mut first, &mut second], "it is read on", |all| all[1].read > before);

    first.client.close_queue().unwrap();
    let last = first.wait_note(&mut [&mut second]);
    assert!(last.takes && last.partitions.count() == 2, "{last:?}");
    for _ in 0..TURNS {
        assert!(first.turn().is_none() && !first.client.closed(), "it waits for the answer");
        second.play_once();
        assert_eq!(second.assigned(), 2, "nothing is let go");
    }
    first.commit(kafka, &last, (&topic, &group), 88);
    first.answer(&last);
    play(&mut [&mut first, &mut second], "the first is closed", |all| all[0].client.closed());
    play(&mut [&mut second], "the second has all", |all| all[0].assigned() == 4);
}

#[test]
fn an_answer_is_waited_for_where_everything_moves() {
    holds(Protocol::Eager);
}

#[test]
fn an_answer_is_waited_for_where_members_share_out_what_moves() {
    holds(Protocol::Cooperative);
}

#[test]
fn an_answer_is_waited_for_where_the_brokers_lead() {
    holds(Protocol::LedByBroker);
}
