//! `GET /`, `/livez`, `/readyz`, `/metrics`, `/status` and `/events`, on a thread of its own: probes are answered however busy the bridge is.
//!
//! Bounded against whoever connects: so many connections at once, one request and a few seconds each, small headers.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::config;
use crate::health::{Health, Held, Trouble, Verdict};
use crate::metrics::Metrics;
use crate::status::Status;

use super::log::Levels;
use super::{Changes, Reloads};

pub(super) mod local;
mod writes;

/// Connections served at once; more wait in the system's queue.
const CONNECTIONS: usize = 64;
/// A connection's whole life: request, answer, and a slow reader.
const LIFETIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD: usize = 16 * 1024;
/// Until the next try when the system gives no connection, for want of file descriptors say.
const ACCEPT_AGAIN: Duration = Duration::from_millis(250);

/// What is answered from.
#[derive(Debug, Clone)]
pub struct Views {
    /// For the probes.
    pub health: Health,
    /// For Prometheus.
    pub metrics: Arc<Metrics>,
    /// For people and their scripts.
    pub status: Status,
    /// What has changed of late.
    pub changes: Changes,
    /// What is logged.
    pub levels: Levels,
    /// Where another configuration is asked for.
    pub reloads: Reloads,
}

/// The HTTP endpoint. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why the endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Free the address, or set another.
    #[error("cannot listen on `{address}`, the {by} address")]
    Listen {
        /// What says so.
        by: &'static str,
        /// Where it should listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no thread or no event queue.
    #[error("cannot start the admin endpoint")]
    System(#[source] io::Error),
}

impl Server {
    /// Opens the endpoint as `settings` say and answers from `views`. Port 0 takes any free port.
    pub fn start(settings: &config::Admin, views: Views) -> Result<Self, StartError> {
        let token_file = settings.token_file.clone();
        Self::serving(settings.listen, "`admin.listen`", move |listener, address| async move {
            tokio::select! {
                () = views.status.clone().sample() => {}
                () = here(address.port(), views.clone()) => {}
                () = accept(listener, endpoints(views, token_file)) => {}
            }
        })
    }

    /// Serves `GET /metrics` at `listen` and nothing else, with what `render` gives; `by` says what the address comes from.
    pub fn of_metrics(
        listen: SocketAddr,
        by: &'static str,
        render: impl Fn() -> String + Clone + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let endpoints =
            Router::new().route("/metrics", get(move || std::future::ready(scraped(render()))));
        Self::serving(listen, by, move |listener, _| accept(listener, endpoints))
    }

    /// Listens, and does `work` on a thread of its own until this is dropped.
    fn serving<W, F>(listen: SocketAddr, by: &'static str, work: W) -> Result<Self, StartError>
    where
        W: FnOnce(TcpListener, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::System)?;
        let refused = |source| StartError::Listen { by, address: listen, source };
        let listener = runtime.block_on(TcpListener::bind(listen)).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("admin".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = work(listener, address) => {}
                    }
                });
            })
            .map_err(StartError::System)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Dropping the sender ends the thread; its runtime drops what is still connected.
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been reported where it happened.
            drop(thread.join());
        }
    }
}

/// Serves the local socket for ever, if there can be one.
async fn here(port: u16, views: Views) {
    let socket = match local::listen(port) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "there is no local socket: commands that change something need `admin.token_file`");
            return std::future::pending().await;
        }
    };
    let writes = writes::free(&views);
    let (endpoints, slots) = (reads(views).merge(writes), Arc::new(Semaphore::new(CONNECTIONS)));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
        match socket.accept().await {
            Ok((stream, _)) if local::is_friend(&stream) => {
                tokio::spawn(serve(stream, endpoints.clone(), slot));
            }
            Ok(_) => {
                tracing::warn!(name: "change_refused", "another user of this machine was refused at the local socket");
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection to the local socket");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Accepts for ever.
async fn accept(listener: TcpListener, endpoints: Router) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, endpoints.clone(), slot));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection to the admin endpoint");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Answers one request of one connection.
async fn serve<S>(stream: S, endpoints: Router, _slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(endpoints));
    match tokio::time::timeout(LIFETIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin connection failed"),
        Err(_) => tracing::debug!("an admin connection took too long"),
    }
}

fn endpoints(views: Views, token_file: Option<PathBuf>) -> Router {
    let writes = writes::guarded(&views, token_file);
    reads(views).merge(writes)
}

/// What only tells.
fn reads(Views { health, metrics, status, changes, .. }: Views) -> Router {
    Router::new()
        .route(
            "/livez",
            get(async |State(health): State<Health>| answer(&health.live(Instant::now()))),
        )
        .route("/readyz", get(async |State(health): State<Health>| answer(&health.ready())))
        .with_state(health.clone())
        .route("/metrics", get(async move || page(&health, &metrics)))
        .route("/status", get(async move || told(status.text().await.to_string())))
        .route("/events", get(async move |Query(Since { since })| events(&changes, since)))
        .merge(super::page::routes())
}

/// `GET /events?since=N`
#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

fn events(changes: &Changes, since: u64) -> Response {
    // Nothing in it is a key that is not text.
    told(serde_json::to_string(&changes.since(since)).unwrap_or_default())
}

/// What is so now, and not any more when somebody looks again.
fn told(text: String) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, text).into_response()
}

/// 200 or 503, with the reasons, and with what is held while the rest runs.
fn answer(verdict: &Verdict) -> Response {
    let good = verdict.is_good();
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let down = verdict.down.iter().map(|(name, why)| json!({ "namespace": name, "detail": why }));
    let held = down.chain(verdict.held.iter().map(entry)).collect::<Vec<_>>();
    let body = json!({ "ok": good, "reasons": verdict.reasons, "held": held });
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

/// What is held, by its parts: which of them are there says what it is.
fn entry(held: &Held) -> Value {
    let mut entry = match &held.what {
        Trouble::Hub { namespace, hub } => json!({ "namespace": **namespace, "hub": **hub }),
        Trouble::Delivery { namespace, hub } => {
            json!({ "namespace": **namespace, "hub": **hub, "state": "retrying" })
        }
        Trouble::Token { namespace, hub } => {
            json!({ "namespace": **namespace, "hub": **hub, "state": "token_ended" })
        }
        Trouble::Throttled(namespace) => {
            json!({ "namespace": **namespace, "state": "throttled" })
        }
        Trouble::Topic(topic) => json!({ "topic": **topic }),
        Trouble::DeadLetters(topic) => json!({ "dead_letter_topic": **topic }),
        Trouble::Place { topic, namespace, hub } => {
            json!({ "topic": **topic, "namespace": **namespace, "hub": **hub })
        }
        Trouble::Partition { topic, partition } => {
            json!({ "topic": **topic, "partition": partition })
        }
    };
    entry["detail"] = json!(held.detail);
    entry["seconds"] = json!(held.since.elapsed().as_secs());
    entry
}

fn page(health: &Health, metrics: &Metrics) -> Response {
    for (namespace, hub, unavailable) in health.hubs() {
        metrics.hub_unavailable(&namespace, &hub, unavailable);
    }
    for (topic, unavailable) in health.topics() {
        metrics.topic_unavailable(&topic, unavailable);
    }
    scraped(metrics.render())
}

/// A page for Prometheus.
fn scraped(page: String) -> Response {
    let form = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, form)], page).into_response()
}

#[cfg(test)]
mod tests;
