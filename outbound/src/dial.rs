//! A connection to a host, encrypted where its address says so. It knows no HTTP beyond that.

use std::io;
use std::sync::Arc;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::SendError;
use super::trust::Kept;

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As it goes into `Host`.
    pub authority: String,
    host: String,
    port: u16,
    is_encrypted: bool,
}

impl Place {
    /// `None`: an address of another scheme, without a host, or with a password in it.
    pub fn of(uri: &Uri) -> Option<Self> {
        let is_encrypted = match uri.scheme_str()? {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return None;
        }
        let port = authority.port_u16().unwrap_or(if is_encrypted { 443 } else { 80 });
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { authority: authority.to_string(), host, port, is_encrypted })
    }
}

/// What HTTP is spoken over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) async fn connect(place: &Place, trust: &Kept) -> Result<TokioIo<Box<dyn Stream>>, SendError> {
    let failed = |source| SendError::Unreachable { host: place.authority.clone(), source };
    let stream = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(failed)?;
    if !place.is_encrypted {
        return Ok(TokioIo::new(Box::new(stream)));
    }
    let config = trust.config().await.map_err(SendError::Trust)?;
    let name = ServerName::try_from(place.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(failed)?;
    Ok(TokioIo::new(Box::new(stream)))
}
