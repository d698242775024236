//! AMQP in WebSocket messages, for networks that let out nothing but port 443.

use std::io;

use fe2o3_amqp_ws::{Error, WebSocketStream};

use super::Stream;

/// Turns an HTTP connection to `host` into a stream of AMQP.
pub(super) async fn upgrade(host: &str, tls: bool, stream: Stream) -> io::Result<Stream> {
    let scheme = if tls { "wss" } else { "ws" };
    let url = format!("{scheme}://{host}/$servicebus/websocket/");
    let upgraded = WebSocketStream::connect_with_stream(url, stream).await;
    Ok(Box::new(upgraded.map_err(|error| match error {
        Error::Tungstenite(tungstenite) => io::Error::other(tungstenite),
        other => io::Error::other(other),
    })?))
}
