//! Who asks a registry: what is said of that with each request, and what of it is never repeated.
//!
//! Files are read again for each request. A token of Entra is kept until it is to be renewed, or until the registry refuses it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::RequestBuilder;

use crate::config::{Registry, Secret};
use crate::credential::{HeldToken, file};
use crate::http;

/// What of a registry's own words is repeated.
const SHOWN: usize = 300;

/// See the module.
#[derive(Debug)]
pub(super) struct RegistryLogin {
    tokens: Option<HeldToken>,
}

impl RegistryLogin {
    pub(super) fn new(settings: &Registry) -> Self {
        let tokens = settings.credential.as_ref();
        Self { tokens: tokens.map(|entra| HeldToken::new(entra, settings.timeout)) }
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
        if let Some(tokens) = &self.tokens {
            let token = tokens.token().await?;
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

    /// The registry refused who asks: the next request shows another token.
    pub(super) async fn refused(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.refused().await;
        }
    }
}

/// The registry's own words of an error, on one line and without a secret.
pub(super) fn said(body: &[u8], secrets: &[Secret]) -> String {
    #[derive(serde::Deserialize)]
    struct RegistryMessage {
        message: String,
    }
    let Ok(RegistryMessage { message }) = serde_json::from_slice(body) else {
        return String::new();
    };
    let line = http::one_line(&message, secrets);
    let line: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    format!(": {line}")
}
