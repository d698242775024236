//! Stands between a client and a server, and keeps what the client says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::soon;

/// What clients said, by connection.
type Kept = Arc<Mutex<Vec<Vec<u8>>>>;

pub(super) struct Relay {
    pub(super) address: SocketAddr,
    kept: Kept,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Relay {
    pub(super) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (kept, connections) = (Kept::default(), Arc::default());
        let (keep, tasks) = (Arc::clone(&kept), Arc::clone(&connections));
        let accepting = tokio::spawn(accept(listener, server, keep, tasks));
        Self { address, kept, connections, accepting }
    }

    /// What was said, once every client has hung up.
    pub(super) async fn end(self) -> Vec<Vec<u8>> {
        soon(async { while self.connections.lock().await.join_next().await.is_some() {} }).await;
        self.accepting.abort();
        self.kept.lock().unwrap().clone()
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    kept: Kept,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(server).await.unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let number = {
            let mut kept = kept.lock().unwrap();
            kept.push(Vec::new());
            kept.len() - 1
        };
        let kept = Arc::clone(&kept);
        let keep = move |bytes: &[u8]| kept.lock().unwrap()[number].extend_from_slice(bytes);
        let mut connections = connections.lock().await;
        connections.spawn(copy(from_client, to_server, keep));
        connections.spawn(copy(from_server, to_client, |_| {}));
    }
}

/// Copies until either side has hung up.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, keep: impl Fn(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        keep(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    to.shutdown().await.ok();
}
