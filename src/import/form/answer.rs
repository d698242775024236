//! What Connect's REST interface takes and gives, and what other services that run connectors do.

use serde_json::{Map, Value};

use super::{FileContent, WORKER, connector, text};
use crate::import::ImportError;

/// An object that is no resource of Kubernetes.
pub(super) fn read(
    mut object: Map<String, Value>,
    held: &mut FileContent,
) -> Result<(), ImportError> {
    if let Some((name, why)) = other(&object) {
        held.refuse(&name, why);
        return Ok(());
    }
    if let Some(Value::Object(config)) = object.remove("connectorConfiguration") {
        return msk(&object, config, held);
    }
    let name = text(&object, &["name"]);
    match object.remove("config") {
        // Beside it stand the name, and what Connect reports of a connector that runs: tasks and type.
        Some(Value::Object(config)) => connector(name, config, held),
        Some(_) => Err(ImportError::Unreadable("`config` is no object".to_owned())),
        None if is_expanded(&object) => expanded(object, held),
        None => connector(None, object, held),
    }
}

/// What is no configuration, and how to get one.
fn other(object: &Map<String, Value>) -> Option<(String, &'static str)> {
    const ASK: &str = "`GET /connectors/NAME` gives what is to be read";
    let has = |keys: &[&str]| keys.iter().all(|key| object.contains_key(*key));
    let name = || text(object, &["name"]).unwrap_or_else(|| "GET /connectors/NAME".to_owned());
    if has(&["services"]) {
        let why =
            "is a file of Docker Compose: give the connector, as `GET /connectors/NAME` gives it";
        return Some(("services".to_owned(), why));
    }
    if has(&["error_code", "message"]) {
        return Some((
            "error_code".to_owned(),
            "says that Connect answered with an error, not with a connector",
        ));
    }
    if has(&["error_count", "configs"]) {
        return Some((
            name(),
            "is checked by Connect in this answer, not shown: give what was sent to it",
        ));
    }
    if has(&["connector", "tasks"]) && !has(&["config"]) {
        return Some((
            name(),
            "has its status here, not its configuration: `GET /connectors/NAME` gives that",
        ));
    }
    if has(&["id", "config"]) {
        return Some((
            text(object, &["id", "connector"]).unwrap_or_else(name),
            "has a task here, not its configuration: `GET /connectors/NAME` gives that",
        ));
    }
    (has(&["offsets"]) && object.len() == 1).then(|| ("offsets".to_owned(), ASK))
}

/// Whether it is `GET /connectors?expand=…`.
fn is_expanded(object: &Map<String, Value>) -> bool {
    let one = |value: &Value| {
        value.as_object().is_some_and(|it| it.contains_key("info") || it.contains_key("status"))
    };
    !object.is_empty() && object.values().all(one)
}

fn expanded(object: Map<String, Value>, held: &mut FileContent) -> Result<(), ImportError> {
    for (name, mut value) in object {
        match value.get_mut("info").and_then(|info| info.get_mut("config")).map(Value::take) {
            Some(Value::Object(config)) => connector(Some(name), config, held)?,
            _ => held.refuse(
                &name,
                "has its status here, not its configuration: `GET /connectors?expand=info` gives that",
            ),
        }
    }
    Ok(())
}

/// MSK Connect, which says what Connect's worker would.
fn msk(
    object: &Map<String, Value>,
    mut config: Map<String, Value>,
    held: &mut FileContent,
) -> Result<(), ImportError> {
    let says = |key: &str, value: &str| text(object, &[key, value]);
    let brokers = text(object, &["kafkaCluster", "apacheKafkaCluster", "bootstrapServers"]);
    let iam =
        says("kafkaClusterClientAuthentication", "authenticationType").as_deref() == Some("IAM");
    let tls = says("kafkaClusterEncryptionInTransit", "encryptionType").as_deref() == Some("TLS");
    let mut say = |key: &str, value: &str| {
        config.entry(format!("{WORKER}{key}")).or_insert_with(|| Value::from(value));
    };
    if let Some(brokers) = brokers {
        say("bootstrap.servers", &brokers);
    }
    if iam {
        say("security.protocol", "SASL_SSL");
        say("sasl.mechanism", "AWS_MSK_IAM");
    } else if tls {
        say("security.protocol", "SSL");
    }
    connector(text(object, &["connectorName"]), config, held)
}
