//! HTTP/1.1 connections that wait for their next request. It knows how many to keep and for how long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use hyper::client::conn::http1::SendRequest;
use tokio::time::Instant;

use super::body::UpstreamBody;
use super::connect::Connector;
use super::watched::Writes;
use super::{ConnectError, Sent};

/// How many connections wait at most; more are closed after their request.
const IDLE_MAX: usize = 256;
/// How long a connection waits at most: shorter than the keep-alive of common servers (Node 5 s excepted), so that it
/// is rarely closed under a request.
const IDLE_FOR: Duration = Duration::from_secs(50);

struct Idle {
    sender: SendRequest<UpstreamBody>,
    writes: Arc<Writes>,
    since: Instant,
}

/// The connections to one address.
pub(super) struct Pool {
    connector: Connector,
    /// In the order of their return: the last one is the least likely to be closed.
    idle: Mutex<Vec<Idle>>,
}

/// One connection, for one request.
pub(crate) struct Lease {
    sender: SendRequest<UpstreamBody>,
    writes: Arc<Writes>,
    reused: bool,
    pool: Arc<Pool>,
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Arc<Self> {
        Arc::new(Self { connector, idle: Mutex::default() })
    }

    pub(super) async fn lease(self: &Arc<Self>, fresh: bool) -> Result<Lease, ConnectError> {
        if !fresh && let Some(Idle { sender, writes, .. }) = self.take() {
            return Ok(Lease { sender, writes, reused: true, pool: Arc::clone(self) });
        }
        let (sender, writes) = self.connector.http1().await?;
        Ok(Lease { sender, writes, reused: false, pool: Arc::clone(self) })
    }

    /// The newest connection that is ready. One may be open but not ready for a moment after its last byte, or for
    /// longer when its slot answered before the upload ended: such a one stays.
    fn take(&self) -> Option<Idle> {
        let mut idle = self.idle();
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            if idle[at].sender.is_closed() {
                idle.remove(at);
            } else if idle[at].sender.is_ready() {
                return Some(idle.remove(at));
            }
        }
        None
    }

    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.idle().retain(|idle| !idle.sender.is_closed() && now.duration_since(idle.since) < IDLE_FOR);
    }

    /// How many connections wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.idle().len()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    pub(super) const fn is_reused(&self) -> bool {
        self.reused
    }

    pub(super) const fn writes(&self) -> &Arc<Writes> {
        &self.writes
    }

    pub(super) async fn send(&mut self, request: Request<UpstreamBody>) -> Sent {
        self.sender.try_send_request(request).await
    }

    pub(super) fn give_back(self) {
        if self.sender.is_closed() {
            return;
        }
        let mut idle = self.pool.idle();
        if idle.len() >= IDLE_MAX {
            // The oldest goes: it is the most likely to be closed soon.
            idle.remove(0);
        }
        idle.push(Idle { sender: self.sender, writes: self.writes, since: Instant::now() });
    }
}
