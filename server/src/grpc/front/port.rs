//! The port that agents and callers connect to: connections, their limits and their end. It knows nothing of what is
//! said.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Front;
use crate::metrics::CallMetrics;
use crate::ports::{Connection as Stream, Listener};
use crate::tls::{Terms, Wire, accept};

/// Connections at once: what the largest installation's agents need, below the usual limit of file descriptors.
const CONNECTIONS_MAX: usize = 25_000;
/// Of these, such that are not yet past their handshake.
const HANDSHAKES_MAX: usize = 500;
/// Calls and streams at once over one connection.
const STREAMS_MAX: u32 = 64;
/// What a caller may send ahead on one stream; a report is far below.
const STREAM_WINDOW: u32 = 64 * 1024;
/// On all streams of a connection together: one that is not read must not stop the others.
const CONNECTION_WINDOW: u32 = STREAMS_MAX * STREAM_WINDOW;
/// Bytes on their way out that are kept per stream.
const SEND_BUFFER: usize = 64 * 1024;
/// Headers of one call.
const HEADERS_MAX: u32 = 16 * 1024;
/// A connection is asked for a sign of life this often …
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// … and closed if none comes within this.
const KEEPALIVE_WAIT: Duration = Duration::from_secs(5);

/// A port before it is served.
pub struct Port {
    /// Bound already.
    pub listener: Box<dyn Listener>,
    /// How connections are taken.
    pub terms: Terms,
    /// What is behind it.
    pub front: Front,
    /// What is counted.
    pub metrics: CallMetrics,
}

struct Connection {
    terms: Terms,
    front: Front,
    metrics: CallMetrics,
    closing: CancellationToken,
    _room: OwnedSemaphorePermit,
}

impl Port {
    /// Serves until `closing`, then waits at most `patience` for what is still said, and cuts the rest.
    pub async fn serve(self, closing: CancellationToken, patience: Duration) {
        let Self { listener, terms, front, metrics } = self;
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        let mut connections = JoinSet::new();
        accept(listener.as_ref(), &closing, |stream, peer| {
            while connections.try_join_next().is_some() {}
            let (Ok(room), Ok(handshake)) = (room.clone().try_acquire_owned(), handshakes.clone().try_acquire_owned())
            else {
                tracing::warn!(%peer, "a connection is refused: there is no room");
                return;
            };
            let connection = Connection {
                terms: terms.clone(),
                front: front.clone(),
                metrics: metrics.clone(),
                closing: closing.clone(),
                _room: room,
            };
            connections.spawn(connection.serve(stream, handshake));
        })
        .await;
        drop(listener);
        let deadline = Instant::now() + patience;
        while let Ok(Some(_)) = timeout_at(deadline, connections.join_next()).await {}
        if !connections.is_empty() {
            tracing::warn!(left = connections.len(), "connections that did not end in time are cut");
        }
        connections.shutdown().await;
    }
}

impl Connection {
    async fn serve(self, stream: Box<dyn Stream>, handshake: OwnedSemaphorePermit) {
        let agreed = tokio::select! {
            agreed = self.terms.agree(stream) => agreed,
            () = self.closing.cancelled() => return,
        };
        drop(handshake);
        match agreed {
            Ok((wire, caller)) => {
                self.metrics.connections.inc();
                self.speak(wire, self.front.of(caller)).await;
                self.metrics.connections.dec();
            }
            Err(error) => {
                self.metrics.handshakes_failed.inc();
                tracing::debug!(%error, "a handshake came to nothing");
            }
        }
    }

    async fn speak(&self, wire: Box<dyn Wire>, front: Front) {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE_EVERY)
            .keep_alive_timeout(KEEPALIVE_WAIT)
            .max_concurrent_streams(STREAMS_MAX)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(HEADERS_MAX);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(wire), front));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection has ended");
        }
    }
}
