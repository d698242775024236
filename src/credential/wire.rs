//! The HTTP under a credential: one attempt, bounded, and the issuer's own words kept.
//!
//! The library above would retry by itself and put words of its own over the issuer's. So an answer that is no success
//! ends the attempt here, and what was said is kept for [`Wire::refusal`]. Issuers are reached as the namespace is, through
//! its proxy and trusting its authorities. Plain HTTP is spoken only to the machine's own metadata service, and that never
//! through a proxy.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, HttpClient, Method, Request, RetryOptions, Transport,
    Url,
};
use azure_core::{Error, error::ErrorKind};
use serde::Deserialize;

use crate::causes;
use crate::config::{Entra, Proxy, Tls};

use super::TokenError;

/// No answer of an issuer is longer.
pub(super) const LONGEST: usize = 256 << 10;
/// What of an answer is repeated.
const SHOWN: usize = 700;
/// A metadata service is next door or nowhere.
const NEXT_DOOR: Duration = Duration::from_secs(2);
/// Where machines ask for their identity, unless the system names another place.
const METADATA: &str = "169.254.169.254";

/// The client of one attempt.
#[derive(Debug, Clone)]
pub(super) struct Wire(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outside: reqwest::Client,
    inside: reqwest::Client,
    /// The host and port of the proxy to the outside, if it is not the environment's.
    proxy: Option<String>,
    metadata: Option<Url>,
    authority: String,
    refused: Mutex<Option<TokenError>>,
    /// Whose answer is waited for.
    asked: Mutex<Option<String>>,
}

impl Wire {
    /// A client; connecting ends within `limit`. The caller bounds all else.
    pub(super) async fn new(settings: &Entra, limit: Duration) -> Result<Self, TokenError> {
        let unusable =
            |why: &dyn std::fmt::Display| TokenError::later(format!("no HTTP client: {why}"));
        let trust = Tls { ca_file: settings.ca_file.clone(), identity: None };
        let tls = crate::tls::client(&trust).await.map_err(|error| unusable(&error))?;
        let builder = |connect: Duration| {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(connect)
                .tls_backend_preconfigured(tls.clone())
        };
        let outside = builder(limit).https_only(true);
        let (outside, proxy) = match &settings.proxy {
            Proxy::Environment => (outside, None),
            Proxy::None => (outside.no_proxy(), None),
            Proxy::At(url) => {
                // Its errors may repeat the URL, which may hold a password.
                let proxy = reqwest::Proxy::all(url.expose());
                let proxy = proxy.map_err(|_| unusable(&"the URL of the proxy is not usable"))?;
                (outside.proxy(proxy), Url::parse(url.expose()).ok().as_ref().map(place))
            }
        };
        let built = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| unusable(&causes::whole(&error)))
        };
        let outside = built(outside)?;
        let inside = built(builder(limit.min(NEXT_DOOR)).no_proxy())?;
        let metadata = settings.metadata_host.as_deref().and_then(|host| Url::parse(host).ok());
        let authority = settings.authority.clone();
        let (refused, asked) = (Mutex::default(), Mutex::default());
        let inner = Inner { outside, inside, proxy, metadata, authority, refused, asked };
        Ok(Self(Arc::new(inner)))
    }

    /// Options for a credential that speaks through this.
    pub(super) fn options(&self) -> ClientOptions {
        let mut cloud = azure_core::cloud::CustomConfiguration::default();
        cloud.authority_host.clone_from(&self.0.authority);
        ClientOptions {
            transport: Some(Transport::new(Arc::new(self.clone()))),
            retry: RetryOptions::none(),
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        }
    }

    /// Why the attempt failed: what an issuer said, or else what the library does.
    pub(super) fn refusal(&self, error: &Error) -> TokenError {
        self.kept().take().unwrap_or_else(|| {
            let text = error.to_string();
            let text = text.split("\nTo troubleshoot").next().unwrap_or_default();
            TokenError::Refused(one_line(text))
        })
    }

    /// Keeps `refusal` for later and gives an error that ends the attempt.
    pub(super) fn end(&self, refusal: TokenError) -> Error {
        let error = Error::with_message(ErrorKind::Credential, refusal.to_string());
        *self.kept() = Some(refusal);
        error
    }

    /// Nobody answered within `limit`.
    pub(super) fn silence(&self, limit: Duration) -> TokenError {
        let asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let from = asked.map_or(String::new(), |host| format!(" from `{host}`"));
        TokenError::later(format!("no answer{from} within {limit:?}"))
    }

    fn kept(&self) -> MutexGuard<'_, Option<TokenError>> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, request: &Request) -> reqwest::RequestBuilder {
        let mut url = request.url().clone();
        if url.host_str() == Some(METADATA)
            && let Some(other) = &self.0.metadata
        {
            let (path, query) = (url.path().to_owned(), url.query().map(str::to_owned));
            url = other.clone();
            url.set_path(&path);
            url.set_query(query.as_deref());
        }
        let client = if url.scheme() == "http" { &self.0.inside } else { &self.0.outside };
        let method = match request.method() {
            Method::Post => reqwest::Method::POST,
            _ => reqwest::Method::GET,
        };
        let mut built = client.request(method, url);
        for (name, value) in request.headers().iter() {
            built = built.header(name.as_str(), value.as_str());
        }
        match request.body() {
            Body::Bytes(bytes) => built.body(bytes.clone()),
            // No token request has another.
            Body::SeekableStream(_) => built,
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let host = request.url().host_str().unwrap_or_default().to_owned();
        *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(host.clone());
        let through = match &self.0.proxy {
            Some(proxy) if request.url().scheme() == "https" => {
                format!(" through the proxy `{proxy}`")
            }
            _ => String::new(),
        };
        let later = |error: reqwest::Error| {
            let why = causes::whole(&error.without_url());
            self.end(TokenError::later(format!("`{host}`{through}: {why}")))
        };
        let mut answer = self.request(request).send().await.map_err(&later)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(&later)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                return Err(
                    self.end(TokenError::later(format!("`{host}` does not stop answering")))
                );
            }
        }
        let status = answer.status();
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        // Azure Arc begins with a challenge.
        let challenge = status == 401
            && request.url().scheme() == "http"
            && header("www-authenticate").is_some();
        if status.is_success() || challenge {
            let headers: std::collections::HashMap<_, _> = answer
                .headers()
                .iter()
                .filter_map(|(name, value)| {
                    let value = HeaderValue::from(value.to_str().ok()?.to_owned());
                    Some((HeaderName::from(name.as_str().to_owned()), value))
                })
                .collect();
            return Ok(AsyncRawResponse::from_bytes(
                status.as_u16().into(),
                Headers::from(headers),
                body,
            ));
        }
        let after = header("retry-after").and_then(|value| value.trim().parse().ok());
        let secrets = secrets(request);
        let said =
            IssuerError::read(&body, &secrets.iter().map(String::as_str).collect::<Vec<_>>());
        let text = format!("`{host}` answered {}: {}", status.as_u16(), said.text);
        let metadata = request.url().scheme() == "http";
        let passing = status.is_server_error()
            || [408, 429].contains(&status.as_u16())
            || (metadata && [404, 410].contains(&status.as_u16()))
            || said.passing;
        Err(self.end(match passing {
            true => TokenError::Later { after: after.map(Duration::from_secs), text },
            false => TokenError::Refused(text),
        }))
    }
}

