//! The socket of a connection: reads, writes, wakes and waits for it.
//!
//! Input is read only while there is room for output, so a client that does not read its answers is not listened to
//! either. Nagle and delayed acknowledgements are off: some clients write a handshake in small pieces and wait.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::line::Line;
use super::{Connection, Fate, OUT_HIGH};
use crate::registry::ConnectionHandle;

const INPUT_START: usize = 72 * 1024;
/// What a busy connection reads into.
const INPUT_BUSY: usize = 384 * 1024;
/// What a connection may read before the others have their turn.
const TURN: usize = 1024 * 1024;
/// How many times a second a slow reader reads.
const SIPS: u64 = 20;
/// How long the last words of a connection may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// A byte stream a connection can run on.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Asks for the next segment to be acknowledged at once.
    fn quick_ack(&self);
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

    /// Space to read into, at most `most`; what is not used yet moves to the front.
    fn space(&mut self, most: usize) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let end = self.end.saturating_add(most).min(self.bytes.len());
        &mut self.bytes[self.end..end]
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

/// What is to be written.
#[derive(Debug, Default)]
struct Output {
    line: Line,
    /// Whether a stream that keeps what it is given (TLS, WebSocket) still holds some of it.
    unflushed: bool,
}

impl Output {
    fn load(&mut self, connection: &mut Connection) {
        let latency = connection.latency();
        self.line.load(connection.out(), latency, Instant::now());
    }
}

/// When and how much to read next.
#[derive(Debug)]
struct Appetite {
    /// No read before this.
    rest_until: Option<Instant>,
    most: usize,
}

impl Appetite {
    fn of(connection: &Connection, rest_until: Option<Instant>) -> Self {
        let most = connection.reading_rate().map_or(usize::MAX, |rate| (rate / SIPS) as usize);
        Self { rest_until, most: most.max(1) }
    }
}

/// What ended a wait.
enum Event {
    Read(usize),
    Wrote,
    Woken,
    Due,
}

/// Runs a connection on its stream until one of them ends.
pub(crate) async fn run<W: Wire>(
    wire: &mut W,
    connection: &mut Connection,
    handle: &ConnectionHandle,
) -> io::Result<()> {
    let mut input = Input::new();
    let mut output = Output::default();
    let mut rest_until = None;
    let mut turn = 0;
    wire.quick_ack();
    loop {
        output.load(connection);
        match connection.fate() {
            Fate::Running => {}
            Fate::Mute => return swallow(wire, connection, handle).await,
            Fate::Abort => return Ok(()),
            Fate::Finish => return farewell(wire, connection, output.line).await,
        }
        let appetite = Appetite::of(connection, rest_until);
        match wait(wire, connection, handle, &mut input, &mut output, &appetite).await? {
            Event::Read(0) => return Ok(()),
            Event::Read(count) => {
                let now = Instant::now();
                wire.quick_ack();
                input.filled(count);
                // What was ordered before the client spoke holds for what it says; and while reads come without a
                // pause nothing else ends a wait.
                connection.woken();
                let used = connection.receive(input.ready(), now);
                input.used(used);
                connection.tick(now);
                let rest = |rate: u64| Duration::from_secs_f64(count as f64 / rate as f64);
                rest_until = connection.reading_rate().map(|rate| now + rest(rate));
                turn += count;
            }
            Event::Wrote => {}
            Event::Woken => connection.woken(),
            Event::Due => {
                let now = Instant::now();
                rest_until = rest_until.filter(|until| *until > now);
                connection.tick(now);
            }
        }
        connection.pump();
        if turn >= TURN {
            turn = 0;
            tokio::task::yield_now().await;
        }
    }
}

async fn wait<W: Wire>(
    wire: &mut W,
    connection: &mut Connection,
    handle: &ConnectionHandle,
    input: &mut Input,
    output: &mut Output,
    appetite: &Appetite,
) -> io::Result<Event> {
    let times = [connection.next_due(), appetite.rest_until, output.line.next()];
    let due = times.into_iter().flatten().min();
    let waiting = connection.out().len();
    let mut io = poll_fn(|cx| poll(wire, waiting, input, output, appetite, cx));
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
    waiting: usize,
    input: &mut Input,
    output: &mut Output,
    appetite: &Appetite,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Event>> {
    let ready = output.line.ready();
    let room = ready.len() + waiting < OUT_HIGH;
    let all_gone = ready.is_empty();
    if !all_gone && let Poll::Ready(count) = Pin::new(&mut *wire).poll_write(cx, ready)? {
        output.line.gone(count);
        output.unflushed = true;
        return Poll::Ready(Ok(Event::Wrote));
    }
    if output.unflushed && all_gone && Pin::new(&mut *wire).poll_flush(cx)?.is_ready() {
        output.unflushed = false;
    }
    if !room || appetite.rest_until.is_some() {
        return Poll::Pending;
    }
    let mut space = ReadBuf::new(input.space(appetite.most));
    match Pin::new(wire).poll_read(cx, &mut space)? {
        Poll::Ready(()) => Poll::Ready(Ok(Event::Read(space.filled().len()))),
        Poll::Pending => Poll::Pending,
    }
}

/// Writes what is left, then closes; a peer that does not read cannot hold the task for long.
async fn farewell<W: Wire>(
    wire: &mut W,
    connection: &mut Connection,
    mut line: Line,
) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let latency = connection.latency();
    let last_words = async {
        let out = connection.out();
        loop {
            line.load(out, latency, Instant::now());
            wire.write_all(line.ready()).await?;
            line.gone(line.ready().len());
            if line.is_empty() && out.is_empty() {
                break;
            }
            if let Some(at) = line.next() {
                wire.flush().await?;
                tokio::time::sleep_until(at.into()).await;
            }
        }
        wire.shutdown().await?;
        // Unread input would turn the close into a reset and could take the last words with it.
        let mut rest = vec![0; 4096];
        while wire.read(&mut rest).await? > 0 {}
        Ok(())
    };
    let limit = FAREWELL + latency.unwrap_or_default();
    tokio::time::timeout(limit, last_words).await.unwrap_or(Ok(()))
}

/// A black hole: reads and says nothing, until the peer leaves or the connection is dropped.
pub(crate) async fn swallow<W: Wire>(
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
