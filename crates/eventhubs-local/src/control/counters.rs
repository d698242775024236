//! What hubs and partitions were given.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use eventhubs_local::{Counters, Hub};
use serde::Serialize;

use super::{Control, answer};

#[derive(Serialize)]
struct HubCounters<'a> {
    namespace: &'a str,
    name: &'a str,
    events: u64,
    deliveries: u64,
    bytes: u64,
    refused: u64,
    repeated: u64,
    partitions: Vec<PartitionCounters>,
}

#[derive(Serialize)]
struct PartitionCounters {
    id: u32,
    /// Events kept.
    retained: usize,
    next_sequence: i64,
    #[serde(flatten)]
    counters: Counters,
}

pub(super) async fn get(State(control): State<Arc<Control>>) -> Response {
    let mut hubs = Vec::new();
    for namespace in control.server.namespaces() {
        hubs.extend(namespace.hubs().iter().map(|hub| counters(namespace.name(), hub)));
    }
    answer::json(StatusCode::OK, &hubs)
}

fn counters<'a>(namespace: &'a str, hub: &'a Hub) -> HubCounters<'a> {
    let partitions: Vec<PartitionCounters> = hub
        .partitions()
        .iter()
        .map(|partition| PartitionCounters {
            id: partition.id(),
            retained: partition.len(),
            next_sequence: partition.next_sequence(),
            counters: partition.counters(),
        })
        .collect();
    let sum = |of: fn(&Counters) -> u64| partitions.iter().map(|p| of(&p.counters)).sum();
    HubCounters {
        namespace,
        name: hub.name(),
        events: sum(|counters| counters.events),
        deliveries: sum(|counters| counters.deliveries),
        bytes: sum(|counters| counters.bytes),
        refused: sum(|counters| counters.refused),
        repeated: sum(|counters| counters.repeated),
        partitions,
    }
}
