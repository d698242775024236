//! A look at a broker's certificate, to say what is wrong with it.
//!
//! OpenSSL says "certificate verify failed" and keeps the reason for itself. So a handshake is made once more, by rustls,
//! which tells. Nothing is sent but that handshake, and it has an end.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::config::BrokerTls;

use super::security::read;

/// How long connecting, and each word of the handshake, may take.
const LIMIT: Duration = Duration::from_secs(2);

/// What is wrong with the certificate of the broker at `address`, and what to do; `None` if that cannot be seen.
pub(super) fn objection(address: &str, tls: &BrokerTls) -> Option<(String, String)> {
    let host = address.rsplit_once(':')?.0.trim_matches(['[', ']']);
    let error = shake_hands(address, host, tls).ok()?;
    explain(&error?, host, tls)
}

/// The certificate's part of a failed handshake.
fn shake_hands(address: &str, host: &str, tls: &BrokerTls) -> io::Result<Option<CertificateError>> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut session =
        ClientConnection::new(Arc::new(settings(tls)?), name).map_err(io::Error::other)?;
    let place = address.to_socket_addrs()?.next();
    let mut tcp = TcpStream::connect_timeout(&place.ok_or(io::ErrorKind::NotFound)?, LIMIT)?;
    tcp.set_read_timeout(Some(LIMIT))?;
    tcp.set_write_timeout(Some(LIMIT))?;
    let end = Instant::now() + LIMIT * 2;
    while session.is_handshaking() && Instant::now() < end {
        if let Err(error) = session.complete_io(&mut tcp) {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
            return match inner {
                Some(Error::InvalidCertificate(why)) => Ok(Some(why.clone())),
                _ => Err(error),
            };
        }
    }
    Ok(None)
}

fn settings(tls: &BrokerTls) -> io::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match &tls.ca_file {
        None => Arc::new(Verifier::new(Arc::clone(&provider)).map_err(io::Error::other)?),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            let text = read(path)?;
            let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
            let roots = Arc::new(roots);
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .map_err(io::Error::other)?
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// In words, with the key to mend.
fn explain(error: &CertificateError, host: &str, tls: &BrokerTls) -> Option<(String, String)> {
    use CertificateError as Wrong;
    let trusted = tls.ca_file.as_ref().map_or_else(
        || "the system trusts".to_owned(),
        |path| format!("`kafka.security.ca_file`, `{}`, holds", path.display()),
    );
    let told = match error {
        Wrong::Expired | Wrong::ExpiredContext { .. } => (
            "the broker's certificate has expired".to_owned(),
            "renew the broker's certificate".to_owned(),
        ),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => (
            "the broker's certificate is not valid yet".to_owned(),
            "compare the clock of this machine with the clock of the issuer".to_owned(),
        ),
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } if !tls.verify_host_name => {
            return None;
        }
        Wrong::NotValidForName => {
            (format!("the broker's certificate is not for `{host}`"), names())
        }
        Wrong::NotValidForNameContext { presented, .. } => (
            format!(
                "the broker's certificate is not for `{host}`, but for {}",
                presented.iter().map(|name| plain(name)).collect::<Vec<_>>().join(", ")
            ),
            names(),
        ),
        Wrong::UnknownIssuer | Wrong::BadSignature => (
            format!("the broker's certificate was issued by no authority that {trusted}"),
            "add the certificate of its authority to `kafka.security.ca_file`".to_owned(),
        ),
        other => (
            format!("the broker's certificate is not usable: {other}"),
            "renew the broker's certificate, or check the authorities in `kafka.security.ca_file`"
                .to_owned(),
        ),
    };
    Some(told)
}

/// `a.b` for `DnsName("a.b")`.
fn plain(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

fn names() -> String {
    "use the names of the brokers' certificates in `kafka.brokers` and in `advertised.listeners`, or set \
     `kafka.security.verify_host_name = false`"
        .to_owned()
}
