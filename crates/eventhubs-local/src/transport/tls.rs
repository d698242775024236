//! The server's certificate: its owner's, or one made for the occasion.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

const DAY: Duration = Duration::from_hours(24);
/// Some platforms refuse a server's certificate that is valid for longer than 825 days.
const VALID_DAYS: u32 = 365;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Name a file that can be read.
    #[error("cannot read `{}`: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Correct the PEM, or the pair of certificate and key.
    #[error("the {what} cannot be used: {cause}")]
    Unusable {
        /// Which part it is.
        what: &'static str,
        /// What is wrong with it.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn unusable<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> TlsError {
    move |cause| TlsError::Unusable { what, cause: cause.into() }
}

/// The certificate and key a server shows, for `Builder::tls`.
///
/// ```
/// use eventhubs_local::{Server, Tls};
///
/// let tls = Tls::generate(&["localhost", "127.0.0.1"])?;
/// std::fs::write(std::env::temp_dir().join("eventhubs-local-ca.pem"), tls.ca_pem().unwrap())?;
/// let server = Server::builder().hub("orders", 4).tls(tls).start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
    ca: Option<Arc<str>>,
    config: Arc<ServerConfig>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Tls {
    /// A certificate chain (the server's own first) and its private key, both in PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(unusable("private key"))?;
        Self::new(chain, Arc::new(key), None, None)
    }

    /// The same from files.
    pub fn read(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        Self::from_pem(&file(chain.as_ref())?, &file(key.as_ref())?)
    }

    /// A new certificate for those names and addresses, signed by a new authority, which `ca_pem` gives so that
    /// clients can be told to trust it. It is valid for a year.
    pub fn generate(names: &[&str]) -> Result<Self, TlsError> {
        let failed = || unusable("generated certificate");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let from = rcgen::date_time_ymd(1970, 1, 1) + now.saturating_sub(DAY);
        let valid = |mut params: CertificateParams, name: &str| {
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = from;
            params.not_after = from + DAY * VALID_DAYS;
            params
        };
        let mut authority = valid(CertificateParams::default(), "eventhubs-local authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let signer = KeyPair::generate().map_err(failed())?;
        let ca = authority.self_signed(&signer).map_err(failed())?.pem();
        let issuer = Issuer::new(authority, signer);

        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let common = names.first().map_or("localhost", String::as_str).to_owned();
        let mut server = valid(CertificateParams::new(names).map_err(failed())?, &common);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(failed())?;
        let certificate = server.signed_by(&key, &issuer).map_err(failed())?;
        let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes());
        let private = Arc::new(private.map_err(unusable("generated certificate"))?);
        Self::new(vec![certificate.into()], private, Some(ca.into()), None)
    }

    /// Asks clients for a certificate signed by one of these authorities (PEM). A client with one may use SASL
    /// EXTERNAL and then needs no token; a client without one is served as before.
    pub fn trust_clients(self, authorities: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates(authorities)? {
            roots.add(authority).map_err(unusable("authority of the clients"))?;
        }
        Self::new(self.chain, self.key, self.ca, Some(roots))
    }

    /// The certificate of the authority, in PEM, when it was generated.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: Arc<PrivateKeyDer<'static>>,
        ca: Option<Arc<str>>,
        clients: Option<RootCertStore>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable("protocol"))?;
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(roots) => config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(unusable("authority of the clients"))?,
            ),
        };
        let config = config
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(unusable("certificate or its key"))?;
        Ok(Self { chain, key, ca, config: Arc::new(config) })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn file(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|cause| TlsError::Read { path: path.to_owned(), cause })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(unusable("certificate"))?;
    if all.is_empty() {
        return Err(unusable("certificate")("there is none in the PEM"));
    }
    Ok(all)
}
