//! Keeps open what `[kafka.security]` opened: tokens, passwords that change, certificates that rotate.
//!
//! One thread a process looks at files and asks issuers, so that neither ever holds up a thread that faces librdkafka.
//! Every client is admitted once; from then on it is handed each new password and each new token. Certificates are loaded
//! when a client is made: of those, only a change is told, and the bridge starts its shards anew.
//!
//! Invariant: a file counts once it has held the same thing in two looks, so one that is half-written breaks nothing.

mod keeper;
mod renewal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use crate::config::{self, BrokerLogin, Secret};
use crate::credential::{self, Token, TokenError};
use crate::kafka::ClientError;

use keeper::Keeper;

/// What the clients of this process log in with. Cheap to clone; its thread ends with the last clone.
#[derive(Clone)]
pub struct Logins(Arc<Shared>);

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("rotations", &self.rotations()).finish_non_exhaustive()
    }
}

/// Nobody gives a token, and asking again is of no use until somebody changes something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no token for kafka: {0}")]
pub struct Refused(String);

/// A client of librdkafka that can be handed what it logs in with.
pub(super) trait Entrant: Send + Sync + 'static {
    fn take_password(&self, username: &str, password: &Secret) -> Result<(), String>;
    fn take_token(&self, token: &Bearer) -> Result<(), String>;
}

/// A token as librdkafka takes it.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub(super) text: Secret,
    /// Its end, in milliseconds since the Unix epoch.
    pub(super) expires: i64,
    /// Who it is about, for the log of the client.
    pub(super) principal: String,
    pub(super) extensions: BTreeMap<String, String>,
}

impl Bearer {
    fn new(token: &Token, extensions: &BTreeMap<String, String>) -> Self {
        let expires = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        let subject = credential::claims(&token.text).and_then(|claims| claims.subject);
        // A name with a NUL in it would not be one.
        let principal = subject.unwrap_or_default().replace('\0', "");
        let text = token.text.clone();
        let expires = expires.as_millis() as i64;
        Self { text, expires, principal, extensions: extensions.clone() }
    }
}

/// What a client is let in with.
#[derive(Debug, Clone)]
enum Pass {
    Password { username: String, password: Secret },
    Token(Bearer),
}

impl Pass {
    fn give(&self, client: &dyn Entrant) {
        let taken = match self {
            Self::Password { username, password } => client.take_password(username, password),
            Self::Token(token) => client.take_token(token),
        };
        if let Err(why) = taken {
            tracing::warn!("librdkafka rejected the new credentials: {why}");
        }
    }
}

#[derive(Default)]
struct LoginsState {
    clients: Vec<Weak<dyn Entrant>>,
    /// What was obtained last. A password that has not changed is known to the clients.
    pass: Option<Pass>,
    /// Why there is no token, while there has never been one, and whether asking again is of no use.
    refused: Option<(Refused, bool)>,
}

/// What the thread shares with the rest.
struct Shared {
    /// Whether clients wait for a token.
    by_token: bool,
    state: Mutex<LoginsState>,
    changed: Condvar,
    rotations: AtomicU64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, LoginsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands `pass` to every client, and to all that come.
    fn give(&self, pass: Pass) {
        let mut state = self.state();
        state.pass = Some(pass.clone());
        state.refused = None;
        state.clients.retain(|client| client.strong_count() > 0);
        let clients: Vec<_> = state.clients.iter().filter_map(Weak::upgrade).collect();
        self.changed.notify_all();
        // The last owner of a client waits for its end.
        drop(state);
        for client in clients {
            pass.give(&*client);
        }
    }

    fn refuse(&self, why: &TokenError) {
        self.state().refused = Some((Refused(why.to_string()), why.is_for_good()));
        self.changed.notify_all();
    }
}

impl Logins {
    /// Begins to keep what `kafka.security` names; does nothing where nothing there can change.
    pub fn open(kafka: &config::Kafka) -> Result<Self, ClientError> {
        let security = kafka.security.as_ref();
        let login = security.and_then(|security| security.login.as_ref());
        let shared = Arc::new(Shared {
            by_token: matches!(login, Some(BrokerLogin::Token { .. })),
            state: Mutex::default(),
            changed: Condvar::new(),
            rotations: AtomicU64::new(0),
        });
        let client = |error: std::io::Error| ClientError::Client(error.to_string());
        let keeper = match security {
            Some(security) => Keeper::new(security, Arc::downgrade(&shared)).map_err(client)?,
            None => None,
        };
        if let Some(keeper) = keeper {
            let thread = thread::Builder::new().name("kafka-access".to_owned());
            thread.spawn(move || keeper.run()).map_err(client)?;
        }
        Ok(Self(shared))
    }

    /// Waits up to `timeout` until clients can log in, as far as that is known here: whether there is a token where one
    /// is needed.
    pub fn wait(&self, timeout: Duration) -> Result<bool, Refused> {
        if !self.0.by_token {
            return Ok(true);
        }
        let state = self.0.state();
        let waits = |state: &mut LoginsState| {
            state.pass.is_none() && !state.refused.as_ref().is_some_and(|(_, for_good)| *for_good)
        };
        let waited = self.0.changed.wait_timeout_while(state, timeout, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &state.refused {
            Some((refused, true)) => Err(refused.clone()),
            _ => Ok(state.pass.is_some()),
        }
    }

    /// Why there is no token yet, as far as that was said.
    pub fn trouble(&self) -> Option<String> {
        self.0.state().refused.as_ref().map(|(refused, _)| refused.to_string())
    }

    /// How often the certificates on disk have changed for others that are sound. A client that was made before goes on
    /// with the old ones.
    pub fn rotations(&self) -> u64 {
        self.0.rotations.load(Ordering::Acquire)
    }

    /// Hands `client` what there is, and from now on what comes.
    pub(super) fn admit(&self, client: &Arc<impl Entrant>) {
        let client = Arc::clone(client) as Arc<dyn Entrant>;
        let mut state = self.0.state();
        state.clients.push(Arc::downgrade(&client));
        // Under the lock: what is newer comes later.
        if let Some(pass) = &state.pass {
            pass.give(&*client);
        }
    }
}
