//! Orders about a watch, carried out wherever they arrive, with the effect of once.

use meridian_core::id::{RolloutId, ServiceId};
use meridian_core::watch::{Event, step};
use meridian_store::Revision;

use super::books::Decision;
use super::{CONFLICTS_MAX, WatchView, Watches};
use crate::engine::RequestMark;
use crate::error::EngineError;

/// An order about a watch.
#[derive(Clone, Debug)]
pub struct WatchCall {
    /// Whose.
    pub service: ServiceId,
    /// Of which rollout.
    pub rollout: RolloutId,
    /// What.
    pub event: Event,
    /// If set, the watch must be of this revision.
    pub etag: Option<Revision>,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
}

impl Watches {
    /// Carries out an order.
    ///
    /// # Errors
    /// If there is no such watch, the rules refuse the order, the etag is stale, or the store fails.
    pub async fn order(&self, call: &WatchCall) -> Result<WatchView, EngineError> {
        let WatchCall { service, rollout, event, etag, request } = call;
        for attempt in 0..CONFLICTS_MAX {
            if self.catalog.is_done(request.as_ref()).await? {
                return self.get(service, rollout).await;
            }
            let kept = self.watch(service, rollout).await?;
            if let Some(given) = etag.filter(|given| *given != kept.revision) {
                let name = meridian_proto::convert::name::watch(service, rollout);
                return Err(EngineError::StaleEtag { name, given: format!("{:x}", given.get()) });
            }
            let (facts, at) = self.facts(&kept.stored.watch).await?;
            let now = self.clock.now();
            let decided = step(&kept.stored.watch, event.clone(), &facts, now)?;
            let Some(next) = &decided.next else {
                return self.view(kept.stored.watch, kept.revision).await;
            };
            // That the launch is stable is what the evaluation rests on; all else holds whatever becomes of it.
            let rests_on = matches!(event, Event::Evaluate { .. }).then_some(at);
            let decision =
                Decision { request: request.as_ref(), rollout: rests_on, ..Decision::of(next, &decided, &kept, now) };
            if let Some(revision) = self.commit(decision).await? {
                return Ok(WatchView { watch: next.clone(), revision, waits: decided.waits });
            }
            tokio::time::sleep(crate::backoff::jittered(attempt)).await;
        }
        Err(EngineError::Contended { key: rollout.to_string() })
    }
}
