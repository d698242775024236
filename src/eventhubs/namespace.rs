//! A namespace: its connections, made when they are needed, made again when they are lost.
//!
//! Whoever needs a place for a link takes one on a connection that has room; the first who finds none makes a connection,
//! the others wait for it, and after a failure all are told so until a short pause is over: a dead namespace is not
//! hammered by every lane. A connection that was lost is asked for in the background until there is one again.

mod numbering;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::health::{ShardHealth, Trouble};
use crate::metrics::Metrics;
use crate::{config, retry};

use super::Cause;
use super::access::RenewedTokens;
use super::connection::{Connected, ConnectionTerms};
use super::login::NamespaceLogin;
use super::outcome::Fault;
use super::seating::Set;
use super::session::Seat;
use super::transport::{self, Passed, Switch, Tell};

/// A link that was not used for so long is let go.
const LINK_IDLE: Duration = Duration::from_secs(120);

/// A namespace, for one shard. Cheap to clone.
#[derive(Clone)]
pub struct NamespaceClient(pub(super) Arc<NamespaceState>);

type Hearer = Arc<dyn Fn() + Send + Sync>;

pub(super) struct NamespaceState {
    pub(super) name: String,
    pub(super) settings: config::Namespace,
    pub(super) login: NamespaceLogin,
    /// Whether the last attempt to get in was refused.
    pub(super) shut: AtomicBool,
    /// What is to be said of tokens that were renewed.
    pub(super) renewed: Mutex<RenewedTokens>,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) shard: u32,
    pub(super) health: Option<ShardHealth>,
    pool: Mutex<Vec<Arc<Connected>>>,
    pace: tokio::sync::Mutex<Backoff>,
    hearers: Mutex<Vec<Hearer>>,
    /// Connections made, lanes and readers.
    numbers: AtomicU64,
    /// Somebody tries to connect in the background.
    trying: AtomicBool,
    left: AtomicBool,
    idle: AtomicU64,
    numbering: numbering::Numbering,
}

#[derive(Default)]
struct Backoff {
    failures: u32,
    /// The last failure, and until when it stands for an answer.
    pause: Option<(Fault, Instant)>,
}

impl Backoff {
    fn rest(&self) -> Option<(&Fault, Duration)> {
        let (fault, until) = self.pause.as_ref()?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some((fault, left))
    }
}

impl fmt::Debug for NamespaceClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.0.name).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NamespaceClient {
    /// A namespace that is not connected yet. `health`, if given, hears when it comes and goes.
    pub fn new(
        name: &str,
        settings: &config::Namespace,
        shard: u32,
        runtime: tokio::runtime::Handle,
        metrics: Arc<Metrics>,
        health: Option<ShardHealth>,
    ) -> Self {
        Self(Arc::new(NamespaceState {
            name: name.to_owned(),
            settings: settings.clone(),
            login: NamespaceLogin::new(name, settings),
            shut: AtomicBool::new(false),
            renewed: Mutex::default(),
            runtime,
            metrics,
            shard,
            health,
            pool: Mutex::default(),
            pace: tokio::sync::Mutex::default(),
            hearers: Mutex::default(),
            numbers: AtomicU64::new(1),
            trying: AtomicBool::new(false),
            left: AtomicBool::new(false),
            idle: AtomicU64::new(LINK_IDLE.as_millis() as u64),
            numbering: numbering::Numbering::default(),
        }))
    }

    /// Lets a link go after `idle` without a batch, instead of two minutes.
    pub fn release_idle_links_after(&self, idle: Duration) {
        self.0.idle.store(idle.as_millis() as u64, Ordering::Relaxed);
    }

    pub(super) fn link_idle(&self) -> Duration {
        Duration::from_millis(self.0.idle.load(Ordering::Relaxed))
    }

    /// `tell` is called each time a connection has been made: what failed for want of one may be tried again.
    pub fn on_connected(&self, tell: impl Fn() + Send + Sync + 'static) {
        lock(&self.0.hearers).push(Arc::new(tell));
    }

    /// A number of its own: for a connection, a lane or a reader.
    pub(super) fn number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A place for a link, on a connection that is made now if none has room.
    pub(super) async fn seat(&self, set: Set, alone: bool) -> Result<Seat, Fault> {
        let free = || {
            let pool = lock(&self.0.pool);
            pool.iter().filter(|it| it.serves(set)).find_map(|it| it.seat(alone))
        };
        if let Some(seat) = free() {
            return Ok(seat);
        }
        let mut pace = self.0.pace.lock().await;
        if let Some(seat) = free() {
            return Ok(seat);
        }
        let made = self.make(&mut pace, set, &mut |_| {}).await;
        drop(pace);
        let connected = made.inspect_err(|_| self.keep_trying())?;
        let no_place = || Fault::new(Cause::Connection, "the connection allows no more links");
        connected.seat(alone).ok_or_else(no_place)
    }

