//! AMQP inside WebSocket: binary messages as a stream of bytes.
//!
//! A message is not a frame: clients cut the stream as they like, and so does the server. What comes is bounded by the
//! largest message, what goes by one piece at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::connection::driver::Wire;

/// The only path, as the service has it.
const PATH: &str = "/$servicebus/websocket";
/// What a client may ask to speak; it is told the one it named.
const PROTOCOLS: [&str; 2] = ["AMQPWSB10", "amqp"];
/// The largest message taken: clients that write whole buffers have been seen to send several deliveries in one.
const MAX_MESSAGE: usize = 16 << 20;
/// What one message of the server holds, at most.
const PIECE: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Websocket<S> {
    socket: WebSocketStream<S>,
    /// The rest of the last message.
    rest: Bytes,
}

/// Answers the request that asks for WebSocket.
pub(super) async fn accept<S: Wire>(stream: S) -> io::Result<Websocket<S>> {
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let upgrade = tokio_tungstenite::accept_hdr_async_with_config(stream, negotiate, Some(config));
    let socket = upgrade.await.map_err(lost)?;
    Ok(Websocket { socket, rest: Bytes::new() })
}

#[expect(clippy::result_large_err, reason = "the library's callback has this type")]
fn negotiate(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let refuse = |status, text: &str| {
        let mut refusal = ErrorResponse::new(Some(text.to_owned()));
        *refusal.status_mut() = status;
        Err(refusal)
    };
    if !request.uri().path().trim_end_matches('/').eq_ignore_ascii_case(PATH) {
        return refuse(StatusCode::NOT_FOUND, "AMQP is at /$servicebus/websocket/\n");
    }
    let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offers.iter().filter_map(|value| value.to_str().ok()).peekable();
    if offered.peek().is_none() {
        return Ok(response);
    }
    let mut names = offered.flat_map(|value| value.split(',')).map(str::trim);
    let known = |name: &str| PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(name));
    let Some(value) =
        names.find(|name| known(name)).and_then(|name| HeaderValue::from_str(name).ok())
    else {
        return refuse(StatusCode::BAD_REQUEST, "the sub-protocol is AMQPWSB10\n");
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    Ok(response)
}

fn lost(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}

impl<S: Wire> Wire for Websocket<S> {
    fn quick_ack(&self) {
        self.socket.get_ref().quick_ack();
    }
}

impl<S: Wire> AsyncRead for Websocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                Some(Ok(Message::Text(_))) => {
                    let text = "AMQP comes in binary messages";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                // Pings are answered by the library, and a close ends the stream after its answer.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(lost(error))),
            }
        }
        let count = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: Wire> AsyncWrite for Websocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(lost)?;
        let piece = &buf[..buf.len().min(PIECE)];
        let message = Message::Binary(Bytes::copy_from_slice(piece));
        Pin::new(&mut self.socket).start_send(message).map_err(lost)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(lost)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(lost)
    }
}
