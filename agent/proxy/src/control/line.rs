//! One connection to the control socket, used for one call after another. It knows HTTP; it does not know the paths, nor
//! what to do when the other side has gone.

use std::error::Error;
use std::io;
use std::path::Path;
use std::pin::Pin;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// More than any answer the proxy gives; the metrics are the largest, below 32 KiB.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

type Body = Full<Bytes>;
type Broken = Box<dyn Error + Send + Sync>;
/// What moves bytes while it is polled.
type Driving = Connection<TokioIo<UnixStream>, Body>;

/// A connection. It has no task: it moves on while it is asked, and lies still in between.
#[derive(Debug)]
pub(super) struct Line {
    sender: SendRequest<Body>,
    /// Taken away when it ends: only then does the sender learn that nobody listens.
    connection: Option<Pin<Box<Driving>>>,
}

impl Line {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens, or the system refuses.
    pub(super) async fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, connection: Some(Box::pin(connection)) })
    }

    /// Asks, and takes the whole answer. After an error the connection is of no more use.
    ///
    /// # Errors
    /// When the connection breaks, or had been closed since the last call.
    pub(super) async fn ask(&mut self, request: Request<Body>) -> Result<(StatusCode, Bytes), Broken> {
        let Self { sender, connection } = self;
        let answer = async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT_BYTES).collect().await?;
            Ok((status, body.to_bytes()))
        };
        tokio::pin!(answer);
        if let Some(driven) = connection {
            tokio::select! {
                biased;
                done = &mut answer => return done,
                _ = driven => *connection = None,
            }
        }
        // What came before the end is still there to be taken.
        answer.await
    }
}
