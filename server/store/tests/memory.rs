//! The store in memory: the suite, and its own limits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]

use futures::StreamExt;
use meridian_store::conformance::Fixture;
use meridian_store::memory::{MemoryLimits, MemoryStore};
use meridian_store::{CommitError, Expect, Key, Revision, Store, Txn, WatchEnded};

async fn make() -> Fixture {
    Fixture::new(MemoryStore::default())
}

meridian_store::conformance_suite!(make);

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[tokio::test]
async fn growth_beyond_the_quota_is_refused_and_shrinking_is_not() {
    let store = MemoryStore::new(MemoryLimits { quota_bytes: 100, ..MemoryLimits::default() });
    let first = store.commit(Txn::new().put(key("/a"), vec![0; 90], Expect::Absent)).await.unwrap();
    let refused = store.commit(Txn::new().put(key("/b"), vec![0; 90], Expect::Absent)).await;
    assert!(matches!(refused, Err(CommitError::Full { .. })), "{refused:?}");
    let second = store.commit(Txn::new().put(key("/a"), vec![0; 5], Expect::At(first.revision))).await.unwrap();
    store.commit(Txn::new().put(key("/b"), vec![0; 90], Expect::Absent)).await.unwrap();
    store.commit(Txn::new().delete(key("/a"), Expect::At(second.revision))).await.unwrap();
    let more = |name: &str, bytes| Txn::new().put(key(name), vec![0; bytes], Expect::Absent);
    let refused = store.commit(more("/c", 10)).await;
    assert!(matches!(refused, Err(CommitError::Full { .. })), "{refused:?}");
    store.commit(more("/c", 10).urgent()).await.unwrap();
    let refused = store.commit(more("/d", 10).urgent()).await;
    assert!(matches!(refused, Err(CommitError::Full { .. })), "the reserve ends too: {refused:?}");
}

#[tokio::test]
async fn a_watch_that_is_not_read_is_told_so() {
    let store = MemoryStore::new(MemoryLimits { history_revisions: 5, ..MemoryLimits::default() });
    let mut watch = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    store.commit(Txn::new().put(key("/first"), "", Expect::Absent)).await.unwrap();
    watch.next().await.unwrap().unwrap();
    for index in 0..6 {
        store.commit(Txn::new().put(key(&format!("/{index}")), "", Expect::Absent)).await.unwrap();
    }
    assert_eq!(watch.next().await, Some(Err(WatchEnded::TooSlow)));
    assert_eq!(watch.next().await, None);
    let mut late = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    assert_eq!(late.next().await, Some(Err(WatchEnded::Compacted { oldest: Revision::new(2) })));
}

#[tokio::test]
async fn watches_end_with_the_store() {
    let store = MemoryStore::default();
    let mut watch = store.watch(&key("/"), Revision::ZERO).await.unwrap();
    let waiting = tokio::spawn(async move { watch.next().await });
    drop(store);
    assert_eq!(waiting.await.unwrap(), Some(Err(WatchEnded::Cancelled)));
}
