//! Answers as JSON, and what is wrong with a question.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use eventhubs_local::{NamespaceView, Server};
use serde::Serialize;
use serde_json::json;

pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    // Nothing here can fail to be written as JSON: text keys, numbers and strings.
    let text = serde_json::to_string(value).unwrap_or_default();
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}

/// What is wrong with a request; `known` is what would have been right.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) error: String,
    pub(super) known: Vec<String>,
}

impl Problem {
    pub(super) fn new(error: impl Into<String>) -> Self {
        Self { error: error.into(), known: Vec::new() }
    }

    pub(super) fn knowing(
        error: impl Into<String>,
        known: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self { error: error.into(), known: known.into_iter().map(Into::into).collect() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({"error": self.error});
        if !self.known.is_empty() {
            body["known"] = json!(self.known);
        }
        json(StatusCode::BAD_REQUEST, &body)
    }
}

/// The namespace of that name; the default without one.
pub(super) fn namespace<'a>(
    server: &'a Server,
    name: Option<&str>,
) -> Result<NamespaceView<'a>, Problem> {
    let Some(name) = name else { return Ok(server.default_namespace()) };
    let all = server.namespaces();
    all.iter().find(|it| it.name().eq_ignore_ascii_case(name)).copied().ok_or_else(|| {
        Problem::knowing(format!("no namespace `{name}`"), all.iter().map(NamespaceView::name))
    })
}

/// Says so when there is no such hub or partition.
pub(super) fn check_place(
    namespace: NamespaceView<'_>,
    hub: &str,
    partition: Option<u32>,
) -> Result<(), Problem> {
    let hubs = namespace.hubs();
    let found = hubs.iter().find(|it| it.name().eq_ignore_ascii_case(hub)).ok_or_else(|| {
        Problem::knowing(format!("no hub `{hub}`"), hubs.iter().map(|it| it.name()))
    })?;
    let count = found.partitions().len();
    match partition {
        Some(id) if id as usize >= count => {
            Err(Problem::new(format!("hub `{hub}` has partitions 0 to {}", count - 1)))
        }
        _ => Ok(()),
    }
}
