//! The connections that are open, and the way to reach each from outside its task.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;
use tokio::sync::Notify;

use crate::condition::Condition;
use crate::faults::Region;
use crate::hub::lock;

/// What a connection can be told from outside.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// To be followed by connections that have something in the region.
    Order(Region, Order),
    DetachReader {
        reader: u64,
        condition: Condition,
    },
    /// A hub was deleted: each looks for links to it.
    HubDeleted,
}

/// What is to happen at once.
#[derive(Debug, Clone)]
pub(crate) enum Order {
    Close(Condition),
    Drop,
    BlackHole,
    DetachLinks(Condition),
    ExpireTokens,
    CorruptFrame,
}

/// An open connection.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ConnectionView {
    /// Its number; connections are numbered from 1.
    pub id: u64,
    /// The address of the client.
    pub peer: String,
    /// Whether it is encrypted.
    pub tls: bool,
    /// Whether AMQP comes in WebSocket messages.
    pub websocket: bool,
    /// What the client calls itself; `None` before its open.
    pub container_id: Option<String>,
    /// The host the client asked for.
    pub hostname: Option<String>,
    /// The namespace it uses; `None` before its open.
    pub namespace: Option<String>,
    /// Its links.
    pub links: Vec<LinkView>,
}

/// A link of a connection.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkView {
    /// The link's name.
    pub name: String,
    /// Whether the client sends on it.
    pub sender: bool,
    /// The node, as the client wrote it.
    pub address: String,
}

/// The end of a connection that others hold.
#[derive(Debug)]
pub(crate) struct ConnectionHandle {
    pub(crate) id: u64,
    pub(crate) notify: Notify,
    /// Emptied whenever the connection's task runs.
    inbox: Mutex<Vec<Command>>,
    /// All but the links.
    pub(crate) view: Mutex<ConnectionView>,
    /// By channel and handle.
    links: Mutex<Links>,
}

type Links = BTreeMap<(u16, u32), LinkView>;

impl ConnectionHandle {
    pub(crate) fn send(&self, command: Command) {
        lock(&self.inbox).push(command);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// The links that are live, for others to see.
    pub(crate) fn links(&self) -> MutexGuard<'_, Links> {
        lock(&self.links)
    }

    fn seen(&self) -> ConnectionView {
        let links = self.links().values().cloned().collect();
        ConnectionView { links, ..lock(&self.view).clone() }
    }

    /// How the service names an entity in its texts.
    pub(crate) fn resource(&self, entity: &str) -> String {
        let view = lock(&self.view);
        let host = view.hostname.as_deref().unwrap_or("localhost");
        format!("sb://{host}/{}", entity.to_lowercase())
    }

    pub(crate) fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *lock(&self.inbox))
    }
}

/// All open connections.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    opened: AtomicU64,
    connections: Mutex<BTreeMap<u64, Arc<ConnectionHandle>>>,
}

impl Registry {
    pub(crate) fn open(&self, peer: String) -> Arc<ConnectionHandle> {
        let id = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let view = ConnectionView {
            id,
            peer,
            tls: false,
            websocket: false,
            container_id: None,
            hostname: None,
            namespace: None,
            links: Vec::new(),
        };
        let handle = Arc::new(ConnectionHandle {
            id,
            notify: Notify::new(),
            inbox: Mutex::default(),
            view: Mutex::new(view),
            links: Mutex::default(),
        });
        lock(&self.connections).insert(id, Arc::clone(&handle));
        handle
    }

    pub(crate) fn close(&self, id: u64) {
        lock(&self.connections).remove(&id);
    }

    pub(crate) fn clear(&self) {
        lock(&self.connections).clear();
    }

    /// Connections accepted since the server was built.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Tells every connection of that namespace that the region may have something of; each looks for itself. One that
    /// has not opened counts to every namespace.
    pub(crate) fn order(&self, namespace: &str, region: &Region, order: &Order) {
        for connection in lock(&self.connections).values() {
            let of = lock(&connection.view).namespace.as_ref().is_none_or(|it| it == namespace);
            if of && region.connection.is_none_or(|id| id == connection.id) {
                connection.send(Command::Order(region.clone(), order.clone()));
            }
        }
    }

    pub(crate) fn hub_deleted(&self) {
        for connection in lock(&self.connections).values() {
            connection.send(Command::HubDeleted);
        }
    }

    pub(crate) fn views(&self) -> Vec<ConnectionView> {
        lock(&self.connections).values().map(|handle| handle.seen()).collect()
    }
}
