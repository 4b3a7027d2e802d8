//! The answers. It does not know connections: when they open, close or are drained is for `drain.rs`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::artifact::Artifact;
use crate::fault::Share;
use crate::route::Route;

/// Names the version that made an answer.
const VERSION_HEADER: &str = "x-skyoptima-version";
/// What a failing request may still send before its connection is given up.
const DISCARD_BYTES: usize = 1024 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(1);

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// One running release.
pub(crate) struct Service {
    artifact: Artifact,
    version: HeaderValue,
    failing: Share,
    started: Instant,
    sequence: AtomicU64,
    draining: AtomicBool,
    tunnels: TaskTracker,
}

impl Service {
    /// A service that starts now.
    pub(crate) fn new(artifact: Artifact) -> Self {
        let version = HeaderValue::from_str(&artifact.version.to_string())
            .expect("a semantic version has only letters, digits, dots, plus and minus");
        let failing = Share::new(artifact.error_ratio);
        Self {
            artifact,
            version,
            failing,
            started: Instant::now(),
            sequence: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            tunnels: TaskTracker::new(),
        }
    }

    /// From now on the service is not ready and asks every client to leave with its answer.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.tunnels.close();
    }

    /// Ends when draining and the last upgraded connection is gone.
    pub(crate) async fn tunnels_closed(&self) {
        self.tunnels.wait().await;
    }

    /// Answers one request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let route = Route::of(request.method(), request.uri());
        let mut response = if route == Route::Health { self.health() } else { self.count(route, request).await };
        response.headers_mut().insert(VERSION_HEADER, self.version.clone());
        let upgraded = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if self.draining.load(Ordering::Relaxed) && !upgraded {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }

    fn health(&self) -> Response<Body> {
        let age = self.started.elapsed();
        let spoilt = self.artifact.unready_after_ms.is_some_and(|after| age >= Duration::from_millis(after));
        if self.draining.load(Ordering::Relaxed) {
            plain(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else if self.starting() {
            plain(StatusCode::SERVICE_UNAVAILABLE, "starting\n")
        } else if spoilt {
            plain(StatusCode::SERVICE_UNAVAILABLE, "no longer ready\n")
        } else {
            plain(StatusCode::OK, "ready\n")
        }
    }

    fn starting(&self) -> bool {
        self.started.elapsed() < Duration::from_millis(self.artifact.start_ms)
    }

    /// Everything but the health check: numbered, delayed, and failed where the artifact says so.
    async fn count(&self, route: Route, request: Request<Incoming>) -> Response<Body> {
        if self.starting() {
            return refuse(request, plain(StatusCode::SERVICE_UNAVAILABLE, "starting\n")).await;
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        if self.artifact.latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.artifact.latency_ms)).await;
        }
        if self.failing.takes(sequence) {
            let failed = self.json(StatusCode::INTERNAL_SERVER_ERROR, sequence, None);
            return refuse(request, failed).await;
        }
        match route {
            Route::Health => self.health(),
            Route::Home => self.json(StatusCode::OK, sequence, None),
            Route::Flight { number } => self.json(StatusCode::OK, sequence, Some(number)),
            Route::Echo => echo(request),
            Route::Stream { chunks, every } => slowly(chunks, every),
            Route::Upgrade => self.upgrade(request),
            Route::WrongMethod { allow } => {
                let mut wrong = plain(StatusCode::METHOD_NOT_ALLOWED, "not with this method\n");
                wrong.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
                refuse(request, wrong).await
            }
            Route::Unknown => refuse(request, plain(StatusCode::NOT_FOUND, "no such thing\n")).await,
        }
    }

    fn json(&self, status: StatusCode, sequence: u64, flight: Option<u64>) -> Response<Body> {
        let mut value = json!({
            "service": self.artifact.name,
            "version": self.artifact.version.to_string(),
            "sequence": sequence,
        });
        if let Some(flight) = flight {
            value["flight"] = flight.into();
        }
        if status.is_server_error() {
            value["error"] = "this release fails on purpose".into();
        }
        typed(status, "application/json", format!("{value}\n"))
    }

    fn upgrade(&self, mut request: Request<Incoming>) -> Response<Body> {
        if !wants_echo(request.headers()) {
            let mut needed = plain(StatusCode::UPGRADE_REQUIRED, "send `upgrade: echo`\n");
            needed.headers_mut().insert(UPGRADE, HeaderValue::from_static("echo"));
            return needed;
        }
        let upgraded = hyper::upgrade::on(&mut request);
        self.tunnels.spawn(async move {
            // A client that leaves in mid-handshake or in mid-tunnel is its own affair.
            if let Ok(tunnel) = upgraded.await {
                let (mut from, mut to) = tokio::io::split(TokioIo::new(tunnel));
                let _ = tokio::io::copy(&mut from, &mut to).await;
                let _ = tokio::io::AsyncWriteExt::shutdown(&mut to).await;
            }
        });
        let mut switching = Response::new(empty());
        *switching.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        switching.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        switching.headers_mut().insert(UPGRADE, HeaderValue::from_static("echo"));
        switching
    }
}

fn wants_echo(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"echo"))
}

fn echo(request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut response = Response::new(body.boxed_unsync());
    if let Some(kind) = head.headers.get(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, kind.clone());
    }
    response
}

fn slowly(chunks: u32, every: Duration) -> Response<Body> {
    let lines = stream::unfold(0, move |done| async move {
        if done == chunks {
            return None;
        }
        tokio::time::sleep(every).await;
        let line = Bytes::from(format!("chunk {} of {chunks}\n", done + 1));
        Some((Ok(Frame::data(line)), done + 1))
    });
    let mut response = Response::new(StreamBody::new(lines).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

/// Takes in what the client still sends, within limits: an answer that overtakes its request would otherwise reset the
/// connection, and the client could lose the answer.
async fn refuse(request: Request<Incoming>, response: Response<Body>) -> Response<Body> {
    let mut body = request.into_body();
    let discard = async {
        let mut left = DISCARD_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 || body.is_end_stream() {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD_TIME, discard).await;
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    typed(status, "text/plain", text)
}

fn typed(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}
