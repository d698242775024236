//! The server as a library: built with its hubs, started, stopped and started again, asked and disturbed.
//!
//! A running server is one thread with a runtime of its own, so it serves a test whatever runtime that test has, or
//! none. Hubs, counters and faults belong to the namespace and outlive a stop.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::builder::Builder;
use crate::faults::Faults;
use crate::hub::{Hub, lock, now_ms};
use crate::log::Retention;
use crate::namespace::Namespace;
use crate::port::Port;
use crate::registry::{ConnectionView, Registry};
use crate::store::Directory;
use crate::transport;

/// How long accepting rests after an error, such as too many open files.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// How often events that are too old are looked for.
const MIN_SWEEP: Duration = Duration::from_millis(10);
const MAX_SWEEP: Duration = Duration::from_secs(1);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Name another address, or free it.
    #[error("cannot listen on `{address}`: {cause}")]
    Listen {
        /// The address asked for.
        address: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The system has no thread left.
    #[error("cannot start the thread of the server: {0}")]
    Thread(io::Error),
    /// Correct the configuration.
    #[error("hub `{hub}`: {reason}")]
    Hub {
        /// The hub.
        hub: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Free the data directory, or put it right.
    #[error("cannot use the data directory: {reason}")]
    Data {
        /// What is wrong with it, and where.
        reason: String,
    },
    /// Correct the configuration.
    #[error("namespace `{namespace}`: {reason}")]
    Namespace {
        /// The namespace.
        namespace: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// An Event Hubs server in this process. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    namespace: Arc<Namespace>,
    addr: SocketAddr,
    /// Its own while it is stopped, too.
    _port: Port,
    /// What partitions keep, those to come too.
    pub(crate) retention: Retention,
    running: Mutex<Option<Running>>,
    /// Held as long as somebody may append.
    pub(crate) data: Option<Directory>,
}

impl Server {
    /// Starts to describe a server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn start(
        address: &str,
        namespace: Namespace,
        retention: Retention,
        data: Option<Directory>,
    ) -> Result<Self, StartError> {
        let refused = |cause| StartError::Listen { address: address.to_owned(), cause };
        let (port, addr) = Port::keep(address).map_err(refused)?;
        let namespace = Arc::new(namespace);
        let running = Running::start(addr, Arc::clone(&namespace), retention.age)?;
        let running = Mutex::new(Some(running));
        Ok(Self { namespace, addr, _port: port, retention, running, data })
    }

    /// Where it listens; the same after a restart.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A connection string of the default namespace: its first key, or any. With TLS it asks for TLS.
    pub fn connection_string(&self) -> String {
        self.default_namespace().connection_string()
    }

    /// The namespace for every host that is none of the others'.
    pub fn default_namespace(&self) -> NamespaceView<'_> {
        NamespaceView { server: self, namespace: &self.namespace }
    }

    /// One namespace.
    ///
    /// # Panics
    /// When there is no such namespace.
    pub fn namespace(&self, name: &str) -> NamespaceView<'_> {
        let found = self.namespaces().into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("the server has no namespace `{name}`"))
    }

    /// All namespaces, the default first.
    pub fn namespaces(&self) -> Vec<NamespaceView<'_>> {
        let view = |namespace| NamespaceView { server: self, namespace };
        std::iter::once(&self.namespace).chain(&self.namespace.others).map(view).collect()
    }

    /// One hub of the default namespace.
    ///
    /// # Panics
    /// When there is no such hub.
    pub fn hub(&self, name: &str) -> Arc<Hub> {
        self.default_namespace().hub(name)
    }

    /// All hubs of the default namespace, in the order they were added. What it gives stays as it is when one is created
    /// or deleted: ask again to see that.
    pub fn hubs(&self) -> &[Arc<Hub>] {
        &self.namespace.hubs
    }

    /// Failure on demand, in the default namespace.
    pub fn faults(&self) -> Faults<'_> {
        self.default_namespace().faults()
    }

    /// Takes a shared access key of the default namespace back, as if another had been generated in its place: it opens
    /// nothing from now on; what was granted with it lasts until its end.
    pub fn revoke_key(&self, name: &str, value: &str) {
        self.namespace.keys.revoke(name, value);
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.namespace.registry
    }

    /// The connections that are open, and their links.
    pub fn connections(&self) -> Vec<ConnectionView> {
        self.namespace.registry.views()
    }

    /// Connections accepted since the server was built.
    pub fn connections_opened(&self) -> u64 {
        self.namespace.registry.opened()
    }

    /// Closes the port and cuts every connection; what is stored stays. Blocks until that is done, which takes no
    /// longer than closing sockets.
    pub fn stop(&self) {
        // Dropping joins the thread.
        let running = lock(&self.running).take();
        drop(running);
    }

    /// Listens again on the same address, with everything that was stored. Does nothing while it runs.
    pub fn restart(&self) -> Result<(), StartError> {
        let mut running = lock(&self.running);
        if running.is_none() {
            let namespace = Arc::clone(&self.namespace);
            *running = Some(Running::start(self.addr, namespace, self.retention.age)?);
        }
        Ok(())
    }
}

