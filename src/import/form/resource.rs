//! Resources of Kubernetes: connectors, and the workers they run on, as Strimzi and Confluent's operator have them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Held, WORKER, connector, document, flat, mirrors, text};
use crate::import::{ImportError, Note};

/// A cluster of Connect.
pub(super) struct Worker {
    kind: String,
    name: String,
    /// What it says for its connectors.
    keys: BTreeMap<String, String>,
}

/// One resource, or a list of them.
pub(super) fn read(
    kind: &str,
    mut object: Map<String, Value>,
    held: &mut Held,
) -> Result<(), ImportError> {
    if let Some(Value::Array(items)) = object.remove("items") {
        return items.into_iter().try_for_each(|item| document(item, held));
    }
    let name = text(&object, &["metadata", "name"]).unwrap_or_else(|| kind.to_owned());
    let spec = match object.remove("spec") {
        Some(Value::Object(spec)) => spec,
        _ => Map::new(),
    };
    let named = format!("{kind}/{name}");
    match kind {
        "KafkaConnector" | "Connector" => {
            let worker = text(&object, &["metadata", "labels", "strimzi.io/cluster"])
                .or_else(|| text(&spec, &["connectClusterRef", "name"]));
            let before = held.connectors.len();
            of_connector(name, spec, held)?;
            if let Some(worker) = worker {
                held.clusters.insert(before, worker);
            }
        }
        "KafkaMirrorMaker2" => mirrors::read(&named, &spec, held)?,
        "KafkaConnect" | "Connect" => {
            held.workers.push(Worker { kind: kind.to_owned(), name, keys: of_worker(&spec)? });
        }
        "KafkaMirrorMaker" => held.refuse(
            &named,
            "is the first MirrorMaker, which is not read: its `spec.consumer` becomes `[kafka]`, its `spec.include` a `topic_pattern`",
        ),
        "Kafka" => held.refuse(&named, "is a cluster of Kafka; what copies its records is to be given"),
        "ConfigMap" | "Secret" => held.refuse(
            &named,
            "is not read; if it holds a connector's configuration, give the text of that alone",
        ),
        _ => held.refuse(
            &named,
            "is not read; of Kubernetes these are: `KafkaConnector`, `KafkaMirrorMaker2`, and `Connector` of Confluent",
        ),
    }
    Ok(())
}

/// Strimzi's `spec.config` is `spec.configs` in Confluent's.
fn of_connector(
    name: String,
    mut spec: Map<String, Value>,
    held: &mut Held,
) -> Result<(), ImportError> {
    let config = spec.remove("config").or_else(|| spec.remove("configs"));
    let mut config = match config {
        Some(Value::Object(config)) => config,
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err(ImportError::Unreadable("`spec.config` is no object".to_owned())),
    };
    for (key, from) in
        [("connector.class", ["class", "connectorClass"]), ("tasks.max", ["tasksMax", "taskMax"])]
    {
        if let Some(value) = from.iter().find_map(|from| spec.remove(*from)) {
            config.entry(key).or_insert(value);
        }
    }
    connector(text(&spec, &["name"]).or(Some(name)), config, held)
}

/// What a worker says that its connectors do not.
fn of_worker(spec: &Map<String, Value>) -> Result<BTreeMap<String, String>, ImportError> {
    let mut keys = BTreeMap::new();
    client(WORKER, spec, &mut keys)?;
    let config = std::mem::take(&mut keys);
    let kept = config.into_iter().filter_map(|(key, value)| {
        let own = key.strip_prefix(WORKER).unwrap_or_default();
        if let Some(own) = own.strip_prefix("consumer.") {
            return Some((format!("{WORKER}{own}"), value));
        }
        if ["key.converter", "value.converter", "header.converter"]
            .iter()
            .any(|it| own.starts_with(it))
        {
            return Some((own.to_owned(), value));
        }
        let login = ["bootstrap.servers", "security.", "sasl.", "ssl."];
        login.iter().any(|it| own.starts_with(it)).then_some((key, value))
    });
    keys.extend(kept);
    Ok(keys)
}

