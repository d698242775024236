//! A connector of Kafka Connect for Event Hubs: a sink, or a source that is turned round.

use super::dialect::{self, Dialect, event_hubs};
use super::form::WORKER;
use super::given::GivenKeys;
use super::plan::{MARK, Plan, PlannedMapping, PlannedTopics};
use super::{ImportError, Remark, changes, security};

/// Keys that need no counterpart, or have one that a person must choose.
const REASONS: &[(&str, &str)] = &[
    ("tasks.max", "is a matter of replicas (or `limits.shards`): the group shares the partitions"),
    ("camel.aggregation.", "is what `[batch]` does, without changing the events"),
    ("camel.", "has no counterpart: the record becomes the event directly"),
    (
        "eventhub.partition.key.source",
        "is `partitioning` of the mapping: `key` is what is written, `round_robin` is the other",
    ),
    ("eventhub.clients.per.task", "is not needed: connections are made as they are needed"),
    (
        "eventhub.",
        "has no counterpart: the bridge retries without end; `send_timeout` and `connect_timeout` limit each attempt",
    ),
    ("json.", "has no counterpart: the bytes of the value travel as they are"),
    ("confluent.", "is about Confluent's licence, and is not needed"),
    (
        "kafka.api.",
        "is the login of Confluent Cloud: `mechanism = \"plain\"` under `[kafka.security]`, the key as `username`, the secret as `password`",
    ),
    (
        "errors.deadletterqueue.",
        "is not needed: dead letters always carry where they come from, and why",
    ),
    (
        "errors.",
        "is not needed: the bridge retries without end, and everything is logged and counted",
    ),
    ("consumer.override.", "tunes Java's client; `[kafka.client]` has the settings of librdkafka"),
    (
        WORKER,
        "is the worker's, and tunes Java's client; `[kafka.client]` has the settings of librdkafka",
    ),
];
/// What only reading from Event Hubs needs.
const READING: &[&str] = &[
    "eventhubs.consumer.group",
    "azure.eventhubs.consumer.group",
    "azure.eventhubs.partition.starting.position",
    "azure.eventhubs.offset.type",
    "camel.kamelet.azure-eventhubs-source.",
    "camel.source.",
    "max.events",
    "poll.interval.ms",
    "output.data.format",
];
const NAMED: &[&str] = &["topics", "kafka.topic", "kafka.topics"];
const OWN_GROUP: &str =
    "The connector's own group: the bridge continues where the connector stopped. Stop it first.";
const NEW_GROUP: &str =
    "A source has no group, so this one is new: it begins at `earliest`, unless `start` is set.";

/// Classes that are known, and are none to be read.
const OTHERS: [(&str, &str); 4] = [
    (
        "MirrorCheckpointConnector",
        "copies positions of groups, which mean nothing in Event Hubs: give the `MirrorSourceConnector`",
    ),
    ("MirrorHeartbeatConnector", "copies nothing: give the `MirrorSourceConnector`"),
    (
        "ReplicatorSourceConnector",
        "is Confluent's Replicator, which is not read: its `src.kafka.…` becomes `[kafka]`, its `topic.whitelist` and `topic.regex` mappings",
    ),
    ("ServiceBusSinkConnector", "sends to Service Bus, which is another service"),
];

