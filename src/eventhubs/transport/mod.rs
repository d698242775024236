//! The byte stream under a connection: TCP, directly or through a proxy, then TLS unless it is the emulator, then
//! WebSocket where only port 443 is open.
//!
//! Names are looked up, and files read, at every connect: an address, an authority or a certificate may change under a
//! process that runs for months. Whatever the stream leads through, the peer has to prove that it is the namespace.

mod dial;
mod line;
mod proxy;
mod tls;
mod websocket;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use crate::config::{Address, ConnectionSettings, Protocol};

pub(super) use line::Switch;
use line::SwitchedStream;

/// A part of connecting that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// The name was looked up: to these addresses, or by whom.
    Resolve(String),
    /// There is a TCP connection: to which port, through what.
    Connect(String),
    /// The peer has proved who it is: the version of TLS.
    Tls(String),
    /// The connection carries AMQP in `WebSocket` messages.
    WebSocket,
    /// AMQP is spoken.
    Amqp,
}

/// Hears how far a connection came.
pub(super) type Tell<'a> = &'a mut (dyn FnMut(Passed) + Send);

/// A stream, whatever it is made of.
pub(super) type Stream = Box<dyn Io>;

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Io for T {}

/// Opens the stream: TCP within `limit`, and ending as `switch` says. The caller bounds the time of the whole.
pub(super) async fn open(
    address: &Address,
    way: &ConnectionSettings,
    limit: Duration,
    switch: &Arc<Switch>,
    tell: Tell<'_>,
) -> io::Result<Stream> {
    let usual = usual_port(address, way.protocol);
    let (host, port) = way.endpoint.as_ref().map_or((address.host.as_str(), usual), |endpoint| {
        (endpoint.host.as_str(), endpoint.port.unwrap_or(usual))
    });
    let dialer = dial::dialer(limit);
    let opened = open_at(host, port, address, way, dialer, switch, tell).await;
    opened.map_err(|error| io::Error::new(error.kind(), format!("`{host}:{port}`: {error}")))
}

async fn open_at(
    host: &str,
    port: u16,
    address: &Address,
    way: &ConnectionSettings,
    dialer: HttpConnector,
    switch: &Arc<Switch>,
    tell: Tell<'_>,
) -> io::Result<Stream> {
    let tcp = match proxy::of(address, way, host, port)? {
        Some(proxy) => {
            // It is the proxy that looks up the name.
            tell(Passed::Resolve(format!("resolved by the proxy `{proxy}`")));
            let tcp = proxy.tunnel(dialer, host, port).await?;
            tell(Passed::Connect(format!("port {port}, through the proxy `{proxy}`")));
            tcp
        }
        None => direct(dialer, host, port, tell).await?,
    };
    let tcp = SwitchedStream::new(tcp, Arc::clone(switch));
    let stream: Stream = if address.tls {
        let stream = tls::connect(bare(&address.host), &way.tls, tcp).await?;
        let version = stream.get_ref().1.protocol_version().and_then(|version| version.as_str());
        tell(Passed::Tls(version.unwrap_or("TLS").replace("TLSv1_", "TLS 1.")));
        Box::new(stream)
    } else {
        Box::new(tcp)
    };
    match way.protocol {
        Protocol::Amqp => Ok(stream),
        Protocol::WebSocket => {
            let stream = websocket::upgrade(&address.host, address.tls, stream).await?;
            tell(Passed::WebSocket);
            Ok(stream)
        }
    }
}

async fn direct(
    dialer: HttpConnector,
    host: &str,
    port: u16,
    tell: Tell<'_>,
) -> io::Result<TcpStream> {
    // The dialer looks up the name by itself, and does not tell what it found.
    let found = lookup_host((bare(host), port)).await?;
    let addresses = found.map(|address| address.ip().to_string()).collect::<Vec<_>>();
    tell(Passed::Resolve(addresses.join(", ")));
    let tcp = dial::dial(dialer, host, port).await?;
    tell(Passed::Connect(format!("port {port}")));
    Ok(tcp)
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
