//! `$management`: properties of hubs and partitions.

use amqp::value::Value;

use crate::auth::{Grants, Right};
use crate::condition::Condition;
use crate::faults::Site;
use crate::hub::{Hub, now_ms};
use crate::namespace::Namespace;
use crate::request::{Reply, Request};

/// 0001-01-01, by which clients know "never".
const NEVER_MS: i64 = -62_135_596_800_000;

const HUB: &str = "com.microsoft:eventhub";
const PARTITION: &str = "com.microsoft:partition";

pub(crate) fn answer(
    namespace: &Namespace,
    connection: u64,
    grants: &Grants,
    request: &Request,
) -> Reply {
    if request.text("operation") != Some("READ") {
        let text = "The operation is not supported.";
        return Reply::refused(501, &Condition::new("amqp:not-implemented", text));
    }
    let Some(name) = request.text("name") else {
        return Reply::refused(400, &argument("The name of an event hub is needed."));
    };
    let partition = request.text("partition").and_then(|id| id.parse().ok());
    let site = Site { connection, hub: Some(name), partition, link: None };
    if let Some((status, condition)) = namespace.faults.read(site) {
        return Reply::refused(status, &condition);
    }
    if !permitted(namespace, grants, name, request) {
        return Reply::refused(401, &Right::Any.missing(&format!("sb://{name}")));
    }
    let Some(hub) = namespace.hub(name) else {
        return Reply::refused(404, &Condition::not_found(name));
    };
    match request.text("type") {
        Some(HUB) => Reply::ok(hub_properties(hub)),
        Some(PARTITION) => match partition.and_then(|id| partition_properties(hub, id)) {
            Some(properties) => Reply::ok(properties),
            None => Reply::refused(400, &Condition::invalid_partition()),
        },
        _ => Reply::refused(400, &argument("The entity type is not known.")),
    }
}

fn argument(text: &'static str) -> Condition {
    Condition::new("com.microsoft:argument-error", text)
}

/// A client may put a token first, or carry it in the request.
fn permitted(namespace: &Namespace, grants: &Grants, hub: &str, request: &Request) -> bool {
    let now = now_ms();
    let carried = || {
        let token = request.text("security_token")?;
        let scope = namespace.keys.check(token, now).ok()?;
        let mut carried = Grants::new(true, true);
        carried.put(hub, scope).ok()?;
        carried.allow(hub, Right::Any, now).then_some(())
    };
    grants.allow(hub, Right::Any, now)
        || grants.allow(&format!("{hub}/$management"), Right::Any, now)
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