/// Gives connectors what their workers say.
pub(super) fn join(held: &mut Held) {
    let workers = std::mem::take(&mut held.workers);
    let alone = if let [worker] = workers.as_slice() { Some(worker) } else { None };
    let mut used = Vec::new();
    for (place, given) in held.connectors.iter_mut().enumerate() {
        if given.has("source.cluster.alias") {
            continue;
        }
        let worker = match held.clusters.get(&place) {
            Some(name) => workers.iter().find(|worker| worker.name == *name),
            None => alone,
        };
        if let Some(worker) = worker {
            given.add(&worker.keys);
            used.push(worker.name.as_str());
        }
    }
    let rest = workers.iter().filter(|worker| !used.contains(&worker.name.as_str()));
    for Worker { kind, name, .. } in rest {
        let connector = if kind == "Connect" { "Connector" } else { "KafkaConnector" };
        let text = format!(
            "is what connectors run on, and holds none: give the `{connector}`, and this beside it, after a line `---`, for its brokers"
        );
        held.refused.push(Note::new(format!("{kind}/{name}"), text));
    }
}

/// How a client of Strimzi reaches Kafka, as Java's client has it.
pub(super) fn client(
    prefix: &str,
    of: &Map<String, Value>,
    keys: &mut BTreeMap<String, String>,
) -> Result<(), ImportError> {
    let mut say = |key: &str, value: String| {
        keys.insert(format!("{prefix}{key}"), value);
    };
    if let Some(Value::Object(config)) = of.get("config") {
        for (key, value) in flat(config.clone())? {
            say(&key, value);
        }
    }
    if let Some(brokers) = text(of, &["bootstrapServers"]) {
        say("bootstrap.servers", brokers);
    }
    let tls = of.get("tls").filter(|tls| !tls.is_null());
    let is_trusted = |tls: &Value| {
        tls.get("trustedCertificates").and_then(Value::as_array).is_some_and(|it| !it.is_empty())
    };
    if tls.is_some_and(is_trusted) {
        say("ssl.truststore.certificates", String::from("PEM"));
    }
    let none = Map::new();
    let authentication = of.get("authentication").and_then(Value::as_object).unwrap_or(&none);
    for (key, value) in login(authentication)? {
        say(&key, value);
    }
    let sasl = match text(authentication, &["type"]).unwrap_or_default().as_str() {
        "" | "tls" => false,
        "custom" => text(authentication, &["sasl"]).is_none_or(|sasl| sasl == "true"),
        _ => true,
    };
    let protocol = match (sasl, tls.is_some()) {
        (false, false) => "PLAINTEXT",
        (false, true) => "SSL",
        (true, false) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    };
    say("security.protocol", protocol.to_owned());
    Ok(())
}

/// What shows who it is; secrets are in resources of their own.
fn login(by: &Map<String, Value>) -> Result<Vec<(String, String)>, ImportError> {
    let key = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let option = |from: &str, name: &str| {
        let value = text(by, &[from]).map(|it| it.replace('"', "\\\""));
        value.map(|value| format!(" {name}=\"{value}\"")).unwrap_or_default()
    };
    let line =
        |options: String| ("sasl.jaas.config".to_owned(), format!("Login required{options};"));
    Ok(match text(by, &["type"]).unwrap_or_default().as_str() {
        "" => Vec::new(),
        "tls" => vec![key("ssl.keystore.certificate.chain", "PEM")],
        "custom" => {
            let config = by.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
            flat(config)?.into_iter().collect()
        }
        "oauth" => {
            let options = option("clientId", "clientId") + &option("scope", "scope");
            let endpoint = text(by, &["tokenEndpointUri"]);
            let endpoint = endpoint.map(|it| key("sasl.oauthbearer.token.endpoint.url", &it));
            let mechanism = key("sasl.mechanism", "OAUTHBEARER");
            endpoint.into_iter().chain([mechanism, line(options)]).collect()
        }
        password => vec![
            key("sasl.mechanism", &password.to_uppercase()),
            line(option("username", "username")),
        ],
    })
}
