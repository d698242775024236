//! What a connection may do: the tokens it holds, put through `$cbs`, and renewed ahead of their end.
//!
//! One task a connection renews. A renewal that is refused is tried again and again while the old token lives; nothing
//! else notices, and the first refusal is said.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::session::{Session, SessionHandle};
use fe2o3_amqp_cbs::client::CbsClient;
use fe2o3_amqp_cbs::token::CbsToken;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::retry;

use super::Cause;
use super::connection::{Connected, Namespace, refused};
use super::outcome::Fault;
use super::token::{Kind, Token};

/// Nothing is renewed more often.
const SOONEST: Duration = Duration::from_secs(1);

/// The `$cbs` client and what it has put. Its session lives as long as it does.
pub(super) struct Access {
    client: CbsClient,
    _session: SessionHandle<()>,
    held: HashMap<String, Held>,
    /// Told of each token that is put.
    put: Arc<Notify>,
}

/// A token the connection holds for one audience.
#[derive(Clone, Copy)]
struct Held {
    expires: SystemTime,
    /// When to renew it.
    due: Instant,
    /// Renewals that failed since it was put.
    failures: u32,
}

impl Access {
    pub(super) async fn attach(connection: &mut ConnectionHandle<()>) -> Result<Self, Fault> {
        let lost = |error: String| Fault::new(Cause::Connection, error);
        let mut session =
            Session::begin(connection).await.map_err(|error| lost(error.to_string()))?;
        let client =
            CbsClient::attach(&mut session).await.map_err(|error| lost(error.to_string()))?;
        Ok(Self { client, _session: session, held: HashMap::new(), put: Arc::default() })
    }

    async fn put(&mut self, audience: &str, token: &Token) -> Result<(), Fault> {
        let expires =
            token.expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        let put = CbsToken::new(token.text.expose(), token.kind.as_str(), Some(expires.into()));
        self.client.put_token(audience, put).await.map_err(|error| refused(&error))?;
        self.hold(audience, token.expires);
        Ok(())
    }

    fn hold(&mut self, audience: &str, expires: SystemTime) {
        let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
        let wait = crate::credential::renew_in(left, rand::random()).max(SOONEST);
        let held = Held { expires, due: Instant::now() + wait, failures: 0 };
        self.held.insert(audience.to_owned(), held);
        self.put.notify_one();
    }

    /// When the next token is to be renewed.
    fn next(&self) -> Option<Instant> {
        self.held.values().map(|held| held.due).min()
    }

    /// What is to be renewed by `now`, and when it ends.
    fn due(&self, now: Instant) -> Vec<(String, SystemTime)> {
        let due = self.held.iter().filter(|(_, held)| held.due <= now);
        due.map(|(audience, held)| (audience.clone(), held.expires)).collect()
    }

    /// Tries again later. Gives the number of failures so far.
    fn postpone(&mut self, audience: &str) -> u32 {
        let Some(held) = self.held.get_mut(audience) else { return 0 };
        held.failures += 1;
        held.due = Instant::now() + retry::delay(held.failures, None, rand::random());
        held.failures
    }
}

impl Namespace {
    /// Makes sure that the connection holds a token for `audience`.
    pub(super) async fn authorize(
        &self,
        connected: &Connected,
        audience: &str,
    ) -> Result<Token, Fault> {
        self.put(connected, audience, None).await
    }

    /// Puts a token that ends later than `beyond`, if there is one to be had.
    async fn put(
        &self,
        connected: &Connected,
        audience: &str,
        beyond: Option<SystemTime>,
    ) -> Result<Token, Fault> {
        let had = self.0.login.token(audience, beyond).await;
        if let Err(fault) = &had {
            self.0.metrics.token_put(&self.0.name, false);
            if beyond.is_none() {
                self.shut_out(fault);
            }
        }
        let token = had?;
        if beyond == Some(token.expires) && token.kind == Kind::Sas {
            let detail = "the signature has not been replaced by a later one".to_owned();
            return Err(Fault { connection: false, ..Fault::new(Cause::Connection, detail) });
        }
        if beyond == Some(token.expires) {
            // The same one; it is asked for again when it is nearer to its end.
            connected.access.lock().await.hold(audience, token.expires);
            return Ok(token);
        }
        match self.offer(connected, audience, token).await {
            Ok(token) => {
                let expires = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
                self.0.metrics.token_expires(&self.0.name, expires.as_secs());
                Ok(token)
            }
            Err(fault) => {
                let path = audience.splitn(4, '/').nth(3).unwrap_or_default();
                let fault = self.explained(fault, path);
                if beyond.is_none() && fault.cause == Cause::Unauthorized {
                    self.shut_out(&fault);
                }
                Err(fault)
            }
        }
    }

