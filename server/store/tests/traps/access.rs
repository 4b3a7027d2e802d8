//! Connections that are kept, and who may use them: P4, P19 and P20.

use std::path::Path;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, Permission, PermissionType, TlsOptions};
use futures::StreamExt;
use meridian_store::etcd::testing::{EtcdProcess, EtcdTls};
use meridian_store::etcd::{EtcdOptions, EtcdStore, TlsFiles};
use meridian_store::{Expect, Revision, Store, StoreError, WatchItem};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};

use super::support::{key, next_revision, put, three};

/// etcd closes connections that are kept alive more often than it likes; a quiet watch of ours outlives several rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p04_a_quiet_watch_is_not_closed_for_its_keepalives() {
    let (_members, store) = three(&[]).await;
    let mut watch = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    let quiet = async {
        loop {
            match watch.next().await.expect("the watch goes on").expect("the watch is not ended") {
                WatchItem::Progress { .. } => {}
                item @ WatchItem::Changes { .. } => panic!("{item:?}"),
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(14), quiet).await.is_err());
    let revision = put(&store, "/a", Expect::Absent).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(revision));
}

/// An authority, and certificates by which etcd knows its users.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// Files for a user, which is also good for a member.
    fn files(&self, user: &str) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, user);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let path = |end: &str| self.folder.path().join(format!("{user}.{end}"));
        std::fs::write(path("pem"), signed.pem()).unwrap();
        std::fs::write(path("key"), key.serialize_pem()).unwrap();
        let identity = Some((path("pem"), path("key")));
        TlsFiles { ca: Some(self.folder.path().join("ca.pem")), identity, domain: None }
    }
}

/// Only root and `meridian` may do anything, and `meridian` only under its prefix.
async fn close_to_others(etcd: &EtcdProcess, root: &TlsFiles) {
    let read = |path: &Path| std::fs::read(path).unwrap();
    let (certificate, key) = root.identity.as_ref().unwrap();
    let tls = TlsOptions::new()
        .ca_certificate(Certificate::from_pem(read(root.ca.as_ref().unwrap())))
        .identity(Identity::from_pem(read(certificate), read(key)));
    let options = ConnectOptions::new().with_tls(tls);
    let mut client = Client::connect([etcd.endpoint()], Some(options)).await.unwrap();
    client.user_add("root", "unused", None).await.unwrap();
    client.user_grant_role("root", "root").await.unwrap();
    client.user_add("meridian", "unused", None).await.unwrap();
    client.role_add("meridian").await.unwrap();
    let own = Permission::new(PermissionType::Readwrite, "/meridian/").with_prefix();
    client.role_grant_permission("meridian", own).await.unwrap();
    client.user_grant_role("meridian", "meridian").await.unwrap();
    client.auth_enable().await.unwrap();
}

/// With certificates there is no token that could run out under a read or a new watch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p19_p20_users_are_known_by_their_certificates() {
    let authority = Authority::new();
    let root = authority.files("root");
    let (certificate, key_file) = root.identity.clone().unwrap();
    let client_ca = root.ca.clone().unwrap();
    let tls = EtcdTls { certificate, key: key_file, client_ca, client: root.clone() };
    let members = EtcdProcess::start_cluster_tls(3, tls).await.unwrap_or_else(|error| panic!("{error}"));
    close_to_others(&members[0], &root).await;
    let connect = async |user: &str| {
        let mut options = EtcdOptions::new(members.iter().map(EtcdProcess::endpoint));
        options.tls = Some(authority.files(user));
        EtcdStore::connect(options).await.unwrap()
    };
    let store = connect("meridian").await;
    let first = put(&store, "/a", Expect::Absent).await.unwrap();
    let mut old = store.watch(&key("/"), first).await.unwrap();
    let lease = store.lease(Duration::from_secs(60)).await.unwrap();
    store.keep(lease.id).await.unwrap();
    let second = put(&store, "/b", Expect::Absent).await.unwrap();
    assert_eq!(next_revision(&mut old).await, Ok(second));
    let mut new = store.watch(&key("/"), first).await.unwrap();
    assert_eq!(next_revision(&mut new).await, Ok(second));
    let barred = connect("stranger").await.get(&key("/a")).await;
    assert!(matches!(barred, Err(StoreError::Unavailable { .. })), "{barred:?}");
}
