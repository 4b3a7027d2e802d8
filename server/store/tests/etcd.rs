//! The store in a real etcd: the suite, a member that hangs, one that dies, and one that is another.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]
#![cfg(feature = "etcd")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use meridian_store::conformance::{self, Fixture};
use meridian_store::etcd::testing::{EtcdProcess, EtcdTls};
use meridian_store::etcd::{EtcdOptions, EtcdStore, TlsFiles};
use meridian_store::{
    CommitError, Expect, Key, Revision, Store, StoreError, Txn, WatchEnded, WatchItem, WatchStream, commit_known,
};

/// How long recovery from anything here may take.
const SOON: Duration = Duration::from_secs(30);

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

async fn connect(members: &[&EtcdProcess]) -> EtcdStore {
    EtcdStore::connect(EtcdOptions::new(members.iter().map(|member| member.endpoint()))).await.unwrap()
}

async fn start() -> (EtcdProcess, Arc<EtcdStore>) {
    let etcd = EtcdProcess::start().await.unwrap_or_else(|error| panic!("{error}"));
    let store = Arc::new(connect(&[&etcd]).await);
    (etcd, store)
}

async fn put(store: &dyn Store, name: &str, expect: Expect) -> Result<Revision, CommitError> {
    store.commit(Txn::new().put(key(name), name.to_owned(), expect)).await.map(|committed| committed.revision)
}

/// Commits until it works; every failure before must be one that certainly or possibly did nothing.
async fn put_when_back(store: &dyn Store, name: &str) -> Revision {
    let deadline = Instant::now() + SOON;
    loop {
        let txn = Txn::new().put(key(name), name.to_owned(), Expect::Absent);
        match commit_known(store, txn, &key(name)).await {
            Ok(committed) => return committed.revision,
            Err(CommitError::Unknown { .. } | CommitError::Unavailable { .. }) if Instant::now() < deadline => {}
            Err(error) => panic!("not back: {error}"),
        }
    }
}

