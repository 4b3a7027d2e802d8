//! The way to the servers: addresses, TLS, deadlines, failover. The only folder that names tonic; the rest of the crate
//! hands it a message and a call.

mod channel;
mod status;
mod stream;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::error::ClientError;
use crate::retry::Tries;

pub(crate) use stream::Stream;

/// The most addresses of one installation: more replicas than this serve nobody.
const ADDRESSES_MAX: usize = 16;

/// Makes the connection to an address; it opens with its first call.
pub type Dial = dyn Fn(&tonic::transport::Endpoint) -> Channel + Send + Sync;

/// Where servers are and how to speak to them.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `http://host:port` or `https://host:port`; tried in this order.
    pub addresses: Vec<String>,
    /// Needed for `https`.
    pub tls: Option<Tls>,
    /// The longest one call may take, its retries included. Watches are not bound by it.
    pub timeout: Duration,
}

/// PEM files for TLS.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Who signed the server's certificate.
    pub ca: Option<PathBuf>,
    /// The caller's own certificate; goes with `key`.
    pub cert: Option<PathBuf>,
    /// The key of `cert`.
    pub key: Option<PathBuf>,
}

/// A caller of an installation's servers. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    links: Vec<Link>,
    /// The address that answered last; the next call begins there.
    current: AtomicUsize,
    timeout: Duration,
}

#[derive(Debug)]
struct Link {
    address: String,
    channel: Channel,
}

impl Client {
    /// Prepares connections; each opens with its first call.
    ///
    /// # Errors
    /// An address or PEM file that can't be used. A server that does not answer is found out by the first call.
    pub async fn connect(endpoint: Endpoint) -> Result<Self, ClientError> {
        Self::connect_by(endpoint, &tonic::transport::Endpoint::connect_lazy).await
    }

    /// The same, over a network of one's own.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_by(endpoint: Endpoint, dial: &Dial) -> Result<Self, ClientError> {
        let Endpoint { addresses, tls, timeout } = endpoint;
        if addresses.is_empty() || addresses.len() > ADDRESSES_MAX {
            let why = format!("give 1 to {ADDRESSES_MAX} addresses");
            return Err(ClientError::Address { address: addresses.join(","), why });
        }
        let mut links = Vec::with_capacity(addresses.len());
        for address in addresses {
            let channel = channel::open(&address, tls.as_ref(), dial).await?;
            links.push(Link { address, channel });
        }
        Ok(Self { shared: Arc::new(Shared { links, current: AtomicUsize::new(0), timeout }) })
    }

    /// Makes one call: tries the addresses in turn while they are unavailable, within one deadline.
    pub(crate) async fn call<M, R, F, Fut>(&self, call: &'static str, message: M, send: F) -> Result<R, ClientError>
    where
        M: Clone,
        F: Fn(Channel, Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<R>, Status>>,
    {
        let shared = &*self.shared;
        let deadline = Instant::now() + shared.timeout;
        let mut tries = Tries::of_call(shared.links.len());
        loop {
            let (position, link) = shared.link();
            let left = deadline.saturating_duration_since(Instant::now());
            let sharers = tries.sharers();
            let share = left / sharers;
            let mut request = Request::new(message.clone());
            // The server can stop working for a caller who is gone.
            request.set_timeout(share);
            let answer = timeout_at(Instant::now() + share, send(link.channel.clone(), request)).await;
            let mut error = match answer {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) => status::error(call, link, share, status),
                Err(_) => ClientError::Timeout { call, after: share },
            };
            if let ClientError::Timeout { .. } = error {
                // With others left it was only this address's share of the caller's time.
                let is_share = sharers > 1;
                let after = shared.timeout;
                error = if is_share { link.silent(call, share) } else { ClientError::Timeout { call, after } };
            }
            let Some(pause) = tries.pause_after(&error) else {
                return Err(error);
            };
            shared.move_on(position);
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    /// Opens one stream at the current address. It has no deadline; an address that fails is left for the next.
    pub(crate) async fn open<M, R, F, Fut>(
        &self,
        call: &'static str,
        message: M,
        send: F,
    ) -> Result<Stream<R>, ClientError>
    where
        F: FnOnce(Channel, Request<M>) -> Fut,
        Fut: Future<Output = Result<Response<tonic::Streaming<R>>, Status>>,
    {
        let (position, link) = self.shared.link();
        let after = self.shared.timeout;
        let answer = tokio::time::timeout(after, send(link.channel.clone(), Request::new(message))).await;
        let error = match answer {
            Ok(Ok(response)) => return Ok(Stream::new(call, link, response.into_inner())),
            Ok(Err(status)) => status::error(call, link, after, status),
            Err(_) => link.silent(call, after),
        };
        self.shared.move_on(position);
        Err(error)
    }

    /// How many addresses there are.
    pub(crate) fn addresses(&self) -> usize {
        self.shared.links.len()
    }
}

impl Shared {
    fn link(&self) -> (usize, &Link) {
        let position = self.current.load(Ordering::Relaxed) % self.links.len();
        (position, &self.links[position])
    }

    /// Leaves an address that failed, unless another call has left it already.
    fn move_on(&self, position: usize) {
        let next = (position + 1) % self.links.len();
        // Losing the race means that somebody moved on; that is what was wanted.
        let _ = self.current.compare_exchange(position, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

impl Link {
    fn silent(&self, call: &'static str, after: Duration) -> ClientError {
        let why = format!("nothing came within {after:?}");
        ClientError::Unreachable { call, address: self.address.clone(), why }
    }
}
