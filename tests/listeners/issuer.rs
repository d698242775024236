//! An issuer of tokens for clients of Kafka: OIDC with a client's secret, and the same as Entra does it.
//!
//! What it does can be changed at any time; what it issued is kept. The broker knows it by its public key alone.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::json;

use crate::support::authority::Certificate;
use crate::support::https;

pub(crate) const CLIENT: &str = "bridge-client";
pub(crate) const SECRET: &str = "hush~secret/of+the=client";
pub(crate) const TENANT: &str = "8a7c0000-tenant";
pub(crate) const AUDIENCE: &str = "kafka";
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const SCOPE: &str = "api://kafka/.default";

/// What may be changed while it runs.
#[derive(Debug)]
pub(crate) struct Rules {
    /// `Some` answers with this status, whoever asks.
    pub(crate) trouble: Option<u16>,
    /// How long a token is good for, in seconds.
    pub(crate) lifetime: u64,
    /// Requests so far, whatever became of them.
    pub(crate) asked: usize,
    /// The tokens issued so far.
    pub(crate) issued: Vec<String>,
}

/// A running issuer. It ends with the test process.
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    desk: Desk,
    /// What the broker checks tokens with.
    pub(crate) keys: String,
}

#[derive(Clone)]
struct Desk {
    rules: Arc<Mutex<Rules>>,
    signer: Arc<EncodingKey>,
}

impl Issuer {
    pub(crate) fn start(certificate: &Certificate) -> Self {
        let signer = KeyPair::generate().expect("a key");
        // A point of the curve: a byte that says so, and its two coordinates.
        let (x, y) = signer.der_bytes()[1..].split_at(32);
        let keys = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]});
        let pem = signer.serialize_pem();
        let signer = Arc::new(EncodingKey::from_ec_pem(pem.as_bytes()).expect("a key"));
        Self::open(certificate, signer, keys.to_string())
    }

    /// Another one with the same keys, for who is about to change its rules.
    pub(crate) fn twin(&self, certificate: &Certificate) -> Self {
        Self::open(certificate, Arc::clone(&self.desk.signer), self.keys.clone())
    }

    fn open(certificate: &Certificate, signer: Arc<EncodingKey>, keys: String) -> Self {
        let rules = Rules { trouble: None, lifetime: 3600, asked: 0, issued: Vec::new() };
        let desk = Desk { rules: Arc::new(Mutex::new(rules)), signer };
        let router = Router::new()
            .route("/token", post(oidc))
            .route("/{tenant}/oauth2/v2.0/token", post(entra))
            .with_state(desk.clone());
        let (address, _) = https::serve(router, certificate);
        Self { address, desk, keys }
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        self.desk.rules()
    }

    /// A token for `audience`, without asking.
    pub(crate) fn token(&self, audience: &str) -> String {
        self.desk.issue(audience).0
    }
}

impl Desk {
    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token, and for how long.
    fn issue(&self, audience: &str) -> (String, u64) {
        let mut rules = self.rules();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
        let claims = json!({
            "iss": ISSUER, "sub": CLIENT, "aud": audience, "scope": "produce consume",
            "iat": now, "exp": now + rules.lifetime, "jti": rules.issued.len().to_string(),
        });
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::ES256) };
        let token = jsonwebtoken::encode(&header, &claims, &self.signer).expect("a token");
        rules.issued.push(token.clone());
        (token, rules.lifetime)
    }

    /// Gives a token to who is `known`.
    fn answer(&self, known: bool, refusal: &str) -> (StatusCode, String) {
        self.rules().asked += 1;
        if let Some(status) = self.rules().trouble {
            return (StatusCode::from_u16(status).expect("a status"), "upgrading".to_owned());
        }
        if !known {
            let body = json!({ "error": "invalid_client", "error_description": refusal });
            return (StatusCode::UNAUTHORIZED, body.to_string());
        }
        let (token, lifetime) = self.issue(AUDIENCE);
        let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime });
        (StatusCode::OK, body.to_string())
    }
}

/// Client and secret in the header, encoded as in a form, as OAuth wants it, or as they are.
async fn oidc(State(desk): State<Desk>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let pair = header.and_then(|header| STANDARD.decode(header.strip_prefix("Basic ")?).ok());
    let known = pair.is_some_and(|pair| {
        percent_encoding::percent_decode(&pair).eq(format!("{CLIENT}:{SECRET}").bytes())
    });
    let asks = body.split('&').any(|field| field == "grant_type=client_credentials");
    desk.answer(known && asks, "Invalid client or Invalid client credentials")
}

/// Client and secret in the form.
async fn entra(State(desk): State<Desk>, body: String) -> (StatusCode, String) {
    let has = |name: &str, value: &str| {
        body.split('&').filter_map(|field| field.split_once('=')).any(|(field, text)| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
            field == name && text == value
        })
    };
    let known = has("client_id", CLIENT) && has("client_secret", SECRET) && has("scope", SCOPE);
    desk.answer(known, "AADSTS7000215: Invalid client secret provided.")
}
