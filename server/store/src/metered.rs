//! A store that counts and times what is asked of the store inside it. Changes no answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use prometheus_client::metrics::gauge::Gauge;

use crate::{
    CommitError, Committed, Got, Keeping, Key, LeaseId, Leased, Page, Revision, Store, StoreError, StoreMetrics, Txn,
    WatchEnded, WatchItem, WatchStream,
};

/// Counts and times the calls to another store.
pub struct Metered {
    inner: Arc<dyn Store>,
    metrics: StoreMetrics,
}

impl Metered {
    /// Wraps a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, metrics: StoreMetrics) -> Self {
        Self { inner, metrics }
    }

    async fn timed<T, E>(
        &self,
        op: &'static str,
        outcome: fn(&E) -> &'static str,
        call: BoxFuture<'_, Result<T, E>>,
    ) -> Result<T, E> {
        let began = Instant::now();
        let answer = call.await;
        let outcome = answer.as_ref().map_or_else(outcome, |_| "ok");
        self.metrics.called(self.inner.name(), op, outcome, began.elapsed());
        answer
    }

    fn count_items(
        &self,
        stream: WatchStream,
    ) -> impl Stream<Item = Result<WatchItem, WatchEnded>> + Send + 'static + use<> {
        let (metrics, store) = (self.metrics.clone(), self.inner.name());
        let open = OpenWatch::new(metrics.open_watches(store));
        stream.inspect(move |item| {
            // Moved in, so that the watch counts as open until its stream is dropped.
            let _open = &open;
            match item {
                Ok(WatchItem::Changes { changes, .. }) => metrics.changed(store, changes.len()),
                Ok(WatchItem::Progress { .. }) => {}
                Err(ended) => metrics.watch_ended(store, end_reason(ended)),
            }
        })
    }
}

struct OpenWatch(Gauge);

impl OpenWatch {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for OpenWatch {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn store_outcome(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable { .. } => "unavailable",
        StoreError::Invalid { .. } => "invalid",
        StoreError::Corrupt { .. } => "corrupt",
    }
}

fn commit_outcome(error: &CommitError) -> &'static str {
    match error {
        CommitError::Conflict { .. } => "conflict",
        CommitError::LeaseGone { .. } => "lease_gone",
        CommitError::Unknown { .. } => "unknown",
        CommitError::Unavailable { .. } => "unavailable",
        CommitError::Invalid(_) => "invalid",
        CommitError::Full { .. } => "full",
        CommitError::Corrupt { .. } => "corrupt",
    }
}

fn end_reason(ended: &WatchEnded) -> &'static str {
    match ended {
        WatchEnded::Compacted { .. } => "compacted",
        WatchEnded::Cancelled => "cancelled",
        WatchEnded::TooSlow => "too_slow",
        WatchEnded::Unavailable { .. } => "unavailable",
    }
}

impl Store for Metered {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>> {
        Box::pin(self.timed("get", store_outcome, self.inner.get(key)))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(self.timed("list", store_outcome, self.inner.list(prefix, after, limit)))
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(self.timed("commit", commit_outcome, self.inner.commit(txn)))
    }

    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>> {
        Box::pin(async move {
            let stream = self.timed("watch", store_outcome, self.inner.watch(prefix, from)).await?;
            Ok(WatchStream::new(self.count_items(stream)))
        })
    }

    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.timed("compact", store_outcome, self.inner.compact(before)))
    }

    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>> {
        Box::pin(self.timed("lease", store_outcome, self.inner.lease(ttl)))
    }

    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>> {
        Box::pin(self.timed("keep", store_outcome, self.inner.keep(lease)))
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.timed("revoke", store_outcome, self.inner.revoke(lease)))
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::{Expect, StoreMetrics};

    #[tokio::test]
    async fn calls_and_watches_are_counted() {
        let mut registry = prometheus_client::registry::Registry::default();
        let metrics = StoreMetrics::register(&mut registry);
        let store = Metered::new(Arc::new(MemoryStore::default()), metrics);
        let key = Key::new("/a").unwrap();
        let mut watch = store.watch(&key, Revision::ZERO).await.unwrap();
        store.commit(Txn::new().put(key.clone(), "1", Expect::Absent)).await.unwrap();
        let refused = store.commit(Txn::new().put(key.clone(), "2", Expect::Absent)).await;
        assert_eq!(refused, Err(CommitError::Conflict { key: key.clone() }));
        watch.next().await.unwrap().unwrap();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let expected = [
            r#"meridian_store_calls_total{store="memory",op="commit",outcome="ok"} 1"#,
            r#"meridian_store_calls_total{store="memory",op="commit",outcome="conflict"} 1"#,
            r#"meridian_store_call_duration_seconds_count{store="memory",op="commit",outcome="ok"} 1"#,
            r#"meridian_store_watch_changes_total{store="memory"} 1"#,
            r#"meridian_store_watches{store="memory"} 1"#,
        ];
        for line in expected {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
        drop(watch);
        text.clear();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains(r#"meridian_store_watches{store="memory"} 0"#), "{text}");
    }
}
