//! The last events, for people: bodies and long texts are shortened.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use eventhubs_local::{Event, Hub, NamespaceView, Partition, Value};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json, json};

use super::Control;
use super::answer::{self, Problem};

const DEFAULT_LAST: usize = 10;
const MAX_LAST: usize = 1_000;
/// Characters or bytes of a body or a value that are shown.
const SHOWN: usize = 256;
const KNOWN: [&str; 4] = ["namespace", "hub", "partition", "last"];

#[derive(Debug)]
struct Query {
    namespace: Option<String>,
    hub: Option<String>,
    partition: Option<u32>,
    last: usize,
}

impl Query {
    fn read(text: &str) -> Result<Self, Problem> {
        let mut query = Self { namespace: None, hub: None, partition: None, last: DEFAULT_LAST };
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            let number = || {
                let number = value.parse::<u32>();
                number.map_err(|_| Problem::new(format!("`{key}`: `{value}` is not a number")))
            };
            match key {
                "namespace" => query.namespace = Some(value),
                "hub" => query.hub = Some(value),
                "partition" => query.partition = Some(number()?),
                "last" => query.last = (number()? as usize).min(MAX_LAST),
                _ => return Err(Problem::knowing(format!("no parameter `{key}`"), KNOWN)),
            }
        }
        Ok(query)
    }
}

pub(super) async fn get(
    State(control): State<Arc<Control>>,
    RawQuery(query): RawQuery,
) -> Response {
    match events(&control, query.as_deref().unwrap_or_default()) {
        Ok(events) => answer::json(StatusCode::OK, &events),
        Err(problem) => problem.into_response(),
    }
}

fn events(control: &Control, query: &str) -> Result<Vec<Json>, Problem> {
    let query = Query::read(query)?;
    let namespaces = match &query.namespace {
        Some(name) => vec![answer::namespace(&control.server, Some(name))?],
        None if query.hub.is_some() => vec![control.server.default_namespace()],
        None => control.server.namespaces(),
    };
    if let Some(hub) = &query.hub {
        answer::check_place(namespaces[0], hub, query.partition)?;
    } else if query.partition.is_some() {
        return Err(Problem::new("`partition` needs `hub`"));
    }
    let mut found = Vec::new();
    for namespace in namespaces {
        let wanted = |hub: &&Arc<Hub>| {
            query.hub.as_ref().is_none_or(|name| hub.name().eq_ignore_ascii_case(name))
        };
        for hub in namespace.hubs().iter().filter(wanted) {
            let of = |it: &&Partition| query.partition.is_none_or(|id| id == it.id());
            for partition in hub.partitions().iter().filter(of) {
                let from = partition.next_sequence() - query.last as i64;
                let events = partition.events_from(from);
                found.extend(
                    events
                        .map(|event| (event.enqueued_ms(), namespace, hub, partition.id(), event)),
                );
            }
        }
    }
    // The newest of all places, oldest first.
    found.sort_by_key(|(enqueued, ..)| *enqueued);
    let skipped = found.len().saturating_sub(query.last);
    let shown = found.into_iter().skip(skipped);
    Ok(shown.map(|(_, namespace, hub, id, event)| describe(namespace, hub, id, &event)).collect())
}

fn describe(namespace: NamespaceView<'_>, hub: &Hub, partition: u32, event: &Event) -> Json {
    json!({
        "namespace": namespace.name(),
        "hub": hub.name(),
        "partition": partition,
        "sequence": event.sequence(),
        "offset": event.offset(),
        "enqueued_ms": event.enqueued_ms(),
        "partition_key": event.partition_key().map(shorten),
        "message_id": event.message_id().map(shorten),
        "content_type": event.content_type().as_deref().map(shorten),
        "properties": pairs(event.application_properties()),
        "annotations": pairs(event.annotations()),
        "body": event.body().map(|body| bytes(&body)),
    })
}

fn pairs(pairs: Vec<(String, Value)>) -> Json {
    pairs.iter().map(|(key, value)| (shorten(key), plain(value))).collect::<Map<_, _>>().into()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Text as it is, other bytes in hexadecimal, and how many there are.
fn bytes(bytes: &[u8]) -> Json {
    let size = bytes.len();
    if let Ok(text) = std::str::from_utf8(bytes) {
        return json!({"size": size, "text": shorten(text)});
    }
    let shown = &bytes[..size.min(SHOWN)];
    let hex = shown.iter().fold(String::with_capacity(2 * SHOWN), |mut hex, byte| {
        // Writing to a string does not fail.
        let _written = write!(hex, "{byte:02x}").is_ok();
        hex
    });
    json!({"size": size, "hex": hex})
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Double(value) => json!(value),
        Value::Ulong(value) => json!(value),
        Value::String(text) | Value::Symbol(text) => json!(shorten(text)),
        Value::Binary(value) => bytes(value),
        Value::Timestamp(millis) => json!(millis),
        other => match other.as_i64() {
            Some(number) => json!(number),
            None => json!(shorten(&format!("{other:?}"))),
        },
    }
}
