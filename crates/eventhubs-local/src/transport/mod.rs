//! From an accepted socket to the stream of AMQP a connection runs on.
//!
//! One port serves every form of transport: the first byte tells a TLS hello, an HTTP request and AMQP apart, and inside
//! TLS the first byte tells the last two apart again. What the bytes mean is the connection's affair.

mod rewind;
#[cfg(test)]
mod tests;
pub(crate) mod tls;
mod websocket;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::connection::driver::{self, Wire};
use crate::connection::{Connection, Fate};
use crate::hub::lock;
use crate::namespace::Namespace;
use crate::registry::ConnectionHandle;
use rewind::Rewind;

/// How long a client may take from one step of the handshake to the next.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first byte of a TLS connection: a handshake record.
const TLS_HELLO: u8 = 0x16;
/// The first byte of an HTTP request that asks for WebSocket.
const HTTP_GET: u8 = b'G';

impl Wire for TcpStream {
    fn quick_ack(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            // An optimisation: if the socket has gone the next read says so.
            let _asked = socket2::SockRef::from(self).set_tcp_quickack(true).is_ok();
        }
    }
}

impl<S: Wire> Wire for Box<S> {
    fn quick_ack(&self) {
        self.as_ref().quick_ack();
    }
}

impl<S: Wire> Wire for TlsStream<S> {
    fn quick_ack(&self) {
        self.get_ref().0.quick_ack();
    }
}

/// Serves one accepted socket until it ends.
pub(crate) async fn serve(
    socket: TcpStream,
    namespace: Arc<Namespace>,
    handle: Arc<ConnectionHandle>,
) {
    let id = handle.id;
    let connection = Connection::new(Arc::clone(&namespace), Arc::clone(&handle));
    if let Err(error) = admit(socket, connection, &namespace, &handle).await {
        tracing::debug!(connection = id, %error, "connection lost");
    }
    namespace.registry.close(id);
}

async fn admit(
    mut socket: TcpStream,
    mut connection: Connection,
    namespace: &Namespace,
    handle: &ConnectionHandle,
) -> io::Result<()> {
    if connection.fate() == Fate::Mute {
        return driver::swallow(&mut socket, &mut connection, handle).await;
    }
    socket.quick_ack();
    let Some((first, stream)) = first_byte(socket).await? else { return Ok(()) };
    let Some(tls) = namespace.settings.tls.as_ref().filter(|_| first == TLS_HELLO) else {
        return speak(first, stream, connection, handle).await;
    };
    let stream = Box::new(Box::pin(within(tls.acceptor().accept(stream))).await?);
    lock(&handle.view).tls = true;
    if stream.get_ref().1.peer_certificates().is_some() {
        connection.identified();
    }
    let Some((first, stream)) = first_byte(stream).await? else { return Ok(()) };
    speak(first, stream, connection, handle).await
}

/// Runs the connection on a stream that is encrypted already or never will be.
async fn speak<S: Wire>(
    first: u8,
    mut stream: Rewind<S>,
    mut connection: Connection,
    handle: &ConnectionHandle,
) -> io::Result<()> {
    if first == HTTP_GET {
        let mut socket = within(websocket::accept(stream)).await?;
        lock(&handle.view).websocket = true;
        return driver::run(&mut socket, &mut connection, handle).await;
    }
    driver::run(&mut stream, &mut connection, handle).await
}

/// Waits for the first byte and puts it back; `None` when there is none.
async fn first_byte<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
) -> io::Result<Option<(u8, Rewind<S>)>> {
    let mut first = [0];
    let count = within(stream.read(&mut first)).await?;
    Ok((count > 0).then(|| (first[0], Rewind::new(first[0], stream))))
}

async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, step).await?
}
