//! A slot's application: HTTP/1.1 and HTTP/2 on one port, with paths for each kind of test.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

type AnyBody = Pin<Box<dyn Body<Data = Bytes, Error = hyper::Error> + Send>>;

/// What the application saw and waits for.
pub struct Seen {
    name: &'static str,
    /// Requests so far.
    pub requests: AtomicU64,
    /// Connections so far.
    pub connections: AtomicU64,
    /// Requests to `/held` wait for one permit each.
    pub release: Semaphore,
    held: watch::Sender<u64>,
}

pub struct Backend {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Backend {
    /// An application that answers with its name.
    pub async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            name,
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            release: Semaphore::new(0),
            held: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&seen)));
        Self { address, seen, task }
    }

    /// Waits until so many requests to `/held` have arrived.
    pub async fn wait_held(&self, count: u64) {
        self.seen.held.subscribe().wait_for(|held| *held >= count).await.unwrap();
    }

    pub fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, seen: Arc<Seen>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        seen.connections.fetch_add(1, Ordering::SeqCst);
        let seen = Arc::clone(&seen);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let seen = Arc::clone(&seen);
                async move { Ok::<_, Infallible>(answer(request, seen).await) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(mut request: Request<Incoming>, seen: Arc<Seen>) -> Response<AnyBody> {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    match request.uri().path() {
        // The request's own body, frame by frame.
        "/echo" => Response::new(Box::pin(request.into_body())),
        "/headers" => {
            let lines: Vec<String> =
                request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
            text(format!("{:?} {}\n{}", request.version(), request.uri(), lines.join("\n")))
        }
        "/held" => {
            seen.held.send_modify(|held| *held += 1);
            seen.release.acquire().await.unwrap().forget();
            text(seen.name.to_owned())
        }
        "/fail" => {
            let mut response = text(seen.name.to_owned());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
        "/upgrade" => {
            let upgraded = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let mut stream = TokioIo::new(upgraded.await.unwrap());
                let mut buffer = [0; 1024];
                // Echoes in upper case until the other side ends.
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    buffer[..read].make_ascii_uppercase();
                    stream.write_all(&buffer[..read]).await.unwrap();
                }
                let _ = stream.shutdown().await;
            });
            let mut response = text(String::new());
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
            response.headers_mut().insert("upgrade", HeaderValue::from_static("shout"));
            response
        }
        _ => {
            let _ = request.into_body().collect().await;
            text(seen.name.to_owned())
        }
    }
}

fn text(text: String) -> Response<AnyBody> {
    Response::new(Box::pin(Full::new(Bytes::from(text)).map_err(|never| match never {})))
}
