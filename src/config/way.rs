//! The way to a namespace: over what, through what, trusting whom.

use std::path::PathBuf;

use super::Secret;

/// How a namespace is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// What AMQP travels in.
    pub protocol: Protocol,
    /// Where to connect instead of the namespace's own name and port.
    pub endpoint: Option<Endpoint>,
    /// What is in between.
    pub proxy: Proxy,
    /// Who is trusted, and who we are.
    pub tls: Tls,
}

/// What AMQP travels in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, on port 5671.
    #[default]
    Amqp,
    /// WebSocket, on port 443.
    WebSocket,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address; an IPv6 address stands in brackets.
    pub host: String,
    /// TCP port, if not the usual one.
    pub port: Option<u16>,
}

/// What is between us and the namespace, or the issuer of its tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// What `HTTPS_PROXY` and `NO_PROXY` say, for WebSocket and for requests for tokens.
    #[default]
    Environment,
    /// Nothing.
    None,
    /// The HTTP proxy at this URL, which may hold a password.
    At(Secret),
}

/// Certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Authorities trusted beside the platform's own, in PEM.
    pub ca_file: Option<PathBuf>,
    /// What we show when asked who we are.
    pub identity: Option<ClientCertificate>,
}

/// A certificate of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate and those that lead to an authority, in PEM.
    pub certificate_file: PathBuf,
    /// Its private key, in PEM.
    pub key_file: PathBuf,
}
