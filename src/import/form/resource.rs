//! Resources of Kubernetes: connectors, and the workers they run on, as Strimzi and Confluent's operator have them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::strimzi::client;
use super::{FileContent, WORKER, connector, document, mirrors, text};
use crate::import::{ImportError, Remark};

/// A cluster of Connect.
pub(super) struct ConnectCluster {
    kind: String,
    name: String,
    /// What it says for its connectors.
    keys: BTreeMap<String, String>,
}

/// One resource, or a list of them.
pub(super) fn read(
    kind: &str,
    mut object: Map<String, Value>,
    held: &mut FileContent,
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
            held.workers.push(ConnectCluster { kind: kind.to_owned(), name, keys: of_worker(&spec)? });
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
    held: &mut FileContent,
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
pub(super) fn join(held: &mut FileContent) {
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
    for ConnectCluster { kind, name, .. } in rest {
        let connector = if kind == "Connect" { "Connector" } else { "KafkaConnector" };
        let text = format!(
            "is what connectors run on, and holds none: give the `{connector}`, and this beside it, after a line `---`, for its brokers"
        );
        held.refused.push(Remark::new(format!("{kind}/{name}"), text));
    }
}
