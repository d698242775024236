//! One connection to a namespace, made when needed and made again when lost.
//!
//! Whoever needs it asks [`Namespace::connected`]; the first one connects, the others wait for it, and after a failure
//! all are told so until the pause is over: a dead namespace is not hammered by every lane. A connection that any lane
//! found dead is given up for all, by its generation, so that news of an old one cannot harm a new one.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fe2o3_amqp::connection::{Connection, ConnectionHandle};
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::{Session, SessionHandle};
use fe2o3_amqp_management::error::Error as ManagementError;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::config;
use crate::health::ShardHealth;
use crate::metrics::Metrics;
use crate::retry;

use super::access::Access;
use super::login::Login;
use super::outcome::Fault;
use super::transport::{self, Tell};
use super::{Cause, Lane, LaneEvent, Passed, Target, lane};

/// Largest frame we take and send; the service uses the same.
const MAX_FRAME: u32 = 65_536;
/// Closing is a courtesy.
const CLOSE: Duration = Duration::from_secs(2);

/// A namespace, for one shard. Cheap to clone.
#[derive(Clone)]
pub struct Namespace(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) name: String,
    pub(super) settings: config::Namespace,
    pub(super) login: Login,
    /// Whether the last attempt to get in was refused.
    pub(super) shut: AtomicBool,
    pub(super) runtime: tokio::runtime::Handle,
    pub(super) metrics: Arc<Metrics>,
    shard: u32,
    health: Option<ShardHealth>,
    state: Mutex<State>,
    generations: AtomicU64,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Connected>>,
    failures: u32,
    /// The last failure, and until when it stands for an answer.
    pause: Option<(Fault, Instant)>,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.0.name).finish_non_exhaustive()
    }
}

/// An open connection with its `$cbs` link.
pub(super) struct Connected {
    pub(super) generation: u64,
    connection: Mutex<ConnectionHandle<()>>,
    pub(super) access: Mutex<Access>,
}

impl Namespace {
    /// A namespace that is not connected yet. `health`, if given, hears when it comes and goes.
    pub fn new(
        name: &str,
        settings: &config::Namespace,
        shard: u32,
        runtime: tokio::runtime::Handle,
        metrics: Arc<Metrics>,
        health: Option<ShardHealth>,
    ) -> Self {
        Self(Arc::new(Shared {
            name: name.to_owned(),
            settings: settings.clone(),
            login: Login::new(name, settings),
            shut: AtomicBool::new(false),
            runtime,
            metrics,
            shard,
            health,
            state: Mutex::default(),
            generations: AtomicU64::new(1),
        }))
    }

    /// Opens a lane. `tell` hears of its link and of the end of every send, on a task of the runtime.
    pub fn lane(
        &self,
        hub: &str,
        target: Target,
        tell: impl FnMut(LaneEvent) + Send + 'static,
    ) -> Lane {
        let (lane, task) = lane::open(self.clone(), hub, target, tell);
        self.0.runtime.spawn(task);
        lane
    }

    /// The connection, made now if there is none.
    pub(super) async fn connected(&self) -> Result<Arc<Connected>, Fault> {
        self.connected_telling(&mut |_| {}).await
    }

    /// The same, telling how far it comes.
    pub(super) async fn connected_telling(&self, tell: Tell<'_>) -> Result<Arc<Connected>, Fault> {
        let mut state = self.0.state.lock().await;
        if let Some(current) = &state.current {
            return Ok(Arc::clone(current));
        }
        if let Some((fault, until)) = &state.pause
            && Instant::now() < *until
        {
            let after = Some(until.saturating_duration_since(Instant::now()));
            return Err(Fault { after, ..fault.clone() });
        }
        let made = self.connect(tell).await;
        self.0.metrics.connect_attempted(&self.0.name, made.is_ok());
        match made {
            Ok(connected) => {
                let connected = Arc::new(connected);
                *state = State { current: Some(Arc::clone(&connected)), ..State::default() };
                drop(state);
                self.up(&connected);
                Ok(connected)
            }
            Err(fault) => {
                state.failures += 1;
                let pause = retry::delay(state.failures, fault.after, rand::random());
                state.pause = Some((fault.clone(), Instant::now() + pause));
                if state.failures == 1 {
                    let host = &self.0.settings.address.host;
                    tracing::warn!(namespace = self.0.name, host, cause = %fault.cause, detail = fault.detail, "event hubs cannot be reached, trying again");
                }
                self.tell_health(false, &fault.detail);
                Err(fault)
            }
        }
    }

