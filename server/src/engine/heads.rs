//! Follows the heads of services for their vetoes: whatever another replica or a person has vetoed or lifted, agents
//! connected here are told. Heads lie among releases and the whole audit, so nothing is listed: changes are watched, and what
//! may have been missed is read by name.

use std::time::Duration;

use futures::StreamExt as _;
use meridian_core::agent::VetoList;
use meridian_core::epoch::Epoch;
use meridian_core::id::ServiceId;
use meridian_store::layout::Place;
use meridian_store::record::{self, Head};
use meridian_store::{Change, Versioned, WatchItem, WatchStream, layout};
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::error::EngineError;

/// Between two readings of all heads that are known; in between the watch tells.
const EVERY: Duration = Duration::from_secs(30);
/// After a reading that failed, or a watch that ended.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Follows until `shutdown`.
pub(super) async fn run(engine: Engine, shutdown: CancellationToken) {
    let (mut watch, mut pause) = (None, Duration::ZERO);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = hear(&engine, &mut watch) => pause = AGAIN_AFTER,
            () = tokio::time::sleep(pause) => pause = match engine.read_heads(&mut watch).await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::warn!(%error, "heads can't be read; reading again soon");
                    AGAIN_AFTER
                }
            },
        }
    }
}

/// Hears of changes until the watch ends; for ever if there is none.
async fn hear(engine: &Engine, watch: &mut Option<WatchStream>) {
    let Some(stream) = watch else { return std::future::pending().await };
    while let Some(item) = stream.next().await {
        match item {
            Ok(WatchItem::Changes { revision: _, changes }) => changes.into_iter().for_each(|change| match change {
                Change::Put(item) => engine.head_shown(&item),
                Change::Delete { .. } => {}
            }),
            Ok(WatchItem::Progress { revision: _ }) => {}
            Err(ended) => {
                tracing::debug!(%ended, "the watch of heads has ended; reading anew");
                break;
            }
        }
    }
    *watch = None;
}

impl Engine {
    /// Begins to watch unless there is a watch, and reads what may have changed before it began or was lost by it.
    async fn read_heads(&self, watch: &mut Option<WatchStream>) -> Result<(), EngineError> {
        let store = &self.shared.books.store;
        if watch.is_none() {
            let from = store.get(&layout::restore()).await?.revision;
            *watch = Some(store.watch(&layout::services(), from).await?);
        }
        for service in self.shared.sessions.vetoing() {
            self.read_vetoes(&service).await?;
        }
        Ok(())
    }

    /// Reads what a service has vetoed; before its first decision there is nothing to tell.
    pub(super) async fn read_vetoes(&self, service: &ServiceId) -> Result<(), EngineError> {
        let head = self.shared.books.head(service).await?.value;
        self.tell_vetoes(service, &head);
        Ok(())
    }

    /// Tells agents what a service has vetoed.
    pub(super) fn tell_vetoes(&self, service: &ServiceId, head: &Head) {
        if head.epoch > Epoch::ZERO {
            self.shared.sessions.tell_vetoes(service, VetoList::of(&head.vetoes, head.epoch));
        }
    }

    fn head_shown(&self, item: &Versioned) {
        let Some(Place::Head(service)) = Place::of(&item.key) else { return };
        match record::decode_head(&item.key, &item.value) {
            Ok(head) => self.tell_vetoes(&service, &head),
            Err(error) => tracing::error!(%error, "the head of a service can't be read"),
        }
    }
}
