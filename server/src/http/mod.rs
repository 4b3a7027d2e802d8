//! The small port: metrics and health for machines that look after machines. It answers three questions and knows
//! nothing else; bind it where only they can reach it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use meridian_store::{Store, layout};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::grpc::Streams;
use crate::metrics::Metrics;
use crate::ports::Listener;
use crate::tls::accept;

/// Connections at once; a handful of machines ask.
const CONNECTIONS_MAX: usize = 64;
/// How long headers may take.
const HEADERS_WAIT: Duration = Duration::from_secs(5);
/// How long the store may take to show that it is there.
const STORE_WAIT: Duration = Duration::from_secs(2);
/// What metrics are written in.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is asked about.
pub struct Watched {
    /// Has to answer.
    pub store: Arc<dyn Store>,
    /// Tells whether the server goes away.
    pub streams: Streams,
    /// What was counted.
    pub metrics: Metrics,
}

/// Answers until `stop`.
pub async fn serve(listener: Box<dyn Listener>, watched: Arc<Watched>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    accept(listener.as_ref(), &stop, |stream, _peer| {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = room.clone().try_acquire_owned() else {
            return;
        };
        let watched = watched.clone();
        connections.spawn(async move {
            let _permit = permit;
            let service = service_fn(move |request| answer(watched.clone(), request));
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEADERS_WAIT);
            if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection has ended");
            }
        });
    })
    .await;
    connections.shutdown().await;
}

async fn answer(watched: Arc<Watched>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET {
        return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n"));
    }
    Ok(match request.uri().path() {
        "/metrics" => metrics(&watched),
        "/healthz" => health(&watched).await,
        "/readyz" if watched.streams.is_draining() => text(StatusCode::SERVICE_UNAVAILABLE, "going away\n"),
        "/readyz" => health(&watched).await,
        _ => text(StatusCode::NOT_FOUND, "/metrics, /healthz or /readyz\n"),
    })
}

fn metrics(watched: &Watched) -> Response<Full<Bytes>> {
    match watched.metrics.text() {
        Ok(body) => {
            let mut response = text(StatusCode::OK, body);
            let value = http::HeaderValue::from_static(OPEN_METRICS);
            response.headers_mut().insert(http::header::CONTENT_TYPE, value);
            response
        }
        Err(error) => {
            tracing::error!(%error, "metrics can't be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "metrics can't be written\n")
        }
    }
}

async fn health(watched: &Watched) -> Response<Full<Bytes>> {
    let asked = tokio::time::timeout(STORE_WAIT, watched.store.list(&layout::regions(), None, 1)).await;
    match asked {
        Ok(Ok(_)) => text(StatusCode::OK, "ok\n"),
        Ok(Err(error)) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        Err(_) => text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