    /// A connection, made now if there is none.
    pub(super) async fn connected(&self) -> Result<Arc<Connected>, Fault> {
        self.connected_telling(&mut |_| {}).await
    }

    /// The same, telling how far it comes.
    pub(super) async fn connected_telling(&self, tell: Tell<'_>) -> Result<Arc<Connected>, Fault> {
        let good = || {
            let pool = lock(&self.0.pool);
            pool.iter().find(|connected| connected.serves(Set::Common)).cloned()
        };
        if let Some(connected) = good() {
            return Ok(connected);
        }
        let mut pace = self.0.pace.lock().await;
        match good() {
            Some(connected) => Ok(connected),
            None => self.make(&mut pace, Set::Common, tell).await,
        }
    }

    async fn make(
        &self,
        pace: &mut Backoff,
        set: Set,
        tell: Tell<'_>,
    ) -> Result<Arc<Connected>, Fault> {
        if let Some((fault, _)) = pace.rest() {
            return Err(Fault { cause: Cause::Connection, after: None, ..fault.clone() });
        }
        let made = self.connect(set, tell).await;
        self.0.metrics.connect_attempted(&self.0.name, made.is_ok());
        match made {
            Ok(connected) => {
                *pace = Backoff::default();
                let connected = Arc::new(connected);
                self.up(&connected);
                Ok(connected)
            }
            Err(fault) => {
                pace.failures = pace.failures.saturating_add(1);
                let pause = retry::delay(pace.failures, fault.after, rand::random());
                pace.pause = Some((fault.clone(), Instant::now() + pause));
                if pace.failures == 1 {
                    let host = &self.0.settings.address.host;
                    tracing::warn!(name: "unreachable", namespace = self.0.name, host, cause = %fault.cause, detail = fault.detail, "cannot connect to event hubs, retrying");
                }
                if lock(&self.0.pool).is_empty() {
                    self.stands(false, &fault.detail);
                }
                Err(fault)
            }
        }
    }

    async fn connect(&self, set: Set, tell: Tell<'_>) -> Result<Connected, Fault> {
        let config::Namespace { address, way, connect_timeout, idle_timeout, .. } =
            &self.0.settings;
        let switch = Switch::new();
        let opening = transport::open(address, way, *connect_timeout, &switch, &mut *tell);
        let stream = self.within("connecting", opening).await?;
        let stream = stream.map_err(|error| Fault::new(Cause::Connection, error.to_string()))?;
        let number = self.number();
        let shard = self.0.shard;
        let terms = ConnectionTerms {
            host: &address.host,
            container: format!("kafka-eventhubs-bridge-{}-{shard}-{number}", std::process::id()),
            idle: *idle_timeout,
            limit: *connect_timeout,
            runtime: self.0.runtime.clone(),
            set,
        };
        let open = Connected::open(stream, switch, terms);
        let connected = self.within("opening the connection", open).await??;
        connected.access.node.ready(&connected).await?;
        tell(Passed::Amqp);
        Ok(connected)
    }

    fn up(&self, connected: &Arc<Connected>) {
        let mut pool = lock(&self.0.pool);
        pool.push(Arc::clone(connected));
        let connections = pool.len();
        drop(pool);
        let (namespace, host) = (&self.0.name, &self.0.settings.address.host);
        tracing::info!(name: "connected", namespace, host, connections, "connected to event hubs");
        self.0.metrics.connections(namespace, self.0.shard, connections);
        self.stands(true, "");
        self.mind(connected);
        let hearers = lock(&self.0.hearers).clone();
        for hearer in &*hearers {
            hearer();
        }
    }

    /// Whether there is a connection, for the metric and for `/readyz` alike; `detail` says why not.
    fn stands(&self, up: bool, detail: &str) {
        self.0.metrics.connected(&self.0.name, self.0.shard, up);
        if let Some(health) = &self.0.health {
            health.namespace(&self.0.name, up, detail);
        }
    }

    /// Whether a token for `audience` counts; `detail` says why none does.
    pub(super) fn token_stands(&self, audience: &str, detail: Option<&str>) {
        if let Some(health) = &self.0.health {
            let (namespace, hub) = (self.0.name.as_str().into(), path_of(audience).into());
            health.trouble(Trouble::Token { namespace, hub }, detail);
        }
    }

