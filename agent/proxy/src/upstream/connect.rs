//! Opening a connection to one address, with its task in the group. It knows TCP and the two handshakes.

use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::ConnectError;
use super::body::UpstreamBody;
use super::watched::{Watched, Writes};
use crate::tasks::Tasks;

/// An idle HTTP/2 connection is asked this often whether it still lives, and given as long to answer: no event tells
/// of a peer that vanished.
const PING_EVERY: Duration = Duration::from_secs(10);
/// What a slot's response head may be at most; the same bound as towards clients.
const HEADER_LIMIT_BYTES: u32 = 16 * 1024;

/// Opens connections to one address. The time limit is the caller's.
pub(super) struct Connector {
    address: String,
    tasks: Tasks,
}

impl Connector {
    pub(super) const fn new(address: String, tasks: Tasks) -> Self {
        Self { address, tasks }
    }

    /// A new HTTP/1.1 connection.
    pub(super) async fn http1(&self) -> Result<(http1::SendRequest<UpstreamBody>, Arc<Writes>), ConnectError> {
        let (stream, writes) = self.stream().await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        self.tasks.spawn(async move {
            // Its error is the error of the request on it, which is told there.
            let _ = connection.with_upgrades().await;
        });
        Ok((sender, writes))
    }

    /// A new HTTP/2 connection.
    pub(super) async fn http2(&self) -> Result<(http2::SendRequest<UpstreamBody>, Arc<Writes>), ConnectError> {
        let (stream, writes) = self.stream().await?;
        let mut builder = http2::Builder::new(self.tasks.clone());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_EVERY)
            .keep_alive_while_idle(true)
            .max_header_list_size(HEADER_LIMIT_BYTES)
            .adaptive_window(true);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        self.tasks.spawn(async move {
            let _ = connection.await;
        });
        Ok((sender, writes))
    }

    async fn stream(&self) -> Result<(Watched, Arc<Writes>), ConnectError> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Watched::new(stream))
    }
}
