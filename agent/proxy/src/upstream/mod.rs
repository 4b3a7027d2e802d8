//! Connections to a slot: opened, kept, handed out for one request at a time (HTTP/1.1) or shared (HTTP/2). It knows
//! addresses and protocols, not which slot they serve nor why.

mod body;
mod connect;
mod handoff;
mod multiplexed;
mod pool;
mod watched;

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::time::timeout;

pub(crate) use self::body::UpstreamBody;
pub(crate) use self::handoff::HandOff;
use self::multiplexed::Multiplexed;
pub(crate) use self::pool::Lease;
use self::pool::Pool;
use self::watched::Writes;
use crate::control::{Protocol, SlotTarget};
use crate::tasks::Tasks;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The system says no.
    #[error("cannot connect: {0}")]
    Io(#[from] io::Error),
    /// The handshake failed.
    #[error("cannot begin HTTP: {0}")]
    Handshake(#[from] hyper::Error),
    /// It took too long.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
}

/// What came of sending a request: the response's head, or the request when none of it was sent.
pub(crate) type Sent = Result<Response<Incoming>, TrySendError<Request<UpstreamBody>>>;

/// The connections to one target.
pub(crate) struct Upstream {
    target: SlotTarget,
    timeout: Duration,
    connections: Connections,
}

enum Connections {
    Http1(Arc<Pool>),
    Http2(Multiplexed),
}

/// A connection for one request.
pub(crate) enum Connection {
    Http1(Lease),
    Http2(multiplexed::Share),
}

impl Upstream {
    /// Where this leads.
    pub(crate) const fn target(&self) -> &SlotTarget {
        &self.target
    }

    /// A connection for one request: one at hand, or a new one when there is none or `fresh` asks for it.
    pub(crate) async fn connection(&self, fresh: bool) -> Result<Connection, ConnectError> {
        let connection = async {
            match &self.connections {
                Connections::Http1(pool) => pool.lease(fresh).await.map(Connection::Http1),
                Connections::Http2(multiplexed) => multiplexed.share(fresh).await.map(Connection::Http2),
            }
        };
        timeout(self.timeout, connection).await.map_err(|_| ConnectError::TimedOut(self.timeout))?
    }

    /// Closes connections that nobody used for a while.
    fn sweep(&self) {
        match &self.connections {
            Connections::Http1(pool) => pool.sweep(),
            Connections::Http2(_) => {}
        }
    }
}

impl Connection {
    /// Whether it carried a request before, so that the other side may have closed it meanwhile.
    pub(crate) const fn is_reused(&self) -> bool {
        match self {
            Self::Http1(lease) => lease.is_reused(),
            Self::Http2(share) => share.is_reused(),
        }
    }

    /// What is spoken on it.
    pub(crate) const fn protocol(&self) -> Protocol {
        match self {
            Self::Http1(_) => Protocol::Http1,
            Self::Http2(_) => Protocol::Http2,
        }
    }

    /// A hand-off to watch the head of one request on this connection.
    pub(crate) fn hand_off(&self) -> Arc<HandOff> {
        let writes: &Arc<Writes> = match self {
            Self::Http1(lease) => lease.writes(),
            Self::Http2(share) => share.writes(),
        };
        Arc::new(HandOff::new(Arc::clone(writes)))
    }

    /// Sends a request. The connection must stay alive until the response's last byte.
    pub(crate) async fn send(&mut self, request: Request<UpstreamBody>) -> Sent {
        match self {
            Self::Http1(lease) => lease.send(request).await,
            Self::Http2(share) => share.send(request).await,
        }
    }

    /// Gives the connection back after the response's last byte, or unused.
    pub(crate) fn give_back(self) {
        match self {
            Self::Http1(lease) => lease.give_back(),
            Self::Http2(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;

/// Opens upstreams, and sees to those that are in use.
pub(crate) struct Upstreams {
    tasks: Tasks,
    timeout: Duration,
    opened: Mutex<Vec<Weak<Upstream>>>,
}

impl Upstreams {
    /// How often idle connections are looked at.
    const SWEEP_EVERY: Duration = Duration::from_secs(15);

    /// Connections run in `tasks` and are opened within `timeout`.
    pub(crate) fn new(tasks: Tasks, timeout: Duration) -> Self {
        Self { tasks, timeout, opened: Mutex::default() }
    }

    /// An upstream without connections yet.
    pub(crate) fn open(&self, target: &SlotTarget) -> Arc<Upstream> {
        let connector = connect::Connector::new(target.address.clone(), self.tasks.clone());
        let connections = match target.protocol {
            Protocol::Http1 => Connections::Http1(Pool::new(connector)),
            Protocol::Http2 => Connections::Http2(Multiplexed::new(connector)),
        };
        let upstream = Arc::new(Upstream { target: target.clone(), timeout: self.timeout, connections });
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|upstream| upstream.strong_count() > 0);
        opened.push(Arc::downgrade(&upstream));
        upstream
    }

    /// Closes idle connections now and then, for as long as it is polled.
    pub(crate) async fn sweep_forever(&self) {
        let mut ticks = tokio::time::interval(Self::SWEEP_EVERY);
        loop {
            ticks.tick().await;
            let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for upstream in opened.iter().filter_map(Weak::upgrade) {
                upstream.sweep();
            }
        }
    }
}
