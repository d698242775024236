//! The tokens of one namespace, by whichever way in its configuration names.
//!
//! A signature is made, or read, for each audience when it is needed; a token of Entra ID is good for all and kept, and
//! renewed when two thirds of its life are over. While a renewal fails the old token serves until its end. What stands in
//! a file is read each time, so that a key may change while the bridge runs.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::config::{self, ConnectionString, Credential, Given, Sas, Secret, SharedAccess};
use crate::credential::{TokenError, Tokens, file, renew_in};
use crate::retry;

use super::Cause;
use super::advice::{Reason, Right, Who};
use super::outcome::Fault;
use super::token::{self, CbsToken, TokenType};

/// A token of Entra that a service refuses is not asked for anew more often.
const REST: Duration = Duration::from_secs(30);

/// How one logs in to a namespace.
pub(super) struct NamespaceLogin {
    namespace: String,
    limit: Duration,
    way: LoginMethod,
}

/// What Microsoft's client logs in with.
#[derive(Clone)]
pub(super) enum WitnessLogin {
    /// A key or a signature.
    ConnectionString(Secret),
    /// Tokens of Entra ID.
    Tokens(Arc<Tokens>),
}

enum LoginMethod {
    Sas { settings: Sas, second: Mutex<bool> },
    Entra(Box<EntraIdentity>),
}

/// An identity of Entra ID.
struct EntraIdentity {
    tokens: Arc<Tokens>,
    held: Mutex<EntraToken>,
    /// Why the last attempt to have a token failed, if it did.
    unrenewed: std::sync::Mutex<Option<TokenError>>,
}

impl EntraIdentity {
    fn new(tokens: Tokens) -> Self {
        Self {
            tokens: Arc::new(tokens),
            held: Mutex::default(),
            unrenewed: std::sync::Mutex::default(),
        }
    }

    fn unrenewed(&self) -> MutexGuard<'_, Option<TokenError>> {
        self.unrenewed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of Entra, and what became of the last attempts to have one.
#[derive(Default)]
struct EntraToken {
    token: Option<CbsToken>,
    /// When it came, and when to ask for the next.
    since: Option<Instant>,
    due: Option<Instant>,
    failures: u32,
    /// The last refusal, and until when it stands for an answer.
    pause: Option<(TokenError, Instant)>,
}

impl NamespaceLogin {
    pub(super) fn new(namespace: &str, settings: &config::Namespace) -> Self {
        let limit = settings.connect_timeout;
        let way = match &settings.credential {
            Credential::Sas(sas) => {
                LoginMethod::Sas { settings: sas.clone(), second: Mutex::default() }
            }
            Credential::Entra(entra) => {
                LoginMethod::Entra(Box::new(EntraIdentity::new(Tokens::new(entra, limit))))
            }
        };
        Self { namespace: namespace.to_owned(), limit, way }
    }

    /// A token for `audience`. With `beyond`, the end of the one that is to be renewed, a refusal is told even while the
    /// old one lives.
    pub(super) async fn token(
        &self,
        audience: &str,
        beyond: Option<SystemTime>,
    ) -> Result<CbsToken, Fault> {
        match &self.way {
            LoginMethod::Sas { settings, second } => {
                let second = *second.lock().await;
                self.signed(settings, second, audience).await
            }
            LoginMethod::Entra(identity) => {
                self.entra(identity, &mut *identity.held.lock().await, beyond).await
            }
        }
    }

    /// The service did not take `token`. What may be tried instead, now.
    pub(super) async fn instead(&self, token: &CbsToken, audience: &str) -> Option<CbsToken> {
        match &self.way {
            LoginMethod::Sas { settings, .. } if settings.second.is_some() => {
                self.signed(settings, !token.second, audience).await.ok()
            }
            LoginMethod::Sas { .. } => None,
            LoginMethod::Entra(identity) => {
                let mut held = identity.held.lock().await;
                let old = held.since.is_some_and(|since| since.elapsed() > REST);
                if old && held.token.as_ref().is_some_and(|held| held.expires == token.expires) {
                    held.due = None;
                }
                None
            }
        }
    }

