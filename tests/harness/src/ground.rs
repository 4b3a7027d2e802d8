//! Free ports and short folders on this machine.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context;

/// A loopback address that was free a moment ago, so that a restarted process can take it again.
///
/// # Errors
/// If the machine has none left.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("a free port")?;
    Ok(listener.local_addr()?)
}

/// A folder with a short path (unix sockets hold about a hundred bytes), removed when dropped.
///
/// # Errors
/// If it can't be made.
pub fn folder() -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("mer").tempdir_in("/tmp").context("a folder for the fleet")
}