    fn up(&self, connected: &Arc<Connected>) {
        tracing::info!(
            namespace = self.0.name,
            host = self.0.settings.address.host,
            "connected to event hubs"
        );
        self.0.metrics.connected(&self.0.name, self.0.shard, true);
        self.tell_health(true, "");
        self.keep_access(connected);
    }

    pub(super) fn tell_health(&self, up: bool, detail: &str) {
        if let Some(health) = &self.0.health {
            health.namespace(&self.0.name, up, detail);
        }
    }

    /// Gives a connection up, if it is still the one in use.
    pub(super) async fn give_up(&self, generation: u64, fault: &Fault) {
        let mut state = self.0.state.lock().await;
        let Some(current) = state.current.take_if(|current| current.generation == generation)
        else {
            return;
        };
        drop(state);
        tracing::warn!(namespace = self.0.name, cause = %fault.cause, detail = fault.detail, "connection to event hubs lost");
        self.0.metrics.connected(&self.0.name, self.0.shard, false);
        self.tell_health(false, &fault.detail);
        self.0.runtime.spawn(async move {
            let close = async { current.connection.lock().await.close().await };
            drop(timeout(CLOSE, close).await);
        });
    }

    /// Closes the connection, if there is one, and waits for that.
    pub async fn leave(&self) {
        let Some(current) = self.0.state.lock().await.current.take() else { return };
        let close = async { current.connection.lock().await.close().await };
        drop(timeout(CLOSE, close).await);
    }

    async fn connect(&self, tell: Tell<'_>) -> Result<Connected, Fault> {
        let config::Namespace { address, way, connect_timeout, .. } = &self.0.settings;
        let opening = transport::open(address, way, *connect_timeout, &mut *tell);
        let stream = self.within("connecting", opening).await?;
        let stream = stream.map_err(|error| Fault::new(Cause::Connection, error.to_string()))?;
        let generation = self.0.generations.fetch_add(1, Ordering::Relaxed);
        let container =
            format!("kafka-eventhubs-bridge-{}-{}-{generation}", std::process::id(), self.0.shard);
        let idle = u32::try_from(self.0.settings.idle_timeout.as_millis()).unwrap_or(u32::MAX);
        let open = Connection::builder()
            .container_id(container)
            // Encrypted or not, the stream is ready; for `amqps` the library would want to encrypt it itself.
            .scheme("amqp")
            .hostname(Some(self.0.settings.address.host.as_str()))
            .max_frame_size(MAX_FRAME)
            .idle_time_out(idle)
            .sasl_profile(SaslProfile::Anonymous)
            .open_with_stream(stream);
        let opened = self.within("opening the connection", open).await?;
        let mut connection =
            opened.map_err(|error| Fault::new(Cause::Connection, error.to_string()))?;
        let access = self.within("attaching to `$cbs`", Access::attach(&mut connection)).await??;
        tell(Passed::Amqp);
        Ok(Connected { generation, connection: Mutex::new(connection), access: Mutex::new(access) })
    }

    /// A session of its own for whoever asks.
    pub(super) async fn session(&self, connected: &Connected) -> Result<SessionHandle<()>, Fault> {
        let begin = async {
            let mut connection = connected.connection.lock().await;
            Session::builder()
                .incoming_window(u32::MAX)
                .outgoing_window(u32::MAX)
                .begin(&mut connection)
                .await
        };
        let begun = self.within("beginning a session", begin).await?;
        begun.map_err(|error| Fault::new(Cause::Connection, error.to_string()))
    }

    /// `sb://HOST/PATH`, the form all audiences of the official clients share.
    pub(super) fn audience(&self, path: &str) -> String {
        format!("sb://{}/{path}", self.0.settings.address.host)
    }

    /// Bounds a step of connecting; silence is a reason to give the connection up.
    pub(super) async fn within<T>(
        &self,
        doing: &str,
        step: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        let limit = self.0.settings.connect_timeout;
        timeout(limit, step).await.map_err(|_| {
            let host = &self.0.settings.address.host;
            Fault::new(
                Cause::Timeout,
                format!("no answer from `{host}` within {limit:?} while {doing}"),
            )
        })
    }
}

/// A request to `$cbs` or `$management` was not granted.
pub(super) fn refused(error: &ManagementError) -> Fault {
    match error {
        ManagementError::Status(status) => {
            let code = status.code.0.get();
            let cause = match code {
                401 | 403 => Cause::Unauthorized,
                404 => Cause::NotFound,
                429 | 503 => Cause::Throttled,
                _ => Cause::Service,
            };
            let said = status.description.as_deref().unwrap_or("no description");
            Fault { connection: false, ..Fault::new(cause, format!("status {code}: {said}")) }
        }
        other => Fault::new(Cause::Connection, other.to_string()),
    }
}
