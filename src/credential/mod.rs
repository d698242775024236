//! Tokens of Entra ID and of other issuers, for whoever needs one: an identity and a scope in, a token or the reason why
//! not out.
//!
//! [`Tokens::fresh`], like [`ClientCredentials::fresh`] and [`Iam::fresh`], begins anew every time. Nothing is kept from one time to the next but which member of a chain
//! works: secrets, certificates and federated tokens are read again, and no cache stands between us and a renewal. Who
//! keeps a token and when it is renewed is the caller's business, and so are retries: one call is one attempt, with an
//! end.

mod assertion;
mod aws;
mod held;
mod identity;
mod jwt;
mod oidc;
mod refusal;
mod tool;
mod wire;

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;

use crate::config::{Entra, Principal, Secret};

pub use aws::Iam;
pub use held::HeldToken;
pub use jwt::{Claims, claims, kept};
pub use oidc::ClientCredentials;
pub use refusal::TokenError;

/// A token, and when it ends.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub text: Secret,
    /// When it ends.
    pub expires: SystemTime,
}

/// A source of tokens for one identity and one scope.
#[derive(Debug)]
pub struct Tokens {
    settings: Entra,
    limit: Duration,
    /// The place in a chain of the identity that gave a token.
    working: Mutex<Option<usize>>,
}

impl Tokens {
    /// Tokens as `settings` say; one attempt takes no longer than `limit`.
    pub fn new(settings: &Entra, limit: Duration) -> Self {
        Self { settings: settings.clone(), limit, working: Mutex::default() }
    }

    /// Who the tokens are for, and what for; for people.
    pub fn who(&self) -> String {
        self.settings.identity.who()
    }

    /// What the tokens are for.
    pub fn scope(&self) -> &str {
        &self.settings.scope
    }

    /// A token from the issuer: one attempt, bounded in time.
    pub async fn fresh(&self) -> Result<Token, TokenError> {
        match &self.settings.identity {
            Principal::Chain { name, tried, skipped } => self.first_of(name, tried, skipped).await,
            identity => self.one(identity).await,
        }
    }

    /// The first that gives a token; from then on only that one is asked.
    async fn first_of(
        &self,
        name: &str,
        tried: &[Principal],
        skipped: &[String],
    ) -> Result<Token, TokenError> {
        let known = *self.working.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(identity) = known.and_then(|known| tried.get(known)) {
            return self.one(identity).await;
        }
        let mut reasons = skipped.to_vec();
        let mut final_for_all = true;
        for (place, identity) in tried.iter().enumerate() {
            match self.one(identity).await {
                Ok(token) => {
                    tracing::info!(name: "identity_found", kind = identity.kind(), "the credential chain `{name}` uses this kind");
                    let mut working =
                        self.working.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    *working = Some(place);
                    return Ok(token);
                }
                Err(refusal) => {
                    final_for_all &= refusal.is_for_good();
                    reasons.push(format!("{}: {refusal}", identity.kind()));
                }
            }
        }
        let text =
            format!("no credential of the chain `{name}` gave a token: {}", reasons.join("; "));
        Err(if final_for_all { TokenError::Refused(text) } else { TokenError::later(text) })
    }

    async fn one(&self, identity: &Principal) -> Result<Token, TokenError> {
        let refused = |refusal: TokenError| refusal.of(identity, &self.settings);
        let wire = tokio::time::timeout(self.limit, wire::Wire::new(&self.settings, self.limit));
        let wire =
            wire.await.map_err(|_| TokenError::later("cannot read the certificates".to_owned()));
        let wire = wire.flatten().map_err(refused)?;
        let asked = async {
            let credential = identity::credential(identity, &self.settings, &wire).await?;
            credential.get_token(&[&self.settings.scope], None).await
        };
        let answer = tokio::time::timeout(self.limit, asked).await;
        match answer {
            Ok(Ok(token)) => read(&token).map_err(refused),
            Ok(Err(error)) => Err(refused(wire.refusal(&error))),
            Err(_) => Err(refused(wire.silence(self.limit))),
        }
    }
}

