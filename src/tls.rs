//! TLS of every connection the bridge opens: which versions and ciphers, and whom it trusts.
//!
//! TLS 1.3 and 1.2, the latter with forward secrecy and authenticated encryption only. To Event Hubs and to issuers of
//! tokens this is rustls; the client of Kafka brings OpenSSL along, and is told the same by name. Authorities and
//! certificates are read at every call: they may change under a process that runs for months.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, SupportedCipherSuite};
use rustls_platform_verifier::Verifier;

use crate::config::Tls;

/// The suites of TLS 1.2, best first, as OpenSSL names them. None of them exists in an older version, so that whoever
/// has only these speaks nothing older.
pub const TLS12_OPENSSL: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:\
                                 ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:\
                                 ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305";

/// The suites of TLS 1.3, which OpenSSL has by itself, and those of TLS 1.2, both best first.
fn suites() -> Vec<SupportedCipherSuite> {
    use aws_lc_rs::cipher_suite as suite;
    vec![
        suite::TLS13_AES_256_GCM_SHA384,
        suite::TLS13_AES_128_GCM_SHA256,
        suite::TLS13_CHACHA20_POLY1305_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
}

/// A client that trusts the platform's authorities and those of `tls`, and shows the certificate of `tls`, if any.
///
/// Files may be on a network, and hang; the caller bounds the time.
pub async fn client(tls: &Tls) -> io::Result<ClientConfig> {
    let tls = tls.clone();
    let read = tokio::task::spawn_blocking(move || settings(&tls));
    read.await.map_err(io::Error::other)?
}

fn settings(tls: &Tls) -> io::Result<ClientConfig> {
    let provider =
        Arc::new(CryptoProvider { cipher_suites: suites(), ..aws_lc_rs::default_provider() });
    let extra = tls.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), certificates)?;
    let verifier =
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_libraries_have_the_same_suites_in_the_same_order() {
        let ours = suites();
        let names: Vec<_> = ours.iter().map(|suite| format!("{:?}", suite.suite())).collect();
        let (newest, older): (Vec<_>, Vec<_>) =
            names.into_iter().partition(|name| name.starts_with("TLS13_"));
        assert_eq!(newest.len(), 3);
        // `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` is `ECDHE-RSA-AES256-GCM-SHA384`.
        let renamed = older.iter().map(|name| {
            let name = name.trim_start_matches("TLS_").replace("_WITH", "").replace('_', "-");
            name.replace("AES-", "AES").replace("POLY1305-SHA256", "POLY1305")
        });
        assert_eq!(renamed.collect::<Vec<_>>().join(":"), TLS12_OPENSSL);
    }
}
