//! What the peer allows. The library reads it and does not tell, so the frames that say it are read on their way in.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use fe2o3_amqp_types::performatives::{Begin, Open};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Stream;

/// A frame begins with its size, the place of its body, its type and its channel.
const HEAD: usize = 8;
const OPEN: u8 = 0x10;
const BEGIN: u8 = 0x11;
/// Neither frame is larger, unless somebody means harm.
const LARGEST: usize = 64 << 10;

/// The least of what a peer allowed so far.
#[derive(Debug)]
pub(in crate::eventhubs) struct Limits {
    channel_max: AtomicU32,
    handle_max: AtomicU32,
    window: AtomicU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            channel_max: AtomicU32::new(u16::MAX.into()),
            handle_max: AtomicU32::new(u32::MAX),
            window: AtomicU32::new(u32::MAX),
        }
    }
}

impl Limits {
    /// Sessions of a connection.
    pub(in crate::eventhubs) fn sessions(&self) -> usize {
        self.channel_max.load(Ordering::Relaxed) as usize + 1
    }

    /// Links of a session.
    pub(in crate::eventhubs) fn links(&self) -> usize {
        (self.handle_max.load(Ordering::Relaxed) as usize).saturating_add(1)
    }

    /// Frames a session takes before it has to say that it takes more.
    pub(in crate::eventhubs) fn window(&self) -> usize {
        self.window.load(Ordering::Relaxed) as usize
    }

    fn hear(&self, code: u8, body: &[u8]) {
        match code {
            OPEN => {
                if let Ok(open) = serde_amqp::from_slice::<Open>(body) {
                    self.channel_max.fetch_min(open.channel_max.0.into(), Ordering::Relaxed);
                }
            }
            _ => {
                if let Ok(begin) = serde_amqp::from_slice::<Begin>(body) {
                    self.handle_max.fetch_min(begin.handle_max.0, Ordering::Relaxed);
                    self.window.fetch_min(begin.incoming_window, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Finds the frames in a stream of bytes, however it is cut.
#[derive(Debug, Default)]
struct Frames {
    head: Vec<u8>,
    /// Bytes of the frame that are still to come.
    left: usize,
    /// What there is of a frame that may be of interest.
    body: Option<Vec<u8>>,
}

impl Frames {
    fn feed(&mut self, mut bytes: &[u8], limits: &Limits) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let (part, rest) = bytes.split_at(bytes.len().min(HEAD - self.head.len()));
                self.head.extend_from_slice(part);
                bytes = rest;
                if self.head.len() == HEAD {
                    self.begin();
                }
            } else {
                let (part, rest) = bytes.split_at(bytes.len().min(self.left));
                self.left -= part.len();
                bytes = rest;
                self.take(part, limits);
            }
        }
    }

    fn begin(&mut self) {
        // A header of the protocol is as long as the head of a frame.
        let is_frame = !self.head.starts_with(b"AMQP");
        if let [a, b, c, d, place, kind, ..] = self.head[..]
            && is_frame
        {
            let size = u32::from_be_bytes([a, b, c, d]) as usize;
            self.left = size.saturating_sub(HEAD);
            let is_plain = place == 2 && kind == 0 && self.left <= LARGEST;
            self.body = is_plain.then(Vec::new);
        }
        self.head.clear();
    }

    fn take(&mut self, part: &[u8], limits: &Limits) {
        let Some(body) = &mut self.body else { return };
        body.extend_from_slice(part);
        // A described list, by its short code: 0x00 0x53 CODE.
        let code = match body[..] {
            [0, 0x53, code @ (OPEN | BEGIN), ..] => Some(code),
            [0] | [0, 0x53] => None,
            _ => return self.body = None,
        };
        if let Some(code) = code
            && self.left == 0
        {
            limits.hear(code, body);
            self.body = None;
        }
    }
}

/// A stream whose peer is listened to.
#[derive(Debug)]
pub(in crate::eventhubs) struct Tap {
    stream: Stream,
    frames: Frames,
    limits: Arc<Limits>,
}

impl Tap {
    pub(in crate::eventhubs) fn new(stream: Stream, limits: Arc<Limits>) -> Self {
        Self { stream, frames: Frames::default(), limits }
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.frames.feed(&buffer.filled()[before..], &this.limits);
        read
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::definitions::Handle;
    use fe2o3_amqp_types::performatives::{Close, End};
    use serde::Serialize;

    use super::*;

    fn frame(kind: u8, body: &impl Serialize, more: &[u8]) -> Vec<u8> {
        let body = serde_amqp::to_vec(body).unwrap();
        let size = (HEAD + body.len() + more.len()) as u32;
        [&size.to_be_bytes()[..], &[2, kind, 0, 0], &body, more].concat()
    }

    fn said() -> Vec<u8> {
        let open = Open {
            container_id: "peer".into(),
            hostname: None,
            max_frame_size: 65_536.into(),
            channel_max: 99.into(),
            idle_time_out: None,
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        let begin = |handle_max: u32, incoming_window| Begin {
            remote_channel: Some(0),
            next_outgoing_id: 0,
            incoming_window,
            outgoing_window: 5_000,
            handle_max: Handle(handle_max),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        [
            b"AMQP\x03\x01\x00\x00".to_vec(),
            frame(1, &open.clone(), &[]),
            b"AMQP\x00\x01\x00\x00".to_vec(),
            frame(0, &open, &[]),
            vec![0, 0, 0, 8, 2, 0, 0, 0],
            frame(0, &begin(255, 5_000), &[]),
            frame(0, &End { error: None }, &[7; 300]),
            frame(0, &begin(63, 9_000), &[]),
            frame(0, &Close { error: None }, &[]),
        ]
        .concat()
    }

    #[test]
    fn hears_what_the_peer_allows_however_the_stream_is_cut() {
        for size in [1, 2, 3, 7, 8, 9, 64, 10_000] {
            let (mut frames, limits) = (Frames::default(), Limits::default());
            said().chunks(size).for_each(|part| frames.feed(part, &limits));
            assert_eq!(limits.sessions(), 100, "{size}");
            assert_eq!(limits.links(), 64, "{size}");
            assert_eq!(limits.window(), 5_000, "{size}");
        }
    }

    #[test]
    fn what_is_no_frame_changes_nothing() {
        let (mut frames, limits) = (Frames::default(), Limits::default());
        frames.feed(&[0, 0, 0, 3, 0, 0, 0, 0], &limits);
        frames.feed(&frame(0, &0u8, &[]), &limits);
        frames.feed(&[0, 0, 0, 12, 2, 0, 0, 0, 0, 0x53, OPEN, 0xff], &limits);
        assert_eq!(limits.sessions(), 65_536);
        frames.feed(&said(), &limits);
        assert_eq!(limits.sessions(), 100);
    }
}
