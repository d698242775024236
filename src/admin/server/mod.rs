//! `GET /`, `/livez`, `/readyz`, `/metrics`, `/status` and `/events`, on a thread of its own: probes are answered however busy the bridge is.
//!
//! Bounded against whoever connects: so many connections at once, one request and a few seconds each, small headers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::config;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::status::Status;

use super::log::Levels;
use super::response::{Response, only_read, scraped};
use super::{Changes, Reloads};
use endpoints::Endpoints;
use writes::Guard;

mod endpoints;
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
pub enum ListenError {
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
    pub fn start(settings: &config::Admin, views: Views) -> Result<Self, ListenError> {
        let guard = Guard::Token(settings.token_file.clone());
        let endpoints = Arc::new(Endpoints { views: views.clone(), guard });
        let answer = move |request| Arc::clone(&endpoints).answer(request);
        Self::serving(settings.listen, "`admin.listen`", move |listener, address| async move {
            tokio::select! {
                () = views.status.clone().sample() => {}
                () = here(address.port(), views) => {}
                () = over(listener, answer) => {}
            }
        })
    }

    /// Serves `GET /metrics` at `listen` and nothing else, with what `render` gives; `by` says what the address comes from.
    pub fn of_metrics(
        listen: SocketAddr,
        by: &'static str,
        render: impl Fn() -> String + Clone + Send + Sync + 'static,
    ) -> Result<Self, ListenError> {
        let answer = move |request: Request<Incoming>| {
            let page = (request.uri().path() == "/metrics").then(|| scraped(render()));
            std::future::ready(only_read(request.method(), page))
        };
        Self::serving(listen, by, move |listener, _| over(listener, answer))
    }

    /// Listens, and does `work` on a thread of its own until this is dropped.
    fn serving<W, F>(listen: SocketAddr, by: &'static str, work: W) -> Result<Self, ListenError>
    where
        W: FnOnce(TcpListener, SocketAddr) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ListenError::System)?;
        let refused = |source| ListenError::Listen { by, address: listen, source };
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
            .map_err(ListenError::System)?;
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
            tracing::warn!(%error, "cannot open the local socket: `pause`, `resume`, `drain` and `log-level` need `admin.token_file`");
            return std::future::pending().await;
        }
    };
    let friend = async || loop {
        let (stream, _) = socket.accept().await?;
        if local::is_friend(&stream) {
            return Ok(stream);
        }
        tracing::warn!(name: "change_refused", "another user of this machine was refused at the local socket");
    };
    let endpoints = Arc::new(Endpoints { views, guard: Guard::None });
    let answer = move |request| Arc::clone(&endpoints).answer(request);
    accept("local socket", friend, answer).await;
}

/// Serves the network for ever.
async fn over<A, F>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let anybody = async || listener.accept().await.map(|(stream, _)| stream);
    accept("admin endpoint", anybody, answer).await;
}

/// Serves for ever whoever comes to a `place`.
async fn accept<S, A, F>(place: &'static str, next: impl AsyncFn() -> io::Result<S>, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
        match next().await {
            Ok(stream) => {
                tokio::spawn(serve(stream, answer.clone(), slot));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection to the {place}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// Answers one request of one connection.
async fn serve<S, A, F>(stream: S, answer: A, _slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response>,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(LIFETIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin connection failed"),
        Err(_) => tracing::debug!("an admin connection took too long"),
    }
}

#[cfg(test)]
mod tests;
