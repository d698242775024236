//! MirrorMaker 2 with Event Hubs as its target, as a driver's file or as a connector.

use super::dialect::{connection_string, shared_access};
use super::flow::{self, is_event_hubs};
use super::given::{GivenKeys, jaas};
use super::plan::{MARK, Plan, PlannedKey, PlannedMapping, PlannedTopics};
use super::{ImportError, Remark, changes, security};

/// What only MirrorMaker needs.
const REASONS: &[(&str, &str)] = &[
    ("offset-syncs.", "is not needed: the group's own positions are the progress"),
    ("offset.storage.", "is not needed: the group's own positions are the progress"),
    ("config.storage.", "is not needed: the bridge keeps nothing beside the group's positions"),
    ("status.storage.", "is not needed: the bridge keeps nothing beside the group's positions"),
    ("checkpoints.", "has no counterpart: positions of other groups mean nothing in Event Hubs"),
    (
        "emit.checkpoints",
        "has no counterpart: positions of other groups mean nothing in Event Hubs",
    ),
    (
        "sync.group.offsets",
        "has no counterpart: positions of other groups mean nothing in Event Hubs",
    ),
    (
        "checkpointConnector",
        "has no counterpart: positions of other groups mean nothing in Event Hubs",
    ),
    (
        "heartbeatConnector",
        "is not needed: `/readyz` and `bridge_consumer_lag_records` show the progress",
    ),
    ("groups", "has no counterpart: positions of other groups mean nothing in Event Hubs"),
    ("heartbeats.", "is not needed: `/readyz` and `bridge_consumer_lag_records` show the progress"),
    (
        "emit.heartbeats",
        "is not needed: `/readyz` and `bridge_consumer_lag_records` show the progress",
    ),
    ("sync.topic.", "has no counterpart: hubs are created by the owner of the namespace"),
    ("refresh.", "is `discovery_interval` under `[kafka]` for topics, and has no counterpart else"),
    ("config.properties.", "has no counterpart: hubs are created by the owner of the namespace"),
    ("replication.factor", "is not needed: Event Hubs replicates by itself"),
    ("tasks.max", "is a matter of replicas (or `limits.shards`): the group shares the partitions"),
    ("producer.", "tunes Java's client against Event Hubs; the bridge speaks AMQP to it"),
    ("consumer.", "tunes Java's client; `[kafka.client]` has the settings of librdkafka"),
    ("admin.", "tunes Java's client; `[kafka.client]` has the settings of librdkafka"),
];
/// Keys that kept topics out; where neither is given, these were.
const EXCLUDES: [&str; 2] = ["topics.exclude", "topics.blacklist"];
/// As most versions have it, and wider than what the latest have.
const EXCLUDED: &str = r".*[\-\.]internal, .*\.replica, __.*";
const GROUP: &str = "MirrorMaker keeps its positions elsewhere, so this group is new.";
const START: &str = "To continue where it stopped: a time a few minutes before that, such as `2026-01-31T08:00:00Z`; or `earliest`.";

/// What differs between the two forms.
struct MirrorForm {
    name: String,
    source: String,
    target: String,
    /// Before keys that hold for both clients of the source, in the order they win.
    source_keys: Vec<String>,
    /// Before keys that hold for the client of the target.
    target_keys: Vec<String>,
    /// Before keys that hold for the flow, in the order they win.
    named: Vec<String>,
    /// Whether it runs on a worker, whose converters hold where it names none.
    has_worker: bool,
}

/// Whether it is a connector of MirrorMaker's that copies records.
pub(super) fn is_mirror(given: &GivenKeys) -> bool {
    given.get("connector.class").is_some_and(|class| {
        class.strip_suffix("Connector").unwrap_or(class).ends_with("MirrorSource")
    })
}

/// `mm2.properties`.
pub(super) fn driver(
    given: &mut GivenKeys,
    wanted: Option<&str>,
    notes: &mut Vec<Remark>,
) -> Result<Plan, ImportError> {
    let name = flow::choose(given, wanted, notes)?;
    let (source, target) = name.split_once("->").expect("a flow has an arrow");
    let (source, target) = (source.to_owned(), target.to_owned());
    let flow = MirrorForm {
        source_keys: vec![format!("{source}.consumer."), format!("{source}."), String::new()],
        target_keys: vec![format!("{target}.producer."), format!("{target}."), String::new()],
        named: vec![format!("{name}."), String::new()],
        has_worker: false,
        name,
        source,
        target,
    };
    read(&flow, given, notes)
}