    /// Puts `token`, or, when that is refused, one made with the other key, where there is one. Gives what was taken.
    async fn offer(
        &self,
        connected: &Connected,
        audience: &str,
        token: Token,
    ) -> Result<Token, Fault> {
        let put = async |token: &Token| {
            let put = async { connected.access.lock().await.put(audience, token).await };
            let result = self.within("putting a token", put).await.and_then(|put| put);
            self.0.metrics.token_put(&self.0.name, result.is_ok());
            result
        };
        match put(&token).await {
            Ok(()) => Ok(token),
            Err(fault) if fault.cause == Cause::Unauthorized => {
                let other = self.0.login.instead(&token, audience).await.ok_or(fault)?;
                put(&other).await?;
                self.0.login.prefer(&other).await;
                Ok(other)
            }
            Err(fault) => Err(fault),
        }
    }

    /// A refusal, with the right that is missing and who lacks it.
    pub(super) fn explained(&self, mut fault: Fault, path: &str) -> Fault {
        if fault.cause == Cause::Unauthorized {
            let hub = path.split('/').next().unwrap_or_default();
            let hint = self.0.login.missing(&self.0.settings.address.host, hub);
            fault.detail = format!("{}; hint: {hint}", fault.detail);
        }
        fault
    }

    /// We are not let in, or not let send. Said once, until somebody lets us in.
    pub(super) fn shut_out(&self, fault: &Fault) {
        let (namespace, detail) = (&self.0.name, &fault.detail);
        if !self.0.shut.swap(true, Ordering::Relaxed) {
            tracing::warn!(namespace, detail, "event hubs cannot be entered, trying again");
        }
    }

    /// We are let in.
    pub(super) fn let_in(&self) {
        if self.0.shut.swap(false, Ordering::Relaxed) {
            self.tell_health(true, "");
            tracing::info!(namespace = self.0.name, "event hubs can be entered again");
        }
    }

    /// Renews every token of a connection ahead of its end, for as long as the connection is used.
    pub(super) fn keep_access(&self, connected: &Arc<Connected>) {
        let (namespace, connected) = (self.clone(), Arc::downgrade(connected));
        self.0.runtime.spawn(async move { namespace.renew(connected).await });
    }

    async fn renew(&self, connected: Weak<Connected>) {
        loop {
            let Some((next, put)) = in_use(&connected).await else { return };
            match next {
                // A connection that is gone leaves nobody to be told of a token.
                None => drop(tokio::time::timeout(Duration::from_secs(60), put.notified()).await),
                Some(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = put.notified() => continue,
                },
            }
            let Some(connected) = connected.upgrade() else { return };
            let due = connected.access.lock().await.due(Instant::now());
            for (audience, expires) in due {
                if let Err(fault) = self.put(&connected, &audience, Some(expires)).await {
                    let failures = connected.access.lock().await.postpone(&audience);
                    self.say_unrenewed(&audience, &fault, expires, failures);
                    if fault.connection {
                        self.give_up(connected.generation, &fault).await;
                        return;
                    }
                }
            }
        }
    }

    /// Once, and once more when the old token has ended.
    fn say_unrenewed(&self, audience: &str, fault: &Fault, expires: SystemTime, failures: u32) {
        let left = expires.duration_since(SystemTime::now());
        let (namespace, detail) = (&self.0.name, &fault.detail);
        match left {
            Ok(left) if failures == 1 => {
                tracing::warn!(namespace, audience, detail, left = ?left, "a token could not be renewed, trying again while the old one lives");
            }
            Err(_) if failures.is_power_of_two() => {
                tracing::error!(
                    namespace,
                    audience,
                    detail,
                    "a token has ended and cannot be renewed, still trying"
                );
            }
            _ => {}
        }
    }
}

/// When the next renewal is due, and who is told of a new token; `None` once the connection is given up.
async fn in_use(connected: &Weak<Connected>) -> Option<(Option<Instant>, Arc<Notify>)> {
    let connected = connected.upgrade()?;
    let access = connected.access.lock().await;
    Some((access.next(), Arc::clone(&access.put)))
}
