//! The store in a file: the suite, reopening, and its own limits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]
#![cfg(feature = "embedded")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use meridian_store::conformance::Fixture;
use meridian_store::embedded::{EmbeddedLimits, EmbeddedStore, OpenError};
use meridian_store::{Change, CommitError, Expect, Keeping, Key, Revision, Store, Txn, WatchEnded, WatchItem};

async fn make() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    Fixture::keeping(open(folder.path()), folder)
}

meridian_store::conformance_suite!(make);

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(folder.join("store.redb"), EmbeddedLimits::default()).unwrap()
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

async fn put(store: &dyn Store, name: &str, value: &'static str, expect: Expect) -> Revision {
    store.commit(Txn::new().put(key(name), value, expect)).await.unwrap().revision
}

#[tokio::test]
async fn everything_is_there_after_reopening_history_included() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = put(&store, "/a", "1", Expect::Absent).await;
    let second = put(&store, "/a", "2", Expect::At(first)).await;
    let deleted = store.commit(Txn::new().delete(key("/a"), Expect::At(second))).await.unwrap().revision;
    put(&store, "/b", "b", Expect::Absent).await;
    drop(store);
    let store = open(folder.path());
    let got = store.get(&key("/b")).await.unwrap();
    assert_eq!(got.item.unwrap().value, "b");
    assert_eq!(got.revision, Revision::new(4));
    let mut watch = store.watch(&key("/a"), first).await.unwrap();
    let WatchItem::Changes { revision, changes } = watch.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(revision, second);
    let [Change::Put(item)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((&item.value[..], item.create_revision), (&b"2"[..], first));
    let deletion =
        WatchItem::Changes { revision: deleted, changes: vec![Change::Delete { key: key("/a"), revision: deleted }] };
    assert_eq!(watch.next().await, Some(Ok(deletion)));
    assert_eq!(put(&store, "/a", "5", Expect::Absent).await, Revision::new(5));
    let WatchItem::Changes { revision, .. } = watch.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(revision, Revision::new(5));
}

/// The only process that can have held them is gone, however it ended.
#[tokio::test]
async fn leased_keys_are_dropped_at_open_and_watches_see_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let lease = store.lease(Duration::from_secs(600)).await.unwrap().id;
    put(&store, "/stays", "", Expect::Absent).await;
    let freed = store.commit(Txn::new().put_leased(key("/freed"), "", Expect::Absent, lease)).await.unwrap().revision;
    put(&store, "/freed", "", Expect::At(freed)).await;
    let txn = Txn::new().put_leased(key("/owners/1"), "", Expect::Absent, lease).put_leased(
        key("/owners/2"),
        "",
        Expect::Absent,
        lease,
    );
    let last = store.commit(txn).await.unwrap().revision;
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.keep(lease).await, Ok(Keeping::Gone));
    let there = store.list(&key("/"), None, 10).await.unwrap();
    assert_eq!(there.items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), ["/freed", "/stays"]);
    let mut watch = store.watch(&key("/"), last).await.unwrap();
    let WatchItem::Changes { revision, changes } = watch.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!((revision, changes.len()), (there.revision, 2));
    // Opened once more, there is nothing to drop and nothing changes.
    drop((watch, store));
    assert_eq!(open(folder.path()).get(&key("/stays")).await.unwrap().revision, revision);
}

#[tokio::test]
async fn a_file_in_use_is_not_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let path = folder.path().join("store.redb");
    let again = EmbeddedStore::open(&path, EmbeddedLimits::default());
    let error = again.err().expect("two stores on one file");
    assert!(matches!(&error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    // A watch that nobody reads does not hold the file.
    let _watch = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    drop(store);
    open(folder.path());
}

#[tokio::test]
async fn what_is_not_a_store_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    let outcome = EmbeddedStore::open(&path, EmbeddedLimits::default());
    assert!(matches!(outcome, Err(OpenError::File { .. })));
    let nowhere = EmbeddedStore::open(folder.path().join("no/such/folder"), EmbeddedLimits::default());
    assert!(matches!(nowhere, Err(OpenError::File { .. })));
}

#[tokio::test]
async fn the_change_log_is_bounded_and_its_loss_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let limits = EmbeddedLimits { history_revisions: 10, ..EmbeddedLimits::default() };
    let store = EmbeddedStore::open(folder.path().join("store.redb"), limits).unwrap();
    let mut slow = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    put(&store, "/first", "", Expect::Absent).await;
    slow.next().await.unwrap().unwrap();
    for index in 0..20 {
        put(&store, &format!("/{index}"), "", Expect::Absent).await;
    }
    assert_eq!(slow.next().await, Some(Err(WatchEnded::TooSlow)));
    let mut gone = store.watch(&key("/"), Revision::new(10)).await.unwrap();
    assert_eq!(gone.next().await, Some(Err(WatchEnded::Compacted { oldest: Revision::new(11) })));
    let mut kept = store.watch(&key("/"), Revision::new(11)).await.unwrap();
    let WatchItem::Changes { revision, .. } = kept.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(revision, Revision::new(12));
}

#[tokio::test]
async fn growth_beyond_the_quota_is_refused_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let limits = EmbeddedLimits { quota_bytes: 100, ..EmbeddedLimits::default() };
    let store = EmbeddedStore::open(&path, limits).unwrap();
    let first = store.commit(Txn::new().put(key("/a"), vec![0; 90], Expect::Absent)).await.unwrap().revision;
    drop(store);
    let store = EmbeddedStore::open(&path, limits).unwrap();
    let refused = store.commit(Txn::new().put(key("/b"), vec![0; 90], Expect::Absent)).await;
    assert!(matches!(refused, Err(CommitError::Full { .. })), "{refused:?}");
    store.commit(Txn::new().put(key("/a"), vec![0; 5], Expect::At(first))).await.unwrap();
    store.commit(Txn::new().put(key("/b"), vec![0; 80], Expect::Absent)).await.unwrap();
    let more = Txn::new().put(key("/c"), vec![0; 10], Expect::Absent);
    assert!(matches!(store.commit(more.clone()).await, Err(CommitError::Full { .. })));
    store.commit(more.urgent()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_wait_together_share_a_disk_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let alone = std::time::Instant::now();
    for index in 0..50 {
        put(&*store, &format!("/alone/{index}"), "", Expect::Absent).await;
    }
    let alone = alone.elapsed();
    let together = std::time::Instant::now();
    let commits = (0..1000).map(|index| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { put(&*store, &format!("/together/{index}"), "", Expect::Absent).await })
    });
    let mut revisions: Vec<_> = join_all(commits).await.into_iter().map(|done| done.unwrap().get()).collect();
    let together = together.elapsed();
    revisions.sort_unstable();
    assert_eq!(revisions, (51..=1050).collect::<Vec<_>>());
    println!("50 commits alone took {alone:?}, 1000 together {together:?}");
    assert!(together < alone * 20, "1000 commits together took {together:?}, 50 alone {alone:?}: no sharing");
}
