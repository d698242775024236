//! The socket of a connection: reads, writes, wakes and waits for it.
//!
//! Input is read only while there is room for output, so a client that does not read its answers is not listened to
//! either. Nagle and delayed acknowledgements are off: some clients write a handshake in small pieces and wait.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Connection, Fate, OUT_HIGH};
use crate::namespace::Namespace;
use crate::registry::ConnectionHandle;

const INPUT_START: usize = 72 * 1024;
/// What a busy connection reads into.
const INPUT_BUSY: usize = 384 * 1024;
/// How long the last words of a connection may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// A byte stream a connection can run on.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Asks for the next segment to be acknowledged at once.
    fn quick_ack(&self);
}

impl Wire for TcpStream {
    fn quick_ack(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            // An optimisation: if the socket has gone the next read says so.
            let _asked = socket2::SockRef::from(self).set_tcp_quickack(true).is_ok();
        }
    }
}

/// Bytes that arrived and are not used yet.
#[derive(Debug)]
struct Input {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    fn new() -> Self {
        Self { bytes: vec![0; INPUT_START].into(), start: 0, end: 0 }
    }

    fn ready(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn used(&mut self, count: usize) {
        self.start += count;
    }

    /// Space to read into; what is not used yet moves to the front.
    fn space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.bytes[self.end..]
    }

    /// A read that filled the space shows that more would have come.
    fn filled(&mut self, count: usize) {
        self.end += count;
        if self.end == self.bytes.len() && self.end < INPUT_BUSY {
            let mut larger = vec![0; INPUT_BUSY];
            larger[..self.end].copy_from_slice(&self.bytes);
            self.bytes = larger.into();
        }
    }
}

/// What ended a wait.
enum Event {
    Read(usize),
    Wrote,
    Woken,
    Due,
}

/// Serves one connection until it ends.
pub(crate) async fn serve<W: Wire>(
    mut wire: W,
    namespace: Arc<Namespace>,
    handle: Arc<ConnectionHandle>,
) {
    let id = handle.id;
    let mut connection = Connection::new(Arc::clone(&namespace), Arc::clone(&handle));
    if let Err(error) = run(&mut wire, &mut connection, &handle).await {
        tracing::debug!(connection = id, %error, "connection lost");
    }
    namespace.registry.close(id);
}

async fn run<W: Wire>(
    wire: &mut W,
    connection: &mut Connection,
    handle: &ConnectionHandle,
) -> io::Result<()> {
    let mut input = Input::new();
    let mut written = 0;
    wire.quick_ack();
    loop {
        match connection.fate() {
            Fate::Running => {}
            Fate::Mute => return swallow(wire, connection, handle).await,
            Fate::Abort => return Ok(()),
            Fate::Finish => return farewell(wire, &connection.out()[written..]).await,
        }
        match wait(wire, connection, handle, &mut input, &mut written).await? {
            Event::Read(0) => return Ok(()),
            Event::Read(count) => {
                wire.quick_ack();
                input.filled(count);
                let used = connection.receive(input.ready(), Instant::now());
                input.used(used);
            }
            Event::Wrote => {
                if written == connection.out().len() {
                    connection.out().clear();
                    written = 0;
                }
            }
            Event::Woken => connection.woken(),
            Event::Due => connection.tick(Instant::now()),
        }
        connection.pump();
    }
}

async fn wait<W: Wire>(
    wire: &mut W,
    connection: &mut Connection,
    handle: &ConnectionHandle,
    input: &mut Input,
    written: &mut usize,
) -> io::Result<Event> {
    let due = connection.next_due();
    let mut io = poll_fn(|cx| poll(wire, connection.out(), input, written, cx));
    let timer = async {
        match due {
            Some(due) => tokio::time::sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        event = &mut io => event,
        () = handle.notify.notified() => Ok(Event::Woken),
        () = timer => Ok(Event::Due),
    }
}

/// Writes if there is something to write, else reads if there is room for what the answer may be.
fn poll<W: Wire>(
    wire: &mut W,
    out: &[u8],
    input: &mut Input,
    written: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Event>> {
    let pending = &out[*written..];
    if !pending.is_empty()
        && let Poll::Ready(count) = Pin::new(&mut *wire).poll_write(cx, pending)?
    {
        *written += count;
        return Poll::Ready(Ok(Event::Wrote));
    }
    if pending.len() >= OUT_HIGH {
        return Poll::Pending;
    }
    let mut space = ReadBuf::new(input.space());
    match Pin::new(wire).poll_read(cx, &mut space)? {
        Poll::Ready(()) => Poll::Ready(Ok(Event::Read(space.filled().len()))),
        Poll::Pending => Poll::Pending,
    }
}

/// Writes what is left, then closes; a peer that does not read cannot hold the task for long.
async fn farewell<W: Wire>(wire: &mut W, left: &[u8]) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let last_words = async {
        wire.write_all(left).await?;
        wire.shutdown().await?;
        // Unread input would turn the close into a reset and could take the last words with it.
        let mut rest = [0; 4096];
        while wire.read(&mut rest).await? > 0 {}
        Ok(())
    };
    tokio::time::timeout(FAREWELL, last_words).await.unwrap_or(Ok(()))
}

/// A black hole: reads and says nothing, until the peer leaves or the connection is dropped.
async fn swallow<W: Wire>(
    wire: &mut W,
    connection: &mut Connection,
    handle: &ConnectionHandle,
) -> io::Result<()> {
    use tokio::io::AsyncReadExt;
    connection.out().clear();
    let mut nothing = vec![0; INPUT_START];
    loop {
        let mut read = pin!(wire.read(&mut nothing));
        tokio::select! {
            count = &mut read => if count? == 0 { return Ok(()) },
            () = handle.notify.notified() => {
                connection.woken();
                if connection.fate() == Fate::Abort {
                    return Ok(());
                }
            }
        }
    }
}
