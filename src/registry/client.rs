//! One question to one registry.

use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;

use crate::causes;
use crate::config::{Registry, Secret, headers};
use crate::tls;

/// No schema is longer.
const LONGEST: usize = 4 << 20;
/// What of a registry's own words is repeated.
const SHOWN: usize = 300;
/// Trust and certificates may change under a process that runs for months.
const RENEWED: Duration = Duration::from_mins(10);

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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// As long as it works.
    http: Option<(reqwest::Client, Instant)>,
    /// The address that answered last.
    first: usize,
}

impl Client {
    /// Asks nothing yet.
    pub fn new(settings: &Registry) -> Self {
        Self { settings: settings.clone(), state: Mutex::default() }
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
        let first = self.state().first;
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
                    self.state().first = place;
                    return Ok((addresses[place].clone(), kind, body));
                }
            }
        }
        // Certificates may be others by now.
        self.state().http = None;
        Err(failed)
    }

    async fn ask_one(&self, url: &str) -> Result<(String, Vec<u8>), Failure> {
        let later = |detail: String| Failure::later(format!("{url}: {detail}"));
        let request = self.http().await.map_err(later)?.get(url);
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
            let password = Secret::new(read("password_file", file).await?.trim());
            request = request.basic_auth(name, Some(password.expose()));
            secrets.push(password);
        }
        if let Some(file) = &self.settings.headers_file {
            let text = read("headers_file", file).await?;
            let all = headers(&text)
                .map_err(|line| format!("`headers_file`: line {line} is no header"))?;
            for (name, value) in all {
                // Of what is wrong nothing is shown: it may be half of a secret.
                let unusable = || format!("`headers_file`: the header `{name}` cannot be sent");
                let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
                let mut sent = HeaderValue::from_str(value.expose()).map_err(|_| unusable())?;
                sent.set_sensitive(true);
                request = request.header(key, sent);
                secrets.push(value);
            }
        }
        Ok((request, secrets))
    }

    async fn http(&self) -> Result<reqwest::Client, String> {
        if let Some((client, made)) = &self.state().http
            && made.elapsed() < RENEWED
        {
            return Ok(client.clone());
        }
        let tls = tls::client(&self.settings.tls).await.map_err(|error| error.to_string())?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.settings.timeout)
            .tls_backend_preconfigured(tls)
            .build()
            .map_err(|error| causes::whole(&error))?;
        self.state().http = Some((client.clone(), Instant::now()));
        Ok(client)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(key: &str, file: &Path) -> Result<String, String> {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
    let text = read.map_err(std::io::Error::other).and_then(|read| read);
    text.map_err(|error| format!("`{key}`: {error}"))
}

/// The registry's own words of an error, on one line and without a secret.
fn said(body: &[u8], secrets: &[Secret]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    let Ok(Said { message }) = serde_json::from_slice(body) else { return String::new() };
    let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in secrets.iter().map(Secret::expose).filter(|secret| secret.len() > 3) {
        // `Bearer` is no secret, what is behind is.
        for part in std::iter::once(secret).chain(secret.split(' ').filter(|it| it.len() > 7)) {
            line = line.replace(part, "***");
        }
    }
    let line: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    format!(": {line}")
}
