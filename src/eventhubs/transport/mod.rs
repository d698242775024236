//! The byte stream under a connection: TCP, directly or through a proxy, then TLS unless it is the emulator, then
//! WebSocket where only port 443 is open.
//!
//! Names are looked up, and files read, at every connect: an address, an authority or a certificate may change under a
//! process that runs for months. Whatever the stream leads through, the peer has to prove that it is the namespace.

mod dial;
mod proxy;
mod tls;
mod websocket;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::{Address, Protocol, Way};

/// A stream, whatever it is made of.
pub(super) type Stream = Box<dyn Io>;

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Io for T {}

/// Opens the stream: TCP within `limit`. The caller bounds the time of the whole.
pub(super) async fn open(address: &Address, way: &Way, limit: Duration) -> io::Result<Stream> {
    let usual = usual_port(address, way.protocol);
    let (host, port) = way.endpoint.as_ref().map_or((address.host.as_str(), usual), |endpoint| {
        (endpoint.host.as_str(), endpoint.port.unwrap_or(usual))
    });
    let opened = open_at(host, port, address, way, limit).await;
    opened.map_err(|error| io::Error::new(error.kind(), format!("`{host}:{port}`: {error}")))
}

async fn open_at(
    host: &str,
    port: u16,
    address: &Address,
    way: &Way,
    limit: Duration,
) -> io::Result<Stream> {
    let dialer = dial::dialer(limit);
    let tcp = match proxy::of(address, way, host, port)? {
        Some(proxy) => proxy.tunnel(dialer, host, port).await?,
        None => dial::dial(dialer, host, port).await?,
    };
    let stream: Stream = if address.tls {
        Box::new(tls::connect(bare(&address.host), &way.tls, tcp).await?)
    } else {
        Box::new(tcp)
    };
    match way.protocol {
        Protocol::Amqp => Ok(stream),
        Protocol::WebSocket => websocket::upgrade(&address.host, address.tls, stream).await,
    }
}

/// The service takes `WebSocket` at another port than AMQP; a server with a port of its own takes both there.
fn usual_port(address: &Address, protocol: Protocol) -> u16 {
    match (protocol, address.port) {
        (Protocol::WebSocket, 5671) => 443,
        (_, port) => port,
    }
}

/// An IPv6 address without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}
