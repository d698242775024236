//! TLS on top of a stream. What it may be and whom it trusts is decided in [`crate::tls`].

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::Tls;

use super::line::SwitchedStream;

/// Encrypts the stream to a peer that proves to be `host`.
pub(super) async fn connect(
    host: &str,
    tls: &Tls,
    tcp: SwitchedStream,
) -> io::Result<TlsStream<SwitchedStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let settings = crate::tls::client(tls).await?;
    TlsConnector::from(Arc::new(settings)).connect(name, tcp).await
}
