//! A server that stands in for a release: says which slot it is. It knows nothing of routes.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use meridian_core::slot::Slot;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// On every answer of a backend; what has no such header was made on the way.
pub const BACKEND_HEADER: &str = "x-backend";

/// Answers every request with 200 until it is dropped.
#[derive(Debug)]
pub struct Backend {
    /// Where it is.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Backend {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(slot: Slot) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        let task = tokio::spawn(serve(listener, slot));
        Self { address, task }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, slot: Slot) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = service_fn(move |_request| async move {
            let answer = Response::builder().header(BACKEND_HEADER, slot.as_str());
            answer.body(Full::new(Bytes::from_static(b"here"))).map_err(|_| unreachable_answer())
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        while connections.try_join_next().is_some() {}
    }
}

/// A fixed name and value always make an answer.
fn unreachable_answer() -> Infallible {
    unreachable!("a fixed header is valid")
}
