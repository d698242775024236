//! What a connection may do: the tokens it holds, put through `$cbs`, and renewed ahead of their end.
//!
//! One token serves all links of a hub. Tokens of several hubs are put at the same time, and one that several links wait
//! for is put once. One task a connection renews. A renewal that is refused is tried again and again while the old token
//! lives; nothing else notices, and the first refusal is said.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use amqp::value::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::retry;

use super::Cause;
use super::advice::Right;
use super::connection::Connected;
use super::namespace::{NamespaceClient, NamespaceState, path_of};
use super::outcome::Fault;
use super::requests::Node;
use super::token::{CbsToken, TokenType};

/// How often it is said at most that tokens were renewed.
const SAID: Duration = Duration::from_mins(10);
/// Nothing is renewed more often.
const SOONEST: Duration = Duration::from_secs(1);
/// The task of a connection looks round at least so often.
const ROUND: Duration = Duration::from_secs(60);

/// The tokens of a connection.
pub(super) struct CbsClient {
    pub(super) node: Node,
    held: Mutex<HashMap<String, PutToken>>,
    attempts: Mutex<HashMap<String, Arc<Attempt>>>,
    /// Told of each token that is put.
    put: Arc<Notify>,
}

impl Default for CbsClient {
    fn default() -> Self {
        Self {
            node: Node::new("$cbs"),
            held: Mutex::default(),
            attempts: Mutex::default(),
            put: Arc::default(),
        }
    }
}

/// A token the connection holds for one audience.
#[derive(Clone)]
struct PutToken {
    token: CbsToken,
    since: Instant,
    /// When to renew it.
    due: Instant,
    /// Renewals that failed since it was put.
    failures: u32,
}

/// Who puts a token for an audience, and what became of it the last time.
#[derive(Default)]
struct Attempt {
    done: AtomicU64,
    last: tokio::sync::Mutex<Option<Fault>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CbsClient {
    /// The token that is held for `audience`, if it still counts.
    fn living(&self, audience: &str) -> Option<CbsToken> {
        let held = lock(&self.held);
        let token = &held.get(audience)?.token;
        (token.expires > SystemTime::now()).then(|| token.clone())
    }

    fn attempt(&self, audience: &str) -> Arc<Attempt> {
        Arc::clone(lock(&self.attempts).entry(audience.to_owned()).or_default())
    }

    fn hold(&self, audience: &str, token: &CbsToken) {
        let left = token.expires.duration_since(SystemTime::now()).unwrap_or_default();
        let wait = crate::credential::renew_in(left, rand::random()).max(SOONEST);
        let since = Instant::now();
        let held = PutToken { token: token.clone(), since, due: since + wait, failures: 0 };
        lock(&self.held).insert(audience.to_owned(), held);
        self.put.notify_one();
    }

    /// The service did not take `token` for `audience` any more: the next link needs another one. Many links find out
    /// at the same time, and one that was put since is not meant.
    pub(super) fn forget(&self, audience: &str, token: &CbsToken) {
        let mut held = lock(&self.held);
        let is_meant = |held: &PutToken| {
            held.token.text.expose() == token.text.expose() || held.since.elapsed() > SOONEST
        };
        if held.get(audience).is_some_and(is_meant) {
            held.remove(audience);
        }
    }

    /// When the next token is to be renewed.
    fn next(&self) -> Option<Instant> {
        lock(&self.held).values().map(|held| held.due).min()
    }

    /// What is to be renewed by `now`, and when it ends.
    fn due(&self, now: Instant) -> Vec<(String, SystemTime)> {
        let held = lock(&self.held);
        let due = held.iter().filter(|(_, held)| held.due <= now);
        due.map(|(audience, held)| (audience.clone(), held.token.expires)).collect()
    }

    /// Tries again later. Gives the number of failures so far.
    fn postpone(&self, audience: &str) -> u32 {
        let mut all = lock(&self.held);
        let Some(held) = all.get_mut(audience) else { return 0 };
        held.failures += 1;
        held.due = Instant::now() + retry::delay(held.failures, None, rand::random());
        held.failures
    }
}

impl NamespaceClient {
    /// Makes sure that the connection holds a token for `audience`. Who waits for the same one shares what comes of it.
    pub(super) async fn authorize(
        &self,
        connected: &Connected,
        audience: &str,
    ) -> Result<CbsToken, Fault> {
        let access = &connected.access;
        if let Some(token) = access.living(audience) {
            return Ok(token);
        }
        let attempt = access.attempt(audience);
        let done = attempt.done.load(Ordering::SeqCst);
        let mut last = attempt.last.lock().await;
        if let Some(token) = access.living(audience) {
            return Ok(token);
        }
        if let Some(fault) = last.as_ref().filter(|_| attempt.done.load(Ordering::SeqCst) != done) {
            return Err(fault.clone());
        }
        let put = self.put(connected, audience, None).await;
        *last = put.as_ref().err().cloned();
        attempt.done.fetch_add(1, Ordering::SeqCst);
        put
    }

