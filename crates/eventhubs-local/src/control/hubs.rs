//! Hubs over HTTP: created, grown, deleted.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use eventhubs_local::NamespaceView;
use serde::Deserialize;
use serde_json::json;

use super::Control;
use super::answer::{self, Problem};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    hub: String,
    partitions: u32,
    #[serde(default)]
    consumer_groups: Vec<String>,
}

/// The namespace that `[NAMESPACE/]NAME` is in, and the name.
fn place<'a>(control: &'a Control, path: &'a str) -> Result<(NamespaceView<'a>, &'a str), Problem> {
    let (namespace, name) = match path.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, path),
    };
    Ok((answer::namespace(&control.server, namespace)?, name))
}

/// Creates the hub when there is none of that name, else lets it grow.
fn change(control: &Control, body: &[u8]) -> Result<Response, Problem> {
    let wanted: Wanted = serde_json::from_slice(body).map_err(|error| {
        let example = "an object such as {\"hub\": \"orders\", \"partitions\": 8}";
        Problem::new(format!("{error}; wanted is {example}"))
    })?;
    let Wanted { hub, partitions, consumer_groups } = wanted;
    let (namespace, name) = place(control, &hub)?;
    let refused = |error: eventhubs_local::HubError| Problem::new(error.to_string());
    let known = namespace.hubs().iter().any(|it| it.name().eq_ignore_ascii_case(name));
    let (status, done) = if known {
        if !consumer_groups.is_empty() {
            return Err(Problem::new("`consumer_groups`: an existing hub keeps its own"));
        }
        namespace.grow_hub(name, partitions).map_err(refused)?;
        (StatusCode::OK, "grown")
    } else {
        namespace.create_hub(name, partitions, &consumer_groups).map_err(refused)?;
        (StatusCode::CREATED, "created")
    };
    Ok(answer::json(status, &json!({"done": done, "hub": hub, "partitions": partitions})))
}

fn end(control: &Control, path: &str) -> Result<Response, Problem> {
    let (namespace, name) = place(control, path)?;
    answer::check_place(namespace, name, None)?;
    namespace.delete_hub(name).map_err(|error| Problem::new(error.to_string()))?;
    Ok(answer::json(StatusCode::OK, &json!({"done": "deleted", "hub": path})))
}

pub(super) async fn make(State(control): State<Arc<Control>>, body: Bytes) -> Response {
    change(&control, &body).unwrap_or_else(IntoResponse::into_response)
}

pub(super) async fn delete(
    State(control): State<Arc<Control>>,
    Path(hub): Path<String>,
) -> Response {
    end(&control, &hub).unwrap_or_else(IntoResponse::into_response)
}