/// One namespace of a server.
#[derive(Debug, Clone, Copy)]
pub struct NamespaceView<'a> {
    pub(crate) server: &'a Server,
    pub(crate) namespace: &'a Arc<Namespace>,
}

impl<'a> NamespaceView<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        &self.namespace.name
    }

    /// One hub.
    ///
    /// # Panics
    /// When there is no such hub.
    pub fn hub(&self, name: &str) -> Arc<Hub> {
        let found = self.namespace.hub(name).cloned();
        found.unwrap_or_else(|| panic!("namespace `{}` has no hub `{name}`", self.name()))
    }

    /// All hubs, in the order they were added.
    pub fn hubs(&self) -> &'a [Arc<Hub>] {
        &self.namespace.hubs
    }

    /// Failure on demand.
    pub fn faults(&self) -> Faults<'a> {
        Faults {
            book: &self.namespace.faults,
            registry: &self.server.namespace.registry,
            namespace: &self.namespace.name,
        }
    }

    /// A connection string for clients: the first key, or any. With TLS it asks for TLS. The host of a namespace that is not the default is
    /// `NAME.localhost`, which most systems resolve to this machine.
    pub fn connection_string(&self) -> String {
        let (name, value) =
            self.namespace.keys.first().unwrap_or(("RootManageSharedAccessKey", "SAS_KEY_VALUE"));
        let mut addr = self.server.addr;
        if addr.ip().is_unspecified() {
            addr.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let (tls, port) = (self.namespace.settings.tls.is_some(), addr.port());
        let host = if !Arc::ptr_eq(self.namespace, &self.server.namespace) {
            format!("{}.localhost:{port}", self.name())
        } else if tls && addr.ip().is_loopback() {
            // What certificates are made for.
            format!("localhost:{port}")
        } else {
            addr.to_string()
        };
        let plain = if tls { "" } else { "UseDevelopmentEmulator=true;" };
        format!("Endpoint=sb://{host};SharedAccessKeyName={name};SharedAccessKey={value};{plain}")
    }
}

/// The thread that serves.
#[derive(Debug)]
struct Running {
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(
        address: SocketAddr,
        namespace: Arc<Namespace>,
        age: Option<Duration>,
    ) -> Result<Self, StartError> {
        let refused = |cause| StartError::Listen { address: address.to_string(), cause };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("eventhubs-local".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, Arc::clone(&namespace)) => {}
                        () = expire(&namespace, age) => {}
                        _ = stopped => {}
                    }
                });
                // Cuts the connections: their tasks go with the runtime.
                drop(runtime);
                namespace.registry.clear();
            })
            .map_err(StartError::Thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has already been reported by its hook.
            let _ended = thread.join().is_ok();
        }
    }
}

/// Drops old events where nothing new comes; for ever.
async fn expire(namespace: &Namespace, age: Option<Duration>) {
    let Some(age) = age else { return std::future::pending().await };
    let every = (age / 10).clamp(MIN_SWEEP, MAX_SWEEP);
    loop {
        tokio::time::sleep(every).await;
        let now = now_ms();
        for hub in namespace.all_hubs() {
            hub.expire(now);
        }
    }
}

async fn accept(listener: TcpListener, namespace: Arc<Namespace>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot listen");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%peer, %error, "cannot set nodelay");
                }
                let handle = namespace.registry.open(peer.to_string());
                tokio::spawn(transport::serve(socket, Arc::clone(&namespace), handle));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}
