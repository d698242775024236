//! Strimzi's `KafkaMirrorMaker2`, as the connectors it makes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::strimzi::client;
use super::{FileContent, flat, scalar, text};
use crate::import::ImportError;
use crate::import::given::GivenKeys;

/// What Strimzi gives its workers, and nothing of the file says.
const CONVERTER: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";

type Object = Map<String, Value>;

/// Each mirror is a connector, named like a flow of the driver.
pub(super) fn read(named: &str, spec: &Object, held: &mut FileContent) -> Result<(), ImportError> {
    let mirrors = spec.get("mirrors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for mirror in mirrors.iter().filter_map(Value::as_object) {
        held.connectors.push(GivenKeys::new(one(named, spec, mirror)?));
    }
    if mirrors.is_empty() {
        held.refuse(named, "has no `spec.mirrors`");
    }
    Ok(())
}

fn one(
    named: &str,
    spec: &Object,
    mirror: &Object,
) -> Result<BTreeMap<String, String>, ImportError> {
    let mut keys = BTreeMap::new();
    let source = cluster(spec, mirror, "sourceCluster", mirror.get("source"));
    let target = cluster(spec, mirror, "targetCluster", spec.get("target"));
    let mut aliases = Vec::new();
    for (side, cluster) in [("source", source), ("target", target)] {
        let Some(cluster) = cluster else {
            let why = format!("`{named}` has a mirror whose {side} is none of its clusters");
            return Err(ImportError::Unreadable(why));
        };
        let alias = text(cluster, &["alias"]).unwrap_or_else(|| side.to_owned());
        client(&format!("{side}.cluster."), cluster, &mut keys)?;
        keys.insert(format!("{side}.cluster.alias"), alias.clone());
        aliases.push(alias);
    }
    let mut say = |key: &str, value: String| keys.insert(key.to_owned(), value);
    say("connector.class", "MirrorSourceConnector".to_owned());
    say("name", aliases.join("->"));
    say("key.converter", CONVERTER.to_owned());
    say("value.converter", CONVERTER.to_owned());
    for (key, from) in [
        ("topics", "topicsPattern"),
        ("topics.exclude", "topicsExcludePattern"),
        ("topics.exclude", "topicsBlacklistPattern"),
        ("groups", "groupsPattern"),
    ] {
        if let Some(value) = mirror.get(from).and_then(scalar) {
            say(key, value);
        }
    }
    for other in ["checkpointConnector", "heartbeatConnector"] {
        if mirror.contains_key(other) {
            say(other, String::new());
        }
    }
    let connector = mirror.get("sourceConnector").and_then(Value::as_object);
    if let Some(connector) = connector {
        if let Some(tasks) = text(connector, &["tasksMax"]) {
            say("tasks.max", tasks);
        }
        let config = connector.get("config").and_then(Value::as_object);
        keys.extend(flat(config.cloned().unwrap_or_default())?);
    }
    Ok(keys)
}

/// By its alias among the clusters, or where it is used, as later versions have it.
fn cluster<'a>(
    spec: &'a Object,
    mirror: &Object,
    named: &str,
    own: Option<&'a Value>,
) -> Option<&'a Object> {
    if let Some(own) = own.and_then(Value::as_object) {
        return Some(own);
    }
    let alias = text(mirror, &[named])?;
    let clusters = spec.get("clusters").and_then(Value::as_array)?;
    let mut clusters = clusters.iter().filter_map(Value::as_object);
    clusters.find(|cluster| text(cluster, &["alias"]).as_ref() == Some(&alias))
}
