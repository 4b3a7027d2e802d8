//! Servers to load: one made of hyper, and one that does exactly what it is told with each connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A server on a port of its own, ended when dropped.
pub struct Origin {
    pub address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Origin {
    /// Serves each request with `answer`, keep-alive by hyper.
    pub async fn http<A, F>(answer: A) -> Self
    where
        A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let answer = Arc::new(answer);
        Self::raw(move |stream| {
            let answer = answer.clone();
            async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        })
        .await
    }

    /// Gives each connection to `serve`.
    pub async fn raw<S, F>(serve: S) -> Self
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.spawn(serve(stream));
            }
        });
        Self { address, _tasks: tasks }
    }
}

/// A good answer of a slot.
pub fn good(version: &str, slot: &str) -> Response<Full<Bytes>> {
    Response::builder()
        .header("x-skyoptima-version", version)
        .header("x-meridian-slot", slot)
        .body(Full::new(Bytes::from_static(b"fine")))
        .unwrap()
}

/// The bytes of a good answer.
pub const GOOD: &str = "HTTP/1.1 200 OK\r\nx-skyoptima-version: 1.0.0\r\ncontent-length: 4\r\n\r\nfine";

/// Reads one request; `false` is the end of the connection.
pub async fn request(stream: &mut TcpStream) -> bool {
    let mut text = Vec::new();
    let mut piece = [0; 1024];
    while !text.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(count) if count > 0 => text.extend_from_slice(&piece[..count]),
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

pub async fn write(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes()).await;
}
