//! A connection to a host, encrypted where its address says so. It knows no HTTP beyond that.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::SendError;
use super::trust::Kept;

/// Where one cloud serves them over IPv6, in an address that is not link-local.
const EC2_KEYS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

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

/// Opens a connection to the first address that takes one. What a name stands for is looked up once and judged there: a name
/// that changes its mind afterwards leads nowhere else.
async fn open(place: &Place) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
    for address in tokio::net::lookup_host((place.host.as_str(), place.port)).await? {
        if is_machines_own(address.ip()) {
            let why = format!("{} is where a machine asks for its own keys; nothing is asked there", address.ip());
            last = io::Error::new(io::ErrorKind::PermissionDenied, why);
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Link-local addresses, where clouds serve a machine's own identity and keys to whoever asks from it, and addresses that are
/// nobody's: a manifest must not be a way to them.
fn is_machines_own(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() || ip == EC2_KEYS,
    }
}

pub(super) async fn connect(place: &Place, trust: &Kept) -> Result<TokioIo<Box<dyn Stream>>, SendError> {
    let failed = |source| SendError::Unreachable { host: place.authority.clone(), source };
    let stream = open(place).await.map_err(failed)?;
    if !place.is_encrypted {
        return Ok(TokioIo::new(Box::new(stream)));
    }
    let config = trust.config().await.map_err(SendError::Trust)?;
    let name = ServerName::try_from(place.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(failed)?;
    Ok(TokioIo::new(Box::new(stream)))
}
