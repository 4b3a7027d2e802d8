//! Follows everything under a prefix of the store: a listing, then its changes, and a listing again now and then. Watches
//! wake and carry, listings correct: what a watch loses or repeats is set right by the next listing. It does not know what
//! the entries mean.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use meridian_store::{Change, Key, Revision, Store, StoreError, Versioned, WatchEnded, WatchItem, WatchStream};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Entries read at once.
const PAGE: usize = 500;
/// After a listing or a watch that failed.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Where entries go. Calls come one after the other; an entry may come again, also in an older state than it has.
pub(crate) trait Sink: Send {
    /// An entry as it was written.
    fn put(&mut self, item: Versioned) -> impl Future<Output = ()> + Send;

    /// An entry was removed by this commit.
    fn gone(&mut self, key: &Key, at: Revision);

    /// These are all there are; whatever else was known with a revision up to `at` is gone.
    fn listed(&mut self, keys: &BTreeSet<Key>, at: Revision);

    /// Everything that was committed before this call has been told.
    fn current(&mut self) {}
}

/// Follows `prefix` until `shutdown`, with a listing at the beginning and after each `every`.
pub(crate) async fn follow(
    store: Arc<dyn Store>,
    prefix: Key,
    every: Duration,
    mut sink: impl Sink,
    shutdown: CancellationToken,
) {
    let mut watch: Option<WatchStream> = None;
    let mut due = Instant::now();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            () = sleep_until(due) => {
                due = match list(&store, &prefix, &mut watch, &mut sink).await {
                    Ok(()) => Instant::now() + every,
                    Err(error) => {
                        tracing::warn!(%error, prefix = prefix.as_str(), "a listing came to nothing; listing again soon");
                        Instant::now() + AGAIN_AFTER
                    }
                };
            }
            item = next(&mut watch) => match item {
                Some(Ok(item)) => tell(item, &mut sink).await,
                Some(Err(ended)) => {
                    if ended.retryable() {
                        tracing::debug!(%ended, prefix = prefix.as_str(), "a watch has ended; listing anew");
                    } else {
                        tracing::warn!(%ended, prefix = prefix.as_str(), "a watch has ended; listing anew");
                    }
                    (watch, due) = (None, due.min(Instant::now() + AGAIN_AFTER));
                }
                None => (watch, due) = (None, due.min(Instant::now() + AGAIN_AFTER)),
            },
        }
    }
}

/// For ever if there is no watch.
async fn next(watch: &mut Option<WatchStream>) -> Option<Result<WatchItem, WatchEnded>> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// Lists, and begins to watch where the first page was read, unless there is a watch.
async fn list(
    store: &Arc<dyn Store>,
    prefix: &Key,
    watch: &mut Option<WatchStream>,
    sink: &mut impl Sink,
) -> Result<(), StoreError> {
    let (mut after, mut from, mut keys) = (None::<Key>, None, BTreeSet::new());
    let from = loop {
        let page = store.list(prefix, after.as_ref(), PAGE).await?;
        let first = *from.get_or_insert(page.revision);
        for item in page.items {
            keys.insert(item.key.clone());
            sink.put(item).await;
        }
        after = page.next;
        if after.is_none() {
            break first;
        }
    };
    sink.listed(&keys, from);
    if watch.is_none() {
        *watch = Some(store.watch(prefix, from).await?);
    }
    sink.current();
    Ok(())
}

async fn tell(item: WatchItem, sink: &mut impl Sink) {
    match item {
        WatchItem::Changes { revision: _, changes } => {
            for change in changes {
                match change {
                    Change::Put(item) => sink.put(item).await,
                    Change::Delete { key, revision } => sink.gone(&key, revision),
                }
            }
        }
        WatchItem::Progress { revision: _ } => {}
    }
    sink.current();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use meridian_store::memory::{MemoryLimits, MemoryStore};
    use meridian_store::{Expect, Txn};
    use tokio::sync::watch;

    use super::*;

    type Known = BTreeMap<String, Revision>;

    struct Table {
        known: Arc<Mutex<Known>>,
        told: watch::Sender<Known>,
    }

    impl Sink for Table {
        async fn put(&mut self, item: Versioned) {
            self.known.lock().unwrap().insert(item.key.as_str().to_owned(), item.mod_revision);
        }

        fn gone(&mut self, key: &Key, at: Revision) {
            let mut known = self.known.lock().unwrap();
            if known.get(key.as_str()).is_some_and(|revision| *revision < at) {
                known.remove(key.as_str());
            }
        }

        fn listed(&mut self, keys: &BTreeSet<Key>, at: Revision) {
            let mut known = self.known.lock().unwrap();
            known.retain(|known, revision| *revision > at || keys.iter().any(|key| key.as_str() == known));
        }

        fn current(&mut self) {
            self.told.send_replace(self.known.lock().unwrap().clone());
        }
    }

    fn key(text: &str) -> Key {
        Key::new(text).unwrap()
    }

    #[tokio::test]
    async fn entries_come_go_and_come_again() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(MemoryLimits::default()));
        let put = |name: &str| Txn::new().put(key(name), "v", Expect::Absent);
        let first = store.commit(put("/a/1")).await.unwrap();
        let (told, mut seen) = watch::channel(Known::new());
        let (stop, known) = (CancellationToken::new(), Arc::default());
        let sink = Table { known, told };
        let following = tokio::spawn(follow(store.clone(), key("/a/"), Duration::from_secs(60), sink, stop.clone()));
        seen.wait_for(|known| known.contains_key("/a/1")).await.unwrap();
        store.commit(put("/a/2")).await.unwrap();
        store.commit(put("/b/3")).await.unwrap();
        store.commit(Txn::new().delete(key("/a/1"), Expect::At(first.revision))).await.unwrap();
        seen.wait_for(|known| known.keys().eq(["/a/2"])).await.unwrap();
        store.commit(put("/a/1")).await.unwrap();
        seen.wait_for(|known| known.keys().eq(["/a/1", "/a/2"])).await.unwrap();
        stop.cancel();
        following.await.unwrap();
    }
}
