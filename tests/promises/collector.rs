//! A collector of OpenTelemetry, as far as it listens: what it was sent, read with the messages OpenTelemetry publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use stage::authority::Certificate;
use stage::https;

/// What it has heard.
#[derive(Debug, Default, Clone)]
pub(crate) struct Heard {
    pub(crate) spans: Vec<Span>,
    /// The last values, as `/metrics` writes them, without buckets.
    pub(crate) lines: BTreeSet<String>,
    /// What the last request said of its sender.
    pub(crate) resource: BTreeMap<String, String>,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    heard: Arc<Mutex<Heard>>,
    token: Arc<str>,
}

impl Collector {
    /// One that wants this token; and where it listens with TLS.
    pub(crate) fn start(token: &str, certificate: &Certificate) -> (Self, SocketAddr) {
        let collector = Self { heard: Arc::default(), token: token.into() };
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(collector.clone());
        let (address, _) = https::serve(router, certificate);
        (collector, address)
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        said("authorization") == Some(&format!("Bearer {}", self.token))
            && said("content-type") == Some("application/x-protobuf")
    }

    fn hear(&self, hear: impl FnOnce(&mut Heard)) -> StatusCode {
        hear(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        StatusCode::OK
    }
}

async fn traces(collector: State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !collector.lets_in(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
    let spans = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
    collector.hear(|heard| heard.spans.extend(spans.flat_map(|it| it.spans)))
}

async fn metrics(collector: State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !collector.lets_in(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    let request = ExportMetricsServiceRequest::decode(body).expect("OTLP");
    collector.hear(|heard| {
        heard.lines.clear();
        for all in request.resource_metrics {
            heard.resource = texts(&all.resource.expect("who sends").attributes);
            for metric in all.scope_metrics.into_iter().flat_map(|it| it.metrics) {
                heard.lines.extend(lines(&metric.name, metric.data.expect("it has values")));
            }
        }
    })
}

/// Attributes that are text or numbers.
pub(crate) fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |it: &KeyValue| match it.value.as_ref().and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => (it.key.clone(), text.clone()),
        Some(Value::IntValue(number)) => (it.key.clone(), number.to_string()),
        other => panic!("{}: {other:?}", it.key),
    };
    attributes.iter().map(text).collect()
}

fn lines(name: &str, data: Data) -> Vec<String> {
    let line = |name: String, attributes: &[KeyValue], value: f64| {
        let labels = texts(attributes).into_iter().map(|(name, it)| format!("{name}=\"{it}\""));
        let labels = labels.collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        format!("{name}{labels} {value}")
    };
    match data {
        Data::Histogram(histogram) => {
            let points = histogram.data_points.iter();
            let both = points.flat_map(|it| {
                let sum = line(format!("{name}_sum"), &it.attributes, it.sum.unwrap_or_default());
                [sum, line(format!("{name}_count"), &it.attributes, it.count as f64)]
            });
            both.collect()
        }
        Data::Gauge(_) | Data::Sum(_) => {
            let points = match data {
                Data::Gauge(gauge) => gauge.data_points,
                Data::Sum(sum) => sum.data_points,
                _ => Vec::new(),
            };
            let value = |it: &number_data_point::Value| match it {
                number_data_point::Value::AsDouble(value) => *value,
                number_data_point::Value::AsInt(value) => *value as f64,
            };
            let points = points.iter().map(|it| {
                line(name.to_owned(), &it.attributes, it.value.as_ref().map_or(f64::NAN, value))
            });
            points.collect()
        }
        other => panic!("{name}: {other:?}"),
    }
}