async fn next_revision(watch: &mut WatchStream) -> Result<Revision, WatchEnded> {
    loop {
        let item = tokio::time::timeout(SOON, watch.next()).await.expect("a watch yields or ends in time");
        if let WatchItem::Changes { revision, .. } = item.expect("an end is said")? {
            return Ok(revision);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite() {
    let etcd = EtcdProcess::start().await.unwrap_or_else(|error| panic!("{error}"));
    let endpoint = etcd.endpoint();
    let made = AtomicUsize::new(0);
    conformance::run_all(|| {
        let mut options = EtcdOptions::new([endpoint.clone()]);
        options.prefix = format!("/case{}", made.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move {
            let store = EtcdStore::connect(options).await.unwrap();
            // Forgets nothing, but puts the reserve in its place: from here on only the case itself moves the head.
            store.compact(Revision::ZERO).await.unwrap();
            Fixture::new(store)
        })
    })
    .await;
    assert_eq!(made.into_inner(), conformance::CASES.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_hangs_is_not_waited_for_and_may_come_back() {
    let (etcd, store) = start().await;
    let first = put(&*store, "/a", Expect::Absent).await.unwrap();
    let mut watch = store.watch(&key("/"), first).await.unwrap();
    etcd.pause().unwrap();
    let began = Instant::now();
    let outcome = put(&*store, "/b", Expect::Absent).await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. } | CommitError::Unavailable { .. })), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let began = Instant::now();
    let outcome = store.get(&key("/a")).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    // The watch is not closed by anyone, so it has to notice the silence itself.
    let began = Instant::now();
    let ended = next_revision(&mut watch).await.unwrap_err();
    assert!(ended.retryable(), "{ended}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    etcd.resume().unwrap();
    // The commit of which nothing was heard may have been applied by now, or not; reading tells, and nothing is lost.
    let known = put_when_back(&*store, "/b").await;
    assert!(known > first);
    let mut watch = store.watch(&key("/"), first).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(known));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_killed_and_started_again_is_used_again() {
    let (mut etcd, store) = start().await;
    let first = put(&*store, "/a", Expect::Absent).await.unwrap();
    let mut watch = store.watch(&key("/"), first).await.unwrap();
    let second = put(&*store, "/b", Expect::Absent).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(second));
    etcd.kill().unwrap();
    let ended = next_revision(&mut watch).await.unwrap_err();
    assert!(ended.retryable(), "{ended}");
    let outcome = put(&*store, "/c", Expect::Absent).await;
    assert!(matches!(outcome, Err(CommitError::Unknown { .. } | CommitError::Unavailable { .. })), "{outcome:?}");
    // Once the connection is known to be gone, a commit certainly went nowhere.
    let deadline = Instant::now() + SOON;
    loop {
        match put(&*store, "/d", Expect::Absent).await {
            Err(CommitError::Unavailable { .. }) => break,
            Err(CommitError::Unknown { .. }) if Instant::now() < deadline => {}
            outcome => panic!("{outcome:?}"),
        }
    }
    etcd.restart().await.unwrap();
    let third = put_when_back(&*store, "/c").await;
    assert_eq!(store.get(&key("/b")).await.unwrap().item.unwrap().mod_revision, second);
    let mut watch = store.watch(&key("/"), second).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(third));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_behind_the_same_address_is_noticed() {
    let (mut etcd, store) = start().await;
    put(&*store, "/a", Expect::Absent).await.unwrap();
    etcd.kill().unwrap();
    std::fs::remove_dir_all(etcd.data_dir()).unwrap();
    etcd.restart().await.unwrap();
    // The same arguments give the same cluster id, as a restored backup would have; but the revision fell.
    let deadline = Instant::now() + SOON;
    let got = loop {
        match store.get(&key("/a")).await {
            Err(StoreError::Unavailable { .. }) if Instant::now() < deadline => {}
            other => break other,
        }
    };
    assert!(matches!(got, Err(StoreError::Corrupt { .. })), "{got:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_store_says_so_and_still_reads() {
    let etcd =
        EtcdProcess::start_with(&["--quota-backend-bytes", "4194304"]).await.unwrap_or_else(|error| panic!("{error}"));
    let store = connect(&[&etcd]).await;
    let mut stored = 0;
    let full = loop {
        let txn = Txn::new().put(key(&format!("/{stored}")), vec![b'x'; 500_000], Expect::Absent);
        match store.commit(txn).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "a quota of 4 MiB took {stored} values of 500 kB");
    };
    assert!(matches!(full, CommitError::Full { .. }), "{full}");
    assert!(!full.retryable());
    assert!(store.get(&key("/0")).await.unwrap().item.is_some());
}

/// A certificate authority, and one certificate signed by it for servers and clients alike, as files in `folder`.
fn certificates(folder: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = rcgen::Issuer::new(params, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned(), "etcd.test".to_owned()]).unwrap();
    params.extended_key_usages =
        vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth, rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    (write("ca.pem", ca.pem()), write("cert.pem", certificate.pem()), write("key.pem", key.serialize_pem()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_show_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let (ca, certificate, key_file) = certificates(folder.path());
    let client = TlsFiles {
        ca: Some(ca.clone()),
        identity: Some((certificate.clone(), key_file.clone())),
        domain: Some("etcd.test".to_owned()),
    };
    let tls = EtcdTls { certificate, key: key_file, client_ca: ca, client: client.clone() };
    let etcd = EtcdProcess::start_tls(tls).await.unwrap_or_else(|error| panic!("{error}"));
    let connect = |tls: TlsFiles| {
        let mut options = EtcdOptions::new([etcd.endpoint()]);
        options.tls = Some(tls);
        async move { EtcdStore::connect(options).await.unwrap() }
    };
    let store = connect(client.clone()).await;
    let first = put(&store, "/a", Expect::Absent).await.unwrap();
    let mut watch = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    assert_eq!(next_revision(&mut watch).await, Ok(first));
    for refused in [
        TlsFiles { identity: None, ..client.clone() },
        TlsFiles { domain: Some("elsewhere.test".to_owned()), ..client.clone() },
        TlsFiles { ca: None, ..client },
    ] {
        let outcome = connect(refused.clone()).await.get(&key("/a")).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{refused:?}: {outcome:?}");
    }
    let missing = TlsFiles { ca: Some(folder.path().join("no-such.pem")), ..TlsFiles::default() };
    let mut options = EtcdOptions::new([etcd.endpoint()]);
    options.tls = Some(missing);
    let error = EtcdStore::connect(options).await.err().expect("a missing file is noticed").to_string();
    assert!(error.contains("no-such.pem"), "{error}");
}
