//! HTTP to servers that are not ours: one request, one answer, everything bounded. Redirects are not followed, connections
//! not kept, bodies not believed to end. It knows no format and decides nothing.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod dial;
mod patience;
mod trust;

#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use tokio::time::timeout;

pub use patience::pause;
pub use trust::{Trust, TrustError};

/// What is sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where to, `http` or `https`.
    pub url: String,
    /// Besides those that every request has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// May be empty.
    pub body: Bytes,
}

/// How much patience there is with the other side.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one try, from the first packet to the last.
    pub time: Duration,
    /// The longest answer that is read.
    pub body_bytes: usize,
    /// How often is tried; at least once.
    pub tries: u32,
}

/// What came back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// Whatever it is; only the caller knows which is good.
    pub status: StatusCode,
    /// Whole.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address is none that can be spoken to.
    #[error("`{0}` is not an address of http or https")]
    Address(String),
    /// The certificates of those we believe cannot be used.
    #[error("nobody can be believed")]
    Trust(#[source] TrustError),
    /// No connection, or one that broke.
    #[error("{host} is not reached")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No whole answer in time.
    #[error("no whole answer within {0:?}")]
    Late(Duration),
    /// The answer is longer than is read.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
}

/// Sends letters.
#[derive(Debug)]
pub struct Outbound {
    trust: trust::Kept,
}

impl Outbound {
    /// Believes whom it is told to, from the first letter on that needs it.
    #[must_use]
    pub fn new(trust: Trust) -> Self {
        Self { trust: trust::Kept::new(trust) }
    }

    /// Sends a letter until it is answered with anything but a passing failure, or there were enough tries.
    ///
    /// # Errors
    /// Those of the last try.
    pub async fn send(&self, letter: &Letter, limits: Limits) -> Result<Reply, SendError> {
        let mut tried = 1;
        loop {
            let sent = self.send_once(letter, limits).await;
            if tried >= limits.tries || !patience::may_pass(&sent) {
                return sent;
            }
            tokio::time::sleep(patience::wait(tried)).await;
            tried += 1;
        }
    }

    async fn send_once(&self, letter: &Letter, limits: Limits) -> Result<Reply, SendError> {
        let exchange = timeout(limits.time, self.exchange(letter, limits.body_bytes)).await;
        exchange.unwrap_or(Err(SendError::Late(limits.time)))
    }

    async fn exchange(&self, letter: &Letter, body_bytes: usize) -> Result<Reply, SendError> {
        let uri: Uri = letter.url.parse().map_err(|_| SendError::Address(letter.url.clone()))?;
        let place = dial::Place::of(&uri).ok_or_else(|| SendError::Address(letter.url.clone()))?;
        let broken = |source| SendError::Unreachable { host: place.authority.clone(), source };
        let request = request(letter, &uri, &place).ok_or_else(|| SendError::Address(letter.url.clone()))?;
        let stream = dial::connect(&place, &self.trust).await?;
        let handshake = hyper::client::conn::http1::handshake(stream).await;
        let (mut sender, connection) = handshake.map_err(|error| broken(io::Error::other(error)))?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(|error| broken(io::Error::other(error)))?;
            let (parts, mut body) = response.into_parts();
            let mut read = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| broken(io::Error::other(error)))?;
                let Ok(data) = frame.into_data() else { continue };
                if read.len() + data.len() > body_bytes {
                    return Err(SendError::TooLarge(body_bytes));
                }
                read.extend_from_slice(&data);
            }
            Ok(Reply { status: parts.status, body: read.freeze() })
        };
        // Driven here instead of in a task of its own: the connection ends with the exchange, whatever happens.
        tokio::pin!(connection, answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            _ = &mut connection => answer.await,
        }
    }
}

fn request(letter: &Letter, uri: &Uri, place: &dial::Place) -> Option<Request<Full<Bytes>>> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(letter.method.clone())
        .uri(path)
        .header(header::HOST, &place.authority)
        .header(header::USER_AGENT, concat!("meridian/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close");
    for (name, value) in &letter.headers {
        request = request.header(name, value);
    }
    request.body(Full::new(letter.body.clone())).ok()
}
