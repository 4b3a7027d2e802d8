//! One connection: its address, TLS and the settings that notice a dead peer. It does not know what is sent over it.

use std::path::Path;
use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::{Dial, Tls};
use crate::error::ClientError;

/// A server in reach accepts at once; more would be spent on an address that is gone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Without these a connection stays dead after a network partition has healed. Not shorter: servers close connections
/// that ask too often.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepares a connection that opens with its first use.
pub(super) async fn open(address: &str, tls: Option<&Tls>, dial: &Dial) -> Result<Channel, ClientError> {
    let refuse = |why: String| ClientError::Address { address: address.to_owned(), why };
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|error| refuse(chain(&error)))?;
    let secure = match endpoint.uri().scheme_str() {
        Some("http") => false,
        Some("https") => true,
        Some(_) | None => return Err(refuse("it does not begin with http:// or https://".to_owned())),
    };
    let mut endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    match (secure, tls) {
        (true, Some(tls)) => {
            let config = tls_config(tls).await.map_err(|problem| match problem {
                TlsProblem::File(error) => error,
                TlsProblem::Settings(why) => refuse(why.to_owned()),
            })?;
            endpoint = endpoint.tls_config(config).map_err(|error| refuse(chain(&error)))?;
        }
        (true, None) => {
            return Err(refuse("https needs to know who signs the server's certificate (ca)".to_owned()));
        }
        (false, Some(_)) => {
            return Err(refuse("certificates are given, but the address is not https://".to_owned()));
        }
        (false, None) => {}
    }
    Ok(dial(&endpoint))
}

enum TlsProblem {
    File(ClientError),
    Settings(&'static str),
}

async fn tls_config(tls: &Tls) -> Result<ClientTlsConfig, TlsProblem> {
    let Tls { ca, cert, key } = tls;
    let Some(ca) = ca else {
        return Err(TlsProblem::Settings("https needs to know who signs the server's certificate (ca)"));
    };
    let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca).await?));
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(config.identity(Identity::from_pem(read(cert).await?, read(key).await?))),
        (None, None) => Ok(config),
        (Some(_), None) | (None, Some(_)) => Err(TlsProblem::Settings("a certificate goes with its key")),
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsProblem> {
    let bytes = tokio::fs::read(path).await;
    bytes.map_err(|source| TlsProblem::File(ClientError::Pem { path: path.to_owned(), source }))
}

/// An error with its sources, which tonic's own text leaves out.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
