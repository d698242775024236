//! What connectors for Event Hubs are called, and what they call a namespace, a hub and a way in.
//!
//! The class says which way a connector copies; the words are looked for whatever the class, since people rename it.

use regex::Regex;

use crate::config::{ConnectionString, Protocol, SharedAccess};

use super::Remark;
use super::given::GivenKeys;
use super::plan::{MARK, Plan, PlannedKey};

/// A class.
#[derive(Debug)]
pub(super) struct Dialect {
    /// What its name ends with, without `Connector`.
    class: &'static str,
    pub(super) name: &'static str,
    /// Whether it reads from Event Hubs.
    pub(super) reads: bool,
    /// Whether it left out records that have no value.
    pub(super) skips_tombstones: bool,
}

const fn sink(class: &'static str, name: &'static str) -> Dialect {
    Dialect { class, name, reads: false, skips_tombstones: false }
}

const fn source(class: &'static str, name: &'static str) -> Dialect {
    Dialect { class, name, reads: true, skips_tombstones: false }
}

const DIALECTS: [Dialect; 7] = [
    sink("CamelAzureeventhubssinkSink", "a Camel sink for Azure Event Hubs"),
    sink("CamelAzureeventhubsSink", "a Camel sink for Azure Event Hubs, before Kamelets"),
    Dialect { skips_tombstones: true, ..sink("EventHubSink", "the Event Hubs sink of Microsoft") },
    sink("EventHubsSink", "an Azure Event Hubs sink"),
    source("CamelAzureeventhubssourceSource", "a Camel source for Azure Event Hubs"),
    source("CamelAzureeventhubsSource", "a Camel source for Azure Event Hubs, before Kamelets"),
    source("EventHubsSource", "an Azure Event Hubs source"),
];

const NAMESPACE: &[&str] = &[
    "camel.kamelet.azure-eventhubs-sink.namespaceName",
    "camel.kamelet.azure-eventhubs-source.namespaceName",
    "camel.sink.path.namespace",
    "camel.source.path.namespace",
    "azure.eventhubs.namespace",
    "eventhubs.namespace",
];
const HUB: &[&str] = &[
    "camel.kamelet.azure-eventhubs-sink.eventhubName",
    "camel.kamelet.azure-eventhubs-source.eventhubName",
    "camel.sink.path.eventHubName",
    "camel.source.path.eventHubName",
    "azure.eventhubs.hub.name",
    "azure.eventhubs.sink.hubname",
    "eventhubs.hub.name",
    "eventhubs.name",
];
const KEY_NAME: &[&str] = &[
    "camel.kamelet.azure-eventhubs-sink.sharedAccessName",
    "camel.kamelet.azure-eventhubs-source.sharedAccessName",
    "camel.sink.endpoint.sharedAccessName",
    "camel.source.endpoint.sharedAccessName",
    "camel.component.azure-eventhubs.sharedAccessName",
    "azure.eventhubs.sas.keyname",
    "eventhubs.sas.keyname",
];
/// Secrets, which go nowhere.
const KEY: &[&str] = &[
    "camel.kamelet.azure-eventhubs-sink.sharedAccessKey",
    "camel.kamelet.azure-eventhubs-source.sharedAccessKey",
    "camel.sink.endpoint.sharedAccessKey",
    "camel.source.endpoint.sharedAccessKey",
    "camel.component.azure-eventhubs.sharedAccessKey",
    "azure.eventhubs.sas.key",
    "eventhubs.sas.key",
];
const STRING: &[&str] = &[
    "camel.kamelet.azure-eventhubs-sink.connectionString",
    "camel.kamelet.azure-eventhubs-source.connectionString",
    "camel.sink.endpoint.connectionString",
    "camel.source.endpoint.connectionString",
    "camel.component.azure-eventhubs.connectionString",
    "azure.eventhubs.connection.string",
    "azure.eventhubs.sink.connectionstring",
    "eventhubs.connection.string",
    "eventhub.connection.string",
];
const TRANSPORT: &[&str] = &[
    "camel.sink.endpoint.amqpTransportType",
    "camel.component.azure-eventhubs.amqpTransportType",
    "azure.eventhubs.transport.type",
    "eventhubs.transport.type",
    "eventhub.transport.type",
];
/// How one gets in.
const WAY: &[&str] = &[
    "camel.kamelet.azure-eventhubs-sink.credentialType",
    "camel.kamelet.azure-eventhubs-source.credentialType",
    "camel.sink.endpoint.credentialType",
    "camel.component.azure-eventhubs.credentialType",
    "eventhub.authentication",
];

/// The dialect of a class; Connect knows a class without its package and without `Connector`, too.
pub(super) fn of(class: &str) -> Option<&'static Dialect> {
    let class = class.strip_suffix("Connector").unwrap_or(class);
    DIALECTS.iter().find(|dialect| class.ends_with(dialect.class))
}

/// What classes are known, for people.
pub(super) fn known() -> String {
    let known = DIALECTS.iter().map(|dialect| format!("`{}Connector`", dialect.class));
    format!("{} and `MirrorSourceConnector`", known.collect::<Vec<_>>().join(", "))
}

