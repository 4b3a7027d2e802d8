//! Free ports and short folders on this machine.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use tokio::net::TcpSocket;

/// One per address that was given out.
static HELD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());

/// A loopback address for a process that is started, perhaps more than once. As long as this process lives, the system
/// gives it to nobody who asks for any port: it is held by a socket that never listens, which is in the way of no
/// program that sets `SO_REUSEADDR`, as ours, etcd and Envoy do.
///
/// # Errors
/// If the machine has none left.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("a free port")?;
    let address = socket.local_addr()?;
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    Ok(address)
}

/// A folder with a short path (unix sockets hold about a hundred bytes), removed when dropped.
///
/// # Errors
/// If it can't be made.
pub fn folder() -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("mer").tempdir_in("/tmp").context("a folder for the fleet")
}
