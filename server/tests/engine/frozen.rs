//! A store that shows its reader nothing new any more, while writes still go through: what a replica has of it that was cut
//! off or stopped, and does not know yet. It may also hide plans, as a read does that is served from the past.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use meridian_store::layout::Place;
use meridian_store::{
    CommitError, Committed, Got, Keeping, Key, LeaseId, Leased, Page, Revision, Store, StoreError, Txn, WatchStream,
};
use tokio::sync::watch;

pub struct Frozen {
    inner: Arc<dyn Store>,
    frozen: watch::Sender<bool>,
    /// Whether plans are hidden, and how often one was asked for meanwhile.
    hidden: watch::Sender<(bool, usize)>,
}

impl Frozen {
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, frozen: watch::Sender::new(false), hidden: watch::Sender::new((false, 0)) })
    }

    /// From now on nothing is listed, watched or kept.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// It is shown everything again, from a new listing on.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// From now on there seem to be no plans, or there are again.
    pub fn hide_plans(&self, hidden: bool) {
        self.hidden.send_modify(|state| state.0 = hidden);
    }

    /// Until a plan was asked for and not shown.
    pub async fn until_missed(&self) {
        let mut hidden = self.hidden.subscribe();
        let _gone = hidden.wait_for(|(_, missed)| *missed > 0).await;
    }

    fn check(&self) -> Result<(), StoreError> {
        if *self.frozen.borrow() { Err(StoreError::Unavailable { reason: "frozen".to_owned() }) } else { Ok(()) }
    }
}

impl Store for Frozen {
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Got, StoreError>> {
        let hides = self.hidden.borrow().0 && matches!(Place::of(key), Some(Place::Plan(_)));
        Box::pin(async move {
            let got = self.inner.get(key).await?;
            if !hides {
                return Ok(got);
            }
            self.hidden.send_modify(|state| state.1 += 1);
            Ok(Got { item: None, ..got })
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a Key,
        after: Option<&'a Key>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            self.check()?;
            self.inner.list(prefix, after, limit).await
        })
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        self.inner.commit(txn)
    }

    fn watch<'a>(&'a self, prefix: &'a Key, from: Revision) -> BoxFuture<'a, Result<WatchStream, StoreError>> {
        Box::pin(async move {
            self.check()?;
            let (inner, mut frozen) = (self.inner.watch(prefix, from).await?, self.frozen.subscribe());
            let silent = async move {
                let _gone = frozen.wait_for(|frozen| *frozen).await;
            };
            Ok(WatchStream::new(futures::StreamExt::take_until(inner, silent)))
        })
    }

    fn compact(&self, before: Revision) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.compact(before)
    }

    fn lease(&self, ttl: Duration) -> BoxFuture<'_, Result<Leased, StoreError>> {
        self.inner.lease(ttl)
    }

    fn keep(&self, lease: LeaseId) -> BoxFuture<'_, Result<Keeping, StoreError>> {
        Box::pin(async move {
            self.check()?;
            self.inner.keep(lease).await
        })
    }

    fn revoke(&self, lease: LeaseId) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.revoke(lease)
    }

    fn name(&self) -> &'static str {
        "frozen"
    }
}
