//! A replay as a process, and what it left in the hub.

use std::collections::BTreeMap;

use eventhubs_local::{Hub, Value as Amqp};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use stage::event::place;
use stage::{Kafka, PATIENCE, Running, Settings};

pub(crate) fn replay(settings: &Settings, arguments: &[&str]) -> Running {
    started(&["replay"], settings, arguments)
}

/// The same of another command that sends again.
pub(crate) fn started(command: &[&str], settings: &Settings, arguments: &[&str]) -> Running {
    settings.begin(command, &[&["--json"], arguments].concat())
}

/// How often each record is in the hub, by partition and offset: as it was copied, and as it was replayed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) copied: BTreeMap<(i32, i64), usize>,
    pub(crate) replayed: BTreeMap<(i32, i64), usize>,
}

impl Held {
    pub(crate) fn of(hub: &Hub, topic: &str) -> Self {
        let mut held = Self::default();
        for event in hub.partitions().iter().flat_map(eventhubs_local::Partition::events) {
            let (from, partition, offset) = place(event.message_id().unwrap()).unwrap();
            assert_eq!(from, topic);
            let mark = event.application_property("kafka_replayed");
            let into = match mark {
                Some(Amqp::Bool(true)) => &mut held.replayed,
                None => &mut held.copied,
                other => panic!("{other:?}"),
            };
            *into.entry((partition, offset)).or_default() += 1;
            // What else an event says of its record, a replay says, too.
            let said = event.application_property("kafka_offset");
            assert!(matches!(said, Some(Amqp::Long(it)) if it == offset), "{said:?}");
        }
        held
    }
}

/// Once each of these offsets of some partitions.
pub(crate) fn once(
    partitions: impl IntoIterator<Item = i32>,
    offsets: std::ops::Range<i64>,
) -> BTreeMap<(i32, i64), usize> {
    let of = |partition| offsets.clone().map(move |offset| ((partition, offset), 1));
    partitions.into_iter().flat_map(of).collect()
}

/// What `group` has committed of each partition, and what with it.
pub(crate) fn committed(
    kafka: &Kafka,
    group: &str,
    topic: &str,
    partitions: i32,
) -> Vec<(Option<i64>, String)> {
    let mut config = kafka.config();
    let client: BaseConsumer = config.set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions - 1);
    let list = client.committed_offsets(list, PATIENCE).unwrap();
    let all = list.elements().into_iter().map(|it| match it.offset() {
        Offset::Offset(offset) => (Some(offset), it.metadata().to_owned()),
        _ => (None, String::new()),
    });
    all.collect()
}

/// The groups there are whose names begin so.
pub(crate) fn groups(kafka: &Kafka, prefix: &str) -> Vec<String> {
    let client: BaseConsumer = kafka.config().create().unwrap();
    let list = client.fetch_group_list(None, PATIENCE).unwrap();
    let names = list.groups().iter().map(|group| group.name().to_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}
