//! Where connections come from: listeners and what they take in. The machine's sockets in production; a simulated network
//! hands in its own. It knows nothing of what is said.

use std::io;
use std::net::SocketAddr;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A connection as it was taken in.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {
    /// Looks at the first bytes without taking them.
    fn peek<'a>(&'a mut self, bytes: &'a mut [u8]) -> BoxFuture<'a, io::Result<usize>>;
}

/// Takes connections in.
pub trait Listener: Send + Sync {
    /// The next connection and who is at its other end. May be dropped at any moment.
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Connection>, SocketAddr)>>;

    /// Where it listens: the real port when 0 was asked for.
    ///
    /// # Errors
    /// When the system can't tell.
    fn address(&self) -> io::Result<SocketAddr>;
}

/// Opens listeners.
pub trait Ports: Send + Sync {
    /// Listens on an address; port 0 takes a free one.
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>>;
}

/// The machine's own network.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sockets;

impl Ports for Sockets {
    fn listen(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { Ok(Box::new(TcpListener::bind(address).await?) as Box<dyn Listener>) })
    }
}

impl Listener for TcpListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Connection>, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = TcpListener::accept(self).await?;
            // A goal is one small message; waiting to fill a packet would cost more than the rest of its way. A stream
            // that refuses this is gone already, which its first reader finds out.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, %peer, "the connection was gone before it began");
            }
            Ok((Box::new(stream) as Box<dyn Connection>, peer))
        })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Connection for TcpStream {
    fn peek<'a>(&'a mut self, bytes: &'a mut [u8]) -> BoxFuture<'a, io::Result<usize>> {
        Box::pin(TcpStream::peek(self, bytes))
    }
}
