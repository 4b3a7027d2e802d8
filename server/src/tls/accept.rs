//! The loop that takes connections in. It never ends on an error of a single connection, nor on one of `accept` itself:
//! running out of file descriptors for a second must not end a server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// After a failed accept: long enough not to spin while descriptors are used up, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Hands every connection to `take` until `stop`.
pub async fn accept(listener: &TcpListener, stop: &CancellationToken, mut take: impl FnMut(TcpStream, SocketAddr)) {
    loop {
        let taken = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((stream, peer)) => {
                // A goal is one small message; waiting to fill a packet would cost more than the rest of its way.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, %peer, "the connection was gone before it began");
                    continue;
                }
                take(stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken in");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}
