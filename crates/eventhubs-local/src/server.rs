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

use crate::auth::{Issuer, Keys, Rights};
use crate::faults::{Book, Faults};
use crate::hub::{Hub, lock};
use crate::log::Retention;
use crate::namespace::{IdleRules, Namespace, Settings};
use crate::registry::{ConnectionView, Registry};
use crate::transport;
use crate::transport::tls::Tls;

/// How long accepting rests after an error, such as too many open files.
const ACCEPT_REST: Duration = Duration::from_millis(50);

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
}

/// What a server is to be. Finish it with `start`.
#[derive(Debug, Default, Clone)]
#[must_use = "a builder does nothing before `start`"]
pub struct Builder {
    listen: Option<String>,
    hubs: Vec<(String, u32, Vec<String>)>,
    keys: Keys,
    settings: Settings,
    retention: Retention,
}

impl Builder {
    /// Adds a hub with that many partitions.
    pub fn hub(mut self, name: impl Into<String>, partitions: u32) -> Self {
        self.hubs.push((name.into(), partitions, Vec::new()));
        self
    }

    /// Adds a consumer group to a hub. A hub with none has every group; one with some has those and `$Default`.
    pub fn consumer_group(mut self, hub: &str, group: impl Into<String>) -> Self {
        let group = group.into();
        for (name, _, groups) in &mut self.hubs {
            if name == hub {
                groups.push(group.clone());
            }
        }
        self
    }

    /// Adds a shared access key. Without any, every signature passes.
    pub fn key(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.add(name.into(), value.into());
        self
    }

    /// The address to listen on; port 0 picks a free one. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Answers every delivery that much later. Default: at once.
    pub fn ack_delay(mut self, delay: Duration) -> Self {
        self.settings.ack_delay = Some(delay);
        self
    }

    /// The size limit links announce and enforce. Default: 1 MiB.
    pub fn max_message_size(mut self, bytes: u64) -> Self {
        self.settings.max_message_size = bytes;
        self
    }

    /// What a partition keeps. Default: 1 GiB.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// The silence after which a client is expected to have said something; a connection ends after twice that.
    /// Default: four minutes.
    pub fn idle_time_out(mut self, limit: Duration) -> Self {
        self.settings.idle_time_out = limit;
        self
    }

    /// Refuses links without a token even when no key is configured. Default: only with keys.
    pub fn require_tokens(mut self, required: bool) -> Self {
        self.settings.require_tokens = required;
        self
    }

    /// Detaches links when their token ends, where one is needed. Default: yes.
    pub fn expire_tokens(mut self, expire: bool) -> Self {
        self.settings.expire_tokens = expire;
        self
    }

    /// Adds a shared access key, of the namespace or of one hub, with only those rights.
    pub fn limited_key(
        mut self,
        hub: Option<&str>,
        name: impl Into<String>,
        value: impl Into<String>,
        rights: Rights,
    ) -> Self {
        self.keys.add_limited(hub.map(str::to_owned), name.into(), value.into(), rights);
        self
    }

    /// Believes the JWTs of that issuer. Without one, JWTs pass when there is no key and are refused when there is.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.keys.trust(issuer);
        self
    }

    /// Serves TLS too, on the same port. Plain connections are still served.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.settings.tls = Some(tls);
        self
    }

    /// Detaches and closes what is idle, as the service does. Default: nothing is closed for being idle.
    pub fn idle_rules(mut self, rules: IdleRules) -> Self {
        self.settings.idle_rules = Some(rules);
        self
    }

    /// Listens and serves.
    pub fn start(self) -> Result<Server, StartError> {
        let mut hubs: Vec<Arc<Hub>> = Vec::new();
        for (name, partitions, groups) in self.hubs {
            let reason = if name.is_empty() || name.contains('/') || name.starts_with('$') {
                Some("a name has no `/` and does not start with `$`")
            } else if !(1..=2048).contains(&partitions) {
                Some("a hub has 1 to 2048 partitions")
            } else if hubs.iter().any(|hub| hub.name().eq_ignore_ascii_case(&name)) {
                Some("the name is taken")
            } else {
                None
            };
            if let Some(reason) = reason {
                return Err(StartError::Hub { hub: name, reason });
            }
            hubs.push(Arc::new(Hub::new(name, partitions, &groups, self.retention)));
        }
        let namespace = Namespace {
            hubs,
            keys: self.keys,
            settings: self.settings,
            faults: Arc::new(Book::default()),
            registry: Registry::default(),
        };
        let address = self.listen.unwrap_or_else(|| "127.0.0.1:0".into());
        let (running, addr) = Running::start(&address, Arc::new(namespace))?;
        let namespace = Arc::clone(&running.namespace);
        Ok(Server { namespace, addr, running: Mutex::new(Some(running)) })
    }
}

/// An Event Hubs server in this process. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    namespace: Arc<Namespace>,
    addr: SocketAddr,
    running: Mutex<Option<Running>>,
}

impl Server {
    /// Starts to describe a server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens; the same after a restart.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A connection string for clients: the first key, or any. With TLS it asks for TLS.
    pub fn connection_string(&self) -> String {
        let (name, value) =
            self.namespace.keys.first().unwrap_or(("RootManageSharedAccessKey", "SAS_KEY_VALUE"));
        let mut addr = self.addr;
        if addr.ip().is_unspecified() {
            addr.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        if self.namespace.settings.tls.is_some() {
            let host =
                if addr.ip().is_loopback() { "localhost".into() } else { addr.ip().to_string() };
            let port = addr.port();
            return format!(
                "Endpoint=sb://{host}:{port};SharedAccessKeyName={name};SharedAccessKey={value};"
            );
        }
        format!(
            "Endpoint=sb://{addr};SharedAccessKeyName={name};SharedAccessKey={value};UseDevelopmentEmulator=true;"
        )
    }

    /// One hub.
    ///
    /// # Panics
    /// When there is no such hub.
    pub fn hub(&self, name: &str) -> Arc<Hub> {
        let found = self.namespace.hub(name).cloned();
        found.unwrap_or_else(|| panic!("the server has no hub `{name}`"))
    }

    /// All hubs, in the order they were added.
    pub fn hubs(&self) -> &[Arc<Hub>] {
        &self.namespace.hubs
    }

    /// Failure on demand.
    pub fn faults(&self) -> Faults<'_> {
        Faults { book: &self.namespace.faults, registry: &self.namespace.registry }
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
            let address = self.addr.to_string();
            *running = Some(Running::start(&address, Arc::clone(&self.namespace))?.0);
        }
        Ok(())
    }
}

/// The thread that serves.
#[derive(Debug)]
struct Running {
    namespace: Arc<Namespace>,
    /// Dropping it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(address: &str, namespace: Arc<Namespace>) -> Result<(Self, SocketAddr), StartError> {
        let refused = |cause| StartError::Listen { address: address.to_owned(), cause };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&namespace);
        let thread = std::thread::Builder::new()
            .name("eventhubs-local".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, Arc::clone(&shared)) => {}
                        _ = stopped => {}
                    }
                });
                // Cuts the connections: their tasks go with the runtime.
                drop(runtime);
                shared.registry.clear();
            })
            .map_err(StartError::Thread)?;
        Ok((Self { namespace, stop: Some(stop), thread: Some(thread) }, addr))
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
