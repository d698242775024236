//! The TCP stream under a connection, with a switch: once it is thrown, nothing more goes in or out.
//!
//! What is under way when a connection is given up may not arrive later, behind what was sent after it. So reads and
//! writes fail at once, the stream is let go, and the socket is reset: the kernel throws away what it holds.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// What a connection knows of its stream, and how it cuts it.
#[derive(Debug)]
pub(in crate::eventhubs) struct Switch {
    thrown: AtomicBool,
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
    closed: watch::Sender<bool>,
}

impl Switch {
    pub(in crate::eventhubs) fn new() -> Arc<Self> {
        Arc::new(Self {
            thrown: AtomicBool::new(false),
            reader: Mutex::default(),
            writer: Mutex::default(),
            closed: watch::Sender::new(false),
        })
    }

    /// Cuts the stream. It is gone as soon as its owner has noticed; wait for [`Self::closed`].
    pub(in crate::eventhubs) fn throw(&self) {
        self.thrown.store(true, Ordering::SeqCst);
        for side in [&self.reader, &self.writer] {
            let waker = side.lock().unwrap_or_else(PoisonError::into_inner).take();
            waker.inspect(Waker::wake_by_ref);
        }
    }

    /// Waits until the socket is closed, by whomever.
    pub(in crate::eventhubs) async fn closed(&self) {
        // The sender lives as long as `self`.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }

    /// Fails once the switch is thrown; until then, the task is woken when it is.
    fn check(&self, side: &Mutex<Option<Waker>>, context: &Context<'_>) -> io::Result<()> {
        let mut waker = side.lock().unwrap_or_else(PoisonError::into_inner);
        if !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        drop(waker);
        if self.thrown.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "given up"));
        }
        Ok(())
    }
}

/// A TCP stream that obeys a [`Switch`].
#[derive(Debug)]
pub(super) struct Line {
    tcp: TcpStream,
    switch: Arc<Switch>,
}

impl Line {
    pub(super) fn new(tcp: TcpStream, switch: Arc<Switch>) -> Self {
        Self { tcp, switch }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.switch.thrown.load(Ordering::SeqCst) {
            // Where that cannot be, the socket closes in the usual way.
            self.tcp.set_zero_linger().ok();
        }
        self.switch.closed.send_replace(true);
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.switch.check(&self.switch.reader, context)?;
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.switch.check(&self.switch.writer, context)?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.switch.check(&self.switch.writer, context)?;
        Pin::new(&mut self.tcp).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check(&self.switch.writer, context)?;
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.switch.check(&self.switch.writer, context)?;
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
