//! A certificate authority for trying things out: one key in one folder. An installation that matters brings its own
//! authority and only keeps to the form of the identities.

use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use meridian_core::id::{RegionId, check_name};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

/// How long the authority lasts.
const AUTHORITY_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long what it issues lasts.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// Certificates begin this long ago, for clocks that are behind.
const CLOCKS_APART: Duration = Duration::from_secs(300);

const CA_CERT: &str = "ca.pem";
const CA_KEY: &str = "ca.key";

/// Whom a certificate is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// The agent of a region.
    Region(RegionId),
    /// A server, under these names and addresses.
    Server(Vec<String>),
    /// A person or program that gives orders.
    Operator(String),
}

/// What was written where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issued {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key, readable by its owner alone.
    pub key: PathBuf,
    /// The authority's certificate, for checking the other side.
    pub ca: PathBuf,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file can't be read or written; an authority that is there is never overwritten.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A name that no certificate can carry.
    #[error("{name:?} can't be in a certificate: {why}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        why: String,
    },
    /// The key or certificate can't be made.
    #[error("the certificate can't be made: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Makes an authority in `dir`.
///
/// # Errors
/// If there is one already, or it can't be written.
pub fn init(dir: &Path) -> Result<(), AuthorityError> {
    fs::create_dir_all(dir).map_err(|source| AuthorityError::File { path: dir.to_owned(), source })?;
    let key = KeyPair::generate()?;
    let mut params = authority_params();
    lasts(&mut params, AUTHORITY_LIFE);
    let cert = params.self_signed(&key)?;
    write(&dir.join(CA_KEY), &key.serialize_pem(), 0o600)?;
    write(&dir.join(CA_CERT), &cert.pem(), 0o644)
}

/// Issues a certificate of the authority in `dir` into the folder `out`.
///
/// # Errors
/// If there is no authority, a name can't be used, or the files are there already.
pub fn issue(dir: &Path, subject: &Subject, trust_domain: &str, out: &Path) -> Result<Issued, AuthorityError> {
    let read = |name: &str| {
        let path = dir.join(name);
        fs::read_to_string(&path).map_err(|source| AuthorityError::File { path, source })
    };
    let (authority_cert, authority_key) = (read(CA_CERT)?, KeyPair::from_pem(&read(CA_KEY)?)?);
    let issuer = Issuer::new(authority_params(), authority_key);
    let (stem, params) = subject_params(subject, trust_domain)?;
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, &issuer)?;
    fs::create_dir_all(out).map_err(|source| AuthorityError::File { path: out.to_owned(), source })?;
    let issued =
        Issued { cert: out.join(format!("{stem}.pem")), key: out.join(format!("{stem}.key")), ca: out.join(CA_CERT) };
    write(&issued.key, &key.serialize_pem(), 0o600)?;
    write(&issued.cert, &cert.pem(), 0o644)?;
    if !issued.ca.exists() {
        write(&issued.ca, &authority_cert, 0o644)?;
    }
    Ok(issued)
}

/// The same for making the authority and for signing with it: issued certificates name it by these words.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("meridian throw-away authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn subject_params(subject: &Subject, domain: &str) -> Result<(String, CertificateParams), AuthorityError> {
    let mut params = CertificateParams::default();
    let identity = |kind: &str, name: &str| format!("spiffe://{domain}/{kind}/{name}");
    let (stem, uri, usages) = match subject {
        Subject::Region(region) => {
            let uri = identity("region", region.as_str());
            (format!("region-{region}"), uri, vec![ExtendedKeyUsagePurpose::ClientAuth])
        }
        Subject::Operator(name) => {
            check_name(name).map_err(|why| refused(name, &why))?;
            (format!("operator-{name}"), identity("operator", name), vec![ExtendedKeyUsagePurpose::ClientAuth])
        }
        Subject::Server(names) => {
            for name in names {
                params.subject_alt_names.push(host(name)?);
            }
            ("server".to_owned(), identity("server", "server"), vec![ExtendedKeyUsagePurpose::ServerAuth])
        }
    };
    let uri = uri.clone().try_into().map_err(|error| refused(&uri, &error))?;
    params.subject_alt_names.push(SanType::URI(uri));
    params.distinguished_name = named(&stem);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = usages;
    params.use_authority_key_identifier_extension = true;
    lasts(&mut params, CERTIFICATE_LIFE);
    Ok((stem, params))
}

fn host(name: &str) -> Result<SanType, AuthorityError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    name.to_owned().try_into().map(SanType::DnsName).map_err(|error| refused(name, &error))
}

fn refused(name: &str, why: &dyn std::fmt::Display) -> AuthorityError {
    AuthorityError::Name { name: name.to_owned(), why: why.to_string() }
}

fn named(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn lasts(params: &mut CertificateParams, life: Duration) {
    let now = SystemTime::now();
    params.not_before = (now - CLOCKS_APART).into();
    params.not_after = (now + life).into();
}

/// Writes a new file with these rights from its first byte on; one that is there stays.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let failed = |source| AuthorityError::File { path: path.to_owned(), source };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;

    use super::super::identity::{Identity, identity};
    use super::*;

    #[test]
    fn what_is_issued_says_who_it_is_for_and_keys_are_private() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path()).unwrap();
        assert!(init(dir.path()).is_err(), "an authority was overwritten");
        let region = RegionId::new("eu-west-1").unwrap();
        let issued = issue(dir.path(), &Subject::Region(region.clone()), "meridian", &dir.path().join("out")).unwrap();
        let cert = CertificateDer::from_pem_file(&issued.cert).unwrap();
        assert_eq!(identity(&cert, "meridian"), Ok(Identity::Region(region)));
        for key in [&issued.key, &dir.path().join(CA_KEY)] {
            assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        init(dir.path()).unwrap();
        for subject in [Subject::Operator("../x".to_owned()), Subject::Server(vec!["\u{e9}".to_owned()])] {
            assert!(matches!(issue(dir.path(), &subject, "meridian", dir.path()), Err(AuthorityError::Name { .. })));
        }
    }
}
