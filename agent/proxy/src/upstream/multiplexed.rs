//! The one HTTP/2 connection to an address, shared by all requests and replaced when it is closed.

use std::sync::Arc;

use http::Request;
use hyper::client::conn::http2::SendRequest;
use tokio::sync::Mutex;

use super::body::UpstreamBody;
use super::connect::Connector;
use super::watched::Writes;
use super::{ConnectError, Sent};

type Shared = (SendRequest<UpstreamBody>, Arc<Writes>);

/// The connection to one address.
pub(super) struct Multiplexed {
    connector: Connector,
    /// Held while connecting, so that many requests make one connection; connecting has a time limit.
    current: Mutex<Option<Shared>>,
}

/// A share in the connection, for one request.
pub(crate) struct Share {
    sender: SendRequest<UpstreamBody>,
    writes: Arc<Writes>,
    reused: bool,
}

impl Multiplexed {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, current: Mutex::new(None) }
    }

    pub(super) async fn share(&self, fresh: bool) -> Result<Share, ConnectError> {
        let mut current = self.current.lock().await;
        if !fresh && let Some((sender, writes)) = current.as_ref().filter(|(sender, _)| !sender.is_closed()) {
            return Ok(Share { sender: sender.clone(), writes: Arc::clone(writes), reused: true });
        }
        // Requests on the replaced connection keep their own share of it and run to their end.
        let (sender, writes) = self.connector.http2().await?;
        *current = Some((sender.clone(), Arc::clone(&writes)));
        Ok(Share { sender, writes, reused: false })
    }
}

impl Share {
    pub(super) const fn is_reused(&self) -> bool {
        self.reused
    }

    pub(super) const fn writes(&self) -> &Arc<Writes> {
        &self.writes
    }

    pub(super) async fn send(&mut self, request: Request<UpstreamBody>) -> Sent {
        self.sender.try_send_request(request).await
    }
}
