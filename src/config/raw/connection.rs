//! `[eventhubs.connection]`, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// How a namespace is reached.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Connection {
    /// What AMQP travels in: `amqp` is TCP to port 5671, `websocket` goes to port 443.
    #[schemars(extend("default" = "amqp"))]
    pub(in crate::config) transport: Option<Transport>,
    /// Where to connect instead of the namespace's own name, `host` or `host:port`: a private endpoint, a tunnel.
    #[schemars(extend("examples" = ["10.1.2.3", "tunnel:5671"]))]
    pub(in crate::config) address: Option<String>,
    /// An HTTP proxy that opens tunnels, `http://user:password@host:port`, or `none`; for requests for tokens, too.
    /// Without it, `HTTPS_PROXY` and `NO_PROXY` hold for those and for `websocket`.
    pub(in crate::config) proxy: Option<String>,
    /// Authorities trusted beside those of the system, in PEM; by requests for tokens, too.
    pub(in crate::config) ca_file: Option<String>,
    /// A client certificate, for a server that asks for one, in PEM, with those that lead to its authority.
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