/// `MirrorSourceConnector` on a Connect cluster.
pub(super) fn connector(
    given: &mut GivenKeys,
    notes: &mut Vec<Remark>,
) -> Result<Plan, ImportError> {
    given.take("connector.class");
    let name = given.take("name").unwrap_or_else(|| "mirror".to_owned());
    let source = given.take("source.cluster.alias").unwrap_or_else(|| "source".to_owned());
    let target = given.take("target.cluster.alias").unwrap_or_else(|| "target".to_owned());
    let flow = MirrorForm {
        name,
        source,
        target,
        source_keys: vec!["source.consumer.".to_owned(), "source.cluster.".to_owned()],
        target_keys: vec![
            "target.producer.".to_owned(),
            "target.cluster.".to_owned(),
            "producer.override.".to_owned(),
        ],
        named: vec![String::new()],
        has_worker: true,
    };
    read(&flow, given, notes)
}

fn read(
    flow: &MirrorForm,
    given: &mut GivenKeys,
    notes: &mut Vec<Remark>,
) -> Result<Plan, ImportError> {
    let mut plan = Plan {
        origin: format!("`{}` of MirrorMaker 2", flow.name),
        group_id: format!("{}-bridge", flow.source),
        group_why: GROUP,
        start: Some(MARK),
        start_why: Some(START),
        ..Plan::default()
    };
    source(flow, given, &mut plan, notes);
    target(flow, given, &mut plan, notes);
    if plan.namespace.is_none() && plan.brokers.as_deref().is_some_and(is_event_hubs) {
        return Err(ImportError::Unknown(format!(
            "`{}` reads from Event Hubs and writes to Kafka; the bridge only copies from Kafka to Event Hubs",
            flow.name
        )));
    }
    security::take(given, &flow.source_keys, &mut plan, notes);
    plan.mappings = mappings(flow, given, notes);
    for prefix in &flow.named {
        changes::transforms(given, prefix, notes);
    }
    changes::converters(given, &flow.named, flow.has_worker, notes);
    let prefixes = flow.named.iter().chain(&flow.source_keys).chain(&flow.target_keys);
    let prefixes =
        prefixes.cloned().chain(["source.".to_owned(), "target.".to_owned()]).collect::<Vec<_>>();
    for (start, reason) in REASONS {
        let keys = given.take_all(|key| {
            prefixes.iter().any(|prefix| {
                key.strip_prefix(prefix.as_str()).is_some_and(|key| key.starts_with(start))
            })
        });
        if !keys.is_empty() {
            notes.push(Remark::new(keys.join(", "), *reason));
        }
    }
    Ok(plan)
}

/// The cluster that is read, but for how one logs in there.
fn source(flow: &MirrorForm, given: &mut GivenKeys, plan: &mut Plan, notes: &mut Vec<Remark>) {
    let mut keys = flow.source_keys.clone();
    keys.extend(flow.source_keys.iter().map(|prefix| format!("{prefix}consumer.")));
    plan.brokers = given.take_under(&flow.source_keys, "bootstrap.servers");
    if let Some(rack) = given.take_under(&keys, "client.rack") {
        plan.client.push(("client.rack", rack));
    }
    if let Some(reset) = given.take_under(&keys, "auto.offset.reset") {
        let text = format!(
            "is `{reset}`, and applied to new topics; `start` applies to all topics, also later ones"
        );
        notes.push(Remark::new("auto.offset.reset", text));
    }
    changes::isolation(given, &keys, plan, notes);
}

fn mappings(
    flow: &MirrorForm,
    given: &mut GivenKeys,
    notes: &mut Vec<Remark>,
) -> Vec<PlannedMapping> {
    let hub = hub(flow, given, notes);
    let topics = given.take_under(&flow.named, "topics").unwrap_or_else(|| {
        notes.push(Remark::new("topics", "is not set, which means all of them"));
        ".*".to_owned()
    });
    let exclude = exclude(flow, given, notes);
    let mapping = |topics| {
        let exclude = match topics {
            PlannedTopics::Pattern(_) => exclude.clone(),
            PlannedTopics::Named(_) => Vec::new(),
        };
        PlannedMapping { topics, exclude, hub: hub.clone(), mirror: true }
    };
    let mappings = PlannedTopics::list(&topics, true).into_iter().map(mapping).collect::<Vec<_>>();
    named_and_excluded(&mappings, &exclude, notes);
    if let Some(class) = given.take_under(&flow.named, "topic.filter.class")
        && !class.ends_with("DefaultTopicFilter")
    {
        let text = format!("is `{class}`, which may have left topics out: they would be copied");
        notes.push(Remark::warning("topic.filter.class", text));
    }
    mappings
}

