//! One request to a collector: with a deadline, and without a secret in what is said of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;

use crate::causes;
use crate::config::{Otlp, Secret};
use crate::http::{self, RenewedClient};
use crate::metrics::{Metrics, OtlpSignal};
use crate::repeats::Repeats;

/// No answer of a collector is longer; what is behind is not read.
const LONGEST: usize = 64 << 10;
/// What of a collector's own words is repeated.
const SHOWN: usize = 300;

/// Why a request was in vain.
#[derive(Debug)]
pub(super) struct ExportError {
    text: String,
    /// Whether another attempt may do better.
    pub(super) passing: bool,
    /// The least wait the collector asks for.
    pub(super) after: Option<Duration>,
}

impl ExportError {
    fn passing(text: String) -> Self {
        Self { text, passing: true, after: None }
    }
}

/// What of a request that was taken was not.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) count: i64,
    pub(super) why: String,
}

/// Sends requests of one signal, one after the other.
pub(super) struct Sender {
    signal: OtlpSignal,
    settings: Otlp,
    metrics: Arc<Metrics>,
    client: RenewedClient,
    said: Repeats<&'static str, 2>,
    /// Whether the last one failed.
    fails: bool,
}

impl Sender {
    /// The word of `signal` is what the path ends with.
    pub(super) fn new(signal: OtlpSignal, settings: &Otlp, metrics: Arc<Metrics>) -> Self {
        let (client, said) = (RenewedClient::default(), Repeats::default());
        Self { signal, settings: settings.clone(), metrics, client, said, fails: false }
    }

    /// One attempt; how it ended is told and counted. Gives how many items the collector has not taken of those it was given.
    pub(super) async fn send<A: Message + Default>(
        &mut self,
        request: &impl Message,
        rejected: impl FnOnce(A) -> Option<Rejected>,
    ) -> Result<u64, ExportError> {
        let limit = self.settings.timeout;
        let sent = tokio::time::timeout(limit, self.post(request.encode_to_vec())).await;
        let sent = sent
            .unwrap_or_else(|_| Err(ExportError::passing(format!("no answer within {limit:?}"))));
        self.metrics.exported(self.signal, sent.is_ok());
        let Otlp { endpoint, .. } = &self.settings;
        let signal = self.signal.as_str();
        match sent {
            Ok((answer, secrets)) => {
                if std::mem::take(&mut self.fails) {
                    tracing::info!(name: "otlp_restored", signal, endpoint, "the collector accepts exports again");
                }
                // An answer that is none says nothing against what was sent.
                let rejected = A::decode(&*answer).ok().and_then(rejected);
                let Some(rejected) = rejected.filter(|it| it.count > 0) else { return Ok(0) };
                if self.said.may_say(&"rejected", Instant::now()).is_some() {
                    let why = one_line(&rejected.why, &secrets);
                    tracing::warn!(name: "otlp_rejected", signal, endpoint, items = rejected.count, why, "the collector rejected a part of an export");
                }
                Ok(rejected.count.unsigned_abs())
            }
            Err(failure) => {
                self.fails = true;
                self.client.forget();
                if let Some(unsaid) = self.said.may_say(&"failed", Instant::now()) {
                    let before = (unsaid > 0).then_some(unsaid);
                    tracing::warn!(name: "otlp_failed", signal, endpoint, error = failure.text, before, "cannot export to the collector, retrying; records are not affected");
                }
                Err(failure)
            }
        }
    }

    /// The body of the answer, and what of the request is secret.
    async fn post(&mut self, body: Vec<u8>) -> Result<(Vec<u8>, Vec<Secret>), ExportError> {
        let headers = match &self.settings.headers_file {
            None => Vec::new(),
            Some(file) => http::headers_of(file).await.map_err(ExportError::passing)?,
        };
        let Otlp { endpoint, tls, timeout, .. } = &self.settings;
        let client = self.client.client(tls, *timeout).await;
        let client =
            client.map_err(|why| ExportError::passing(format!("no HTTP client: {why}")))?;
        let url = format!("{endpoint}/v1/{}", self.signal);
        let request = client.post(url).header("content-type", "application/x-protobuf");
        let request = http::with_headers(request, &headers).map_err(ExportError::passing)?;
        let failed =
            |error: reqwest::Error| ExportError::passing(causes::whole(&error.without_url()));
        let mut answer = request.body(body).send().await.map_err(failed)?;
        let status = answer.status();
        if !status.is_success() {
            let after = answer.headers().get("retry-after").and_then(|it| it.to_str().ok());
            let after = after.and_then(|it| it.trim().parse().ok()).map(Duration::from_secs);
            let passing = [429, 502, 503, 504].contains(&status.as_u16());
            return Err(ExportError { text: format!("the answer is {status}"), passing, after });
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST {
                break;
            }
        }
        Ok((body, headers.into_iter().map(|(_, value)| value).collect()))
    }
}

/// A collector's words without line breaks and secrets, and not longer than what one reads.
fn one_line(text: &str, secrets: &[Secret]) -> String {
    let line = http::one_line(text, secrets);
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_collector_hold_no_secret() {
        let secrets = [Secret::new("Bearer hush-1234"), Secret::new("x")];
        let line = one_line("no\n`hush-1234` or Bearer hush-1234 x", &secrets);
        assert_eq!(line, "no `***` or *** x");
        assert_eq!(one_line(&"é".repeat(SHOWN + 9), &[]).chars().count(), SHOWN + 1);
    }
}
