//! A connection to one server: addresses, timeouts, certificates. It does not know what is said over it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::timeout;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::config::{Security, Tls};

/// For the TCP connection; a server further away than this is not reached at all.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// For everything until HTTP/2 is up: TCP, TLS and the first frames.
const READY_MAX: Duration = Duration::from_secs(4);
/// A link that was silent this long is asked whether it is alive; it tells half-open connections.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// An answer to that takes one round trip.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Goals and reports are a few kilobytes; HTTP/2's own minimum is plenty, and keeps an idle agent small.
const WINDOW_BYTES: u32 = 64 * 1024;

/// Opens a connection to a server.
pub type Dial = dyn Fn(Endpoint) -> BoxFuture<'static, Result<Channel, tonic::transport::Error>> + Send + Sync;

/// Over the machine's own network.
pub(super) fn by_sockets(endpoint: Endpoint) -> BoxFuture<'static, Result<Channel, tonic::transport::Error>> {
    Box::pin(async move { endpoint.connect().await })
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The address is none.
    #[error("`{server}` is not an address")]
    Address { server: String, source: tonic::transport::Error },
    /// A PEM file cannot be read.
    #[error("cannot read {path}")]
    File { path: PathBuf, source: io::Error },
    /// The certificates do not work.
    #[error("the certificates cannot be used")]
    Tls { source: tonic::transport::Error },
    /// Nobody there, or not one of ours.
    #[error("{server} is not reached")]
    Unreached { server: String, source: tonic::transport::Error },
    /// Nothing heard in time.
    #[error("{server} did not answer within {READY_MAX:?}")]
    Late { server: String },
}

/// Connects to `host:port`. Certificates are read anew, so that they can be renewed in place.
pub(super) async fn connect(server: &str, security: &Security, dial: &Dial) -> Result<Channel, ConnectError> {
    let scheme = match security {
        Security::Plaintext => "http",
        Security::Tls(_) => "https",
    };
    let address = |source| ConnectError::Address { server: server.to_owned(), source };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{server}"))
        .map_err(address)?
        .connect_timeout(CONNECT_MAX)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    if let Security::Tls(tls) = security {
        endpoint = endpoint.tls_config(tls_config(tls).await?).map_err(|source| ConnectError::Tls { source })?;
    }
    let unreached = |source| ConnectError::Unreached { server: server.to_owned(), source };
    match timeout(READY_MAX, dial(endpoint)).await {
        Ok(connected) => connected.map_err(unreached),
        Err(_) => Err(ConnectError::Late { server: server.to_owned() }),
    }
}

async fn tls_config(tls: &Tls) -> Result<ClientTlsConfig, ConnectError> {
    let Tls { ca, cert, key, server_name } = tls;
    let identity = Identity::from_pem(pem(cert).await?, pem(key).await?);
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(ca).await?)).identity(identity);
    Ok(match server_name {
        Some(name) => config.domain_name(name),
        None => config,
    })
}

async fn pem(path: &Path) -> Result<Vec<u8>, ConnectError> {
    tokio::fs::read(path).await.map_err(|source| ConnectError::File { path: path.to_owned(), source })
}
