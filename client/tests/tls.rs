//! TLS both ways: the caller checks the server, the server checks the caller.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use meridian_client::fake::{FakeServer, FakeTls};
use meridian_client::{Client, ClientError, Endpoint, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a name, and its key.
fn issue(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn only_those_who_trust_each_other_speak() {
    let (ours, theirs) = (authority(), authority());
    let (cert, key) = issue(&ours, "localhost");
    let server = FakeServer::start_secure(FakeTls { cert, key, client_ca: ours.pem() }).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = file(&folder, "ca.pem", &ours.pem());
    let other_ca = file(&folder, "other-ca.pem", &theirs.pem());
    let (cert, key) = issue(&ours, "ann");
    let (cert, key) = (file(&folder, "ann.pem", &cert), file(&folder, "ann.key", &key));
    let (stranger, stranger_key) = issue(&theirs, "mallory");
    let stranger = (file(&folder, "mallory.pem", &stranger), file(&folder, "mallory.key", &stranger_key));
    let connect = |ca: &PathBuf, identity: Option<(&PathBuf, &PathBuf)>| {
        let (cert, key) = identity.map(|(cert, key)| (cert.clone(), key.clone())).unzip();
        let tls = Some(Tls { ca: Some(ca.clone()), cert, key });
        Client::connect(Endpoint { addresses: vec![server.address()], tls, timeout: Duration::from_secs(5) })
    };
    let trusted = connect(&ca, Some((&cert, &key))).await.unwrap();
    trusted.services().await.unwrap();
    for (ca, identity) in [(&other_ca, Some((&cert, &key))), (&ca, None), (&ca, Some((&stranger.0, &stranger.1)))] {
        let error = connect(ca, identity).await.unwrap().services().await.unwrap_err();
        assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1);
}
