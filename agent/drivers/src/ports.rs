//! Ports of things that may be started again: a port picked once is kept on disk, so that an address outlives the
//! process behind it. It does not know who listens.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::Path;

use tokio::net::TcpSocket;

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
    let free = hold(SocketAddr::new(ip, 0));
    let (address, _held) =
        free.map_err(|error| DriverError::permanent(code::DRIVER_CONFIG, format!("cannot listen on {ip}: {error}")))?;
    durable::save(file, &address.port()).await?;
    Ok(address)
}

/// Holds an address for a program that is to listen there now or again: while the socket lives, the system gives the
/// port to nobody who asks for any port. Bound and never listening, it is in the way of no program that sets
/// `SO_REUSEADDR`, as proxies do. Fails while somebody listens there, who holds the address himself.
pub(crate) fn hold(address: SocketAddr) -> io::Result<(SocketAddr, TcpSocket)> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok((socket.local_addr()?, socket))
}

/// Whether nobody listens there.
pub(crate) fn is_free(address: SocketAddr) -> io::Result<bool> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_address_is_for_those_who_ask_for_it_and_nobody_else() {
        let (address, held) = hold((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        // Who asks for any port shares none: the rule is that of a plain bind.
        let plain = TcpSocket::new_v4().unwrap();
        assert_eq!(plain.bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        for _ in 0..2 {
            let listener = TcpListener::bind(address).expect("a program that listens there, and is started again");
            assert!(hold(address).is_err(), "it holds the address itself");
            assert!(std::net::TcpStream::connect(address).is_ok());
            drop(listener);
        }
        drop(held);
        plain.bind(address).expect("free again");
    }
}
