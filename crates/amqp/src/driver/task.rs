//! The task that owns the stream: it reads, writes, and keeps the time.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::{Shared, State};
use crate::client::End;

/// Bytes that are read at a time. What comes is answers, which are short, and what is read back, which fills frames.
const READ: usize = 64 * 1024;
/// Pieces that are written at a time.
const PIECES: usize = 64;
/// Bytes of small pieces that are put together where a stream takes only one.
const TOGETHER: usize = 64 * 1024;

struct Task<S> {
    stream: S,
    buffer: Box<[u8]>,
    /// What is put together for a stream that takes one piece.
    whole: Vec<u8>,
    flushed: bool,
    timer: Pin<Box<Sleep>>,
}

pub(super) async fn run<S>(stream: S, shared: Arc<Shared>, last: impl FnOnce(&End))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut task = Task {
        stream,
        buffer: vec![0; READ].into_boxed_slice(),
        whole: Vec::new(),
        flushed: true,
        timer: Box::pin(sleep_until(tokio::time::Instant::now())),
    };
    poll_fn(|context| task.poll(&shared, context)).await;
    let mut state = shared.state();
    let end = state.client.how_it_ended().unwrap_or(End::Asked);
    last(&end);
    drop(task);
    state.dispatch();
    drop(state);
    shared.end.send_replace(Some(end));
}

impl<S: AsyncRead + AsyncWrite + Unpin> Task<S> {
    /// Ready when it is over.
    fn poll(&mut self, shared: &Shared, context: &mut Context<'_>) -> Poll<()> {
        let mut state = shared.state();
        loop {
            if let Some(why) = state.cut.take() {
                state.client.lost(why);
            }
            let read = self.read(&mut state, context);
            if !state.client.is_over() {
                state.dispatch();
            }
            let wrote = self.write(&mut state, context);
            match (read, wrote) {
                (Err(why), _) | (_, Err(why)) => state.client.lost(why.to_string()),
                (Ok(true), _) if !state.client.is_over() => continue,
                _ => {}
            }
            if state.client.is_over() {
                // It may have a last word; if that does not leave now, it never does.
                drop(self.write(&mut state, context));
                if state.client.how_it_ended().is_some_and(|end| end.is_orderly()) {
                    drop(Pin::new(&mut self.stream).poll_shutdown(context));
                }
                return Poll::Ready(());
            }
            if !self.keep_time(&mut state, context) {
                break;
            }
        }
        state.task = Some(context.waker().clone());
        Poll::Pending
    }

    /// Reads once. `true` if something came.
    fn read(&mut self, state: &mut State, context: &mut Context<'_>) -> io::Result<bool> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed the stream"))
            }
            Poll::Ready(Ok(())) => {
                state.client.received(buffer.filled(), Instant::now());
                Ok(true)
            }
        }
    }

    /// Writes all there is, as far as the stream takes it.
    fn write(&mut self, state: &mut State, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            match self.write_some(state, context) {
                Poll::Ready(Ok(0)) => break,
                Poll::Ready(Ok(count)) => {
                    self.flushed = false;
                    state.client.written(count, Instant::now());
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(()),
            }
        }
        if !self.flushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(flushed) => flushed?,
                Poll::Pending => return Ok(()),
            }
            self.flushed = true;
        }
        Ok(())
    }

    fn write_some(
        &mut self,
        state: &mut State,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let filled = state.client.slices(&mut pieces);
        let pieces = &pieces[..filled];
        if pieces.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let stream = Pin::new(&mut self.stream);
        let count = if stream.is_write_vectored() || filled == 1 {
            ready!(stream.poll_write_vectored(context, pieces))?
        } else {
            self.whole.clear();
            for piece in pieces {
                let room = TOGETHER - self.whole.len();
                self.whole.extend_from_slice(&piece[..piece.len().min(room)]);
            }
            ready!(stream.poll_write(context, &self.whole))?
        };
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        Poll::Ready(Ok(count))
    }

    /// Does what is due, and sets the alarm for what is due next. `true` when something was done.
    fn keep_time(&mut self, state: &mut State, context: &mut Context<'_>) -> bool {
        let Some(deadline) = state.client.deadline() else { return false };
        let now = Instant::now();
        if deadline <= now {
            state.client.tick(now);
            return true;
        }
        // It is seldom that something is due, and often that it is put off: the alarm rings, and is set anew.
        let alarm = self.timer.deadline().into_std();
        if alarm <= now || alarm > deadline {
            self.timer.as_mut().reset(deadline.into());
        }
        self.timer.as_mut().poll(context).is_ready()
    }
}
