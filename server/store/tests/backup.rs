//! Snapshots of stores that change while they are read: every one is what the store held at one revision.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it shows")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_store::backup::snapshot;
use meridian_store::memory::MemoryStore;
use meridian_store::{
    CommitError, Committed, Expect, Got, Keeping, Key, LeaseId, Leased, Page, Revision, Store, StoreError, Txn,
    WatchStream,
};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// A store that changes after each page that is read of it.
struct Restless {
    inner: Arc<dyn Store>,
    moves: AtomicU64,
}

impl Restless {
    /// Moves the one token to the other end of the keys, and counts.
    async fn change(&self) {
        let count = self.moves.fetch_add(1, Ordering::Relaxed) + 1;
        let place = |count: u64| key(if count.is_multiple_of(2) { "/a-token" } else { "/z-token" });
        let at = |item: Got| item.item.map_or(Expect::Absent, |item| Expect::At(item.mod_revision));
        let counter = at(self.inner.get(&key("/m-counter")).await.unwrap());
        let mut txn = Txn::new().put(key("/m-counter"), count.to_string(), counter).put(
            place(count),
            count.to_string(),
            Expect::Absent,
        );
        if count > 1 {
            let old = at(self.inner.get(&place(count - 1)).await.unwrap());
            txn = txn.delete(place(count - 1), old);
        }
        self.inner.commit(txn).await.unwrap();
    }
}

impl Store for Restless {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>> {
        self.inner.get(key)
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            let page = self.inner.list(prefix, after, limit).await;
            self.change().await;
            page
        })
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        self.inner.commit(txn)
    }

    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>> {
        self.inner.watch(prefix, from)
    }

    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.compact(before)
    }

    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>> {
        self.inner.lease(ttl)
    }

    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>> {
        self.inner.keep(lease)
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.revoke(lease)
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}

/// Fills three pages, and has the store change between them.
async fn consistent(inner: Arc<dyn Store>) {
    let fill = |from: u32| {
        (from..from + 100).fold(Txn::new(), |txn, index| txn.put(key(&format!("/k/{index:05}")), "", Expect::Absent))
    };
    for from in (0..2500).step_by(100) {
        inner.commit(fill(from)).await.unwrap();
    }
    inner.commit(Txn::new().put(key("/owners/03"), "passing", Expect::Absent)).await.unwrap();
    let store = Restless { inner, moves: AtomicU64::new(0) };
    store.change().await;
    for _ in 0..3 {
        let taken = snapshot(&store).await.unwrap();
        let (tokens, rest): (Vec<_>, Vec<_>) =
            taken.entries.iter().partition(|(key, _)| key.as_str().contains("token"));
        assert_eq!(tokens.len(), 1, "{tokens:?}");
        let counter = &taken.entries[&key("/m-counter")];
        assert_eq!(tokens[0].1, counter, "token and counter are of one commit");
        assert_eq!(rest.len(), 2501, "all entries but those that pass");
    }
}

#[tokio::test]
async fn a_snapshot_is_of_one_revision() {
    consistent(Arc::new(MemoryStore::default())).await;
}

#[cfg(feature = "etcd")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_an_etcd_is_of_one_revision() {
    use meridian_store::etcd::testing::EtcdProcess;
    use meridian_store::etcd::{EtcdOptions, EtcdStore};
    let etcd = EtcdProcess::start().await.unwrap_or_else(|error| panic!("{error}"));
    consistent(Arc::new(EtcdStore::connect(EtcdOptions::new([etcd.endpoint()])).await.unwrap())).await;
}
