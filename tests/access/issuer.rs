//! An issuer of tokens as Entra is one: HTTPS with a certificate of its own authority, client secrets and assertions
//! checked for real, tokens signed so that an Event Hubs can check them. And the metadata service of a machine.
//!
//! What it answers can be changed at any time; what it was asked is kept.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use eventhubs_local::{Server, Tls};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use crate::support::authority::{Authority, Certificate};
use crate::support::{Settings, https};

pub(crate) const TENANT: &str = "8a7c0000-tenant";
pub(crate) const CLIENT: &str = "5b1e0000-client";
pub(crate) const SECRET: &str = "hush~secret/of+the=application";
const SENDER: &str = "Azure Event Hubs Data Sender";

/// What the issuer does when it is asked.
#[derive(Debug, Clone)]
pub(crate) enum Mood {
    /// Issues.
    Good,
    /// Answers with this status and body.
    Says(u16, String),
    /// Never answers.
    Silent,
}

/// What may be changed while it runs.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) mood: Mood,
    /// How long a token is good for, in seconds.
    pub(crate) lifetime: u64,
    /// The federated token that stands for the client.
    pub(crate) federated: String,
    /// The public key the client's own assertions are checked with, RSA in PEM.
    pub(crate) certificate_key: Option<String>,
    /// The role tokens carry.
    pub(crate) role: &'static str,
    /// Every request: its path with query, and its fields.
    pub(crate) asked: Vec<(String, HashMap<String, String>)>,
    /// The tokens issued so far.
    pub(crate) issued: Vec<String>,
}

/// A running issuer. It ends with the test process.
pub(crate) struct Issuer {
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    dir: TempDir,
    certificate: Certificate,
    public: String,
    rules: Arc<Mutex<Rules>>,
}

#[derive(Clone)]
struct Desk {
    rules: Arc<Mutex<Rules>>,
    signer: Arc<EncodingKey>,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let authority = Authority::new();
        let certificate = authority.sign(&["localhost", "127.0.0.1"]);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let signer = KeyPair::generate().unwrap();
        let rules = Arc::new(Mutex::new(Rules {
            mood: Mood::Good,
            lifetime: 3600,
            federated: "hush.federated.1".to_owned(),
            certificate_key: None,
            role: SENDER,
            asked: Vec::new(),
            issued: Vec::new(),
        }));
        let desk = Desk {
            rules: Arc::clone(&rules),
            signer: Arc::new(EncodingKey::from_ec_pem(signer.serialize_pem().as_bytes()).unwrap()),
        };
        let (https, http) = serve(desk, &certificate);
        Self { https, http, dir, certificate, public: signer.public_key_pem(), rules }
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An Event Hubs that serves TLS and believes this issuer and nobody else.
    pub(crate) fn event_hubs(&self, hub: &str, partitions: u32) -> Server {
        let trusted = eventhubs_local::Issuer::from_pem(self.public.as_bytes()).unwrap();
        Server::builder().hub(hub, partitions).tls(self.tls()).issuer(trusted).start().unwrap()
    }

    /// The certificate the issuer itself shows, for a server in the same little cloud.
    pub(crate) fn tls(&self) -> Tls {
        Tls::from_pem(self.certificate.chain.as_bytes(), self.certificate.key.as_bytes()).unwrap()
    }

    /// Writes a file beside the issuer's own, as a whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `settings` with that credential for `server`, and with what a machine in this little cloud has in its environment.
    pub(crate) fn settings(
        &self,
        settings: Settings,
        server: &Server,
        credential: &str,
    ) -> Settings {
        let host = format!("localhost:{}", server.addr().port());
        let ca = self.path("ca.pem");
        settings
            .without("eventhubs.connection_string")
            .with(&format!(
                "[eventhubs]\nnamespace = '{host}'\n[eventhubs.credential]\n{credential}\n[log]\nlevel = 'trace'"
            ))
            .variable("SSL_CERT_FILE", ca.to_str().unwrap())
            .variable("AZURE_AUTHORITY_HOST", &format!("https://localhost:{}", self.https.port()))
            .variable("AZURE_POD_IDENTITY_AUTHORITY_HOST", &format!("http://{}", self.http))
    }
}

fn serve(desk: Desk, certificate: &Certificate) -> (SocketAddr, SocketAddr) {
    let router = Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/metadata/identity/oauth2/token", get(metadata))
        .route("/oidc", post(oidc))
        .with_state(desk);
    https::serve(router, certificate)
}

fn fields(text: &str) -> HashMap<String, String> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned()
    };
    text.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn refusal(status: u16, error: &str, text: &str) -> (StatusCode, String) {
    let body = json!({ "error": error, "error_description": text, "error_codes": [] });
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}

