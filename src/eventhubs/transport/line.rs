//! The TCP stream under a connection: how it ends, and when it has.
//!
//! What is under way when a connection is given up may not arrive later, behind what was sent after it. So the socket is
//! reset then: the kernel throws away what it holds.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// What a connection knows of its stream.
#[derive(Debug)]
pub(in crate::eventhubs) struct Switch {
    thrown: AtomicBool,
    closed: watch::Sender<bool>,
}

impl Switch {
    pub(in crate::eventhubs) fn new() -> Arc<Self> {
        Arc::new(Self { thrown: AtomicBool::new(false), closed: watch::Sender::new(false) })
    }

    /// From now on the stream ends with a reset, when its owner drops it.
    pub(in crate::eventhubs) fn throw(&self) {
        self.thrown.store(true, Ordering::SeqCst);
    }

    /// Waits until the socket is closed, by whomever.
    pub(in crate::eventhubs) async fn closed(&self) {
        // The sender lives as long as `self`.
        drop(self.closed.subscribe().wait_for(|closed| *closed).await);
    }
}

/// A TCP stream that ends as its [`Switch`] says.
#[derive(Debug)]
pub(super) struct SwitchedStream {
    tcp: TcpStream,
    switch: Arc<Switch>,
}

impl SwitchedStream {
    pub(super) fn new(tcp: TcpStream, switch: Arc<Switch>) -> Self {
        Self { tcp, switch }
    }
}

impl Drop for SwitchedStream {
    fn drop(&mut self) {
        if self.switch.thrown.load(Ordering::SeqCst) {
            // Where that cannot be, the socket closes in the usual way.
            self.tcp.set_zero_linger().ok();
        }
        self.switch.closed.send_replace(true);
    }
}

impl AsyncRead for SwitchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for SwitchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
