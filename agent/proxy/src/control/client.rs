//! A client of the control API over its unix socket. It knows paths and answers. It keeps one connection between calls,
//! and makes another when that one is dead, so that a restarted proxy is met at the next call; it retries nothing else.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::Full;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::line::Line;
use super::{Applied, Health, Refusal, Routing, Stats, code};

/// Longer than the proxy's own bound on settling (1 s) and a slow disk.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens on the socket, or the system refuses.
    #[error("cannot reach the proxy at {}: {source}", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The call took longer than the limit. Whether a routing took effect is unknown: read it back.
    #[error("the proxy did not answer within {0:?}")]
    TimedOut(Duration),
    /// The connection broke in the middle. Whether a routing took effect is unknown: read it back.
    #[error("the connection to the proxy broke: {0}")]
    Broken(String),
    /// The answer is not what this version understands.
    #[error("the proxy answered {status} with something unreadable: {reason}")]
    Unreadable {
        /// The answer's status.
        status: StatusCode,
        /// What did not fit.
        reason: String,
    },
    /// The proxy said no; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Calls the control API of one proxy. Cheap to clone; calls at the same time have a connection each, of which one is kept.
#[derive(Clone, Debug)]
pub struct ControlClient {
    socket: PathBuf,
    timeout: Duration,
    /// Between calls.
    line: Arc<Mutex<Option<Line>>>,
}

impl ControlClient {
    /// A client for the proxy behind a unix socket. Nothing is connected yet.
    #[must_use]
    pub fn new(socket: impl AsRef<Path>) -> Self {
        Self { socket: socket.as_ref().to_owned(), timeout: DEFAULT_TIMEOUT, line: Arc::default() }
    }

    /// The same client with another limit per call (default 5 s).
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Tells a routing; returns what is read back from the proxy once it is in effect.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with a code of [`code`] when it is invalid or its epoch is fenced; otherwise transport.
    pub async fn put_routing(&self, routing: &Routing) -> Result<Applied, ClientError> {
        let body = serde_json::to_vec(routing).map_err(|error| ClientError::Broken(error.to_string()))?;
        decode(self.call(Method::PUT, "/v1/routing", body).await?)
    }

    /// The routing in effect; `None` when none was ever told.
    ///
    /// # Errors
    /// Transport, or an answer this version cannot read.
    pub async fn get_routing(&self) -> Result<Option<Routing>, ClientError> {
        match decode(self.call(Method::GET, "/v1/routing", Vec::new()).await?) {
            Ok(routing) => Ok(Some(routing)),
            Err(ClientError::Refused(refusal)) if refusal.code == code::NO_ROUTING => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The counters since the proxy's start.
    ///
    /// # Errors
    /// Transport, or an answer this version cannot read.
    pub async fn stats(&self) -> Result<Stats, ClientError> {
        decode(self.call(Method::GET, "/v1/stats", Vec::new()).await?)
    }

    /// Whether the proxy is there, and whether it is draining.
    ///
    /// # Errors
    /// Transport, or an answer this version cannot read.
    pub async fn health(&self) -> Result<Health, ClientError> {
        decode(self.call(Method::GET, "/v1/health", Vec::new()).await?)
    }

    /// The counters as Prometheus text.
    ///
    /// # Errors
    /// Transport, or an answer that is no text.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let (status, body) = self.call(Method::GET, "/metrics", Vec::new()).await?;
        String::from_utf8(body.to_vec()).map_err(|error| ClientError::Unreadable { status, reason: error.to_string() })
    }

    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), ClientError> {
        timeout(self.timeout, self.exchange(method, path, body))
            .await
            .map_err(|_| ClientError::TimedOut(self.timeout))?
    }

    async fn exchange(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), ClientError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "meridian-proxy")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ClientError::Broken(error.to_string()))?;
        let kept = self.kept().take();
        if let Some(mut line) = kept
            && let Ok(answer) = line.ask(request.clone()).await
        {
            *self.kept() = Some(line);
            return Ok(answer);
        }
        // None was kept, or the proxy behind it has closed it, or has gone. Every call may be made twice: a routing told
        // again is the one in effect.
        let mut line = Line::open(&self.socket)
            .await
            .map_err(|source| ClientError::Unreachable { path: self.socket.clone(), source })?;
        let answer = line.ask(request).await.map_err(|error| ClientError::Broken(error.to_string()))?;
        *self.kept() = Some(line);
        Ok(answer)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Line>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decode<T: DeserializeOwned>((status, body): (StatusCode, Bytes)) -> Result<T, ClientError> {
    let unreadable = |error: serde_json::Error| ClientError::Unreadable { status, reason: error.to_string() };
    if status.is_success() {
        serde_json::from_slice(&body).map_err(unreadable)
    } else {
        Err(serde_json::from_slice::<Refusal>(&body).map_err(unreadable)?.into())
    }
}
