//! One probe: an HTTP GET straight at a slot. It knows an address and a path, not what the answer decides.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A probe that takes longer has failed.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Whether the slot answers with 2xx in time.
pub(super) async fn is_answered(address: SocketAddr, path: &str) -> bool {
    let answer = timeout(ANSWER_MAX, ask(address, path)).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|status| status.is_success()))
}

async fn ask(address: SocketAddr, path: &str) -> io::Result<StatusCode> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::builder()
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::USER_AGENT, concat!("meridian-agent/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = sender.send_request(request);
    // Driven here instead of in a task of its own: the connection ends with the probe, whatever happens. The body is
    // not read; only the status counts.
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        response = &mut answer => response.map(|response| response.status()).map_err(io::Error::other),
        _ = &mut connection => answer.await.map(|response| response.status()).map_err(io::Error::other),
    }
}
