//! A sink connector of Kafka Connect that sends to Event Hubs.

use super::given::Given;
use super::plan::{Line, Mapping, Plan, Topics};
use super::{ImportError, Note, security};

/// How a connector calls what we need.
struct Dialect {
    /// What its class ends with.
    class: &'static str,
    name: &'static str,
    namespace: &'static str,
    hub: &'static str,
    key_name: &'static str,
    key: &'static str,
}

const DIALECTS: &[Dialect] = &[
    Dialect {
        class: "CamelAzureeventhubssinkSinkConnector",
        name: "a Camel sink for Azure Event Hubs",
        namespace: "camel.kamelet.azure-eventhubs-sink.namespaceName",
        hub: "camel.kamelet.azure-eventhubs-sink.eventhubName",
        key_name: "camel.kamelet.azure-eventhubs-sink.sharedAccessName",
        key: "camel.kamelet.azure-eventhubs-sink.sharedAccessKey",
    },
    Dialect {
        class: "CamelAzureeventhubsSinkConnector",
        name: "a Camel sink for Azure Event Hubs, before Kamelets",
        namespace: "camel.sink.path.namespace",
        hub: "camel.sink.path.eventHubName",
        key_name: "camel.sink.endpoint.sharedAccessName",
        key: "camel.sink.endpoint.sharedAccessKey",
    },
    Dialect {
        class: "EventHubsSinkConnector",
        name: "an Azure Event Hubs sink",
        namespace: "azure.eventhubs.namespace",
        hub: "azure.eventhubs.hub.name",
        key_name: "azure.eventhubs.sas.keyname",
        key: "azure.eventhubs.sas.key",
    },
];
/// Camel's way to log in without a key.
const CAMEL_IDENTITY: &str = "camel.kamelet.azure-eventhubs-sink.credentialType";

/// Keys that need no counterpart, or have one that a person must choose.
const REASONS: &[(&str, &str)] = &[
    ("tasks.max", "is a matter of replicas (or `limits.shards`): the group shares the partitions"),
    ("camel.aggregation.", "is what `[batch]` does, without changing the events"),
    ("camel.", "has no counterpart: nothing stands between the record and the event"),
    ("key.converter", "is not needed: the bytes of the key travel as they are"),
    (
        "value.converter",
        "is not needed: the bytes of the value travel as they are; if the converter changed their form, readers will see the form of Kafka",
    ),
    ("header.converter", "is not needed: headers become application properties"),
    ("transforms", "has no counterpart: records are copied, not changed"),
    ("predicates", "has no counterpart: records are copied, not changed"),
    (
        "errors.tolerance",
        "has no counterpart: a record is never skipped unless `[failure]` says so",
    ),
    (
        "errors.deadletterqueue.",
        "is not needed: dead letters always carry where they come from, and why",
    ),
    (
        "errors.",
        "is not needed: what may pass is tried again for ever, and everything is logged and counted",
    ),
    ("consumer.override.", "tunes Java's client; `[kafka.client]` takes what librdkafka knows"),
];

pub(super) fn sink(
    class: &str,
    given: &mut Given,
    notes: &mut Vec<Note>,
) -> Result<Plan, ImportError> {
    let Some(dialect) = DIALECTS.iter().find(|dialect| class.ends_with(dialect.class)) else {
        let known = DIALECTS.iter().map(|dialect| dialect.class).collect::<Vec<_>>().join("`, `");
        return Err(ImportError::Unknown(format!(
            "`connector.class` is `{class}`; known are `{known}` and `MirrorSourceConnector`"
        )));
    };
    given.take("connector.class");
    let name = given.take("name").unwrap_or_else(|| "CHANGE-ME".to_owned());
    let mut plan = Plan {
        origin: format!("`{name}`, {}", dialect.name),
        group_id: format!("connect-{name}"),
        group_why: "The connector's own group: the bridge goes on where it stopped. Stop it first.",
        ..Plan::default()
    };
    let prefix = ["consumer.override.".to_owned()];
    plan.brokers = given.take_under(&prefix, "bootstrap.servers");
    if let Some(group) = given.take_under(&prefix, "group.id") {
        plan.group_id = group;
    }
    plan.start = match given.take_under(&prefix, "auto.offset.reset").as_deref() {
        Some("latest") => Some("latest"),
        _ => None,
    };
    plan.rack = given.take_under(&prefix, "client.rack");
    security::take(given, &prefix, &mut plan, notes);
    event_hubs(dialect, given, &mut plan);
    let hub = given.take(dialect.hub).unwrap_or_else(|| "CHANGE-ME".to_owned());
    let named = given.take("topics").map(|list| Topics::list(&list, false)).unwrap_or_default();
    let pattern = given.take("topics.regex").map(Topics::Pattern);
    let mapping = |topics| Mapping { topics, exclude: Vec::new(), hub: hub.clone(), mirror: false };
    plan.mappings = named.into_iter().chain(pattern).map(mapping).collect();
    plan.dead_letter_topic = given.take("errors.deadletterqueue.topic.name");
    for (start, reason) in REASONS {
        let keys = given.take_all(|key| key.starts_with(start));
        if !keys.is_empty() {
            notes.push(Note::new(keys.join(", "), *reason));
        }
    }
    Ok(plan)
}

fn event_hubs(dialect: &Dialect, given: &mut Given, plan: &mut Plan) {
    plan.namespace = given.take(dialect.namespace).map(|name| host(&name));
    let key_name = given.take(dialect.key_name);
    given.take(dialect.key);
    let identity = given.take(CAMEL_IDENTITY).is_some_and(|kind| kind == "AZURE_IDENTITY");
    plan.credential = if identity {
        // The same chain; a kind that is named hides no door that was shut by mistake.
        vec![Line::new("kind", "default")]
    } else {
        shared_access(key_name)
    };
}

/// A shared access key that has not been copied.
pub(super) fn shared_access(key_name: Option<String>) -> Vec<Line> {
    let why = "or BRIDGE_EVENTHUBS__CREDENTIAL__KEY; it has not been copied";
    vec![
        Line::new("kind", "sas"),
        Line::new("key_name", key_name.unwrap_or_else(|| "CHANGE-ME".to_owned())),
        Line::open("key_file", "/run/secrets/eventhubs", why),
    ]
}

/// The host of a namespace that may be given by its name alone.
fn host(namespace: &str) -> String {
    let namespace = namespace.trim_start_matches("sb://").trim_end_matches('/');
    if namespace.contains('.') {
        namespace.to_owned()
    } else {
        format!("{namespace}.servicebus.windows.net")
    }
}
