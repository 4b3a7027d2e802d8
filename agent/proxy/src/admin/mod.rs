//! The control API: HTTP/1.1 and JSON on a unix socket. It knows paths and limits; what a routing does is `apply`'s.

mod apply;
mod socket;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

pub(crate) use self::apply::Api;
pub(crate) use self::socket::bind;
use crate::control::{Health, Refusal, Routing, code};
use crate::metrics;
use crate::tasks::Tasks;

/// What a routing may be at most; a real one is below 1 KiB.
const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// How many callers are served at once; there is one agent, and perhaps a person and a scraper.
const CALLERS_MAX: usize = 64;
/// How long one caller may take to send its request.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// After an accept error.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Answer = Response<Full<Bytes>>;

/// Accepts callers until the tasks are told to close; no error ends it.
pub(crate) async fn accept(listener: UnixListener, api: Arc<Api>, tasks: Tasks) {
    let places = Arc::new(Semaphore::new(CALLERS_MAX));
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = tasks.closing() => return,
            (place, accepted) = accepted => match accepted {
                Ok((stream, _)) => {
                    let (api, closing) = (Arc::clone(&api), tasks.clone());
                    tasks.spawn(async move {
                        serve(stream, api, closing).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    warn!(%error, "cannot accept a caller");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}

async fn serve(stream: UnixStream, api: Arc<Api>, tasks: Tasks) {
    let service = service_fn(move |request| {
        let api = Arc::clone(&api);
        async move { Ok::<_, Infallible>(answer(request, api).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(REQUEST_WITHIN);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = tasks.closing() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a caller's connection broke");
    }
}

async fn answer(request: Request<Incoming>, api: Arc<Api>) -> Answer {
    let path = request.uri().path().to_owned();
    let known: &[Method] = match path.as_str() {
        "/v1/routing" => &[Method::GET, Method::PUT],
        "/v1/stats" | "/v1/health" | "/metrics" => &[Method::GET],
        _ => {
            let fix = "the paths are /v1/routing, /v1/stats, /v1/health and /metrics";
            return refuse(StatusCode::NOT_FOUND, &Refusal::new(code::NOT_FOUND, "path", path, fix));
        }
    };
    if !known.contains(request.method()) {
        return method_not_allowed(request.method(), known);
    }
    match path.as_str() {
        "/v1/routing" if request.method() == Method::PUT => put_routing(request, &api).await,
        "/v1/routing" => match api.routing() {
            Some(routing) => json(StatusCode::OK, &routing),
            None => {
                let refusal = Refusal::new(code::NO_ROUTING, "", "", "tell one with PUT /v1/routing");
                refuse(StatusCode::NOT_FOUND, &refusal)
            }
        },
        "/v1/stats" => json(StatusCode::OK, &api.stats()),
        "/metrics" => metrics_text(&api),
        _ => json(StatusCode::OK, &health(&api)),
    }
}

async fn put_routing(request: Request<Incoming>, api: &Arc<Api>) -> Answer {
    let body = timeout(REQUEST_WITHIN, Limited::new(request.into_body(), BODY_LIMIT_BYTES).collect()).await;
    let malformed =
        |value: &str, fix: &str| refuse(StatusCode::BAD_REQUEST, &Refusal::new(code::MALFORMED, "", value, fix));
    let body = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let fix = format!("send at most {BODY_LIMIT_BYTES} bytes");
            let refusal = Refusal::new(code::BODY_TOO_LARGE, "", "", fix);
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, &refusal);
        }
        Ok(Err(error)) => return malformed("", &format!("send the whole body: {error}")),
        Err(_) => return malformed("", "send the whole body within 10 s"),
    };
    let routing: Routing = match serde_json::from_slice(&body) {
        Ok(routing) => routing,
        Err(error) => return malformed("", &format!("send a routing as JSON: {error}")),
    };
    match Arc::clone(api).apply(routing).await {
        Ok(applied) => json(StatusCode::OK, &applied),
        Err(refusal) => refuse(status_of(&refusal), &refusal),
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal.code.as_str() {
        code::EPOCH_FENCED | code::EPOCH_CONFLICT => StatusCode::CONFLICT,
        code::STATE_NOT_WRITTEN => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn health(api: &Api) -> Health {
    Health {
        start_id: api.start_id().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        routing: api.routing().is_some(),
        draining: api.is_draining(),
    }
}

fn metrics_text(api: &Api) -> Answer {
    match metrics::text(api.stats(), api.routing()) {
        Ok(text) => {
            let mut answer = Response::new(Full::from(text));
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            answer
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn method_not_allowed(method: &Method, known: &[Method]) -> Answer {
    let known = known.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let fix = format!("this path takes {known}");
    let refusal = Refusal::new(code::METHOD_NOT_ALLOWED, "method", method.as_str(), fix);
    let mut answer = refuse(StatusCode::METHOD_NOT_ALLOWED, &refusal);
    if let Ok(known) = HeaderValue::try_from(known) {
        answer.headers_mut().insert(ALLOW, known);
    }
    answer
}

fn refuse(status: StatusCode, refusal: &Refusal) -> Answer {
    json(status, refusal)
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Answer {
    match serde_json::to_vec(value) {
        Ok(text) => {
            let mut answer = Response::new(Full::from(text));
            *answer.status_mut() = status;
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            answer
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}