impl Desk {
    /// Notes the request, and does what the mood is. `None` goes on.
    async fn receive(
        &self,
        path: &str,
        fields: &HashMap<String, String>,
    ) -> Option<(StatusCode, String)> {
        let mood = {
            let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            rules.asked.push((path.to_owned(), fields.clone()));
            rules.mood.clone()
        };
        match mood {
            Mood::Good => None,
            Mood::Says(status, body) => Some((StatusCode::from_u16(status).unwrap(), body)),
            Mood::Silent => std::future::pending().await,
        }
    }

    fn issue(&self, numbers_as_text: bool) -> (StatusCode, String) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let expires = (now + Duration::from_secs(rules.lifetime)).as_secs();
        let claims = json!({
            "aud": "https://eventhubs.azure.net", "exp": expires, "roles": [rules.role],
            "jti": rules.issued.len(),
        });
        let token =
            jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.signer).unwrap();
        rules.issued.push(token.clone());
        let body = if numbers_as_text {
            json!({ "access_token": token, "expires_on": expires.to_string(), "token_type": "Bearer", "resource": "https://eventhubs.azure.net" })
        } else {
            json!({ "access_token": token, "expires_in": rules.lifetime, "token_type": "Bearer" })
        };
        (StatusCode::OK, body.to_string())
    }
}

/// Entra's token endpoint.
async fn token(State(desk): State<Desk>, uri: Uri, body: String) -> (StatusCode, String) {
    let fields = fields(&body);
    if let Some(answer) = desk.receive(uri.path(), &fields).await {
        return answer;
    }
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if !uri.path().starts_with(&format!("/{TENANT}/")) {
        return refusal(400, "invalid_request", "AADSTS90002: Tenant not found.");
    }
    if field("client_id") != CLIENT {
        return refusal(400, "unauthorized_client", "AADSTS700016: Application not found.");
    }
    if field("scope") != "https://eventhubs.azure.net/.default" {
        return refusal(400, "invalid_resource", "AADSTS500011: The resource was not found.");
    }
    if fields.contains_key("client_secret") {
        if field("client_secret") != SECRET {
            let text = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1";
            return refusal(401, "invalid_client", text);
        }
        return desk.issue(false);
    }
    let (federated, key) = {
        let rules = desk.rules.lock().unwrap_or_else(PoisonError::into_inner);
        (rules.federated.clone(), rules.certificate_key.clone())
    };
    let assertion = field("client_assertion");
    let signed = key.is_some_and(|key| {
        let mut validation = Validation::new(Algorithm::PS256);
        validation.set_audience(&[format!("https://{}", uri.path())]);
        validation.validate_aud = false;
        validation.set_issuer(&[CLIENT]);
        let key = DecodingKey::from_rsa_pem(key.as_bytes()).unwrap();
        jsonwebtoken::decode::<serde_json::Value>(assertion, &key, &validation).is_ok()
    });
    if assertion == federated || signed {
        desk.issue(false)
    } else {
        let text = "AADSTS700024: Client assertion is not within its valid time range.";
        refusal(401, "invalid_client", text)
    }
}

/// The metadata service of a machine.
async fn metadata(State(desk): State<Desk>, uri: Uri, headers: HeaderMap) -> (StatusCode, String) {
    let fields = fields(uri.query().unwrap_or_default());
    if let Some(answer) = desk.receive(uri.path(), &fields).await {
        return answer;
    }
    if !headers.contains_key("metadata") {
        return refusal(400, "invalid_request", "Required metadata header not specified");
    }
    if fields.get("client_id").is_some_and(|id| id != CLIENT) {
        return refusal(400, "invalid_request", "Identity not found");
    }
    if fields.get("resource").map(String::as_str) != Some("https://eventhubs.azure.net") {
        return refusal(400, "invalid_resource", "AADSTS500011: The resource was not found.");
    }
    desk.issue(true)
}

/// Azure DevOps, which gives the federated token of a service connection to a pipeline.
async fn oidc(State(desk): State<Desk>, uri: Uri, headers: HeaderMap) -> (StatusCode, String) {
    let fields = fields(uri.query().unwrap_or_default());
    if let Some(answer) = desk.receive(uri.path(), &fields).await {
        return answer;
    }
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
    if bearer != Some("Bearer hush-pipeline") {
        return refusal(401, "unauthorized", "the access token is not that of the run");
    }
    let token = desk.rules.lock().unwrap_or_else(PoisonError::into_inner).federated.clone();
    (StatusCode::OK, json!({ "oidcToken": token }).to_string())
}

/// An RSA key with its certificate, and its public half, in PEM.
pub(crate) fn application_certificate() -> (String, String, String) {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap().pem();
    (certificate, key.serialize_pem(), key.public_key_pem())
}

/// No secret of this module in what was said.
#[track_caller]
pub(crate) fn assert_hushed(what: &str, issuer: &Issuer) {
    assert!(!what.contains("hush"), "a secret is shown: {what}");
    for token in &issuer.rules().issued {
        assert!(!what.contains(token), "a token is shown: {what}");
    }
}

/// Where the example of a path ends that no file is at.
pub(crate) fn nowhere() -> &'static Path {
    Path::new("/nowhere/at/all")
}
