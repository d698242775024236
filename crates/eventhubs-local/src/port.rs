//! A port that stays a server's own while the server is stopped.
//!
//! The system gives connections that go out from this machine any port that nobody has. A socket that has a port, and does not
//! listen on it, keeps it from them and leaves room for one that listens. Elsewhere than on Linux it does not, and none is kept.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use tokio::net::TcpSocket;

/// Held as long as the port is to be kept.
#[derive(Debug)]
pub(crate) struct Port {
    _socket: Option<TcpSocket>,
}

impl Port {
    /// Keeps the port of `address`, or a free one where that is 0; and where it may be listened on.
    pub(crate) fn keep(address: &str) -> io::Result<(Self, SocketAddr)> {
        let mut last = None;
        for address in address.to_socket_addrs()? {
            match Self::at(address) {
                Ok(kept) => return Ok(kept),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("the name has no address")))
    }

    fn at(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        if !cfg!(target_os = "linux") {
            return Ok((Self { _socket: None }, address));
        }
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let address = socket.local_addr()?;
        Ok((Self { _socket: Some(socket) }, address))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_that_is_kept_can_be_listened_on_again_and_again_and_by_one_at_a_time() {
        let (kept, address) = Port::keep("127.0.0.1:0").unwrap();
        for _ in 0..2 {
            let listener = TcpListener::bind(address).unwrap();
            let second = TcpListener::bind(address).unwrap_err();
            assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
            let another = Port::keep(&address.to_string()).unwrap_err();
            assert_eq!(another.kind(), io::ErrorKind::AddrInUse);
            drop(listener);
        }
        drop(kept);
    }

    #[test]
    fn a_connection_that_goes_out_cannot_have_it() {
        let (_kept, address) = Port::keep("127.0.0.1:0").unwrap();
        let out = TcpSocket::new_v4().unwrap();
        assert_eq!(out.bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
