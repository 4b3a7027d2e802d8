//! Clients' connections: accepted, counted, served in both protocols, drained. It knows connections; requests are the
//! forwarder's.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::forward::{Client, Forwarder};
use crate::tasks::Tasks;

/// How long a client may take for a request's head, and stay silent between requests.
const HEAD_WITHIN: Duration = Duration::from_secs(75);
/// What a request's head may be at most.
const HEADER_LIMIT_BYTES: u16 = 16 * 1024;
/// How many requests one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 256;
/// An HTTP/2 client is asked this often whether it still lives, and given as long to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
/// After an accept error (most likely no file descriptors left): long enough for some to come back, short enough not
/// to be noticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts clients until the tasks are told to close; no error ends it.
pub(crate) async fn accept(listener: TcpListener, forwarder: Arc<Forwarder>, tasks: Tasks, places: usize) {
    let places = Arc::new(Semaphore::new(places));
    loop {
        // The place comes first: who finds none waits in the kernel's backlog, where waiting costs us nothing.
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            () = tasks.closing() => return,
            accepted = accepted => match accepted {
                (Ok(place), Ok((stream, address))) => {
                    tasks.spawn(serve(stream, address, place, Arc::clone(&forwarder), tasks.clone()));
                }
                (Ok(_), Err(error)) => {
                    warn!(%error, "cannot accept a client");
                    sleep(ACCEPT_PAUSE).await;
                }
                (Err(closed), _) => {
                    debug!(%closed, "no more places");
                    return;
                }
            },
        }
    }
}

fn server(tasks: Tasks) -> auto::Builder<Tasks> {
    let mut builder = auto::Builder::new(tasks);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(usize::from(HEADER_LIMIT_BYTES) * 4)
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::from(HEADER_LIMIT_BYTES))
        .adaptive_window(true);
    builder
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    place: OwnedSemaphorePermit,
    forwarder: Arc<Forwarder>,
    tasks: Tasks,
) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, %address, "a client left at once");
        return;
    }
    let client = Arc::new(Client { address, place: Arc::new(place) });
    let heard = Arc::new(AtomicBool::new(false));
    let hears = Arc::clone(&heard);
    let service = service_fn(move |request| {
        hears.store(true, Ordering::Relaxed);
        let (forwarder, client) = (Arc::clone(&forwarder), Arc::clone(&client));
        async move { Ok::<_, Infallible>(forwarder.forward(request, &client).await) }
    });
    let builder = server(tasks.clone());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let (closing, silence) = (tasks.closing(), sleep(HEAD_WITHIN));
    tokio::pin!(connection, closing, silence);
    let (mut is_closing, mut is_known) = (false, false);
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    debug!(%error, %address, "a client's connection broke");
                }
                return;
            }
            () = &mut closing, if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            // hyper's own limit on heads begins only when it knows which protocol is spoken.
            () = &mut silence, if !is_known => {
                is_known = true;
                if !heard.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }
}
