//! An issuer of tokens as Entra is one: HTTPS with a certificate of its own authority, client secrets and assertions
//! checked for real, tokens signed so that an Event Hubs can check them. And the metadata service of a machine.
//!
//! What it answers can be changed at any time; what it was asked is kept.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{get, post};
use eventhubs_local::{Server, Tls};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use stage::authority::{Authority, Certificate};
use stage::issuer::{Answer, Desk, Rules, fields, refusal};
use stage::{Settings, https};
use tempfile::TempDir;

pub(crate) const TENANT: &str = "8a7c0000-tenant";
pub(crate) const CLIENT: &str = "5b1e0000-client";
pub(crate) const SECRET: &str = "hush~secret/of+the=application";
const SENDER: &str = "Azure Event Hubs Data Sender";
/// What tokens are for.
const RESOURCE: &str = "https://eventhubs.azure.net";

/// What may be changed while it runs, beside the rules of every issuer.
#[derive(Debug)]
pub(crate) struct Terms {
    /// The federated token that stands for the client.
    pub(crate) federated: String,
    /// The public key the client's own assertions are checked with, RSA in PEM.
    pub(crate) certificate_key: Option<String>,
    /// The role tokens carry.
    pub(crate) role: &'static str,
}

/// A running issuer. It ends with the test process.
pub(crate) struct Issuer {
    pub(crate) https: SocketAddr,
    pub(crate) http: SocketAddr,
    dir: TempDir,
    certificate: Certificate,
    entra: Entra,
}

#[derive(Clone)]
struct Entra {
    desk: Desk,
    terms: Arc<Mutex<Terms>>,
}

impl Issuer {
    pub(crate) fn start() -> Self {
        let authority = Authority::generate();
        let certificate = authority.sign(&["localhost", "127.0.0.1"]);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let terms = Arc::new(Mutex::new(Terms {
            federated: "hush.federated.1".to_owned(),
            certificate_key: None,
            role: SENDER,
        }));
        let entra = Entra { desk: Desk::open(), terms };
        let (https, http) = serve(entra.clone(), &certificate);
        Self { https, http, dir, certificate, entra }
    }

    /// One, and an Event Hubs that believes it.
    pub(crate) fn scene() -> (Self, Server) {
        let issuer = Self::start();
        let server = issuer.event_hubs("orders", 4);
        (issuer, server)
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Rules> {
        self.entra.desk.rules()
    }

    pub(crate) fn terms(&self) -> MutexGuard<'_, Terms> {
        self.entra.terms()
    }

    /// An Event Hubs that serves TLS and believes this issuer and nobody else.
    pub(crate) fn event_hubs(&self, hub: &str, partitions: u32) -> Server {
        let public = self.entra.desk.key().public_key_pem();
        let trusted = eventhubs_local::Issuer::from_pem(public.as_bytes()).unwrap();
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

fn serve(entra: Entra, certificate: &Certificate) -> (SocketAddr, SocketAddr) {
    let router = Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/metadata/identity/oauth2/token", get(metadata))
        .route("/oidc", post(oidc))
        .with_state(entra);
    https::serve(router, certificate)
}

impl Entra {
    fn terms(&self) -> MutexGuard<'_, Terms> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self) -> Value {
        json!({ "aud": RESOURCE, "roles": [self.terms().role] })
    }
}

/// Entra's token endpoint.
async fn token(State(entra): State<Entra>, uri: Uri, body: String) -> Answer {
    let fields = fields(&body);
    if let Some(answer) = entra.desk.receive(uri.path(), &fields).await {
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
        return entra.desk.grant(entra.claims());
    }
    let (federated, key) = {
        let terms = entra.terms();
        (terms.federated.clone(), terms.certificate_key.clone())
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
        entra.desk.grant(entra.claims())
    } else {
        let text = "AADSTS700024: Client assertion is not within its valid time range.";
        refusal(401, "invalid_client", text)
    }
}

/// The metadata service of a machine.
async fn metadata(State(entra): State<Entra>, uri: Uri, headers: HeaderMap) -> Answer {
    let fields = fields(uri.query().unwrap_or_default());
    if let Some(answer) = entra.desk.receive(uri.path(), &fields).await {
        return answer;
    }
    if !headers.contains_key("metadata") {
        return refusal(400, "invalid_request", "Required metadata header not specified");
    }
    if fields.get("client_id").is_some_and(|id| id != CLIENT) {
        return refusal(400, "invalid_request", "Identity not found");
    }
    if fields.get("resource").map(String::as_str) != Some(RESOURCE) {
        return refusal(400, "invalid_resource", "AADSTS500011: The resource was not found.");
    }
    let (token, expires) = entra.desk.issue(entra.claims());
    // Numbers are text there.
    let body = json!({ "access_token": token, "expires_on": expires.to_string(), "token_type": "Bearer", "resource": RESOURCE });
    (StatusCode::OK, body.to_string())
}

/// Azure DevOps, which gives the federated token of a service connection to a pipeline.
async fn oidc(State(entra): State<Entra>, uri: Uri, headers: HeaderMap) -> Answer {
    let fields = fields(uri.query().unwrap_or_default());
    if let Some(answer) = entra.desk.receive(uri.path(), &fields).await {
        return answer;
    }
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok());
    if bearer != Some("Bearer hush-pipeline") {
        return refusal(401, "unauthorized", "the access token is not that of the run");
    }
    let token = entra.terms().federated.clone();
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