    /// How long ago everything ended that could be shown, if it says so itself; nobody is asked.
    pub(super) async fn ended(&self) -> Option<Duration> {
        let LoginMethod::Sas { settings, .. } = &self.way else { return None };
        let mut least = Duration::MAX;
        for access in std::iter::once(&settings.first).chain(&settings.second) {
            let token = self.sign(access, "", settings.lifetime).await.ok()?;
            least = least.min(SystemTime::now().duration_since(token.expires).ok()?);
        }
        Some(least)
    }

    /// Who logs in; for people.
    pub(super) fn who(&self) -> String {
        match &self.way {
            LoginMethod::Sas { settings, .. } => match &settings.first {
                SharedAccess::Key { name, .. } => format!("the shared access key `{name}`"),
                SharedAccess::Signature(_) => "a shared access signature".to_owned(),
                SharedAccess::ConnectionString(path) => {
                    format!("the connection string in `{}`", path.display())
                }
            },
            LoginMethod::Entra(identity) => identity.tokens.who(),
        }
    }

    /// What another client logs in with.
    pub(super) async fn pass(&self, host: &str) -> Result<WitnessLogin, Fault> {
        let (settings, second) = match &self.way {
            LoginMethod::Entra(identity) => {
                return Ok(WitnessLogin::Tokens(Arc::clone(&identity.tokens)));
            }
            LoginMethod::Sas { settings, second } => (settings, *second.lock().await),
        };
        let access = settings.second.as_ref().filter(|_| second).unwrap_or(&settings.first);
        let shown = match access {
            SharedAccess::Key { name, key } => {
                let key = self.given(key).await?;
                format!("SharedAccessKeyName={name};SharedAccessKey={}", key.expose())
            }
            SharedAccess::Signature(signature) => {
                format!("SharedAccessSignature={}", self.given(signature).await?.expose())
            }
            SharedAccess::ConnectionString(path) => {
                let text = self.given(&Given::File(path.clone())).await?;
                return Ok(WitnessLogin::ConnectionString(text));
            }
        };
        Ok(WitnessLogin::ConnectionString(Secret::new(format!("Endpoint=sb://{host}/;{shown}"))))
    }

    /// The service took `token` after it had refused the other one: from now on that key is used.
    pub(super) async fn prefer(&self, token: &CbsToken) {
        let LoginMethod::Sas { second, .. } = &self.way else { return };
        let mut second = second.lock().await;
        // Many links share a key; the first that finds out is news.
        if *second != token.second {
            *second = token.second;
            let other = if *second { "secondary" } else { "primary" };
            tracing::warn!(
                name: "key_changed",
                namespace = self.namespace,
                "the service refused a shared access key; the bridge uses the {other} one"
            );
        }
    }

    /// What to do about a refusal, by the words of the service.
    pub(super) fn hint(&self, said: &str, right: Right, host: &str, hub: &str) -> String {
        let (reason, hub) = (Reason::of(said), format!("{host}/{hub}"));
        match &self.way {
            LoginMethod::Sas { settings, .. } => {
                let also = settings.second.as_ref().map(|second| match second {
                    SharedAccess::Key { name, .. } => {
                        format!(" (so too the secondary key `{name}`)")
                    }
                    SharedAccess::Signature(_) => " (so too the secondary signature)".to_owned(),
                    SharedAccess::ConnectionString(path) => {
                        format!(" (so too the secondary one in `{}`)", path.display())
                    }
                });
                let who = match &settings.first {
                    SharedAccess::Key { name, .. } => Who::Key(name),
                    SharedAccess::Signature(_) => Who::Signature,
                    SharedAccess::ConnectionString(path) => Who::File(path),
                };
                reason.hint(who, right, &hub, &also.unwrap_or_default())
            }
            LoginMethod::Entra(identity) => match &*identity.unrenewed() {
                // It need not be the role: to the service, a token may have ended before it has to us.
                Some(refusal) => format!("the token could not be renewed: {refusal}"),
                None => reason.hint(Who::Identity(&identity.tokens.who()), right, &hub, ""),
            },
        }
    }

    /// A token made with the first or the second of what `settings` name.
    async fn signed(
        &self,
        settings: &Sas,
        second: bool,
        audience: &str,
    ) -> Result<CbsToken, Fault> {
        let access = settings.second.as_ref().filter(|_| second).unwrap_or(&settings.first);
        let token = self.sign(access, audience, settings.lifetime).await?;
        Ok(CbsToken { second, ..token })
    }

