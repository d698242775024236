//! One question to one registry.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::causes;
use crate::config::Registry;
use crate::http::{RenewedClient, wait};
use crate::metrics::RegistryAnswer;

use super::login::{RegistryLogin, said};

/// No schema is longer.
const LONGEST: usize = 4 << 20;
/// Where newer ones of Apicurio say what kind of schema they give.
const ARTIFACT_TYPE: &str = "x-registry-artifacttype";

/// Why there is no answer that can be used, by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryError {
    /// Ask again, not before that time if the registry named one.
    Later {
        /// What was said.
        detail: String,
        /// The least wait.
        after: Option<Duration>,
    },
    /// Who asks is not allowed to. Ask again: a right may be given, a password changed.
    Unauthorized(String),
    /// The registry does not know it. It may, later: one that is rebuilt has nothing at first.
    Unknown(String),
    /// The registry gives something that is no schema, or none that can be used: to ask again would not help.
    Unusable(String),
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { detail, .. }
            | Self::Unauthorized(detail)
            | Self::Unknown(detail)
            | Self::Unusable(detail) => f.write_str(detail),
        }
    }
}

impl RegistryError {
    /// The least wait, if one was asked for.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::Later { after, .. } => *after,
            _ => None,
        }
    }

    /// In one word.
    pub(super) fn label(&self) -> RegistryAnswer {
        match self {
            Self::Later { .. } => RegistryAnswer::Failed,
            Self::Unauthorized(_) => RegistryAnswer::Unauthorized,
            Self::Unknown(_) => RegistryAnswer::Unknown,
            Self::Unusable(_) => RegistryAnswer::Unusable,
        }
    }

    pub(super) fn later(detail: String) -> Self {
        Self::Later { detail, after: None }
    }
}

/// A registry that can be asked.
#[derive(Debug)]
pub struct Client {
    settings: Registry,
    login: RegistryLogin,
    http: Mutex<RenewedClient>,
    /// The address that answered last.
    first: AtomicUsize,
}

/// What an address answered.
#[derive(Debug)]
pub(super) struct RegistryResponse {
    /// Where it was asked for.
    pub(super) url: String,
    /// The kind of schema that it says it is, or nothing.
    pub(super) kind: String,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// Asks nothing yet.
    pub fn new(settings: &Registry) -> Self {
        Self {
            settings: settings.clone(),
            login: RegistryLogin::new(settings),
            http: Mutex::default(),
            first: AtomicUsize::new(0),
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether it answers, and lets us ask.
    pub async fn reach(&self) -> Result<(), RegistryError> {
        let mut answer = self.get::<serde_json::Value>("/schemas/types").await;
        if let Err(RegistryError::Unknown(_)) = answer {
            // One that knows nothing but Avro has no such question.
            answer = self.get("/config").await;
        }
        answer.map(|_| ())
    }

    /// What is at `path` behind an address of Confluent's API.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RegistryError> {
        let of = |address: &str| {
            // Apicurio's own API may be what the address names.
            let root = address.split_once("/apis/registry/").map(|(root, _)| root);
            root.map_or_else(
                || format!("{address}{path}"),
                |root| format!("{root}/apis/ccompat/v7{path}"),
            )
        };
        read_json(&self.ask(of).await?)
    }

    /// What is at `path` of Apicurio's own API.
    pub(super) async fn get_apicurio(&self, path: &str) -> Result<RegistryResponse, RegistryError> {
        let of = |address: &str| {
            let root = address.split("/apis/").next().unwrap_or(address);
            format!("{root}/apis/registry/v2{path}")
        };
        self.ask(of).await
    }

    /// Asks one address after the other, the one that answered last first.
    async fn ask(&self, url: impl Fn(&str) -> String) -> Result<RegistryResponse, RegistryError> {
        let addresses = &self.settings.addresses;
        let first = self.first.load(Ordering::Relaxed);
        let mut failed = None;
        for place in 0..addresses.len() {
            let place = (first + place) % addresses.len();
            let url = url(&addresses[place]);
            let limit = self.settings.timeout;
            let answer = tokio::time::timeout(limit, self.ask_one(&url)).await;
            let silence =
                |_| Err(RegistryError::later(format!("{url}: no answer within {limit:?}")));
            match answer.unwrap_or_else(silence) {
                Ok(answer) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                // One that does not know it may be behind the others; what it says counts more than silence.
                Err(failure) => match failed {
                    Some(RegistryError::Unknown(_)) => {}
                    _ => failed = Some(failure),
                },
            }
        }
        let failed = failed.unwrap_or_else(|| {
            RegistryError::later(format!("registry `{}` has no address", self.name()))
        });
        if !matches!(failed, RegistryError::Unknown(_)) {
            // Certificates may be others by now.
            self.http.lock().await.forget();
        }
        Err(failed)
    }

    async fn ask_one(&self, url: &str) -> Result<RegistryResponse, RegistryError> {
        let later = |detail: String| RegistryError::later(format!("{url}: {detail}"));
        let Registry { tls, timeout, .. } = &self.settings;
        let client = self.http.lock().await.client(tls, *timeout).await;
        let request = client.map_err(later)?.get(url);
        let (request, secrets) = self.login.sign(&self.settings, request).await.map_err(later)?;
        let failed = |error: reqwest::Error| later(causes::whole(&error.without_url()));
        let mut answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let text = |name: &str| {
            let value = answer.headers().get(name).and_then(|it| it.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let kind = text(ARTIFACT_TYPE);
        let is_page = text(CONTENT_TYPE.as_str()).starts_with("text/html");
        let after = wait(&text(RETRY_AFTER.as_str()));
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                let most = LONGEST >> 20;
                return Err(later(format!("the answer is longer than {most} MiB")));
            }
        }
        if status.is_success() {
            // A gate or a portal in between, and no registry.
            return match is_page {
                true => Err(later("the answer is a page of HTML".to_owned())),
                false => Ok(RegistryResponse { url: url.to_owned(), kind, body }),
            };
        }
        let detail = format!("{url}: {status}{}", said(&body, &secrets));
        Err(match status {
            StatusCode::NOT_FOUND => RegistryError::Unknown(detail),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.login.refused().await;
                RegistryError::Unauthorized(detail)
            }
            // An address that is wrong may be put right.
            _ => RegistryError::Later { detail, after },
        })
    }
}

/// An answer as JSON. What is none does not come from a registry, but from something in between that may go away.
pub(super) fn read_json<T: DeserializeOwned>(
    answer: &RegistryResponse,
) -> Result<T, RegistryError> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        RegistryError::later(format!(
            "{}: the answer is not one of a registry: {error}",
            answer.url
        ))
    })
}
