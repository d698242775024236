//! JSON Web Tokens, as Entra ID issues them: believed when a configured key has signed them and their claims fit.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use super::{Disbelief, Rights, Scope};

/// For whom Entra ID issues tokens to Event Hubs.
const AUDIENCES: [&str; 2] = ["https://eventhubs.azure.net", "https://eventhubs.azure.net/"];
/// The longest token looked at.
const MAX_TOKEN: usize = 64 * 1024;

/// Why an issuer cannot be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// Correct the key set.
    #[error("the key set cannot be read: {0}")]
    KeySet(Box<dyn std::error::Error + Send + Sync>),
    /// Give a public key, RSA or EC, in PEM.
    #[error("the public key cannot be read: {0}")]
    PublicKey(Box<dyn std::error::Error + Send + Sync>),
    /// Give at least one RSA or EC key.
    #[error("the key set has no RSA or EC key")]
    NoKey,
}

#[derive(Clone)]
struct SigningKey {
    id: Option<String>,
    key: DecodingKey,
}

/// Who issues JWTs: the keys they are signed with, and what they must claim. For `Builder::issuer`.
///
/// A token needs a signature by one of the keys (RS256, ES256 and their kin), an audience, and an end. The claim `roles`
/// says what its holder may do, in the whole namespace: `Azure Event Hubs Data Owner`, `… Data Sender`,
/// `… Data Receiver`, or simply `Send`, `Listen`, `Manage`.
#[derive(Clone)]
pub struct Issuer {
    keys: Arc<[SigningKey]>,
    audiences: Vec<String>,
    name: Option<String>,
    role_claim: String,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("keys", &self.keys.len())
            .field("audiences", &self.audiences)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// The keys of a JWKS document; symmetric ones are left out.
    pub fn from_jwks(json: &str) -> Result<Self, IssuerError> {
        let set: JwkSet =
            serde_json::from_str(json).map_err(|error| IssuerError::KeySet(error.into()))?;
        let usable = set.keys.iter().filter_map(|jwk| {
            let key = DecodingKey::from_jwk(jwk).ok()?;
            let id = jwk.common.key_id.clone();
            is_public(&key).then_some(SigningKey { id, key })
        });
        Self::new(usable.collect())
    }

    /// One public key, RSA or EC, in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, IssuerError> {
        let key = DecodingKey::from_rsa_pem(pem).or_else(|_| DecodingKey::from_ec_pem(pem));
        let key = key.map_err(|error| IssuerError::PublicKey(error.into()))?;
        Self::new(vec![SigningKey { id: None, key }])
    }

    fn new(keys: Vec<SigningKey>) -> Result<Self, IssuerError> {
        if keys.is_empty() {
            return Err(IssuerError::NoKey);
        }
        Ok(Self {
            keys: keys.into(),
            audiences: AUDIENCES.map(str::to_owned).to_vec(),
            name: None,
            role_claim: "roles".to_owned(),
        })
    }

    /// The audience tokens must have, instead of `https://eventhubs.azure.net`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences = vec![audience.into()];
        self
    }

    /// The `iss` tokens must have. Default: any.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The claim that holds the roles, instead of `roles`.
    pub fn role_claim(mut self, claim: impl Into<String>) -> Self {
        self.role_claim = claim.into();
        self
    }

    pub(super) fn check(&self, token: &str) -> Result<Scope, Disbelief> {
        if token.len() > MAX_TOKEN {
            return Err(Disbelief::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Disbelief::Malformed)?;
        let named = |key: &&SigningKey| key.id.is_none() || key.id == header.kid;
        let mut disbelief = Disbelief::Signature;
        for signing in self.keys.iter().filter(named) {
            let validation = self.validation(signing.key.family());
            match jsonwebtoken::decode::<Claims>(token, &signing.key, &validation) {
                Ok(data) => return Ok(self.scope(&data.claims)),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => {}
                    other => disbelief = disbelieve(other, token),
                },
            }
        }
        Err(disbelief)
    }

    fn validation(&self, family: AlgorithmFamily) -> Validation {
        let mut validation = Validation::new_for_family(family);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.set_audience(&self.audiences);
        let mut required = vec!["exp", "aud"];
        if let Some(name) = &self.name {
            validation.set_issuer(&[name]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    fn scope(&self, claims: &Claims) -> Scope {
        let rights = match claims.others.get(&self.role_claim) {
            Some(Value::Array(roles)) => {
                let roles = roles.iter().filter_map(Value::as_str).map(role);
                roles.fold(Rights::NONE, Rights::and)
            }
            Some(Value::String(roles)) => {
                let each = roles.split([' ', ',']).map(role);
                each.fold(role(roles), Rights::and)
            }
            _ => Rights::NONE,
        };
        let expires_ms = Some(claims.exp.saturating_mul(1000));
        Scope { path: String::new(), rights, expires_ms }
    }
}

fn is_public(key: &DecodingKey) -> bool {
    matches!(key.family(), AlgorithmFamily::Rsa | AlgorithmFamily::Ec)
}

fn role(name: &str) -> Rights {
    let role = name.strip_prefix("Azure Event Hubs Data ");
    match role {
        Some("Owner") => Rights::ALL,
        Some("Sender") => Rights::SEND,
        Some("Receiver") => Rights::LISTEN,
        _ => Rights::named(name).unwrap_or(Rights::NONE),
    }
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
    #[serde(flatten)]
    others: serde_json::Map<String, Value>,
}

fn disbelieve(kind: &ErrorKind, token: &str) -> Disbelief {
    match kind {
        // The signature was good, so what the claims say of their end is true.
        ErrorKind::ExpiredSignature => {
            let end = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token);
            Disbelief::Expired { at_ms: end.map_or(0, |claims| claims.exp.saturating_mul(1000)) }
        }
        ErrorKind::ImmatureSignature => Disbelief::NotYet,
        ErrorKind::InvalidAudience => Disbelief::Audience,
        ErrorKind::InvalidIssuer => Disbelief::Issuer,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Disbelief::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Disbelief::Issuer,
        _ => Disbelief::Malformed,
    }
}
