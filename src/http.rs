//! What questions over HTTP have in common: a client that trusts what `tls` says, headers of a file, and words of a peer without secrets.

use std::path::Path;
use std::time::{Duration, Instant};

use bridge_core::retry;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder};

use crate::causes;
use crate::config::{Secret, Tls, headers};
use crate::tls;

/// Trust and certificates may change under a process that runs for months.
const RENEWED: Duration = Duration::from_mins(10);

/// A peer that asks to be left alone is asked again after this time, at most.
const LONGEST: Duration = Duration::from_secs(30);

/// A client that is used again, for as long as it works.
#[derive(Debug, Default)]
pub(crate) struct RenewedClient(Option<(Client, Instant)>);

impl RenewedClient {
    /// The client, made anew where the last one is old.
    pub(crate) async fn client(&mut self, tls: &Tls, limit: Duration) -> Result<Client, String> {
        if let Some((client, made)) = &self.0
            && made.elapsed() < RENEWED
        {
            return Ok(client.clone());
        }
        let client = client(tls, limit).await?;
        self.0 = Some((client.clone(), Instant::now()));
        Ok(client)
    }

    /// It has failed: certificates may be others by now.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

/// A client that goes nowhere else than it is sent; `limit` is for connecting.
pub(crate) async fn client(tls: &Tls, limit: Duration) -> Result<Client, String> {
    let tls = tls::client(tls).await.map_err(|error| error.to_string())?;
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(limit)
        .tls_backend_preconfigured(tls);
    builder.build().map_err(|error| causes::whole(&error))
}

/// The text of a file that a key of the configuration names.
pub(crate) async fn text_of(key: &str, file: &Path) -> Result<String, String> {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
    let text = read.map_err(std::io::Error::other).and_then(|read| read);
    text.map_err(|error| format!("`{key}`: {error}"))
}

/// The headers of a `headers_file`.
pub(crate) async fn headers_of(file: &Path) -> Result<Vec<(String, Secret)>, String> {
    let text = text_of("headers_file", file).await?;
    headers(&text).map_err(|line| format!("`headers_file`: line {line} is not a header"))
}

/// The request with these headers. Of what is wrong with one nothing is shown: it may be half of a secret.
pub(crate) fn with_headers(
    mut request: RequestBuilder,
    headers: &[(String, Secret)],
) -> Result<RequestBuilder, String> {
    for (name, value) in headers {
        let unusable = |_| format!("the header `{name}` cannot be sent");
        let mut value = HeaderValue::from_str(value.expose()).map_err(unusable)?;
        value.set_sensitive(true);
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is not a valid name of a header"))?;
        request = request.header(key, value);
    }
    Ok(request)
}

/// The wait that a peer asks for by `Retry-After`, where it is in seconds.
pub(crate) fn wait(retry_after: &str) -> Option<Duration> {
    retry_after.trim().parse().ok().map(Duration::from_secs)
}

/// How long to wait after so many failures, of which the last asked for a wait `after`.
pub(crate) fn pause(after: Option<Duration>, failures: u32) -> Duration {
    retry::delay(failures, after, rand::random()).min(LONGEST)
}

/// A peer's words on one line, without secrets.
pub(crate) fn one_line(text: &str, secrets: &[Secret]) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in secrets.iter().map(Secret::expose).filter(|secret| secret.len() > 3) {
        // `Bearer` is no secret, what is behind is.
        for part in std::iter::once(secret).chain(secret.split(' ').filter(|it| it.len() > 7)) {
            line = line.replace(part, "***");
        }
    }
    line
}
