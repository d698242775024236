//! Counters and connections over HTTP, as JSON.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use eventhubs_local::{Counters, Hub, Server};
use serde::Serialize;

#[derive(Serialize)]
struct HubCounters {
    name: String,
    events: u64,
    deliveries: u64,
    bytes: u64,
    refused: u64,
    partitions: Vec<PartitionCounters>,
}

#[derive(Serialize)]
struct PartitionCounters {
    id: u32,
    /// Events kept.
    retained: usize,
    #[serde(flatten)]
    counters: Counters,
}

/// Serves on `address`; gives the address it has.
pub(crate) async fn listen(address: &str, server: Arc<Server>) -> std::io::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let routes = Router::new()
        .route("/counters", get(counters))
        .route("/connections", get(connections))
        .with_state(server);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "control has ended");
        }
    });
    Ok(bound)
}

async fn counters(State(server): State<Arc<Server>>) -> impl IntoResponse {
    let hubs: Vec<HubCounters> = server.hubs().iter().map(|hub| hub_counters(hub)).collect();
    json(&hubs)
}

async fn connections(State(server): State<Arc<Server>>) -> impl IntoResponse {
    json(&server.connections())
}

fn hub_counters(hub: &Hub) -> HubCounters {
    let partitions: Vec<PartitionCounters> = hub
        .partitions()
        .iter()
        .map(|partition| PartitionCounters {
            id: partition.id(),
            retained: partition.len(),
            counters: partition.counters(),
        })
        .collect();
    let sum = |of: fn(&Counters) -> u64| partitions.iter().map(|p| of(&p.counters)).sum();
    HubCounters {
        name: hub.name().to_owned(),
        events: sum(|counters| counters.events),
        deliveries: sum(|counters| counters.deliveries),
        bytes: sum(|counters| counters.bytes),
        refused: sum(|counters| counters.refused),
        partitions,
    }
}

fn json<T: Serialize>(value: &T) -> impl IntoResponse + use<T> {
    // Nothing here can fail to be written as JSON: text keys, numbers and strings.
    let text = serde_json::to_string(value).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], text)
}
