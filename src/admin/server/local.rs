//! The local socket: for this machine, and there for the same user or root alone.
//!
//! It has a name and no file, so that it works where nothing can be written and leaves nothing behind. The name holds the port of
//! `[admin] listen`, which tells bridges on one machine apart.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as Std};

use tokio::net::{UnixListener, UnixStream};

/// Who may do everything.
const ROOT: u32 = 0;

/// The socket of the bridge whose `[admin] listen` has this port.
pub(in crate::admin) fn address(port: u16) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("kafka-eventhubs-bridge/{port}"))
}

/// Opens it, within a runtime.
pub(super) fn listen(port: u16) -> io::Result<UnixListener> {
    let socket = Std::bind_addr(&address(port)?)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

/// Whether the other end may change something.
pub(super) fn is_friend(stream: &UnixStream) -> bool {
    let own = own_user();
    stream.peer_cred().is_ok_and(|peer| [own, ROOT].contains(&peer.uid()))
}

fn own_user() -> u32 {
    // SAFETY: it reads a number of the process and cannot fail.
    unsafe { libc::geteuid() }
}
