//! Whom we believe over `https`: the system's own bundle of authorities, or one that an operator names. It opens no
//! connection.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::sync::OnceCell;

/// Where systems keep the authorities that all programs believe.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Whom to believe.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Trust {
    /// Whom every program on this machine believes.
    #[default]
    System,
    /// The authorities in a PEM file, and nobody else.
    File(PathBuf),
}

/// Why nobody can be believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The system has no bundle where systems keep it.
    #[error("this machine has no bundle of authorities; name one")]
    NoBundle,
    /// A file that cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file without a certificate that can be used.
    #[error("{0} has no certificate that can be used")]
    Empty(PathBuf),
    /// The TLS library refuses.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// What a connection needs, made once.
#[derive(Debug)]
pub(super) struct Kept {
    trust: Trust,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Kept {
    pub fn new(trust: Trust) -> Self {
        Self { trust, config: OnceCell::new() }
    }

    pub async fn config(&self) -> Result<&Arc<ClientConfig>, TrustError> {
        self.config.get_or_try_init(|| load(self.trust.clone())).await
    }
}

async fn load(trust: Trust) -> Result<Arc<ClientConfig>, TrustError> {
    let path = match trust {
        Trust::File(path) => path,
        Trust::System => {
            BUNDLES.map(PathBuf::from).into_iter().find(|path| path.exists()).ok_or(TrustError::NoBundle)?
        }
    };
    let pem = tokio::fs::read(&path).await;
    let pem = pem.map_err(|source| TrustError::Unreadable { path: path.clone(), source })?;
    let mut roots = RootCertStore::empty();
    // A bundle may hold an authority that this library finds odd; the others are believed all the same.
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    if roots.is_empty() {
        return Err(TrustError::Empty(path));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(TrustError::Tls)?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
