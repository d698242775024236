//! Export by OTLP, over HTTP: what `/metrics` shows, sent to a collector now and then; and spans of the sends whose batches carry
//! traces.
//!
//! All of it is on a thread of its own, so that no collector can hold a record up: every request has a deadline, what
//! cannot be delivered is counted and given up, and the end waits for [`FLUSH`] at most. Without `[otlp] endpoint` there is
//! no thread.
//!
//! Requests are made of the messages that OpenTelemetry publishes (`opentelemetry-proto`). Its SDK is not used: it takes no
//! metrics that another registry has counted.

mod sender;
mod span;
mod traces;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::config::Otlp;
use crate::metrics::{Metrics, OtlpSignal};
use sender::{Rejected, Sender};
use traces::Traces;

pub use span::{Destination, SendSpan};
pub use traces::Spans;

/// How long the end waits for a last delivery.
const FLUSH: Duration = Duration::from_secs(2);

/// The thread that exports; it ends with this.
#[derive(Debug)]
pub struct Exporter {
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    spans: Option<Spans>,
}

impl Exporter {
    /// Begins to export as `settings` say. `host` is the name of the machine, if it is known.
    pub fn start(settings: &Otlp, metrics: &Arc<Metrics>, host: Option<&str>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(());
        let resource = resource(settings, host);
        let values = settings.metrics.map(|every| {
            metrics.exports(OtlpSignal::Metrics);
            let sender = Sender::new(OtlpSignal::Metrics, settings, Arc::clone(metrics));
            Values { sender, metrics: Arc::clone(metrics), resource: resource.clone(), every }
        });
        let spans = settings.traces.map(|ratio| Spans::new(Arc::clone(metrics), ratio));
        let traces = spans.clone().map(|spans| {
            metrics.exports(OtlpSignal::Traces);
            let sender = Sender::new(OtlpSignal::Traces, settings, Arc::clone(metrics));
            Traces { sender, spans, resource, under_way: Vec::new() }
        });
        let (metrics, traced) = (values.is_some(), traces.is_some());
        tracing::info!(name: "otlp_started", endpoint = settings.endpoint, metrics, traces = traced, "exports to a collector");
        let thread = std::thread::Builder::new().name("otlp".to_owned()).spawn(move || {
            let values = async {
                if let Some(values) = values {
                    values.run(stopped.clone()).await;
                }
            };
            let traces = async {
                if let Some(traces) = traces {
                    traces.run(stopped.clone()).await;
                }
            };
            runtime.block_on(async { tokio::join!(values, traces) });
            // A file that hangs holds nobody up.
            runtime.shutdown_background();
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread), spans })
    }

    /// Where sends are told of, if they are exported.
    pub fn spans(&self) -> Option<Spans> {
        self.spans.clone()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Exports the metrics.
struct Values {
    sender: Sender,
    metrics: Arc<Metrics>,
    resource: Resource,
    every: Duration,
}

impl Values {
    async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let turn = async {
                ticks.tick().await;
                self.export().await;
            };
            tokio::select! {
                biased;
                // A dropped sender is the end, too.
                _ = stopped.changed() => break,
                () = turn => {}
            }
        }
        // Nothing is said of what the end cuts short: the process ends as it should.
        drop(tokio::time::timeout(FLUSH, self.export()).await);
    }

    /// One attempt: what is not delivered is in the next, since counters are not reset.
    async fn export(&mut self) {
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(scope()),
                    metrics: self.metrics.as_otlp(SystemTime::now()),
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        let rejected = |answer: ExportMetricsServiceResponse| {
            let it = answer.partial_success?;
            Some(Rejected { count: it.rejected_data_points, why: it.error_message })
        };
        // What failed was told and counted.
        drop(self.sender.send(&request, rejected).await);
    }
}

/// Who exports.
fn resource(settings: &Otlp, host: Option<&str>) -> Resource {
    let own = [
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        // Two processes must not have one.
        ("service.instance.id", host.map_or_else(random_id, str::to_owned)),
    ];
    let said = |name: &str| settings.resource.iter().any(|(known, _)| known == name);
    let own = own.into_iter().filter(|(name, _)| !said(name));
    let own = own.map(|(name, value)| text(name, &value)).collect::<Vec<_>>();
    let theirs = settings.resource.iter().map(|(name, value)| text(name, value));
    Resource { attributes: theirs.chain(own).collect(), ..Resource::default() }
}

fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: Otlp::SERVICE.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn text(name: &str, value: &str) -> KeyValue {
    attribute(name, any_value::Value::StringValue(value.to_owned()))
}

fn attribute(name: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

#[cfg(test)]
mod tests;
