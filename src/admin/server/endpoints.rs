//! What each path answers: what only tells is here, what changes something in [`super::writes`].

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode, Uri};
use serde_json::{Value, json};

use crate::admin::response::{
    Response, json_of, only_read, parameter, refused, scraped, told, wrong_method,
};
use crate::admin::{Changes, page};
use crate::health::{Health, HealthReport, LastingTrouble, Trouble};
use crate::metrics::Metrics;

use super::Views;
use super::writes::{Guard, Order};

/// All there are, for who comes in by one door.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) views: Views,
    /// Before what changes something.
    pub(super) guard: Guard,
}

impl Endpoints {
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response {
        let uri = request.uri();
        let Some(order) = Order::at(uri.path()) else {
            return only_read(request.method(), self.read(uri).await);
        };
        if request.method() != Method::POST {
            return wrong_method("POST");
        }
        match self.guard.refuses(&request).await {
            Some(refusal) => refusal,
            None => order.obey(&self.views, uri).await,
        }
    }

    /// What a path tells, if it is one of those.
    async fn read(&self, uri: &Uri) -> Option<Response> {
        let Views { health, metrics, status, changes, .. } = &self.views;
        Some(match uri.path() {
            "/livez" => verdict(&health.live(Instant::now())),
            "/readyz" => verdict(&health.ready()),
            "/metrics" => scraped(measured(health, metrics)),
            "/status" => told(StatusCode::OK, status.text().await.to_string()),
            "/events" => events(changes, uri),
            path => return page::file(path),
        })
    }
}

/// `GET /events?since=N`
fn events(changes: &Changes, uri: &Uri) -> Response {
    match parameter(uri, "since").map_or(Ok(0), |since| since.parse()) {
        // Nothing in it is a key that is not text.
        Ok(since) => {
            told(StatusCode::OK, serde_json::to_string(&changes.since(since)).unwrap_or_default())
        }
        Err(_) => refused(StatusCode::BAD_REQUEST, "`since` is the number of an event"),
    }
}

/// 200 or 503, with the reasons, and with what is held while the rest runs.
fn verdict(verdict: &HealthReport) -> Response {
    let good = verdict.is_good();
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let down = verdict.down.iter().map(|(name, why)| json!({ "namespace": name, "detail": why }));
    let held = down.chain(verdict.held.iter().map(entry)).collect::<Vec<_>>();
    let body = json!({ "ok": good, "reasons": verdict.reasons, "held": held });
    json_of(status, format!("{body}\n"))
}

/// What is held, by its parts: which of them are there says what it is.
fn entry(held: &LastingTrouble) -> Value {
    let mut entry = match &held.what {
        Trouble::Hub { namespace, hub } => json!({ "namespace": **namespace, "hub": **hub }),
        Trouble::Delivery { namespace, hub } => {
            json!({ "namespace": **namespace, "hub": **hub, "state": "retrying" })
        }
        Trouble::Token { namespace, hub } => {
            json!({ "namespace": **namespace, "hub": **hub, "state": "token_ended" })
        }
        Trouble::Throttled(namespace) => {
            json!({ "namespace": **namespace, "state": "throttled" })
        }
        Trouble::Topic(topic) => json!({ "topic": **topic }),
        Trouble::DeadLetters(topic) => json!({ "dead_letter_topic": **topic }),
        Trouble::Place { topic, namespace, hub } => {
            json!({ "topic": **topic, "namespace": **namespace, "hub": **hub })
        }
        Trouble::Partition { topic, partition } => {
            json!({ "topic": **topic, "partition": partition })
        }
    };
    entry["detail"] = json!(held.detail);
    entry["seconds"] = json!(held.since.elapsed().as_secs());
    entry
}

/// All metrics, with those that only health knows.
fn measured(health: &Health, metrics: &Metrics) -> String {
    for (namespace, hub, unavailable) in health.hubs() {
        metrics.hub_unavailable(&namespace, &hub, unavailable);
    }
    for (topic, unavailable) in health.topics() {
        metrics.topic_unavailable(&topic, unavailable);
    }
    metrics.render()
}