    /// Takes it out of use. Gives how many are left.
    fn forget(&self, connected: &Arc<Connected>) -> usize {
        let mut pool = lock(&self.0.pool);
        pool.retain(|known| !Arc::ptr_eq(known, connected));
        let left = pool.len();
        drop(pool);
        self.0.metrics.connections(&self.0.name, self.0.shard, left);
        left
    }

    /// Gives a connection up. Once this returns, nothing of it arrives any more.
    pub(super) async fn give_up(&self, connected: &Arc<Connected>, fault: &Fault) {
        if connected.goes_down() {
            let left = self.forget(connected);
            let (namespace, detail) = (&self.0.name, &fault.detail);
            // The service ends connections that nobody uses.
            if connected.links() == 0 && detail.starts_with("amqp:connection:forced") {
                tracing::debug!(namespace, detail, "unused connection to event hubs closed");
            } else {
                tracing::warn!(name: "connection_lost", namespace, cause = %fault.cause, detail, "connection to event hubs lost");
                // One that was being left says nothing of the namespace; the attempt to make another one does.
                if left == 0 && !connected.traffic.is_being_left() {
                    self.stands(false, detail);
                }
            }
            if self.is_wanted() {
                self.keep_trying();
            }
        }
        connected.cut().await;
    }

    /// Closes a connection that nobody needs.
    pub(super) async fn let_go_of_spare(&self, connected: &Arc<Connected>) {
        let others = lock(&self.0.pool).len() > 1;
        let idle = self.link_idle();
        let is_spare = match connected.empty_since() {
            Some(since) => !connected.takes_more() || others && since.elapsed() >= idle,
            None => false,
        };
        if !is_spare {
            return;
        }
        connected.retire();
        if connected.links() == 0 && connected.goes_down() {
            self.forget(connected);
            tracing::debug!(namespace = self.0.name, "unused connection to event hubs closed");
            connected.close().await;
        }
    }

    /// Connects in the background, until there is a connection or nobody is left to use it.
    fn keep_trying(&self) {
        if self.0.trying.swap(true, Ordering::SeqCst) {
            return;
        }
        let shared = Arc::downgrade(&self.0);
        self.0.runtime.spawn(async move {
            loop {
                let Some(namespace) = shared.upgrade().map(NamespaceClient) else { return };
                if !namespace.is_wanted() {
                    namespace.0.trying.store(false, Ordering::SeqCst);
                    // It may have been lost just before.
                    if !namespace.is_wanted() || namespace.0.trying.swap(true, Ordering::SeqCst) {
                        return;
                    }
                }
                let mut pace = namespace.0.pace.lock().await;
                let rest = pace.rest().map(|(_, left)| left);
                if rest.is_none() && namespace.is_wanted() {
                    namespace.make(&mut pace, Set::Common, &mut |_| {}).await.ok();
                }
                drop(pace);
                drop(namespace);
                sleep(rest.unwrap_or_default()).await;
            }
        });
    }

    fn is_wanted(&self) -> bool {
        let has_one = || lock(&self.0.pool).iter().any(|connected| connected.serves(Set::Common));
        !self.0.left.load(Ordering::SeqCst) && !has_one()
    }

    /// Closes the connections, if there are any, and waits for that.
    pub async fn leave(&self) {
        self.0.left.store(true, Ordering::SeqCst);
        let pool = std::mem::take(&mut *lock(&self.0.pool));
        let closing = pool.into_iter().filter(|connected| connected.goes_down());
        let mut closes = tokio::task::JoinSet::new();
        for connected in closing {
            closes.spawn_on(async move { connected.close().await }, &self.0.runtime);
        }
        while closes.join_next().await.is_some() {}
    }

    /// `sb://HOST/PATH`, the form all audiences of the official clients share.
    pub(super) fn audience(&self, path: &str) -> String {
        format!("sb://{}/{path}", self.0.settings.address.host)
    }

    /// Bounds a step of connecting.
    async fn within<T>(&self, doing: &str, step: impl Future<Output = T>) -> Result<T, Fault> {
        let limit = self.0.settings.connect_timeout;
        timeout(limit, step).await.map_err(|_| {
            let host = &self.0.settings.address.host;
            let detail = format!("no answer from `{host}` within {limit:?} while {doing}");
            Fault::new(Cause::Connection, detail)
        })
    }
}

/// What an [audience](NamespaceClient::audience) is about.
pub(super) fn path_of(audience: &str) -> &str {
    audience.splitn(4, '/').nth(3).unwrap_or_default()
}
