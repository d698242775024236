//! `[eventhubs.connection]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a namespace is reached.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Connection {
    /// The transport of AMQP: `amqp` is TCP to port 5671, `websocket` uses port 443.
    #[schemars(extend("default" = "amqp"))]
    pub(in crate::config) transport: Option<Transport>,
    /// Address to connect to instead of the name of the namespace, `host` or `host:port`: a private endpoint, a tunnel.
    #[schemars(extend("examples" = ["10.1.2.3", "tunnel:5671"]))]
    pub(in crate::config) address: Option<String>,
    /// An HTTP proxy that opens tunnels, `http://user:password@host:port`, or `none`; also for requests for tokens.
    /// By default `HTTPS_PROXY` and `NO_PROXY` apply to these requests and to `websocket`.
    pub(in crate::config) proxy: Option<String>,
    /// Authorities to trust besides those of the system, in PEM; also for requests for tokens.
    pub(in crate::config) ca_file: Option<String>,
    /// A client certificate with its chain, in PEM, for a server that requires one.
    pub(in crate::config) certificate_file: Option<String>,
    /// The private key of that certificate, in PEM.
    pub(in crate::config) key_file: Option<String>,
}

/// What AMQP travels in.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Transport {
    Amqp,
    Websocket,
}