    /// Puts a token that ends later than `beyond`, if there is one to be had.
    async fn put(
        &self,
        connected: &Connected,
        audience: &str,
        beyond: Option<SystemTime>,
    ) -> Result<CbsToken, Fault> {
        let had = self.0.login.token(audience, beyond).await;
        if let Err(fault) = &had {
            self.0.metrics.token_put(&self.0.name, false);
            if beyond.is_none() {
                self.mark_unauthorized(fault);
            }
        }
        let token = had?;
        if beyond == Some(token.expires) && token.kind == TokenType::Sas {
            let detail = "the signature was not replaced by a newer one".to_owned();
            return Err(Fault { connection: false, ..Fault::new(Cause::Connection, detail) });
        }
        if beyond == Some(token.expires) {
            // The same one; it is asked for again when it is nearer to its end.
            connected.access.hold(audience, &token);
            return Ok(token);
        }
        match self.offer(connected, audience, token).await {
            Ok(token) => {
                let expires = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
                self.0.metrics.token_expires(&self.0.name, expires.as_secs());
                self.token_stands(audience, None);
                Ok(token)
            }
            Err(fault) => {
                let fault = self.explained(fault, path_of(audience));
                if beyond.is_none() && fault.cause == Cause::Unauthorized {
                    self.mark_unauthorized(&fault);
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
        token: CbsToken,
    ) -> Result<CbsToken, Fault> {
        let put = async |token: &CbsToken| {
            let expires = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
            let text = |text: &str| Value::String(text.to_owned());
            let what = [
                ("operation", text("put-token")),
                ("type", text(token.kind.as_str())),
                ("name", text(audience)),
                ("expiration", Value::Timestamp(expires.as_millis() as i64)),
            ];
            let (access, body) = (&connected.access, text(token.text.expose()));
            let asked = access.node.ask(connected, &what, Some(&body)).await;
            self.0.metrics.token_put(&self.0.name, asked.is_ok());
            asked.map(|_| access.hold(audience, token))
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
            let host = &self.0.settings.address.host;
            let hint = self.0.login.hint(&fault.detail, Right::to(path), host, hub);
            fault.detail = format!("{}; hint: {hint}", fault.detail);
        }
        fault
    }

    /// We are not let in, or not let send. Said once, until somebody lets us in; who only looks says for itself what follows,
    /// which may be the end.
    pub(super) fn mark_unauthorized(&self, fault: &Fault) {
        let (namespace, detail) = (&self.0.name, &fault.detail);
        if !self.0.shut.swap(true, Ordering::Relaxed) && self.0.health.is_some() {
            tracing::warn!(name: "login_failed", namespace, detail, "not authorized to use the namespace, retrying");
        }
    }

    /// We are let in.
    pub(super) fn mark_authorized(&self) {
        if self.0.shut.swap(false, Ordering::Relaxed) && self.0.health.is_some() {
            tracing::info!(name: "login_recovered", namespace = self.0.name, "authorized to use the namespace again");
        }
    }

    /// Looks after a connection for as long as it lives: renews its tokens, and notices its end.
    pub(super) fn mind(&self, connected: &Arc<Connected>) {
        let stream = connected.stream();
        let (shared, connected) = (Arc::downgrade(&self.0), Arc::downgrade(connected));
        self.0.runtime.spawn(async move {
            while let Some((next, put)) = round(&shared, &connected) {
                tokio::select! {
                    () = stream.closed() => {
                        let Some((namespace, connected)) = both(&shared, &connected) else { return };
                        let reason = connected.reason().await;
                        namespace.give_up(&connected, &reason).await;
                        return;
                    }
                    () = put.notified() => continue,
                    () = sleep_until(next) => {}
                }
                let Some((namespace, connected)) = both(&shared, &connected) else { return };
                namespace.renew(&connected).await;
                namespace.let_go_of_spare(&connected).await;
            }
        });
    }

    /// Renews what is due, all at the same time.
    async fn renew(&self, connected: &Arc<Connected>) {
        let mut renewals = JoinSet::new();
        for (audience, expires) in connected.access.due(Instant::now()) {
            let (namespace, connected) = (self.clone(), Arc::clone(connected));
            renewals.spawn(async move {
                let put = namespace.put(&connected, &audience, Some(expires)).await;
                let Err(fault) = put else { return namespace.say_renewed() };
                let failures = connected.access.postpone(&audience);
                namespace.say_unrenewed(&audience, &fault, expires, failures);
                if fault.connection {
                    namespace.give_up(&connected, &fault).await;
                }
            });
        }
        while renewals.join_next().await.is_some() {}
    }

    /// Normal operation is to be silent, so it is said now and then, with how many there were.
    fn say_renewed(&self) {
        let mut renewed = self.0.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.tokens += 1;
        if renewed.said.is_none_or(|said| said.elapsed() >= SAID) {
            let (namespace, tokens) = (&self.0.name, std::mem::take(&mut renewed.tokens));
            renewed.said = Some(Instant::now());
            drop(renewed);
            tracing::info!(name: "tokens_renewed", namespace, tokens, "tokens were renewed");
        }
    }

    /// Once while the old token lives; then `health` says it.
    fn say_unrenewed(&self, audience: &str, fault: &Fault, expires: SystemTime, failures: u32) {
        let left = expires.duration_since(SystemTime::now());
        let (namespace, detail) = (&self.0.name, &fault.detail);
        match left {
            Ok(left) if failures == 1 => {
                tracing::warn!(name: "token_not_renewed", namespace, audience, detail, left = ?left, "a token could not be renewed; retrying while the old one is valid");
            }
            Ok(_) => {}
            Err(_) => self.token_stands(audience, Some(detail)),
        }
    }
}

/// Tokens that were renewed and not said, and when some were.
#[derive(Default)]
pub(super) struct RenewedTokens {
    tokens: u64,
    said: Option<Instant>,
}

fn both(
    shared: &Weak<NamespaceState>,
    connected: &Weak<Connected>,
) -> Option<(NamespaceClient, Arc<Connected>)> {
    Some((NamespaceClient(shared.upgrade()?), connected.upgrade()?))
}

/// When there is something to do again, and who is told of a new token; `None` once the connection is gone.
fn round(
    shared: &Weak<NamespaceState>,
    connected: &Weak<Connected>,
) -> Option<(Instant, Arc<Notify>)> {
    let (namespace, connected) = both(shared, connected)?;
    let access = &connected.access;
    let look = Instant::now() + ROUND.min(namespace.link_idle());
    Some((access.next().map_or(look, |next| next.min(look)), Arc::clone(&access.put)))
}
