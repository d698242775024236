//! One question to one registry.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::causes;
use crate::config::{Registry, Secret};
use crate::http::{self, Renewed};

/// No schema is longer.
const LONGEST: usize = 4 << 20;
/// What of a registry's own words is repeated.
const SHOWN: usize = 300;

/// Why there is no answer that can be used, by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Ask again, not before that time if the registry named one.
    Later {
        /// What was said.
        detail: String,
        /// The least wait.
        after: Option<Duration>,
    },
    /// The registry does not know it. It may, later: one that is rebuilt has nothing at first.
    Unknown(String),
    /// The registry gives something that is no schema, or none that can be used: to ask again would not help.
    Unusable(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { detail, .. } | Self::Unknown(detail) | Self::Unusable(detail) => {
                f.write_str(detail)
            }
        }
    }
}

impl Failure {
    pub(super) fn later(detail: String) -> Self {
        Self::Later { detail, after: None }
    }
}

/// A registry that can be asked.
#[derive(Debug)]
pub struct Client {
    settings: Registry,
    http: Mutex<Renewed>,
    /// The address that answered last.
    first: AtomicUsize,
}

impl Client {
    /// Asks nothing yet.
    pub fn new(settings: &Registry) -> Self {
        Self { settings: settings.clone(), http: Mutex::default(), first: AtomicUsize::new(0) }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether it answers, and lets us ask.
    pub async fn reach(&self) -> Result<(), Failure> {
        match self.get::<serde_json::Value>("/schemas/types").await {
            // An older one has no such question, and has answered.
            Ok(_) | Err(Failure::Unknown(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// What is at `path` behind an address of Confluent's API.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let (address, _, body) = self.ask(|address| format!("{address}{path}")).await?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::Unusable(format!("{address}{path} is not what a registry answers: {error}"))
        })
    }

    /// What is at `path` of Apicurio's own API, and the kind of schema that it says it is.
    pub(super) async fn get_apicurio(&self, path: &str) -> Result<(String, Vec<u8>), Failure> {
        let of = |address: &str| {
            let root = address.split("/apis/").next().unwrap_or(address);
            format!("{root}/apis/registry/v2{path}")
        };
        let (_, kind, body) = self.ask(of).await?;
        Ok((kind, body))
    }

    /// Asks one address after the other, the one that answered last first.
    async fn ask(
        &self,
        url: impl Fn(&str) -> String,
    ) -> Result<(String, String, Vec<u8>), Failure> {
        let addresses = &self.settings.addresses;
        let first = self.first.load(Ordering::Relaxed);
        let mut failed = Failure::later(format!("registry `{}` has no address", self.name()));
        for place in 0..addresses.len() {
            let place = (first + place) % addresses.len();
            let url = url(&addresses[place]);
            let limit = self.settings.timeout;
            let answer = tokio::time::timeout(limit, self.ask_one(&url)).await;
            let silence = |_| Err(Failure::later(format!("{url}: no answer within {limit:?}")));
            match answer.unwrap_or_else(silence) {
                Err(failure @ Failure::Later { .. }) => failed = failure,
                Err(failure) => return Err(failure),
                Ok((kind, body)) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok((addresses[place].clone(), kind, body));
                }
            }
        }
        self.http.lock().await.forget();
        Err(failed)
    }

    async fn ask_one(&self, url: &str) -> Result<(String, Vec<u8>), Failure> {
        let later = |detail: String| Failure::later(format!("{url}: {detail}"));
        let Registry { tls, timeout, .. } = &self.settings;
        let client = self.http.lock().await.client(tls, *timeout).await;
        let request = client.map_err(later)?.get(url);
        let (request, secrets) = self.log_in(request).await.map_err(later)?;
        let failed = |error: reqwest::Error| later(causes::whole(&error.without_url()));
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = |name: &str| {
            let value = answer.headers().get(name).and_then(|it| it.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let kind = text("x-registry-artifacttype");
        let after = text(RETRY_AFTER.as_str()).trim().parse().ok().map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                let most = LONGEST >> 20;
                return Err(Failure::Unusable(format!(
                    "{url}: the answer is longer than {most} MiB"
                )));
            }
        }
        if status.is_success() {
            return Ok((kind, body));
        }
        let detail = format!("{url}: {status}{}", said(&body, &secrets));
        Err(match status {
            StatusCode::NOT_FOUND => Failure::Unknown(detail),
            // A right that is missing now may be given, and an address that is wrong may be put right.
            _ => Failure::Later { detail, after },
        })
    }

    /// Says who asks; and what of that is secret.
    async fn log_in(
        &self,
        mut request: RequestBuilder,
    ) -> Result<(RequestBuilder, Vec<Secret>), String> {
        let mut secrets = Vec::new();
        if let Some((name, file)) = &self.settings.user {
            let password = Secret::new(http::text_of("password_file", file).await?.trim());
            request = request.basic_auth(name, Some(password.expose()));
            secrets.push(password);
        }
        if let Some(file) = &self.settings.headers_file {
            let headers = http::headers_of(file).await?;
            request = http::with_headers(request, &headers)?;
            secrets.extend(headers.into_iter().map(|(_, value)| value));
        }
        Ok((request, secrets))
    }
}

/// The registry's own words of an error, on one line and without a secret.
fn said(body: &[u8], secrets: &[Secret]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    let Ok(Said { message }) = serde_json::from_slice(body) else { return String::new() };
    let line = http::one_line(&message, secrets);
    let line: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    format!(": {line}")
}