/// For a client of Azure that logs in by itself. It asks for the scope that it knows; what the settings say counts.
#[async_trait::async_trait]
impl TokenCredential for Tokens {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.fresh().await.map_err(|refusal| {
            azure_core::Error::with_message(ErrorKind::Credential, refusal.to_string())
        })?;
        Ok(AccessToken::new(token.text.expose().to_owned(), token.expires.into()))
    }
}

fn read(token: &AccessToken) -> Result<Token, TokenError> {
    let seconds = u64::try_from(token.expires_on.unix_timestamp()).unwrap_or_default();
    let expires = UNIX_EPOCH + Duration::from_secs(seconds);
    if expires <= SystemTime::now() {
        return Err(TokenError::later("the issued token has already expired".to_owned()));
    }
    Ok(Token { text: Secret::new(token.token.secret()), expires })
}

/// How long to wait before renewing a token that is good for `left`: until a third of it, at least five minutes if it
/// has them, remains. `jitter` in `0.0..1.0` spreads renewals over a tenth.
pub fn renew_in(left: Duration, jitter: f64) -> Duration {
    let margin = (left / 3).max(Duration::from_secs(300)).min(left / 2);
    (left - margin).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 10.0)
}

/// No secret, certificate or token is longer.
const LONGEST: u64 = 64 << 10;

/// What a secret's file holds now, without the line break at its end. `Err` says why nothing usable does.
///
/// A file on a network can hang; the caller bounds the time.
pub async fn file(path: &std::path::Path) -> Result<String, String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read;
        let mut text = String::new();
        std::fs::File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
        Ok(text)
    });
    let text = read.await.map_err(|_| "it could not be read".to_owned())?;
    let text = text.map_err(|error: std::io::Error| error.to_string())?;
    // Windows' editors begin with a byte order mark.
    match text.trim_start_matches('\u{feff}').trim() {
        "" => Err("it is empty".to_owned()),
        _ if text.len() as u64 > LONGEST => Err("it is too long for a secret".to_owned()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Application, Given, Proxy};

    #[test]
    fn renews_well_before_the_end() {
        let hour = Duration::from_secs(3600);
        assert_eq!(renew_in(hour, 0.0), Duration::from_secs(2400));
        assert_eq!(renew_in(hour, 1.0), Duration::from_secs(2160));
        assert_eq!(renew_in(Duration::from_secs(600), 0.0), Duration::from_secs(300));
        assert_eq!(renew_in(Duration::from_secs(10), 0.0), Duration::from_secs(5));
    }

    /// None of the two can give one: who is asked is who is named.
    #[tokio::test]
    async fn of_a_chain_only_who_gave_a_token_is_asked_again() {
        let secret = |name: &str| Principal::Secret {
            application: Application { tenant_id: "t".to_owned(), client_id: name.to_owned() },
            secret: Given::File("/nowhere/at/all".into()),
        };
        let tried = vec![secret("first"), secret("second")];
        let settings = Entra {
            identity: Principal::Chain { name: "default", tried, skipped: Vec::new() },
            authority: "https://localhost:9".to_owned(),
            scope: "s".to_owned(),
            metadata_host: None,
            proxy: Proxy::None,
            ca_file: None,
        };
        let tokens = Tokens::new(&settings, Duration::from_secs(30));
        let said = tokens.fresh().await.unwrap_err().to_string();
        assert!(said.contains("`first`") && said.contains("`second`"), "{said}");
        *tokens.working.lock().unwrap() = Some(1);
        let said = tokens.fresh().await.unwrap_err().to_string();
        assert!(!said.contains("`first`") && said.contains("`second`"), "{said}");
    }

    #[tokio::test]
    async fn a_secret_is_what_its_file_holds_between_what_editors_add() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        for (written, expected) in [
            ("c2VjcmV0", Ok("c2VjcmV0".to_owned())),
            ("\u{feff}c2VjcmV0\r\n", Ok("c2VjcmV0".to_owned())),
            ("\u{feff}\n", Err("it is empty".to_owned())),
        ] {
            std::fs::write(&path, written).unwrap();
            assert_eq!(file(&path).await, expected, "{written:?}");
        }
    }
}
