//! The accept loop and its end: connections are taken, served, and at last drained. It does not know any answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::service::Service;

/// Connections at once; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 1024;
/// A connection on which no request head arrives for this long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Pause after a failed accept (too many open files, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long new connections are still taken after the order to stop.
const STILL_ACCEPTING: Duration = Duration::from_millis(100);
/// How long the last accepted connections have to send their request.
const LAST_REQUESTS: Duration = Duration::from_millis(50);
/// From the order to stop to the end, whatever is in flight.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves on `listener` until `stop` ends, then drains; returns 5 s after `stop` at the latest.
pub(crate) async fn serve(listener: TcpListener, service: Arc<Service>, stop: impl Future<Output = ()>) {
    let mut door = Door {
        service,
        limit: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        hang_up: CancellationToken::new(),
        connections: JoinSet::new(),
    };
    door.accept_until(&listener, stop).await;

    let deadline = Instant::now() + DRAIN;
    // First every busy connection leaves with its answer (`connection: close`), which no client can misread; only then
    // is the door shut, and only what is still idle then is closed under the client's eyes.
    door.service.drain();
    door.accept_until(&listener, tokio::time::sleep(STILL_ACCEPTING)).await;
    while let Some(Ok((stream, permit))) = door.accept(&listener).now_or_never() {
        door.open(stream, permit);
    }
    drop(listener);
    if !door.connections.is_empty() {
        tokio::time::sleep(LAST_REQUESTS).await;
    }
    door.hang_up.cancel();

    let finish = async {
        while door.connections.join_next().await.is_some() {}
        door.service.tunnels_closed().await;
    };
    // What is left after the deadline ends with the runtime, which the caller drops.
    let _ = tokio::time::timeout_at(deadline, finish).await;
    door.connections.shutdown().await;
}

/// Where connections come in, and the tasks that serve them.
struct Door {
    service: Arc<Service>,
    limit: Arc<Semaphore>,
    hang_up: CancellationToken,
    connections: JoinSet<()>,
}

impl Door {
    async fn accept_until(&mut self, listener: &TcpListener, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return,
                Some(_) = self.connections.join_next() => {}
                accepted = accept(&self.limit, listener) => match accepted {
                    Ok((stream, permit)) => self.open(stream, permit),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }

    fn accept(
        &self,
        listener: &TcpListener,
    ) -> impl Future<Output = std::io::Result<(TcpStream, OwnedSemaphorePermit)>> {
        accept(&self.limit, listener)
    }

    fn open(&mut self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let service = self.service.clone();
        let hang_up = self.hang_up.clone();
        self.connections.spawn(async move {
            let _permit = permit;
            // Small answers must not wait for the client's acknowledgement.
            let _ = stream.set_nodelay(true);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .serve_connection(TokioIo::new(stream), service_fn(move |request| service.clone().answer(request)))
                .with_upgrades();
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => return,
                () = hang_up.cancelled() => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        });
    }
}

fn accept(
    limit: &Arc<Semaphore>,
    listener: &TcpListener,
) -> impl Future<Output = std::io::Result<(TcpStream, OwnedSemaphorePermit)>> {
    let limit = limit.clone();
    async move {
        let permit = limit.acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, _) = listener.accept().await?;
        Ok((stream, permit))
    }
}
