//! Tokens of any OIDC issuer, for a client's own credentials (RFC 6749, section 4.4).
//!
//! The client shows its secret by HTTP Basic, as Kafka's own clients do. Secret and authorities are read again for each
//! token, and one call is one attempt, with an end.

use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::causes;
use crate::config::{Given, Oidc, Secret, Tls};
use crate::http;

use super::wire::{self, IssuerError};
use super::{Token, TokenError, file, jwt};

/// A source of tokens for one client of one issuer.
#[derive(Debug)]
pub struct ClientCredentials {
    settings: Oidc,
    limit: Duration,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl ClientCredentials {
    /// Tokens as `settings` say; one attempt takes no longer than `limit`.
    pub fn new(settings: &Oidc, limit: Duration) -> Self {
        Self { settings: settings.clone(), limit }
    }

    /// A token from the issuer: one attempt, bounded in time.
    pub async fn fresh(&self) -> Result<Token, TokenError> {
        let asked = tokio::time::timeout(self.limit, self.ask()).await;
        let answer = asked.unwrap_or_else(|_| {
            Err(TokenError::later(format!("no answer within {:?}", self.limit)))
        });
        let Oidc { endpoint, client_id, .. } = &self.settings;
        answer.map_err(|refusal| {
            let hint = if refusal.is_for_good() {
                "; hint: check `client_id`, `client_secret` and `scope` under `[kafka.security.token]`"
            } else {
                ""
            };
            let whole =
                |text| format!("client `{client_id}` got no token from `{endpoint}`: {text}{hint}");
            match refusal {
                TokenError::Later { after, text } => TokenError::Later { after, text: whole(text) },
                TokenError::Refused(text) => TokenError::Refused(whole(text)),
            }
        })
    }

    async fn ask(&self) -> Result<Token, TokenError> {
        let secret = match &self.settings.client_secret {
            Given::Inline(secret) => secret.clone(),
            Given::File(path) => Secret::new(
                file(path)
                    .await
                    .map_err(|why| TokenError::later(format!("`{}`: {why}", path.display())))?,
            ),
        };
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let scope = self.settings.scope.as_deref();
        let scope = scope.map_or(String::new(), |scope| format!("&scope={}", encoded(scope)));
        let request = self
            .client()
            .await?
            .post(&self.settings.endpoint)
            .basic_auth(&self.settings.client_id, Some(secret.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(format!("grant_type=client_credentials{scope}"));
        let later = |error: reqwest::Error| TokenError::later(causes::whole(&error.without_url()));
        let mut answer = request.send().await.map_err(later)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(later)? {
            body.extend_from_slice(&chunk);
            if body.len() > wire::LONGEST {
                return Err(TokenError::later("it does not stop answering".to_owned()));
            }
        }
        let status = answer.status();
        if status.is_success() {
            return token(&body);
        }
        let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let after = after.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        let said = IssuerError::read(&body, &[secret.expose()]);
        let text = format!("{}: {}", status.as_u16(), said.text);
        let passing =
            status.is_server_error() || [408, 429].contains(&status.as_u16()) || said.passing;
        Err(if passing { TokenError::Later { after, text } } else { TokenError::Refused(text) })
    }

    async fn client(&self) -> Result<reqwest::Client, TokenError> {
        let trust = Tls { ca_file: self.settings.ca_file.clone(), identity: None };
        let client = http::client(&trust, self.limit).await;
        client.map_err(|why| TokenError::later(format!("no HTTP client: {why}")))
    }
}

/// The token in an answer. Whichever end comes first counts: the issuer's word or the token's own.
fn token(body: &[u8]) -> Result<Token, TokenError> {
    let now = SystemTime::now();
    let Ok(answer) = serde_json::from_slice::<TokenResponse>(body) else {
        return Err(TokenError::Refused("its answer holds no `access_token`".to_owned()));
    };
    let text = Secret::new(answer.access_token);
    let own = jwt::claims(&text).and_then(|claims| claims.expires);
    let told = answer.expires_in.filter(|seconds| (0.0..1e9).contains(seconds));
    let told = told.map(|seconds| now + Duration::from_secs_f64(seconds));
    match own.into_iter().chain(told).min() {
        Some(expires) if expires > now => Ok(Token { text, expires }),
        Some(_) => Err(TokenError::later("the issued token has already expired".to_owned())),
        None => Err(TokenError::Refused("the token has no expiry".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn answer(own: Option<u64>, told: Option<u64>) -> Vec<u8> {
        let now = SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let body = own.map_or("{}".to_owned(), |left| format!(r#"{{"exp": {}}}"#, now + left));
        let token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(body));
        serde_json::json!({ "access_token": token, "expires_in": told }).to_string().into()
    }

    /// The next request, up to its `end`, and where the answer goes.
    async fn heard(listener: &TcpListener, end: &str) -> (TcpStream, String) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with(end) {
            let mut part = [0; 1024];
            let read = stream.read(&mut part).await.unwrap();
            request.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
        (stream, request)
    }

    /// Answers the first request with `answer`, or never; gives the client for it, and what was asked.
    async fn asked(answer: Option<String>) -> (Result<Token, TokenError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Oidc {
            endpoint: format!("http://{}/token", listener.local_addr().unwrap()),
            client_id: "bridge".to_owned(),
            client_secret: Given::Inline(Secret::new("hush")),
            scope: Some("a b".to_owned()),
            ca_file: None,
        };
        let client = ClientCredentials::new(&settings, Duration::from_secs(2));
        let served = async {
            let (mut stream, request) = heard(&listener, "a%20b").await;
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                // Until the client hangs up.
                None => drop(stream.read(&mut [0; 1]).await),
            }
            request
        };
        tokio::join!(client.fresh(), served)
    }

    fn http(status: &str, body: &[u8]) -> String {
        let length = body.len();
        let body = std::str::from_utf8(body).unwrap();
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nretry-after: 7\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn the_client_shows_its_secret_and_nobody_else_does() {
        let (token, request) = asked(Some(http("200 OK", &answer(Some(100), None)))).await;
        assert!(token.unwrap().text.expose().starts_with("e30."));
        assert!(request.contains("authorization: Basic YnJpZGdlOmh1c2g="), "{request}");
        assert!(
            request.ends_with("\r\n\r\ngrant_type=client_credentials&scope=a%20b"),
            "{request}"
        );

        let body = br#"{"error": "invalid_client", "error_description": "hush is wrong"}"#;
        let refusal = asked(Some(http("401 Unauthorized", body))).await.0.unwrap_err();
        let said = refusal.to_string();
        assert!(refusal.is_for_good() && said.contains("401: *** is wrong"), "{said}");
        assert!(said.contains("client `bridge`") && said.contains("hint: "), "{said}");

        let busy = asked(Some(http("503 Service Unavailable", b""))).await.0.unwrap_err();
        let seven = Some(Duration::from_secs(7));
        assert!(matches!(busy, TokenError::Later { after, .. } if after == seven), "{busy}");
        let silent = asked(None).await.0.unwrap_err();
        assert!(!silent.is_for_good() && silent.to_string().contains("no answer within 2s"));
    }

    #[tokio::test]
    async fn a_secret_in_a_file_is_read_for_each_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = ClientCredentials::new(
            &Oidc {
                endpoint: format!("http://{}/token", listener.local_addr().unwrap()),
                client_id: "bridge".to_owned(),
                client_secret: Given::File(file.clone()),
                scope: None,
                ca_file: None,
            },
            Duration::from_secs(30),
        );
        for (secret, shown) in [("hush", "YnJpZGdlOmh1c2g="), ("next", "YnJpZGdlOm5leHQ=")] {
            std::fs::write(&file, format!("{secret}\n")).unwrap();
            let served = async {
                let (mut stream, request) = heard(&listener, "client_credentials").await;
                let answer = http("200 OK", &answer(Some(100), None));
                stream.write_all(answer.as_bytes()).await.unwrap();
                request
            };
            let (token, request) = tokio::join!(client.fresh(), served);
            token.unwrap();
            assert!(request.contains(&format!("authorization: Basic {shown}")), "{request}");
        }
    }

    #[test]
    fn the_end_that_comes_first_counts() {
        let left = |own, told| {
            let token = token(&answer(own, told)).unwrap();
            token.expires.duration_since(SystemTime::now()).unwrap().as_secs_f64().round()
        };
        assert!((left(Some(100), Some(300)) - 100.0).abs() < 2.0);
        assert!((left(Some(300), Some(100)) - 100.0).abs() < 2.0);
        assert!((left(None, Some(100)) - 100.0).abs() < 2.0);
        assert!((left(Some(100), None) - 100.0).abs() < 2.0);
        assert!(token(&answer(None, None)).unwrap_err().is_for_good());
        assert!(!token(&answer(Some(0), None)).unwrap_err().is_for_good());
        assert!(token(b"<html>").unwrap_err().is_for_good());
    }
}