/// Reads a connector of `class`.
pub(super) fn connector(
    class: &str,
    given: &mut GivenKeys,
    notes: &mut Vec<Remark>,
) -> Result<Plan, ImportError> {
    let Some(dialect) = dialect::of(class) else {
        let other = OTHERS.iter().find(|(other, _)| class.ends_with(other));
        return Err(ImportError::Unknown(match other {
            Some((_, why)) => format!("`connector.class` is `{class}`, which {why}"),
            None => {
                format!("`connector.class` is `{class}`; known are {}", dialect::known())
            }
        }));
    };
    given.take("connector.class");
    let name = given.take("name").unwrap_or_else(|| MARK.to_owned());
    let mut plan = plan(&name, dialect);
    kafka(given, &mut plan, notes);
    let hub = event_hubs(given, &mut plan, notes);
    plan.mappings = mappings(given, &hub);
    if dialect.reads {
        turned_round(class, given, &plan, notes);
    }
    if dialect.skips_tombstones {
        notes.push(Remark::warning(
            "connector.class",
            "skipped records without a value; they become events without a body now",
        ));
    }
    changes::transforms(given, "", notes);
    if !dialect.reads {
        changes::isolation(given, &consumer(), &mut plan, notes);
        changes::converters(given, &[String::new()], true, notes);
    }
    changes::failures(given, &mut plan, notes);
    for (start, reason) in REASONS {
        let keys = given.take_all(|key| key.starts_with(start));
        if !keys.is_empty() {
            notes.push(Remark::new(keys.join(", "), *reason));
        }
    }
    Ok(plan)
}

fn plan(name: &str, dialect: &Dialect) -> Plan {
    let (group_id, group_why) = if dialect.reads {
        (format!("{name}-bridge"), NEW_GROUP)
    } else {
        (format!("connect-{name}"), OWN_GROUP)
    };
    Plan { origin: format!("`{name}`, {}", dialect.name), group_id, group_why, ..Plan::default() }
}

/// Before what is said of the consumer, in the order it wins.
fn consumer() -> [String; 2] {
    ["consumer.override.".to_owned(), WORKER.to_owned()]
}

/// What is said of the consumer, by the connector or by its worker.
fn kafka(given: &mut GivenKeys, plan: &mut Plan, notes: &mut Vec<Remark>) {
    let prefixes = consumer();
    plan.brokers = given.take_under(&prefixes, "bootstrap.servers");
    if let Some(group) = given.take_under(&prefixes, "group.id") {
        plan.group_id = group;
    }
    match given.take_under(&prefixes, "auto.offset.reset").as_deref() {
        None | Some("earliest") => {}
        Some("latest") => plan.start = Some("latest"),
        Some(other) => notes.push(Remark::warning(
            "auto.offset.reset",
            format!("is `{other}`, which has no counterpart: a group without positions begins at `earliest`"),
        )),
    }
    if let Some(rack) = given.take_under(&prefixes, "client.rack") {
        plan.client.push(("client.rack", rack));
    }
    security::take(given, &prefixes, plan, notes);
}

fn mappings(given: &mut GivenKeys, hub: &str) -> Vec<PlannedMapping> {
    let named = given.take_one_of(NAMED).map(|list| PlannedTopics::list(&list, false));
    let pattern = given.take("topics.regex").map(PlannedTopics::Pattern);
    let mut topics = named.into_iter().flatten().chain(pattern).collect::<Vec<_>>();
    if topics.is_empty() {
        topics.push(PlannedTopics::Named(vec![MARK.to_owned()]));
    }
    let mapping =
        |topics| PlannedMapping { topics, exclude: Vec::new(), hub: hub.to_owned(), mirror: false };
    topics.into_iter().map(mapping).collect()
}

/// Says that what is written goes the other way.
fn turned_round(class: &str, given: &mut GivenKeys, plan: &Plan, notes: &mut Vec<Remark>) {
    let ways = plan.mappings.iter().map(|PlannedMapping { topics, hub, .. }| {
        let topics = match topics {
            PlannedTopics::Named(names) => names.join("`, `"),
            PlannedTopics::Pattern(pattern) => pattern.clone(),
        };
        format!("`{topics}` → `{hub}`")
    });
    let text = format!(
        "is `{class}`, which reads from Event Hubs; the new file goes the other way, from the topic to the hub: {}",
        ways.collect::<Vec<_>>().join(", ")
    );
    notes.push(Remark::warning("connector.class", text));
    let keys = given
        .take_all(|key| READING.iter().any(|it| key.starts_with(it)) || key.contains(".converter"));
    if !keys.is_empty() {
        notes.push(Remark::new(keys.join(", "), "is about reading from Event Hubs"));
    }
}
