//! One upload to one container.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bridge_core::claim::Blob;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use reqwest::header::{CONTENT_TYPE, IF_MATCH, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::sync::Mutex;

use crate::causes;
use crate::config::{BlobWriter, ClaimCheck, Tls};
use crate::credential::{HeldToken, file};
use crate::http::{RenewedClient, wait};
use crate::metrics::Upload;

/// The first version of the API in which a request may hold 5 000 MiB; emulators know it.
const VERSION: &str = "2019-12-12";
/// What a blob is whose record does not say it.
const OCTETS: &str = "application/octet-stream";
/// A tag that no blob has.
const NO_TAG: &str = "\"0x0\"";
/// What of an error code is repeated.
const SHOWN: usize = 60;

/// Why a blob is not stored, by what the caller must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobError {
    /// Try again, not before that time if storage named one.
    Later {
        /// What was said.
        detail: String,
        /// The least wait.
        after: Option<Duration>,
    },
    /// Who writes is not allowed to. Try again: a right may be given, a signature renewed.
    Unauthorized(String),
}

impl fmt::Display for BlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Later { detail, .. } | Self::Unauthorized(detail) => f.write_str(detail),
        }
    }
}

impl BlobError {
    fn later(detail: String) -> Self {
        Self::Later { detail, after: None }
    }

    /// The least wait, if one was asked for.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::Later { after, .. } => *after,
            Self::Unauthorized(_) => None,
        }
    }

    /// In one word.
    pub(super) fn label(&self) -> Upload {
        match self {
            Self::Later { .. } => Upload::Failed,
            Self::Unauthorized(_) => Upload::Unauthorized,
        }
    }
}

/// A container that is written to.
#[derive(Debug)]
pub struct BlobContainer {
    settings: ClaimCheck,
    tokens: Option<HeldToken>,
    tls: Tls,
    http: Mutex<RenewedClient>,
}

impl BlobContainer {
    /// Asks nothing yet.
    pub fn new(settings: &ClaimCheck) -> Self {
        let tokens = match &settings.identity {
            BlobWriter::Entra(entra) => Some(HeldToken::new(entra, settings.timeout)),
            BlobWriter::Sas(_) => None,
        };
        let tls = Tls { ca_file: settings.ca_file.clone(), identity: None };
        Self { settings: settings.clone(), tokens, tls, http: Mutex::default() }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.settings.container.url
    }

    /// Stores a blob: one attempt, with an end. What was there under its name is written over.
    pub async fn put(&self, blob: &Blob) -> Result<(), BlobError> {
        self.attempt(blob, None).await
    }

    /// Whether a blob could be stored. None is: it is asked for on a condition that no blob meets, which storage looks at last.
    pub async fn reach(&self) -> Result<(), BlobError> {
        let url = format!("{}/{}check", self.url(), self.settings.container.prefix);
        // The length of nothing would not be said, which storage refuses.
        let blob = Blob { url, bytes: Bytes::from_static(b"check"), content_type: None };
        self.attempt(&blob, Some(NO_TAG)).await
    }

    /// Stores a blob where the one that is there has that tag; `tag` is of none.
    async fn attempt(&self, blob: &Blob, tag: Option<&str>) -> Result<(), BlobError> {
        let limit = self.settings.timeout;
        let stored = tokio::time::timeout(limit, self.put_one(blob, tag)).await;
        let silence = |_| Err(BlobError::later(format!("no answer within {limit:?}")));
        let stored = stored.unwrap_or_else(silence);
        match &stored {
            Ok(()) => {}
            // Certificates may be others by now.
            Err(BlobError::Later { .. }) => self.http.lock().await.forget(),
            Err(BlobError::Unauthorized(_)) => {
                if let Some(tokens) = &self.tokens {
                    tokens.refused().await;
                }
            }
        }
        stored
    }

    async fn put_one(&self, blob: &Blob, tag: Option<&str>) -> Result<(), BlobError> {
        let client = self.http.lock().await.client(&self.tls, self.settings.timeout).await;
        let client = client.map_err(BlobError::later)?;
        let content_type = blob.content_type.as_deref().unwrap_or(OCTETS);
        let request = |url: &str| client.put(url).header(CONTENT_TYPE, content_type);
        let mut request = match &self.settings.identity {
            BlobWriter::Sas(file) => request(&signed(&blob.url, file).await?),
            BlobWriter::Entra(_) => self.with_token(request(&blob.url)).await?,
        };
        if let Some(tag) = tag {
            request = request.header(IF_MATCH, tag);
        }
        let now = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now());
        let request = request
            .header("x-ms-version", VERSION)
            .header("x-ms-blob-type", "BlockBlob")
            .header("x-ms-date", now.unwrap_or_default())
            .body(blob.bytes.clone());
        // The URL may hold a signature.
        let answer = request.send().await;
        let answer =
            answer.map_err(|error| BlobError::later(causes::whole(&error.without_url())))?;
        match (answer.status(), tag) {
            (StatusCode::CREATED, None) | (StatusCode::PRECONDITION_FAILED, Some(_)) => Ok(()),
            _ => Err(refusal(&answer)),
        }
    }

    async fn with_token(&self, request: RequestBuilder) -> Result<RequestBuilder, BlobError> {
        let Some(tokens) = &self.tokens else { return Ok(request) };
        let token = tokens.token().await.map_err(BlobError::later)?;
        Ok(request.bearer_auth(token.expose()))
    }
}

/// `url` with the signature that is in `path` now.
async fn signed(url: &str, path: &Path) -> Result<String, BlobError> {
    let text = file(path).await;
    let text = text.map_err(|why| BlobError::later(format!("`claim_check.sas_file`: {why}")))?;
    Ok(format!("{url}?{}", text.trim().trim_start_matches('?')))
}

/// What an answer means that is not the one that was wanted.
fn refusal(answer: &Response) -> BlobError {
    let status = answer.status();
    let text = |name: &str| {
        let value = answer.headers().get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let code: String = text("x-ms-error-code").chars().take(SHOWN).collect();
    let detail = match code.as_str() {
        "" => format!("storage answered {status}"),
        code => format!("storage answered {status}, {code}"),
    };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => BlobError::Unauthorized(detail),
        // A container that is not there may come, an address that is wrong may be put right.
        _ => BlobError::Later { detail, after: wait(&text(RETRY_AFTER.as_str())) },
    }
}
