//! TLS 1.2 or 1.3 with the platform's authorities, those of a file beside them, and a certificate of our own if asked for.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::Tls;

/// Encrypts the stream to a peer that proves to be `host`.
pub(super) async fn connect(
    host: &str,
    tls: &Tls,
    tcp: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(settings(tls)?)).connect(name, tcp).await
}

fn settings(tls: &Tls) -> io::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let extra = tls.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), certificates)?;
    let verifier =
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some(identity) = &tls.identity else { return Ok(config.with_no_client_auth()) };
    let chain = certificates(&identity.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&identity.key_file)
        .map_err(|error| unusable(&identity.key_file, &error))?;
    config
        .with_client_auth_cert(chain, key)
        .map_err(|error| unusable(&identity.certificate_file, &error))
}

/// All certificates of a PEM file, of which there has to be one.
fn certificates(file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unusable(file, &error))?;
    if read.is_empty() { Err(unusable(file, &"no certificate in it")) } else { Ok(read) }
}

fn unusable(file: &Path, why: &dyn std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("`{}`: {why}", file.display()))
}