    async fn sign(
        &self,
        access: &SharedAccess,
        audience: &str,
        lifetime: Duration,
    ) -> Result<CbsToken, Fault> {
        let now = SystemTime::now();
        match access {
            SharedAccess::Key { name, key } => {
                let key = self.given(key).await?;
                Ok(token::sign(audience, name, &key, lifetime, now))
            }
            SharedAccess::Signature(signature) => ready_made(&self.given(signature).await?),
            SharedAccess::ConnectionString(path) => {
                let text = self.given(&Given::File(path.clone())).await?;
                let read = text.expose().parse::<ConnectionString>();
                let read =
                    read.map_err(|flaw| unusable(&format!("`{}`: {flaw}", path.display())))?;
                match read.access {
                    SharedAccess::Key { name, key: Given::Inline(key) } => {
                        Ok(token::sign(audience, &name, &key, lifetime, now))
                    }
                    SharedAccess::Signature(Given::Inline(text)) => ready_made(&text),
                    // A connection string names no files.
                    _ => Err(unusable("the connection string has no key")),
                }
            }
        }
    }

    /// The text itself, or what its file holds now.
    async fn given(&self, given: &Given) -> Result<Secret, Fault> {
        match given {
            Given::Inline(secret) => Ok(secret.clone()),
            Given::File(path) => {
                let named = |why: String| unusable(&format!("`{}`: {why}", path.display()));
                let read = timeout(self.limit, file(path)).await;
                let text = read.map_err(|_| named("reading the file timed out".to_owned()))?;
                Ok(Secret::new(text.map_err(named)?))
            }
        }
    }

    async fn entra(
        &self,
        identity: &EntraIdentity,
        held: &mut EntraToken,
        beyond: Option<SystemTime>,
    ) -> Result<CbsToken, Fault> {
        let now = Instant::now();
        let living = held.token.clone().filter(|token| token.expires > SystemTime::now());
        if let Some(token) = &living
            && held.due.is_some_and(|due| now < due)
        {
            return Ok(token.clone());
        }
        if let Some((refusal, until)) = &held.pause
            && now < *until
        {
            return living
                .filter(|_| beyond.is_none())
                .ok_or_else(|| fault(refusal, Some(*until - now)));
        }
        let tokens = &identity.tokens;
        match tokens.fresh().await {
            Ok(fresh) => {
                *identity.unrenewed() = None;
                let left = fresh.expires.duration_since(SystemTime::now()).unwrap_or_default();
                let token = CbsToken {
                    text: fresh.text,
                    kind: TokenType::Jwt,
                    expires: fresh.expires,
                    second: false,
                };
                let (since, due) = (Instant::now(), Instant::now() + renew_in(left, 1.0));
                *held = EntraToken {
                    token: Some(token.clone()),
                    since: Some(since),
                    due: Some(due),
                    ..EntraToken::default()
                };
                tracing::debug!(
                    namespace = self.namespace,
                    scope = tokens.scope(),
                    ?left,
                    "a token was issued"
                );
                Ok(token)
            }
            Err(refusal) => {
                held.failures += 1;
                *identity.unrenewed() = Some(refusal.clone());
                let asked = match &refusal {
                    TokenError::Later { after, .. } => *after,
                    TokenError::Refused(_) => None,
                };
                let wait = retry::delay(held.failures, asked, rand::random());
                held.pause = Some((refusal.clone(), Instant::now() + wait));
                // Whoever needs any token is served by the old one; whoever renews is told.
                living.filter(|_| beyond.is_none()).ok_or_else(|| fault(&refusal, Some(wait)))
            }
        }
    }
}

fn ready_made(text: &Secret) -> Result<CbsToken, Fault> {
    token::ready_made(text).ok_or_else(|| unusable("the signature has no expiry"))
}

/// Somebody has to correct a file; until then it is tried again.
fn unusable(why: &str) -> Fault {
    let detail = format!("cannot authenticate: {why}");
    Fault { connection: false, ..Fault::new(Cause::Connection, detail) }
}

fn fault(refusal: &TokenError, after: Option<Duration>) -> Fault {
    let cause = if refusal.is_for_good() { Cause::Unauthorized } else { Cause::Connection };
    Fault { connection: false, after, ..Fault::new(cause, refusal.to_string()) }
}