/// What patterns did not take, as far as it is an expression here.
fn exclude(flow: &MirrorForm, given: &mut GivenKeys, notes: &mut Vec<Remark>) -> Vec<String> {
    // All of them are taken, and the first counts.
    let said = EXCLUDES.map(|key| given.take_under(&flow.named, key)).into_iter().flatten().next();
    let said = said.unwrap_or_else(|| {
        let text = format!(
            "is not set, so `topic_exclude` is what MirrorMaker excludes by default: `{EXCLUDED}`; Kafka's later versions leave out less, `mm2.*\\.internal` for the first"
        );
        notes.push(Remark::new(EXCLUDES[0], text));
        EXCLUDED.to_owned()
    });
    let items = said.split(',').map(str::trim).filter(|item| !item.is_empty());
    let (good, bad): (Vec<_>, Vec<_>) = items.partition(|item| regex::Regex::new(item).is_ok());
    for item in bad {
        notes.push(Remark::warning(
            EXCLUDES[0],
            format!(
                "has `{item}`, which is not a valid expression here: the topics that it excluded would be copied"
            ),
        ));
    }
    good.into_iter().map(str::to_owned).collect()
}

/// MirrorMaker leaves out what it names, too.
fn named_and_excluded(mappings: &[PlannedMapping], exclude: &[String], notes: &mut Vec<Remark>) {
    let named = mappings.iter().flat_map(|mapping| match &mapping.topics {
        PlannedTopics::Named(names) => names.as_slice(),
        PlannedTopics::Pattern(_) => &[],
    });
    let excludes = |topic: &&String| {
        exclude
            .iter()
            .any(|item| crate::config::whole_name(item).is_ok_and(|item| item.is_match(topic)))
    };
    for topic in named.filter(excludes) {
        notes.push(Remark::warning(
            EXCLUDES[0],
            format!("excluded `{topic}` until now, but a mapping names it, so it would be copied; remove it from the mapping"),
        ));
    }
}

/// The hub a topic was copied to: MirrorMaker puts the name of the source before it unless told otherwise.
fn hub(flow: &MirrorForm, given: &mut GivenKeys, notes: &mut Vec<Remark>) -> String {
    let policy = given.take_under(&flow.named, "replication.policy.class");
    let separator = given.take_under(&flow.named, "replication.policy.separator");
    let policy = policy.as_deref().unwrap_or("DefaultReplicationPolicy");
    if policy.ends_with("IdentityReplicationPolicy") {
        return "{topic}".to_owned();
    }
    if policy.ends_with("DefaultReplicationPolicy") {
        return format!("{}{}{{topic}}", flow.source, separator.as_deref().unwrap_or("."));
    }
    let text = format!(
        "is `{policy}`, which is not known: `hub` is what it made of the name of a topic, with `{{topic}}` for that"
    );
    notes.push(Remark::warning("replication.policy.class", text));
    MARK.to_owned()
}

/// Event Hubs' Kafka endpoint, and how it was logged in to.
fn target(flow: &MirrorForm, given: &mut GivenKeys, plan: &mut Plan, notes: &mut Vec<Remark>) {
    // What stands under no name holds for both clusters; it is the source's to take.
    let own =
        flow.target_keys.iter().filter(|prefix| !prefix.is_empty()).cloned().collect::<Vec<_>>();
    let servers = given.take_under(&own, "bootstrap.servers").unwrap_or_default();
    let host = servers.rsplit_once(':').map_or(servers.as_str(), |(host, _)| host);
    if is_event_hubs(host) {
        plan.namespace = Some(host.to_owned());
    } else {
        let text = format!("`{servers}` is not the Kafka endpoint of an Event Hubs namespace");
        notes.push(Remark::new(format!("{}.bootstrap.servers", flow.target), text));
    }
    let line = given.take_as_is_under(&own, "sasl.jaas.config").unwrap_or_default();
    let mechanism = given.take_under(&own, "sasl.mechanism").unwrap_or_default();
    given.take_all(|key| {
        let known = |key: &str| {
            key.starts_with("sasl.") || key.starts_with("ssl.") || key.starts_with("security.")
        };
        own.iter().any(|prefix| key.strip_prefix(prefix.as_str()).is_some_and(known))
    });
    if mechanism == "OAUTHBEARER" {
        notes.push(Remark::new(
            format!("{}.sasl.mechanism", flow.target),
            "an Entra identity: `docs/access.md` shows the kinds; `default` tries them all",
        ));
        plan.credential = vec![PlannedKey::new("kind", "default")];
        return;
    }
    let key = format!("{}.sasl.jaas.config", flow.target);
    let password = jaas(&line).remove("password");
    let known = password.and_then(|password| connection_string(&key, &password, notes));
    plan.credential = shared_access(known.and_then(|known| known.key_name));
}
