//! One small HTTP call with a deadline, over TCP or a unix socket. It knows no paths and no meaning of answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More than any answer we ask for; the largest are dumps of a configuration that we made ourselves.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An answer's status and body.
pub(crate) type Answer = (StatusCode, Bytes);

/// `GET` over TCP.
pub(crate) async fn get(address: SocketAddr, path: &str, within: Duration) -> io::Result<Answer> {
    bounded(within, async { exchange(TcpStream::connect(address).await?, path).await }).await
}

/// `GET` over a unix socket.
#[cfg(feature = "envoy")]
pub(crate) async fn get_unix(socket: &std::path::Path, path: &str, within: Duration) -> io::Result<Answer> {
    bounded(within, async { exchange(tokio::net::UnixStream::connect(socket).await?, path).await }).await
}

async fn bounded(within: Duration, call: impl Future<Output = io::Result<Answer>>) -> io::Result<Answer> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {within:?}"));
    timeout(within, call).await.map_err(|_| late())?
}

async fn exchange(stream: impl AsyncRead + AsyncWrite + Unpin, path: &str) -> io::Result<Answer> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::builder().uri(path).header(header::HOST, "meridian").header(header::CONNECTION, "close");
    let request = request.body(Empty::<Bytes>::new()).map_err(io::Error::other)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(io::Error::other)?.to_bytes()))
    };
    // Driven here instead of in a task of its own: the connection ends with the call, whatever happens.
    tokio::pin!(connection, answer);
    tokio::select! {
        biased;
        done = &mut answer => done,
        _ = &mut connection => answer.await,
    }
}
