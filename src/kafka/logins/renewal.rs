//! The token of this process: who gives it, when the next one is due, and what is said when there is none.
//!
//! Asked for when two thirds of its life are over, well before librdkafka or a broker would miss it. While a renewal fails
//! the old one serves to its end; nothing here is final but for who waits for the very first.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::config::{Secret, TokenSource};
use crate::credential::{self, ClientCredentials, Iam, Token, TokenError, renew_in};
use crate::retry;
use crate::watched::Watched;

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(15);

enum LoginSource {
    Oidc(ClientCredentials),
    Entra(Box<credential::Tokens>),
    Iam(Iam),
    File { path: PathBuf, text: Watched<Secret> },
}

pub(super) struct Renewal {
    source: LoginSource,
    /// When the token that serves ends.
    expires: Option<SystemTime>,
    due: Instant,
    failures: u32,
    /// Whether it was said that the token has ended.
    mourned: bool,
}

impl Renewal {
    pub(super) fn new(source: &TokenSource) -> Self {
        let source = match source {
            TokenSource::Oidc(oidc) => LoginSource::Oidc(ClientCredentials::new(oidc, ATTEMPT)),
            TokenSource::Entra(entra) => {
                LoginSource::Entra(Box::new(credential::Tokens::new(entra, ATTEMPT)))
            }
            TokenSource::AwsMskIam { region } => LoginSource::Iam(Iam::new(region, ATTEMPT)),
            TokenSource::File(path) => {
                LoginSource::File { path: path.clone(), text: Watched::new(Secret::default()) }
            }
        };
        Self { source, expires: None, due: Instant::now(), failures: 0, mourned: false }
    }

    /// A token, if one is due and there is another; `Err` says why there has never been one.
    pub(super) async fn turn(&mut self) -> Option<Result<Token, TokenError>> {
        self.mourn();
        if Instant::now() < self.due {
            return None;
        }
        let living = self.lives();
        let fresh = match &mut self.source {
            LoginSource::Oidc(client) => client.fresh().await,
            LoginSource::Entra(tokens) => tokens.fresh().await,
            LoginSource::Iam(iam) => iam.fresh().await,
            LoginSource::File { path, text } => match credential::kept(path).await {
                // Looked at every time; what serves already is no news, and a new one has to settle.
                Ok(token) if living && !text.look(Some(token.text.clone())) => return None,
                Ok(token) => {
                    if !living {
                        *text = Watched::new(token.text.clone());
                    }
                    Ok(token)
                }
                Err(refusal) if living => {
                    tracing::debug!("{refusal}");
                    return None;
                }
                Err(refusal) => Err(refusal),
            },
        };
        match fresh {
            Ok(token) => {
                self.obtained(&token);
                Some(Ok(token))
            }
            Err(refusal) => self.failed(&refusal).map(Err),
        }
    }

    fn lives(&self) -> bool {
        self.expires.is_some_and(|expires| expires > SystemTime::now())
    }

    fn obtained(&mut self, token: &Token) {
        let left = token.expires.duration_since(SystemTime::now()).unwrap_or_default();
        if self.failures > 0 {
            tracing::info!(name: "kafka_token_renewed", ?left, "a token for kafka was issued again");
        } else {
            tracing::debug!(?left, "a token for kafka was issued");
        }
        (self.failures, self.mourned) = (0, false);
        self.expires = Some(token.expires);
        self.due = match self.source {
            LoginSource::File { .. } => Instant::now(),
            _ => Instant::now() + renew_in(left, rand::random()),
        };
    }

    fn failed(&mut self, refusal: &TokenError) -> Option<TokenError> {
        self.failures += 1;
        let asked = match refusal {
            TokenError::Later { after, .. } => *after,
            TokenError::Refused(_) => None,
        };
        self.due = Instant::now() + retry::delay(self.failures, asked, rand::random());
        if self.failures == 1 {
            let meanwhile = match (self.lives(), self.expires) {
                (true, _) => "the old one is valid until its end",
                (false, Some(_)) => "the old one has expired",
                (false, None) => "there is no old one",
            };
            tracing::warn!(name: "kafka_token_missing", "cannot get a token for kafka ({meanwhile}), retrying: {refusal}");
        }
        self.expires.is_none().then(|| refusal.clone())
    }

    /// Says that the token that served has ended, once.
    fn mourn(&mut self) {
        if self.expires.is_some() && !self.lives() && !std::mem::replace(&mut self.mourned, true) {
            tracing::warn!(
                "the token for kafka has expired and there is no other; brokers accept no new connections until the bridge has one"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn jwt(left: u64, salt: &str) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let claims = format!(r#"{{"exp": {}, "sub": "{salt}"}}"#, now + left);
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims))
    }

    #[tokio::test]
    async fn a_token_in_a_file_is_taken_when_it_is_there_and_replaced_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let mut renewal = Renewal::new(&TokenSource::File(path.clone()));
        assert!(!renewal.turn().await.unwrap().unwrap_err().is_for_good(), "waited for");
        let put = |text: &str| std::fs::write(&path, text).unwrap();
        let (first, second) = (jwt(600, "first"), jwt(900, "second"));
        put(&first);
        renewal.due = Instant::now();
        assert_eq!(renewal.turn().await.unwrap().unwrap().text.expose(), first);
        assert!(renewal.turn().await.is_none(), "it is no news");
        put("");
        assert!(renewal.turn().await.is_none());
        put(&second);
        assert!(renewal.turn().await.is_none(), "it could be half-written");
        assert_eq!(renewal.turn().await.unwrap().unwrap().text.expose(), second);
        assert!(renewal.turn().await.is_none());
    }

    #[test]
    fn a_refusal_is_told_only_to_who_never_had_a_token() {
        assert_eq!(ATTEMPT, Duration::from_secs(15), "as `access.md` says");
        let mut renewal = Renewal::new(&TokenSource::File(PathBuf::from("x")));
        let later = TokenError::Later { after: Some(Duration::from_mins(1)), text: "busy".into() };
        assert_eq!(renewal.failed(&later), Some(later.clone()));
        assert!(renewal.due >= Instant::now() + Duration::from_secs(59), "as the issuer asked");
        let refused = TokenError::Refused("no".into());
        assert_eq!(renewal.failed(&refused), Some(refused.clone()));
        let expires = SystemTime::now() + Duration::from_mins(1);
        renewal.obtained(&Token { text: Secret::new("t"), expires });
        assert_eq!((renewal.failures, renewal.lives()), (0, true));
        assert_eq!(renewal.failed(&refused), None);
    }
}
