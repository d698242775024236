//! `[otlp]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Duration, Ratio};

/// Export of metrics and spans by OTLP (OpenTelemetry), over HTTP. Off without an `endpoint`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Otlp {
    /// The URL of a collector. `/v1/metrics` and `/v1/traces` are appended.
    #[schemars(extend("examples" = ["http://otel-collector:4318", "https://otlp.example.com/otlp"]))]
    pub(in crate::config) endpoint: Option<String>,
    /// File with headers of each request, one `name: value` in each line: a token, a tenant. It is read again for each request.
    pub(in crate::config) headers_file: Option<String>,
    /// Authorities to trust besides those of the system, in PEM; read again every ten minutes, like the files below.
    pub(in crate::config) ca_file: Option<String>,
    /// The client certificate (mTLS), in PEM with its chain.
    pub(in crate::config) certificate_file: Option<String>,
    /// The private key of that certificate, in PEM.
    pub(in crate::config) key_file: Option<String>,
    /// Time limit for one request, 100ms to 1m.
    #[schemars(extend("default" = "10s"))]
    pub(in crate::config) timeout: Option<Duration>,
    /// Whether metrics are exported: the families of `/metrics`.
    #[schemars(extend("default" = true))]
    pub(in crate::config) metrics: Option<bool>,
    /// How often, 1s to 1h.
    #[schemars(extend("default" = "60s"))]
    pub(in crate::config) metrics_interval: Option<Duration>,
    /// Whether sends are exported as spans, with links to the traces of their records: of batches that carry a sampled
    /// `traceparent`.
    #[schemars(extend("default" = true))]
    pub(in crate::config) traces: Option<bool>,
    /// The fraction of sampled traces that is exported, 0 to 1, chosen by the id of the trace.
    #[schemars(extend("default" = 1.0))]
    pub(in crate::config) trace_ratio: Option<Ratio>,
    /// Name of this bridge: `service.name`.
    #[schemars(extend("default" = "kafka-eventhubs-bridge"))]
    pub(in crate::config) service_name: Option<String>,
    /// Further attributes, in the form of `OTEL_RESOURCE_ATTRIBUTES`: `name=value`, comma separated.
    #[schemars(extend("examples" = ["deployment.environment.name=production,service.namespace=orders"]))]
    pub(in crate::config) resource_attributes: Option<String>,
}
