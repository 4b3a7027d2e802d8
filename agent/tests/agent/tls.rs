//! Both sides prove who they are; files are read again for each connection.

use std::net::SocketAddr;

use meridian_agent::config::{Security, Tls};
use meridian_agent::link::{Goals, Link};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::bench::region;
use crate::server::FakeServer;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key as PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

#[tokio::test]
async fn a_session_is_held_over_mutual_tls_once_the_files_are_right() {
    let authority = Authority::new();
    let (cert, key) = authority.issue("localhost");
    let ca = authority.0.pem();
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(cert, key)).client_ca_root(Certificate::from_pem(&ca));
    let mut server = FakeServer::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), Some(tls)).await;

    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (cert, key) = authority.issue("eu-west-1");
    std::fs::write(path("ca.pem"), &ca).unwrap();
    std::fs::write(path("key.pem"), key).unwrap();
    let tls = Tls {
        ca: path("ca.pem"),
        cert: path("cert.pem"),
        key: path("key.pem"),
        server_name: Some("localhost".to_owned()),
    };
    let metrics = std::sync::Arc::new(meridian_agent::metrics::Metrics::default());
    let link = Link {
        servers: vec![server.address.to_string()],
        security: Security::Tls(tls),
        dial: meridian_agent::link::sockets(),
        capabilities: std::collections::BTreeSet::new(),
        goals: Goals { region: region(), inboxes: std::collections::BTreeMap::new(), metrics: metrics.clone() },
        board: std::sync::Arc::default(),
        contact: meridian_agent::contact::ContactClock::default(),
        metrics: metrics.clone(),
    };
    let link = tokio::spawn(link.run());
    // The certificate comes late, as from an issuer that is still at work.
    while !metrics.text().unwrap().contains("meridian_agent_link_attempts_total 2") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await; // tidy: paced
    }
    std::fs::write(path("cert.pem"), cert).unwrap();
    let session = server.session().await;
    assert_eq!(session.hello.region, region());
    link.abort();
}
