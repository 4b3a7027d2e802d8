//! The terms on which connections are taken: TLS 1.3 with certificates on both sides, or plaintext where that was said
//! in so many words.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use super::identity::{Caller, IdentityRefused, identity};
use crate::ports::Connection;

/// A handshake takes two round trips; whoever needs longer than this does not mean well or is not there.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// How HTTP/2 begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Between two looks at a beginning that came in pieces, which it practically never does.
const PREFACE_PAUSE: Duration = Duration::from_millis(10);

/// PEM files for the server's side of TLS.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's certificate chain.
    pub cert: PathBuf,
    /// The key of `cert`.
    pub key: PathBuf,
    /// Who may have signed the certificates of agents and operators.
    pub client_ca: PathBuf,
    /// The trust domain that their identities are of.
    pub trust_domain: String,
}

/// Why the files can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    /// Not there, or not PEM.
    #[error("{} can't be read as PEM: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The parts do not fit.
    #[error("the certificates can't be used: {0}")]
    Unusable(String),
}

/// How connections are taken.
#[derive(Clone)]
pub enum Terms {
    /// Without TLS: whoever can connect is believed.
    Plaintext,
    /// With certificates on both sides.
    Tls {
        /// Does the handshake.
        acceptor: TlsAcceptor,
        /// Of the identities.
        trust_domain: Arc<str>,
    },
}

/// A connection, encrypted or not.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Terms {
    /// Reads the files.
    ///
    /// # Errors
    /// A file that is missing or not what it should be.
    pub fn load(files: &TlsFiles) -> Result<Self, TermsError> {
        let TlsFiles { cert, key, client_ca, trust_domain } = files;
        let unusable = |why: &dyn std::fmt::Display| TermsError::Unusable(why.to_string());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for root in certificates(client_ca)? {
            roots.add(root).map_err(|error| unusable(&error))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|error| unusable(&error))?;
        let chain = certificates(cert)?;
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| TermsError::File { path: key.clone(), why: error.to_string() })?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| unusable(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, secret)
            .map_err(|error| unusable(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // Agents stay connected for days: remembering thousands of tickets would buy one saved round trip a day.
        config.send_tls13_tickets = 0;
        Ok(Self::Tls { acceptor: TlsAcceptor::from(Arc::new(config)), trust_domain: trust_domain.as_str().into() })
    }

    /// Brings a connection to the point where something can be said over it, and tells who is there.
    ///
    /// # Errors
    /// If that fails or takes longer than [`HANDSHAKE_MAX`].
    pub async fn agree(&self, mut stream: Box<dyn Connection>) -> std::io::Result<(Box<dyn Wire>, Caller)> {
        let slow = |_| std::io::Error::new(std::io::ErrorKind::TimedOut, "nothing came in time");
        match self {
            Self::Plaintext => {
                tokio::time::timeout(HANDSHAKE_MAX, preface(stream.as_mut())).await.map_err(slow)??;
                Ok((Box::new(stream), Caller::Plaintext))
            }
            Self::Tls { acceptor, trust_domain } => {
                let stream = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await.map_err(slow)??;
                let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let who = shown.ok_or(IdentityRefused::NoCertificate).and_then(|cert| identity(cert, trust_domain));
                Ok((Box::new(stream), who.map_or_else(Caller::Refused, Caller::Known)))
            }
        }
    }
}

/// Waits for the first words of HTTP/2; whoever says something else is let go at once. The protocol's own code waits for
/// them for ever.
async fn preface(stream: &mut dyn Connection) -> std::io::Result<()> {
    let mut said = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut said).await?;
        if length == 0 || said[..length] != PREFACE[..length] {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "this is not HTTP/2"));
        }
        if length == PREFACE.len() {
            return Ok(());
        }
        tokio::time::sleep(PREFACE_PAUSE).await;
    }
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TermsError> {
    let wrong = |why: String| TermsError::File { path: path.clone(), why };
    let items = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let chain: Vec<_> = items.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    if chain.is_empty() { Err(wrong("no certificate in it".to_owned())) } else { Ok(chain) }
}