/// The secrets in the body of `request`, plain and as they were sent.
fn secrets(request: &Request) -> Vec<String> {
    let Body::Bytes(sent) = request.body() else { return Vec::new() };
    let Ok(sent) = std::str::from_utf8(sent) else { return Vec::new() };
    let fields = sent.split('&').filter_map(|field| field.split_once('='));
    let secret = fields.filter(|(name, _)| ["client_secret", "client_assertion"].contains(name));
    let both = secret.flat_map(|(_, value)| {
        let plain = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        [plain.into_owned(), value.to_owned()]
    });
    both.collect()
}

/// What an issuer says when it issues nothing.
pub(super) struct IssuerError {
    pub(super) text: String,
    /// Whether it says itself that it will pass.
    pub(super) passing: bool,
}

impl IssuerError {
    /// Reads an answer; none of `secrets` is repeated.
    pub(super) fn read(body: &[u8], secrets: &[&str]) -> Self {
        #[derive(Deserialize)]
        struct IssuerAnswer {
            #[serde(default)]
            error: String,
            #[serde(default)]
            error_description: String,
        }
        let (text, passing) = match serde_json::from_slice::<IssuerAnswer>(body) {
            Ok(IssuerAnswer { error, error_description }) => {
                let passing = error == "temporarily_unavailable";
                let told = if error_description.is_empty() { error } else { error_description };
                (told, passing)
            }
            Err(_) => (String::from_utf8_lossy(body).into_owned(), false),
        };
        let mut text = one_line(&text);
        for secret in secrets.iter().filter(|secret| secret.len() > 3) {
            text = text.replace(secret, "***");
        }
        if text.is_empty() {
            "nothing more".clone_into(&mut text);
        }
        Self { text, passing }
    }
}

/// Host and port, without user and password.
fn place(url: &Url) -> String {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// Without line breaks, and not longer than what one reads.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
