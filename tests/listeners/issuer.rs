//! An issuer of tokens for clients of Kafka: OIDC with a client's secret, and the same as Entra does it.
//!
//! What it does can be changed at any time; what it issued is kept. The broker knows it by its public key alone.

use std::net::SocketAddr;
use std::sync::MutexGuard;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use stage::authority::Certificate;
use stage::https;
use stage::issuer::{Answer, Desk, Fields, KEY, Rules, fields, refusal};

pub(crate) const CLIENT: &str = "bridge-client";
pub(crate) const SECRET: &str = "hush~secret/of+the=client";
pub(crate) const TENANT: &str = "8a7c0000-tenant";
pub(crate) const AUDIENCE: &str = "kafka";
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const SCOPE: &str = "api://kafka/.default";

/// A running issuer. It ends with the test process.
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    desk: Desk,
    /// What the broker checks tokens with.
    pub(crate) keys: String,
}

impl Issuer {
    pub(crate) fn start(certificate: &Certificate) -> Self {
        Self::open(certificate, Desk::open())
    }

    /// Another one with the same keys, for who is about to change its rules.
    pub(crate) fn twin(&self, certificate: &Certificate) -> Self {
        Self::open(certificate, self.desk.twin())
    }

    fn open(certificate: &Certificate, desk: Desk) -> Self {
        // A point of the curve: a byte that says so, and its two coordinates.
        let (x, y) = desk.key().der_bytes()[1..].split_at(32);
        let keys = json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }]});
        let router = Router::new()
            .route("/token", post(oidc))
            .route("/{tenant}/oauth2/v2.0/token", post(entra))
            .with_state(desk.clone());
        let (address, _) = https::serve(router, certificate);
        Self { address, desk, keys: keys.to_string() }
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        self.desk.rules()
    }

    /// A token for `audience`, without asking.
    pub(crate) fn token(&self, audience: &str) -> String {
        self.desk.issue(claims(audience)).0
    }
}

fn claims(audience: &str) -> Value {
    json!({ "iss": ISSUER, "sub": CLIENT, "aud": audience, "scope": "produce consume" })
}

/// Gives a token to who is `known`.
async fn answer(desk: &Desk, known: bool, refused: &str) -> Answer {
    match desk.receive("", &Fields::new()).await {
        Some(answer) => answer,
        None if known => desk.grant(claims(AUDIENCE)),
        None => refusal(401, "invalid_client", refused),
    }
}

/// Client and secret in the header, encoded as in a form, as OAuth wants it, or as they are.
async fn oidc(State(desk): State<Desk>, headers: HeaderMap, body: String) -> Answer {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let pair = header.and_then(|header| STANDARD.decode(header.strip_prefix("Basic ")?).ok());
    let known = pair.is_some_and(|pair| {
        percent_encoding::percent_decode(&pair).eq(format!("{CLIENT}:{SECRET}").bytes())
    });
    let asks = fields(&body).get("grant_type").is_some_and(|it| it == "client_credentials");
    answer(&desk, known && asks, "Invalid client or Invalid client credentials").await
}

/// Client and secret in the form.
async fn entra(State(desk): State<Desk>, body: String) -> Answer {
    let fields = fields(&body);
    let wanted = [("client_id", CLIENT), ("client_secret", SECRET), ("scope", SCOPE)];
    let known = wanted.iter().all(|(name, value)| fields.get(*name).is_some_and(|it| it == value));
    answer(&desk, known, "AADSTS7000215: Invalid client secret provided.").await
}
