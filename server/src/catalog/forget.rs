//! Forgetting what nobody asks for any more: marks of requests, and the store's history behind all watches. Without it
//! both would grow for ever.

use std::time::Duration;

use meridian_core::time::Span;
use meridian_store::{Expect, Key, Revision, Txn, layout, record};
use tokio_util::sync::CancellationToken;

use super::Catalog;
use crate::error::EngineError;

/// How long a request id is remembered at least: callers are promised an hour, a day covers scripts that sleep.
const REMEMBERED: Span = Span::from_secs(24 * 3600);
/// Between two rounds. A watch that was away for less than one of them can always be resumed.
const EVERY: Duration = Duration::from_secs(1800);
/// Marks removed in one transaction.
const BATCH: usize = 100;

/// Forgets, round after round.
pub struct Forgetting {
    catalog: Catalog,
    /// The head of the store one round ago.
    behind: Option<Revision>,
}

impl Forgetting {
    /// Begins.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, behind: None }
    }

    /// Forgets until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "old entries stay for another round");
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), EngineError> {
        let head = self.forget_requests().await?;
        if let Some(behind) = self.behind.replace(head) {
            self.catalog.store.compact(behind).await?;
        }
        Ok(())
    }

    /// Removes old marks; tells the head of the store.
    async fn forget_requests(&self) -> Result<Revision, EngineError> {
        let now = self.catalog.clock.now();
        let mut after = None::<Key>;
        loop {
            let page = self.catalog.entries(&layout::requests(), after.as_ref(), BATCH).await?;
            let is_old = |item: &&meridian_store::Versioned| {
                record::decode_request(&item.key, &item.value).is_ok_and(|mark| now.since(mark.time) > REMEMBERED)
            };
            let old = page.items.iter().filter(is_old);
            let txn = old.fold(Txn::new(), |txn, item| txn.delete(item.key.clone(), Expect::At(item.mod_revision)));
            if txn.writes() {
                self.catalog.store.commit(txn).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(page.revision);
            }
        }
    }
}