/// Takes what is said of Event Hubs, and gives the hub.
pub(super) fn event_hubs(
    given: &mut GivenKeys,
    plan: &mut Plan,
    notes: &mut Vec<Remark>,
) -> String {
    let mut namespace = given.take_one_of(NAMESPACE).map(|name| host(&name));
    let mut hub = given.take_one_of(HUB);
    let mut key_name = given.take_one_of(KEY_NAME);
    given.take_all(|key| KEY.contains(&key));
    let mut signature = false;
    for key in STRING {
        let Some(text) = given.take_as_is(key) else { continue };
        let Some(known) = connection_string(key, &text, notes) else { continue };
        namespace = namespace.or(Some(known.host));
        hub = hub.or(known.hub);
        signature = known.key_name.is_none();
        key_name = key_name.or(known.key_name);
        plan.websocket |= known.websocket;
    }
    transport(given, plan, notes);
    plan.namespace = namespace;
    plan.credential = match way(given, notes) {
        LoginKind::Key if signature => signed(),
        LoginKind::Key => shared_access(key_name),
        // The same chain; a kind that is named hides no door that was shut by mistake.
        LoginKind::Identity => vec![PlannedKey::new("kind", "default")],
        LoginKind::Unknown => vec![PlannedKey::new("kind", MARK)],
    };
    hub.unwrap_or_else(|| MARK.to_owned())
}

enum LoginKind {
    Key,
    Identity,
    Unknown,
}

fn way(given: &mut GivenKeys, notes: &mut Vec<Remark>) -> LoginKind {
    let Some(key) = WAY.iter().find(|key| given.has(key)) else { return LoginKind::Key };
    let said = given.take(key).unwrap_or_default();
    match said.to_ascii_uppercase().as_str() {
        "" | "SAS" | "CONNECTION_STRING" | "SHARED_ACCESS_KEY" => LoginKind::Key,
        "AZURE_IDENTITY" => LoginKind::Identity,
        _ => {
            let text = format!(
                "is `{said}`, which has no counterpart of that name: `docs/access.md` lists the kinds"
            );
            notes.push(Remark::new(*key, text));
            LoginKind::Unknown
        }
    }
}

fn transport(given: &mut GivenKeys, plan: &mut Plan, notes: &mut Vec<Remark>) {
    let Some(key) = TRANSPORT.iter().find(|key| given.has(key)) else { return };
    let said = given.take(key).unwrap_or_default();
    let letters = said.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    match letters.to_ascii_lowercase().as_str() {
        "amqp" | "amqptcp" => {}
        "amqpwebsockets" | "amqpwebsocket" => plan.websocket = true,
        _ => notes.push(Remark::new(
            *key,
            format!("is `{said}`, which is not known: `transport` under `[eventhubs.connection]` is `amqp` or `websocket`"),
        )),
    }
}

/// What of a connection string is no secret.
pub(super) struct StringFacts {
    pub(super) host: String,
    /// Of its key; nothing if it has a signature instead.
    pub(super) key_name: Option<String>,
    pub(super) hub: Option<String>,
    pub(super) websocket: bool,
}

/// Reads the connection string under `key`, and says what became of it.
pub(super) fn connection_string(
    key: &str,
    text: &str,
    notes: &mut Vec<Remark>,
) -> Option<StringFacts> {
    // The secret is not needed, is often somewhere else, and is gone before anything else is looked at.
    let secret = Regex::new(r"(?i)(SharedAccessKey\s*=)[^;]*").expect("a good expression");
    let known = secret.replace(text, "${1}x").parse::<ConnectionString>();
    match known {
        Ok(known) => {
            let key_name = match known.access {
                SharedAccess::Key { name, .. } => Some(name),
                _ => None,
            };
            let hub = known.address.hub;
            let gave = match (&key_name, &hub) {
                (Some(_), Some(_)) => "the host, the hub and the name of the key",
                (Some(_), None) => "the host and the name of the key",
                (None, Some(_)) => "the host and the hub",
                (None, None) => "the host",
            };
            let text = format!("gave {gave}; the secret in it has not been copied");
            notes.push(Remark::new(key, text));
            if !known.address.tls {
                let text = "names the emulator, which is without TLS: give `connection_string` whole, instead of `namespace`";
                notes.push(Remark::new(key, text));
            }
            let websocket = known.protocol == Some(Protocol::WebSocket);
            Some(StringFacts { host: known.address.host, key_name, hub, websocket })
        }
        Err(flaw) => {
            let text = format!(
                "is not a connection string that can be read here: {flaw}; `connection_string_file` under `[eventhubs]` takes one whole"
            );
            notes.push(Remark::new(key, text));
            None
        }
    }
}

/// A shared access key that has not been copied.
pub(super) fn shared_access(key_name: Option<String>) -> Vec<PlannedKey> {
    let why = "or BRIDGE_EVENTHUBS__CREDENTIAL__KEY; it has not been copied";
    vec![
        PlannedKey::new("kind", "sas"),
        PlannedKey::new("key_name", key_name.unwrap_or_else(|| MARK.to_owned())),
        PlannedKey::open("key_file", "/run/secrets/eventhubs", why),
    ]
}

/// A signature that has not been copied.
fn signed() -> Vec<PlannedKey> {
    let why = "or BRIDGE_EVENTHUBS__CREDENTIAL__SIGNATURE; it has not been copied";
    vec![
        PlannedKey::new("kind", "sas"),
        PlannedKey::open("signature_file", "/run/secrets/eventhubs", why),
    ]
}

/// The host of a namespace that may be given by its name alone, or with what stands around it.
fn host(namespace: &str) -> String {
    let namespace =
        ["sb://", "https://"].iter().fold(namespace, |it, it_is| it.trim_start_matches(it_is));
    let namespace = namespace.trim_end_matches('/');
    let namespace = namespace.split_once(':').map_or(namespace, |(host, _)| host);
    if namespace.contains('.') {
        namespace.to_owned()
    } else {
        format!("{namespace}.servicebus.windows.net")
    }
}
