//! The same counters as Prometheus reads them. They are taken when asked for, so nothing is counted twice.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::{
    Encoder, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

use super::Control;

const PLACE: &[&str] = &["namespace", "hub", "partition"];

pub(super) async fn get(State(control): State<Arc<Control>>) -> Response {
    match text(&control) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn text(control: &Control) -> prometheus::Result<Vec<u8>> {
    let registry = Registry::new();
    partitions(control, &registry)?;
    connections(control, &registry)?;
    let mut out = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut out)?;
    Ok(out)
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("eventhubs_local_{name}"), help)
}

fn partitions(control: &Control, registry: &Registry) -> prometheus::Result<()> {
    let counter = |name, help| {
        let counter = IntCounterVec::new(opts(name, help), PLACE)?;
        registry.register(Box::new(counter.clone()))?;
        Ok::<_, prometheus::Error>(counter)
    };
    let events = counter("events_total", "Events stored since the start.")?;
    let deliveries = counter("deliveries_total", "Deliveries stored; a batch is one.")?;
    let bytes = counter("payload_bytes_total", "Payload bytes stored.")?;
    let refused =
        counter("refused_deliveries_total", "Deliveries that were not accepted, or not answered.")?;
    let repeated = counter(
        "repeated_deliveries_total",
        "Deliveries of numbered events that were accepted and not stored again.",
    )?;
    let retained = IntGaugeVec::new(opts("retained_events", "Events in the log."), PLACE)?;
    registry.register(Box::new(retained.clone()))?;
    for namespace in control.server.namespaces() {
        for hub in namespace.hubs() {
            for partition in hub.partitions() {
                let id = partition.id().to_string();
                let place = [namespace.name(), hub.name(), &id];
                let counters = partition.counters();
                events.with_label_values(&place).inc_by(counters.events);
                deliveries.with_label_values(&place).inc_by(counters.deliveries);
                bytes.with_label_values(&place).inc_by(counters.bytes);
                refused.with_label_values(&place).inc_by(counters.refused);
                repeated.with_label_values(&place).inc_by(counters.repeated);
                retained.with_label_values(&place).set(partition.len() as i64);
            }
        }
    }
    Ok(())
}

fn connections(control: &Control, registry: &Registry) -> prometheus::Result<()> {
    let opened = IntCounter::with_opts(opts(
        "connections_opened_total",
        "Connections accepted since the start.",
    ))?;
    opened.inc_by(control.server.connections_opened());
    let open = IntGauge::with_opts(opts("connections", "Open connections."))?;
    let links = IntGaugeVec::new(
        opts("links", "Attached links, by what the client does on them."),
        &["client"],
    )?;
    let views = control.server.connections();
    open.set(views.len() as i64);
    for (client, sender) in [("sends", true), ("receives", false)] {
        let count = views.iter().flat_map(|view| &view.links).filter(|link| link.sender == sender);
        links.with_label_values(&[client]).set(count.count() as i64);
    }
    let faults = IntGauge::with_opts(opts("faults", "Active faults that were created over HTTP."))?;
    faults.set(control.lock_faults().in_force() as i64);
    registry.register(Box::new(opened))?;
    registry.register(Box::new(open))?;
    registry.register(Box::new(links))?;
    registry.register(Box::new(faults))
}
