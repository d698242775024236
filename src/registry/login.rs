//! Who asks a registry: what is said of that with each request, and what of it is never repeated.
//!
//! Files are read anew for each request. A token of Entra is kept until it is to be renewed, or until the registry refuses it.

use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;

use crate::config::{Registry, Secret};
use crate::credential::{Token, Tokens, file, renew_in};
use crate::http;

/// What of a registry's own words is repeated.
const SHOWN: usize = 300;

/// See the module.
#[derive(Debug)]
pub(super) struct Login {
    tokens: Option<Tokens>,
    held: tokio::sync::Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    token: Token,
    /// When it is to be renewed.
    due: Instant,
}

impl Login {
    pub(super) fn new(settings: &Registry) -> Self {
        let tokens = settings.credential.as_ref();
        let tokens = tokens.map(|entra| Tokens::new(entra, settings.timeout));
        Self { tokens, held: tokio::sync::Mutex::default() }
    }

    /// The request with all that says who asks; and what of that is secret.
    pub(super) async fn sign(
        &self,
        settings: &Registry,
        mut request: RequestBuilder,
    ) -> Result<(RequestBuilder, Vec<Secret>), String> {
        let mut secrets = Vec::new();
        if let Some((name, path)) = &settings.user {
            let password = file(path).await.map_err(|why| format!("`password_file`: {why}"))?;
            request = request.basic_auth(name, Some(&password));
            secrets.push(Secret::new(STANDARD.encode(format!("{name}:{password}"))));
            secrets.push(Secret::new(password));
        }
        if let Some(token) = self.token().await? {
            request = request.bearer_auth(token.expose());
            secrets.push(token);
        }
        if let Some(path) = &settings.headers_file {
            let headers = http::headers_of(path).await?;
            request = http::with_headers(request, &headers)?;
            secrets.extend(headers.into_iter().map(|(_, value)| value));
        }
        Ok((request, secrets))
    }

    /// The token of Entra, if one is to be shown. While the old one lives, one that is not to be had is no news.
    async fn token(&self) -> Result<Option<Secret>, String> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let mut held = self.held.lock().await;
        let living = held.as_ref().filter(|held| held.token.expires > SystemTime::now());
        if let Some(held) = living
            && held.due > Instant::now()
        {
            return Ok(Some(held.token.text.clone()));
        }
        match tokens.fresh().await {
            Ok(token) => {
                let text = token.text.clone();
                let left = token.expires.duration_since(SystemTime::now()).unwrap_or_default();
                let due = Instant::now() + renew_in(left, rand::random());
                *held = Some(Held { token, due });
                Ok(Some(text))
            }
            Err(refusal) => match living {
                Some(living) => Ok(Some(living.token.text.clone())),
                None => Err(refusal.to_string()),
            },
        }
    }

    /// The registry refused who asks: the next request shows another token.
    pub(super) async fn refused(&self) {
        *self.held.lock().await = None;
    }
}

/// The registry's own words of an error, on one line and without a secret.
pub(super) fn said(body: &[u8], secrets: &[Secret]) -> String {
    #[derive(serde::Deserialize)]
    struct Said {
        message: String,
    }
    let Ok(Said { message }) = serde_json::from_slice(body) else { return String::new() };
    let line = http::one_line(&message, secrets);
    let line: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    format!(": {line}")
}

/// The wait that a registry asks for.
pub(super) fn wait(retry_after: &str) -> Option<Duration> {
    retry_after.trim().parse().ok().map(Duration::from_secs)
}
