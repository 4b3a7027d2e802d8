//! Identities in certificates: exactly one URI among the subject's alternative names, of an exact form. The common name
//! says nothing here. Whether the certificate is to be trusted at all was decided before, in the handshake.

use meridian_core::id::{RegionId, check_name};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The longest identity; the longest that we issue has 149 bytes.
pub const IDENTITY_BYTES_MAX: usize = 256;

/// Who somebody is, proven by a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Identity {
    /// `spiffe://{trust domain}/region/{region}`: the agent of a region.
    Region(RegionId),
    /// `spiffe://{trust domain}/operator/{name}`: a person or program that gives orders.
    Operator(String),
    /// `spiffe://{trust domain}/server/{name}`: another server.
    Server(String),
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Caller {
    /// Anybody: the server was told to speak without TLS.
    Plaintext,
    /// Proven.
    Known(Identity),
    /// With a certificate of our authority that names nobody we know.
    Refused(IdentityRefused),
}

/// Why a certificate names nobody.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityRefused {
    /// No certificate.
    #[error("no certificate was shown")]
    NoCertificate,
    /// Not a certificate that can be read.
    #[error("the certificate can't be read")]
    Unreadable,
    /// None or several.
    #[error("the certificate has {0} URI names, exactly one is needed")]
    NotOneUri(usize),
    /// Longer than [`IDENTITY_BYTES_MAX`].
    #[error("the certificate's URI name has {0} bytes, at most {IDENTITY_BYTES_MAX} are read")]
    TooLong(usize),
    /// Another trust domain, path or alphabet.
    #[error("the certificate's URI name is not of the form `spiffe://{domain}/region/NAME` or `/operator/NAME`")]
    NotOurs {
        /// The trust domain of this server.
        domain: String,
    },
}

/// Reads the identity in a certificate.
///
/// # Errors
/// Anything but exactly one URI of the exact form.
pub fn identity(certificate: &[u8], domain: &str) -> Result<Identity, IdentityRefused> {
    let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| IdentityRefused::Unreadable)?;
    if !rest.is_empty() {
        return Err(IdentityRefused::Unreadable);
    }
    let names = parsed.subject_alternative_name().map_err(|_| IdentityRefused::Unreadable)?;
    let uris: Vec<&str> = names
        .iter()
        .flat_map(|names| names.value.general_names.iter())
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
        .collect();
    match uris.as_slice() {
        [uri] => parse(uri, domain),
        others => Err(IdentityRefused::NotOneUri(others.len())),
    }
}

/// Reads an identity as text.
///
/// # Errors
/// Anything but the exact form; nothing is decoded or folded.
pub fn parse(uri: &str, domain: &str) -> Result<Identity, IdentityRefused> {
    if uri.len() > IDENTITY_BYTES_MAX {
        return Err(IdentityRefused::TooLong(uri.len()));
    }
    let refused = || IdentityRefused::NotOurs { domain: domain.to_owned() };
    let path = uri.strip_prefix("spiffe://").and_then(|rest| rest.strip_prefix(domain)).ok_or_else(refused)?;
    let (kind, name) = path.strip_prefix('/').and_then(|path| path.split_once('/')).ok_or_else(refused)?;
    check_name(name).map_err(|_| refused())?;
    match kind {
        "region" => RegionId::new(name).map(Identity::Region).map_err(|_| refused()),
        "operator" => Ok(Identity::Operator(name.to_owned())),
        "server" => Ok(Identity::Server(name.to_owned())),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_have_one_exact_form() {
        let region = RegionId::new("eu-west-1").unwrap();
        assert_eq!(parse("spiffe://meridian/region/eu-west-1", "meridian"), Ok(Identity::Region(region)));
        assert_eq!(parse("spiffe://meridian/operator/ann", "meridian"), Ok(Identity::Operator("ann".to_owned())));
        let bad = [
            "",
            "spiffe://meridian",
            "spiffe://meridian/region/",
            "spiffe://meridian/region/a/b",
            "spiffe://meridian/region/a%2f..%2fb",
            "spiffe://meridian/region/EU",
            "spiffe://meridian/region/a\0",
            "spiffe://meridian/region/*",
            "spiffe://meridian//region/a",
            "spiffe://meridian/Region/a",
            "spiffe://MERIDIAN/region/a",
            "spiffe://other/region/a",
            "spiffe://meridian.evil/region/a",
            "spiffe://meridianx/region/a",
            "https://meridian/region/a",
            "spiffe://meridian/region/a?x=1",
            "spiffe://meridian/admin/a",
        ];
        for uri in bad {
            assert!(matches!(parse(uri, "meridian"), Err(IdentityRefused::NotOurs { .. })), "{uri:?} was taken");
        }
        let long = format!("spiffe://meridian/region/{}", "a".repeat(10_240));
        assert_eq!(parse(&long, "meridian"), Err(IdentityRefused::TooLong(long.len())));
    }

    #[test]
    fn garbage_is_no_certificate() {
        for bytes in [&b""[..], b"garbage", &[0x30, 0x82, 0xff, 0xff]] {
            assert_eq!(identity(bytes, "meridian"), Err(IdentityRefused::Unreadable));
        }
    }
}
