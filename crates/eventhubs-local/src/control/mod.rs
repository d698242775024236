//! The control port: counters, connections, events and metrics to look at, faults to make, over HTTP.
//!
//! It has no login: bind it where only those reach it who may. Every answer but the metrics is JSON; an error says what
//! would have been right.

mod answer;
mod counters;
mod events;
mod faults;
mod hubs;
mod kinds;
mod metrics;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{delete, get, post};
use eventhubs_local::Server;
use serde_json::json;

/// No request is larger.
const MAX_BODY: usize = 64 * 1024;

const ENDPOINTS: &[(&str, &str)] = &[
    ("GET /counters", "what each hub and partition received since the start"),
    ("GET /connections", "open connections and their links"),
    ("GET /events", "the last events; `namespace`, `hub`, `partition` and `last` narrow it"),
    ("POST /hubs", "create a hub, or add partitions: {hub, partitions, consumer_groups}"),
    ("DELETE /hubs/{hub}", "delete a hub and its events; NAMESPACE/NAME for another namespace"),
    ("GET /faults", "the faults that were created here"),
    ("POST /faults", "create a fault: {kind, scope, times, …}"),
    ("DELETE /faults", "end all faults"),
    ("DELETE /faults/{id}", "end one fault"),
    ("GET /faults/kinds", "the kinds of faults, and the fields of each"),
    ("GET /metrics", "counters for Prometheus"),
];

/// What all requests share.
#[derive(Debug)]
struct Control {
    server: Arc<Server>,
    faults: Mutex<faults::Table>,
}

/// Serves on `address`; gives the address it has.
pub(crate) async fn listen(address: &str, server: Arc<Server>) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let control = Arc::new(Control { server, faults: Mutex::default() });
    let routes = Router::new()
        .route("/", get(endpoints))
        .route("/counters", get(counters::get))
        .route("/connections", get(connections))
        .route("/events", get(events::get))
        .route("/hubs", post(hubs::make))
        .route("/hubs/{*hub}", delete(hubs::delete))
        .route("/faults", get(faults::list).post(faults::make).delete(faults::clear))
        .route("/faults/kinds", get(faults::kinds))
        .route("/faults/{id}", delete(faults::end))
        .route("/metrics", get(metrics::get))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(control);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "control has ended");
        }
    });
    Ok(bound)
}

async fn endpoints() -> Response {
    let known =
        ENDPOINTS.iter().map(|(endpoint, what)| json!({"endpoint": endpoint, "what": what}));
    answer::json(StatusCode::OK, &known.collect::<Vec<_>>())
}

async fn unknown() -> Response {
    let known: Vec<_> = ENDPOINTS.iter().map(|(endpoint, _)| endpoint).collect();
    answer::json(StatusCode::NOT_FOUND, &json!({"error": "no such endpoint", "known": known}))
}

async fn connections(State(control): State<Arc<Control>>) -> Response {
    answer::json(StatusCode::OK, &control.server.connections())
}
