//! TCP to a host. Its name is looked up at every call, and an address that is silent does not keep the others from being
//! tried: IPv4 gets its chance soon after IPv6, and all of them have theirs within the time there is.

use std::error::Error;
use std::io;
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::causes;

/// Connects to hosts by their names; one attempt with all addresses of a host takes no longer than `limit`.
pub(super) fn dialer(limit: Duration) -> HttpConnector {
    usable(HttpConnector::new(), limit)
}

fn usable<R>(mut dialer: HttpConnector<R>, limit: Duration) -> HttpConnector<R> {
    dialer.enforce_http(false);
    // Batches end in small frames; waiting to fill a packet would cost a round trip each.
    dialer.set_nodelay(true);
    dialer.set_connect_timeout(Some(limit));
    dialer
}

/// A connection to `host:port`, where an IPv6 address stands in brackets.
pub(super) async fn dial<S>(mut dialer: S, host: &str, port: u16) -> io::Result<TcpStream>
where
    S: Service<Uri, Response = TokioIo<TcpStream>>,
    S::Error: Error,
{
    let connected = dialer.call(uri(host, port)?).await;
    connected.map(TokioIo::into_inner).map_err(|error| io::Error::other(causes::whole(&error)))
}

/// As the libraries of HTTP want it.
pub(super) fn uri(host: &str, port: u16) -> io::Result<Uri> {
    format!("https://{host}:{port}").parse().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use std::vec::IntoIter;

    use hyper_util::client::legacy::connect::dns::Name;
    use tokio::net::TcpListener;

    use super::*;

    /// A name service whose answer can be changed.
    #[derive(Debug, Clone, Default)]
    struct Names(Arc<Mutex<Vec<Ipv4Addr>>>);

    impl Service<Name> for Names {
        type Response = IntoIter<SocketAddr>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, name: Name) -> Self::Future {
            assert_eq!(name.as_str(), "ns.example");
            let found = self.0.lock().unwrap();
            let found = found.iter().map(|address| SocketAddr::from((*address, 0)));
            ready(Ok(found.collect::<Vec<_>>().into_iter()))
        }
    }

    const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
    const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
    const NOWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

    #[tokio::test]
    async fn a_name_is_looked_up_at_every_call_and_every_address_is_tried() {
        let here = TcpListener::bind((HERE, 0)).await.unwrap();
        let port = here.local_addr().unwrap().port();
        let _there = TcpListener::bind((THERE, port)).await.unwrap();
        let names = Names::default();
        let connector = HttpConnector::new_with_resolver(names.clone());
        let dialer = usable(connector, Duration::from_secs(10));
        for (addresses, expected) in
            [(vec![HERE], HERE), (vec![THERE], THERE), (vec![NOWHERE, HERE], HERE)]
        {
            *names.0.lock().unwrap() = addresses;
            let tcp = dial(dialer.clone(), "ns.example", port).await.unwrap();
            assert_eq!(tcp.peer_addr().unwrap().ip(), expected);
            assert!(tcp.nodelay().unwrap());
        }
        *names.0.lock().unwrap() = vec![NOWHERE];
        let error = dial(dialer, "ns.example", port).await.unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
