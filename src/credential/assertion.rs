//! What an application shows instead of a secret: a token of another issuer, or its own, signed with a certificate.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use rustls::{SignatureScheme, crypto};
use sha2::{Digest, Sha256};

use crate::config::Secret;

/// How long an assertion is good for; one is made for each token.
const VALIDITY: Duration = Duration::from_secs(300);

/// A token of another issuer.
#[derive(Debug)]
pub(super) struct Federated(Secret);

impl Federated {
    pub(super) fn new(token: String) -> Self {
        Self(Secret::new(token))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Federated {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose().to_owned())
    }
}

/// An assertion that is signed with the key of a certificate, as Entra wants it: PS256, the certificate by its SHA-256
/// and with its chain.
pub(super) struct Certificate(Secret);

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate(***)")
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Certificate {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose().to_owned())
    }
}

impl Certificate {
    /// Signs for `client_id` to `audience` with what stands in the PEM texts.
    pub(super) fn read(
        certificate: &str,
        key: &str,
        client_id: &str,
        audience: &str,
    ) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| "the certificate file is not PEM")?;
        let first = chain.first().ok_or("the certificate file holds no certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| "the key file holds no private key that is not encrypted")?;
        let key = crypto::aws_lc_rs::sign::any_supported_type(&key)
            .map_err(|_| "the private key of the certificate has an unknown format")?;
        let certified = rustls::sign::CertifiedKey::new(chain.clone(), key);
        if let Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) =
            certified.keys_match()
        {
            return Err("the private key does not belong to the certificate".to_owned());
        }
        let header = serde_json::json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": URL_SAFE_NO_PAD.encode(Sha256::digest(first)),
            "x5c": chain.iter().map(|certificate| STANDARD.encode(certificate)).collect::<Vec<_>>(),
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = serde_json::json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": format!("{:032x}", rand::random::<u128>()),
            "nbf": now.as_secs(),
            "exp": (now + VALIDITY).as_secs(),
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = sign(certified.key.as_ref(), signed.as_bytes())?;
        Ok(Self(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))))
    }
}

fn sign(key: &dyn SigningKey, text: &[u8]) -> Result<Vec<u8>, String> {
    let signer = key
        .choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])
        .ok_or("the key of the certificate is not RSA, which Entra requires")?;
    signer.sign(text).map_err(|error| format!("signing with the certificate's key failed: {error}"))
}
