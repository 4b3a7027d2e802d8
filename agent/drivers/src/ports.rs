//! Ports of things that may be started again: a port picked once is kept on disk, so that an address outlives the
//! process behind it. It does not know who listens.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use crate::durable;
use crate::error::{DriverError, code};

/// The address to listen on: `port` if it is not zero, else the port kept in `file`, else a free one, kept there.
pub(crate) async fn kept(ip: IpAddr, port: u16, file: &Path) -> Result<SocketAddr, DriverError> {
    if port != 0 {
        return Ok(SocketAddr::new(ip, port));
    }
    if let Some(port) = durable::load::<u16>(file).await? {
        return Ok(SocketAddr::new(ip, port));
    }
    pick(ip, file).await
}

/// Picks a free port and keeps it in `file`, whatever was kept there before.
pub(crate) async fn pick(ip: IpAddr, file: &Path) -> Result<SocketAddr, DriverError> {
    let free = TcpListener::bind((ip, 0)).and_then(|listener| listener.local_addr());
    let address =
        free.map_err(|error| DriverError::permanent(code::DRIVER_CONFIG, format!("cannot listen on {ip}: {error}")))?;
    durable::save(file, &address.port()).await?;
    Ok(address)
}

/// Whether nobody listens there.
pub(crate) fn is_free(address: SocketAddr) -> io::Result<bool> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(false),
        Err(error) => Err(error),
    }
}
