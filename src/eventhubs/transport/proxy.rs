//! HTTP proxies: a tunnel by CONNECT.

use std::io;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::net::TcpStream;
use tower_service::Service as _;

use crate::causes;
use crate::config::{Address, ConnectionSettings, Protocol, Proxy as Wanted};

use super::dial;

/// A proxy, and what it wants to hear.
pub(super) struct ProxyTunnel(Intercept);

/// The proxy on the way to `host:port`, if there is one.
pub(super) fn of(
    address: &Address,
    way: &ConnectionSettings,
    host: &str,
    port: u16,
) -> io::Result<Option<ProxyTunnel>> {
    let matcher = match &way.proxy {
        Wanted::None => return Ok(None),
        // Its proxies are made for HTTP: they mostly let through nothing but port 443.
        Wanted::Environment if way.protocol == Protocol::Amqp || !address.tls => return Ok(None),
        Wanted::Environment => Matcher::from_env(),
        Wanted::At(url) => Matcher::builder().all(url.expose().to_owned()).build(),
    };
    let Some(intercept) = matcher.intercept(&dial::uri(host, port)?) else { return Ok(None) };
    let is_http = intercept.uri().scheme_str() == Some("http");
    let proxy = ProxyTunnel(intercept);
    if is_http {
        return Ok(Some(proxy));
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("`{proxy}` is not an HTTP proxy")))
}

impl std::fmt::Display for ProxyTunnel {
    /// Without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let uri = self.0.uri();
        write!(f, "{}", uri.host().unwrap_or_default())?;
        uri.port_u16().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl ProxyTunnel {
    /// A connection to `host:port` through the proxy.
    pub(super) async fn tunnel(
        &self,
        dialer: HttpConnector,
        host: &str,
        port: u16,
    ) -> io::Result<TcpStream> {
        let mut tunnel = Tunnel::new(self.0.uri().clone(), dialer);
        if let Some(login) = self.0.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        let opened = tunnel.call(dial::uri(host, port)?).await;
        let opened = opened.map_err(|error| {
            io::Error::other(format!("through the proxy `{self}`: {}", causes::whole(&error)))
        })?;
        Ok(opened.into_inner())
    }
}
