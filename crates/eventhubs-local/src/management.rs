//! `$management`: properties of hubs and partitions.

use crate::auth::Grants;
use crate::codec::value::Value;
use crate::condition::Condition;
use crate::hub::{Hub, now_ms};
use crate::namespace::Namespace;
use crate::request::{Reply, Request};

/// 0001-01-01, by which clients know "never".
const NEVER_MS: i64 = -62_135_596_800_000;

const HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";

pub(crate) fn answer(namespace: &Namespace, grants: &Grants, request: &Request) -> Reply {
    if request.text("operation") != Some("READ") {
        let text = "The operation is not supported.";
        return Reply::refused(501, &Condition::new("amqp:not-implemented", text));
    }
    let name = request.text("name").unwrap_or_default();
    if !permitted(namespace, grants, name, request) {
        let text = "Unauthorized access. 'Listen' claim(s) are required to perform this operation.";
        return Reply::refused(401, &Condition::unauthorized(text));
    }
    let Some(hub) = namespace.hub(name) else {
        return Reply::refused(404, &Condition::not_found(name));
    };
    match request.text("type") {
        Some(HUB) => Reply::ok(hub_properties(hub)),
        Some(PARTITION) => {
            let id = request.text("partition").and_then(|id| id.parse().ok());
            match id.and_then(|id| partition_properties(hub, id)) {
                Some(properties) => Reply::ok(properties),
                None => Reply::refused(400, &Condition::invalid_partition()),
            }
        }
        _ => {
            let text = "The entity type is not known.";
            Reply::refused(400, &Condition::new("com.microsoft:argument-error", text))
        }
    }
}

/// A client may put a token first, or carry it in the request.
fn permitted(namespace: &Namespace, grants: &Grants, hub: &str, request: &Request) -> bool {
    let now = now_ms();
    let carried = || {
        let token = request.text("security_token")?;
        let scope = namespace.keys.check("", token, now).ok()?;
        Grants::new(true, true).put(hub, &scope).ok()
    };
    grants.allow(hub, now)
        || grants.allow(&format!("{hub}/$management"), now)
        || carried().is_some()
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    let pairs = entries.into_iter().map(|(key, value)| (Value::String(key.into()), value));
    Value::Map(pairs.collect())
}

fn text(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn hub_properties(hub: &Hub) -> Value {
    let ids = hub.partitions().iter().map(|partition| text(partition.id().to_string())).collect();
    map(vec![
        ("name", text(hub.name())),
        ("type", text(HUB)),
        ("created_at", Value::Timestamp(hub.created_ms)),
        ("partition_count", Value::Int(hub.partitions().len() as i32)),
        ("partition_ids", Value::Array(ids)),
        ("georeplication_factor", Value::Int(1)),
    ])
}

fn partition_properties(hub: &Hub, id: u32) -> Option<Value> {
    let partition = hub.find(id)?;
    let (first, newest) = partition.with_log(|log| (log.first_sequence(), log.newest()));
    let newest_or =
        |value: i64, of: fn(&crate::log::Newest) -> i64| newest.as_ref().map_or(value, of);
    Some(map(vec![
        ("name", text(hub.name())),
        ("type", text(PARTITION)),
        ("partition", text(id.to_string())),
        ("begin_sequence_number", Value::Long(first)),
        ("begin_sequence_number_epoch", Value::Int(-1)),
        ("last_enqueued_sequence_number", Value::Long(newest_or(-1, |newest| newest.sequence))),
        ("last_enqueued_sequence_number_epoch", Value::Int(-1)),
        ("last_enqueued_offset", text(newest_or(-1, |newest| newest.offset).to_string())),
        (
            "last_enqueued_time_utc",
            Value::Timestamp(newest_or(NEVER_MS, |newest| newest.enqueued_ms)),
        ),
        ("is_partition_empty", Value::Bool(newest.is_none_or(|newest| newest.sequence < first))),
        ("runtime_info_retrieval_time_utc", Value::Timestamp(now_ms())),
    ]))
}
