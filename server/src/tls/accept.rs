//! The loop that takes connections in. It never ends on an error of a single connection, nor on one of `accept` itself:
//! running out of file descriptors for a second must not end a server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ports::{Connection, Listener};

/// After a failed accept: long enough not to spin while descriptors are used up, short enough not to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Hands every connection to `take` until `stop`.
pub async fn accept(
    listener: &dyn Listener,
    stop: &CancellationToken,
    mut take: impl FnMut(Box<dyn Connection>, SocketAddr),
) {
    loop {
        let taken = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            taken = listener.accept() => taken,
        };
        match taken {
            Ok((connection, peer)) => take(connection, peer),
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
