//! Who may connect, and for whom they may speak.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use meridian_core::id::RegionId;
use meridian_proto::r#gen::agent::v1::session_request::Message as Said;
use meridian_proto::r#gen::agent::v1::session_response::Message as Told;
use meridian_proto::r#gen::v1;
use meridian_server::tls::authority::{self, Issued, Subject};
use meridian_server::tls::terms::TlsFiles;
use meridian_server::{Config, Running, Transport, start};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};

use crate::support::agent::{Link, hello};
use crate::support::{config, why};

struct Secured {
    dir: TempDir,
    running: Running,
}

impl Secured {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        authority::init(dir.path()).unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let server = authority::issue(dir.path(), &Subject::Server(names), "meridian", dir.path()).unwrap();
        let files =
            TlsFiles { cert: server.cert, key: server.key, client_ca: server.ca, trust_domain: "meridian".to_owned() };
        let running = start(Config { transport: Transport::Tls(files), ..config() }).await.unwrap();
        Self { dir, running }
    }

    fn issue(&self, subject: &Subject, domain: &str) -> Issued {
        let out = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        authority::issue(self.dir.path(), subject, domain, &out).unwrap()
    }

    fn address(&self) -> SocketAddr {
        self.running.grpc_addr
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Signed by our authority, with these URIs.
    fn odd(&self, uris: &[String], usage: ExtendedKeyUsagePurpose) -> Identity {
        let authority = KeyPair::from_pem(&read(&self.dir.path().join("ca.key"))).unwrap();
        let mut ca = CertificateParams::default();
        ca.distinguished_name = rcgen::DistinguishedName::new();
        ca.distinguished_name.push(rcgen::DnType::CommonName, "meridian throw-away authority");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "operator/admin");
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI(uri.clone().try_into().unwrap())).collect();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &Issuer::new(ca, authority)).unwrap();
        Identity::from_pem(cert.pem(), key.serialize_pem())
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn identity(issued: &Issued) -> Identity {
    Identity::from_pem(read(&issued.cert), read(&issued.key))
}

fn region(id: &str) -> Subject {
    Subject::Region(RegionId::new(id).unwrap())
}

async fn connect(
    address: SocketAddr,
    ca: &Path,
    identity: Option<Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca))).domain_name("localhost");
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap().connect().await
}

async fn list(channel: Channel) -> Result<(), Status> {
    let mut services = v1::service_service_client::ServiceServiceClient::new(channel);
    services.list_services(v1::ListServicesRequest::default()).await.map(|_| ())
}

#[tokio::test]
async fn an_agent_speaks_for_the_region_of_its_certificate_alone() {
    let server = Secured::start().await;
    let eu = identity(&server.issue(&region("eu"), "meridian"));
    let channel = connect(server.address(), &server.ca(), Some(eu)).await.unwrap();
    let mut link = Link::open(channel.clone()).await.unwrap();
    link.say(Said::Hello(hello("eu"))).await;
    assert!(matches!(link.hear().await.unwrap(), Some(Told::Welcome(_))));
    let mut pretender = Link::open(channel.clone()).await.unwrap();
    pretender.say(Said::Hello(hello("us"))).await;
    assert_eq!(why(&pretender.cut().await), (Code::PermissionDenied, "REGION_NOT_YOURS".to_owned()));
    let refused = list(channel).await.unwrap_err();
    assert_eq!(why(&refused), (Code::PermissionDenied, "METHOD_NOT_YOURS".to_owned()));
}

#[tokio::test]
async fn an_operator_gives_orders_and_is_no_agent() {
    let server = Secured::start().await;
    let ann = identity(&server.issue(&Subject::Operator("ann".to_owned()), "meridian"));
    let channel = connect(server.address(), &server.ca(), Some(ann)).await.unwrap();
    list(channel.clone()).await.unwrap();
    let refused = Link::open(channel).await.err().unwrap();
    assert_eq!(why(&refused), (Code::PermissionDenied, "METHOD_NOT_YOURS".to_owned()));
}

#[tokio::test]
async fn strangers_do_not_get_past_the_handshake() {
    let server = Secured::start().await;
    let foreign = Secured::start().await;
    let other = identity(&foreign.issue(&Subject::Operator("ann".to_owned()), "meridian"));
    let names = vec!["localhost".to_owned()];
    let wrong_usage = identity(&server.issue(&Subject::Server(names), "meridian"));
    for (what, identity) in
        [("no certificate", None), ("another authority", Some(other)), ("a server's certificate", Some(wrong_usage))]
    {
        // With TLS 1.3 the client may only learn of it with its first call.
        let refused = match connect(server.address(), &server.ca(), identity).await {
            Err(_) => continue,
            Ok(channel) => list(channel).await,
        };
        let refused = refused.expect_err(what);
        assert!(refused.get_error_info_is_absent(), "{what} got an answer: {refused:?}");
    }
    let plain = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
    if let Ok(channel) = plain.connect().await {
        assert!(list(channel).await.is_err(), "plain text was answered");
    }
}

trait Unanswered {
    fn get_error_info_is_absent(&self) -> bool;
}

impl Unanswered for Status {
    /// A refusal of ours has a reason; one of the transport has none.
    fn get_error_info_is_absent(&self) -> bool {
        self.details().is_empty()
    }
}

#[tokio::test]
async fn a_certificate_that_names_nobody_is_refused_on_every_call() {
    let server = Secured::start().await;
    let uri = |path: &str| format!("spiffe://meridian/{path}");
    let table: [(&str, Vec<String>); 7] = [
        ("none", vec![]),
        ("two", vec![uri("region/eu"), uri("region/us")]),
        ("trust domain", vec!["spiffe://other/region/eu".to_owned()]),
        ("encoded", vec![uri("region/a%2f..%2fb")]),
        ("upper case", vec![uri("region/EU")]),
        ("long", vec![uri(&format!("region/{}", "a".repeat(10_240)))]),
        ("common name", vec![uri("nobody/admin")]),
    ];
    for (what, uris) in table {
        let odd = server.odd(&uris, ExtendedKeyUsagePurpose::ClientAuth);
        let channel = connect(server.address(), &server.ca(), Some(odd)).await.unwrap();
        let refused = list(channel.clone()).await.expect_err(what);
        assert_eq!(why(&refused), (Code::Unauthenticated, "IDENTITY_REFUSED".to_owned()), "{what}");
        let refused = Link::open(channel).await.err().expect(what);
        assert_eq!(refused.code(), Code::Unauthenticated, "{what}");
    }
    let control = server.odd(&[uri("operator/ann")], ExtendedKeyUsagePurpose::ClientAuth);
    let channel = connect(server.address(), &server.ca(), Some(control)).await.unwrap();
    list(channel).await.unwrap();
}
