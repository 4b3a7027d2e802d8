//! How to reach an etcd cluster and how long to wait for it. Opens no connection.

use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::EtcdError;

/// etcd closes connections whose keepalives come more often than every 5 s.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(6);
/// Room that [`crate::MAX_TXN_BYTES`] leaves for it in each request.
const LONGEST_PREFIX: usize = 64;
/// How much of a large answer may be on its way to us, for all watches of a connection together.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// Certificates for etcd, as PEM files. Read when connecting.
#[derive(Debug, Clone, Default)]
pub struct TlsFiles {
    /// Who may have signed the members' certificates.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key, if etcd asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name in the members' certificates, if it is not the one in the address.
    pub domain: Option<String>,
}

/// How to reach etcd.
#[derive(Debug, Clone)]
pub struct EtcdOptions {
    /// Addresses of the members, such as `http://10.0.0.1:2379`.
    pub endpoints: Vec<String>,
    /// What every key begins with in etcd; unknown to users of the store. Starts with a slash and does not end with one.
    pub prefix: String,
    /// Certificates, if the addresses are `https`.
    pub tls: Option<TlsFiles>,
    /// For a TCP and TLS handshake.
    pub connect_timeout: Duration,
    /// For one attempt of one request. A commit that takes longer is of unknown outcome.
    pub request_timeout: Duration,
    /// Between keepalives on a quiet connection; at least 6 s.
    pub keepalive_interval: Duration,
    /// For the answer to a keepalive.
    pub keepalive_timeout: Duration,
    /// A watch that hears nothing for so long asks for a sign of life.
    pub progress_interval: Duration,
    /// For that sign of life.
    pub progress_timeout: Duration,
    /// How long a member that failed is left alone while others answer.
    pub ejection: Duration,
}

impl EtcdOptions {
    /// The usual waits, for these members.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: "/meridian".to_owned(),
            tls: None,
            connect_timeout: Duration::from_millis(300),
            request_timeout: Duration::from_secs(1),
            keepalive_interval: SHORTEST_KEEPALIVE,
            keepalive_timeout: Duration::from_secs(2),
            progress_interval: Duration::from_secs(3),
            progress_timeout: Duration::from_secs(2),
            ejection: Duration::from_secs(5),
        }
    }

    pub(super) fn validate(&self) -> Result<(), EtcdError> {
        let wrong = |reason: String| Err(EtcdError::Options { reason });
        if self.endpoints.is_empty() {
            return wrong("no endpoint is given".to_owned());
        }
        if self.keepalive_interval < SHORTEST_KEEPALIVE {
            return wrong(format!("a keepalive interval below {SHORTEST_KEEPALIVE:?} makes etcd close the connection"));
        }
        let printable = self.prefix.bytes().all(|byte| byte.is_ascii_graphic());
        if !self.prefix.starts_with('/') || self.prefix.ends_with('/') || !printable {
            return wrong(format!("the prefix {:?} is not like \"/meridian\"", self.prefix));
        }
        if self.prefix.len() > LONGEST_PREFIX {
            return wrong(format!("the prefix is longer than {LONGEST_PREFIX} bytes"));
        }
        Ok(())
    }

    /// What to dial for one address.
    pub(super) fn dial(&self, address: &str, tls: Option<&ClientTlsConfig>) -> Result<Endpoint, EtcdError> {
        let wrong = |reason: String| EtcdError::Options { reason };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let full = if address.contains("://") { address.to_owned() } else { format!("{scheme}://{address}") };
        if tls.is_some() != full.starts_with("https://") {
            return Err(wrong(format!("{address}: https addresses and TLS files go together")));
        }
        let endpoint = Endpoint::from_shared(full).map_err(|error| wrong(format!("{address}: {error}")))?;
        let endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .http2_keep_alive_interval(self.keepalive_interval)
            .keep_alive_timeout(self.keepalive_timeout)
            .keep_alive_while_idle(true)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .tcp_nodelay(true);
        match tls {
            None => Ok(endpoint),
            Some(tls) => endpoint.tls_config(tls.clone()).map_err(|error| wrong(format!("{address}: {error}"))),
        }
    }
}

impl TlsFiles {
    /// Reads the files.
    pub(super) async fn load(&self) -> Result<ClientTlsConfig, EtcdError> {
        let mut config = ClientTlsConfig::new();
        if let Some(ca) = &self.ca {
            config = config.ca_certificate(Certificate::from_pem(read(ca).await?));
        }
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(Identity::from_pem(read(certificate).await?, read(key).await?));
        }
        if let Some(domain) = &self.domain {
            config = config.domain_name(domain);
        }
        Ok(config)
    }
}

async fn read(path: &PathBuf) -> Result<Vec<u8>, EtcdError> {
    tokio::fs::read(path).await.map_err(|error| EtcdError::Options { reason: format!("{}: {error}", path.display()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_would_fail_later_are_refused() {
        let good = EtcdOptions::new(["http://127.0.0.1:2379"]);
        assert!(good.validate().is_ok());
        let reject = |change: fn(&mut EtcdOptions), word: &str| {
            let mut options = good.clone();
            change(&mut options);
            let error = options.validate().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        };
        reject(|options| options.endpoints.clear(), "no endpoint");
        reject(|options| options.keepalive_interval = Duration::from_secs(5), "keepalive");
        reject(|options| options.prefix = "/meridian/".to_owned(), "prefix");
        reject(|options| options.prefix = String::new(), "prefix");
        reject(|options| options.prefix = format!("/{}", "x".repeat(64)), "longer");
    }

    #[test]
    fn plain_and_encrypted_addresses_are_not_mixed() {
        let options = EtcdOptions::new(["http://127.0.0.1:2379"]);
        let tls = ClientTlsConfig::new();
        assert!(options.dial("127.0.0.1:2379", None).is_ok());
        assert!(options.dial("http://127.0.0.1:2379", Some(&tls)).is_err());
        assert!(options.dial("https://127.0.0.1:2379", None).is_err());
    }
}
