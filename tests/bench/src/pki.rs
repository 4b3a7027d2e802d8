//! A throw-away authority in a folder: who signs servers, operators and the agents of regions for one run. Identities
//! have the form that the server expects.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use meridian_core::id::RegionId;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

const CA_CERT: &str = "ca.pem";
const CA_KEY: &str = "ca.key";

/// Whom a certificate is for.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// The agent of a region.
    Region(&'a RegionId),
    /// A server on loopback.
    Server,
    /// Whoever gives orders.
    Operator,
}

/// A certificate with its key, as PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    cert: String,
    key: String,
}

/// Certificate and key in files.
#[derive(Clone, Debug)]
pub struct IssuedFiles {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Signs certificates.
pub struct Authority {
    folder: PathBuf,
    cert: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes one in a folder, where other processes of this run open it.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let cert = authority_params().self_signed(&key)?.pem();
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(CA_KEY), key.serialize_pem())?;
        std::fs::write(folder.join(CA_CERT), &cert)?;
        Ok(Self { folder: folder.to_owned(), cert, issuer: Issuer::new(authority_params(), key) })
    }

    /// Opens the one in a folder.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let read = |name| std::fs::read_to_string(folder.join(name)).context("an authority");
        let issuer = Issuer::new(authority_params(), KeyPair::from_pem(&read(CA_KEY)?)?);
        Ok(Self { folder: folder.to_owned(), cert: read(CA_CERT)?, issuer })
    }

    /// Issues a certificate.
    pub fn issue(&self, subject: Subject<'_>) -> anyhow::Result<Issued> {
        let key = KeyPair::generate()?;
        let cert = subject_params(subject)?.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { cert, key: key.serialize_pem() })
    }

    /// Issues a certificate into files.
    pub fn issue_files(&self, subject: Subject<'_>, stem: &str) -> anyhow::Result<IssuedFiles> {
        let Issued { cert, key } = self.issue(subject)?;
        let path = |ending: &str| self.folder.join(format!("{stem}.{ending}"));
        let files = IssuedFiles { cert: path("pem"), key: path("key") };
        std::fs::write(&files.cert, cert)?;
        std::fs::write(&files.key, key)?;
        Ok(files)
    }

    /// The authority's own certificate.
    #[must_use]
    pub fn cert_file(&self) -> PathBuf {
        self.folder.join(CA_CERT)
    }

    /// What a client shows and believes.
    #[must_use]
    pub fn client_terms(&self, issued: &Issued) -> ClientTlsConfig {
        let identity = Identity::from_pem(&issued.cert, &issued.key);
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.cert)).identity(identity)
    }

    /// What a server shows and asks for.
    #[must_use]
    pub fn server_terms(&self, issued: &Issued) -> ServerTlsConfig {
        let identity = Identity::from_pem(&issued.cert, &issued.key);
        ServerTlsConfig::new().client_ca_root(Certificate::from_pem(&self.cert)).identity(identity)
    }
}

/// The same for making the authority and for signing with it: issued certificates name it by these words.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "meridian bench authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn subject_params(subject: Subject<'_>) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    let (uri, usage) = match subject {
        Subject::Region(region) => (format!("region/{region}"), ExtendedKeyUsagePurpose::ClientAuth),
        Subject::Operator => ("operator/bench".to_owned(), ExtendedKeyUsagePurpose::ClientAuth),
        Subject::Server => {
            params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
            ("server/server".to_owned(), ExtendedKeyUsagePurpose::ServerAuth)
        }
    };
    params.subject_alt_names.push(SanType::URI(format!("spiffe://meridian/{uri}").try_into()?));
    params.distinguished_name.push(DnType::CommonName, uri);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
