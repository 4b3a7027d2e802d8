//! Whether every worker of Envoy has taken a route. Envoy acknowledges when its main thread has a route, not when its
//! workers have. So each worker is asked, on a kept line of its own: a listener that only we can reach answers with the
//! mark of the route that the worker at its end obeys. It does not know what a route says.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use http::{Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::admin;
use super::resources::MARK_HEADER;
use crate::error::{DriverError, code};

/// Between two rounds of questions: a worker that is busy with one event, an Envoy that begins to listen.
const AGAIN_AFTER: Duration = Duration::from_millis(1);

/// The workers of one Envoy.
#[derive(Debug)]
pub(super) struct Workers {
    admin: PathBuf,
    probe: PathBuf,
    /// One to each worker, or none at all.
    lines: Vec<Line>,
}

impl Workers {
    /// Nobody is asked yet.
    pub(super) const fn new(admin: PathBuf, probe: PathBuf) -> Self {
        Self { admin, probe, lines: Vec::new() }
    }

    /// Waits until every worker obeys the route with this mark.
    pub(super) async fn have(&mut self, mark: &str, within: Duration) -> Result<(), DriverError> {
        let mut last = None;
        let until = async {
            loop {
                match self.all_have(mark).await {
                    Ok(true) => return,
                    Ok(false) => last = None,
                    Err(error) => last = Some(error),
                }
                sleep(AGAIN_AFTER).await;
            }
        };
        if timeout(within, until).await.is_ok() {
            return Ok(());
        }
        let why = last.map(|error| format!(": {}", error.message())).unwrap_or_default();
        let message = format!("Envoy's workers have not taken the route within {within:?}{why}");
        Err(DriverError::passing(code::TRAFFIC_TIMEOUT, message))
    }

    async fn all_have(&mut self, mark: &str) -> Result<bool, DriverError> {
        // Taken out: a question that is given up in the middle costs its line.
        let mut lines = std::mem::take(&mut self.lines);
        if lines.is_empty() {
            lines = self.open().await?;
        }
        let marks = try_join_all(lines.iter_mut().map(Line::ask)).await.map_err(|error| broken(&error))?;
        self.lines = lines;
        Ok(marks.iter().all(|seen| seen.as_deref() == Some(mark)))
    }

    /// The listener gives each new connection to the worker that has the fewest, so as many as there are workers reach
    /// all of them; unless a line of an agent before us was still open. So they are counted.
    async fn open(&self) -> Result<Vec<Line>, DriverError> {
        let workers = admin::probe_connections(&self.admin).await?.len();
        let mut lines = Vec::with_capacity(workers);
        for _ in 0..workers {
            let mut line = Line::open(&self.probe).await.map_err(|error| broken(&error))?;
            // Once it has answered, it is counted.
            line.ask().await.map_err(|error| broken(&error))?;
            lines.push(line);
        }
        let each = admin::probe_connections(&self.admin).await?;
        if lines.is_empty() || each.iter().any(|connections| *connections != 1) {
            let message = format!("its workers have {each:?} connections of ours, not one each");
            return Err(DriverError::passing(code::TRAFFIC_UNREACHABLE, message));
        }
        Ok(lines)
    }
}

fn broken(error: &io::Error) -> DriverError {
    DriverError::passing(code::TRAFFIC_UNREACHABLE, format!("Envoy's probe socket: {error}"))
}

/// A kept connection to one worker. It moves only while it is asked, so no task drives it.
#[derive(Debug)]
struct Line {
    sender: SendRequest<Empty<Bytes>>,
    connection: Pin<Box<Connection<TokioIo<UnixStream>, Empty<Bytes>>>>,
}

impl Line {
    async fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, connection: Box::pin(connection) })
    }

    /// The mark of the route that the worker obeys; `None` while it has none.
    async fn ask(&mut self) -> io::Result<Option<String>> {
        let request = Request::builder().uri("/").header(header::HOST, "meridian");
        let request = request.body(Empty::new()).map_err(io::Error::other)?;
        let sender = &mut self.sender;
        let answer = async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let mark = response.headers().get(MARK_HEADER).and_then(|mark| mark.to_str().ok()).map(str::to_owned);
            response.into_body().collect().await?;
            Ok::<_, hyper::Error>(mark)
        };
        tokio::pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer.map_err(io::Error::other),
            _ended = &mut self.connection => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}
