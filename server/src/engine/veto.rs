//! Vetoes by people: a decision about a service, in its chain like those of its rollouts. What the rules say of it is in
//! `core::rollout::veto`; those that a rollback makes are committed with the rollback.

use std::collections::BTreeSet;

use meridian_core::agent::VetoList;
use meridian_core::digest::Digest;
use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::lane::LaneState;
use meridian_core::rollout::reason::Refused;
use meridian_core::rollout::veto::{Veto, VetoOrder};

use super::books::Request;
use super::commit::{VetoDecision, commit_vetoes};
use super::{Engine, RequestMark};
use crate::error::EngineError;

/// How often head and lanes are read again after somebody else changed them.
const CONFLICTS_MAX: u32 = 10;

/// A person's order about vetoes.
#[derive(Clone, Debug)]
pub struct VetoCall {
    /// Whose.
    pub service: ServiceId,
    /// What.
    pub order: VetoOrder,
    /// Declared name.
    pub actor: String,
    /// Their words.
    pub reason: String,
    /// For having the effect of once.
    pub request: Option<RequestMark>,
}

impl Engine {
    /// Vetoes a digest, lifts a veto, or lets a service's rollouts start again.
    ///
    /// # Errors
    /// If the rules refuse it, others keep changing the service, or the store fails.
    pub async fn veto(&self, call: &VetoCall) -> Result<(), EngineError> {
        for attempt in 0..CONFLICTS_MAX {
            if let Some(mark) = &call.request
                && let Request::Done(_) = self.shared.books.request(mark).await?
            {
                return Ok(());
            }
            match self.try_veto(call).await {
                Ok(()) => return Ok(()),
                Err(EngineError::Contended { .. }) => tokio::time::sleep(crate::backoff::jittered(attempt)).await,
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::Contended { key: call.service.to_string() })
    }

    async fn try_veto(&self, call: &VetoCall) -> Result<(), EngineError> {
        let VetoCall { service, order, actor, reason, request } = call;
        let books = &self.shared.books;
        let (head, lanes) = (books.head(service).await?, books.lanes(service).await?);
        let in_use = self.in_use(lanes.value.iter()).await?;
        let said = Veto { rollout: None, actor: actor.clone(), reason: reason.clone(), at: self.shared.clock.now() };
        let epoch = head.value.epoch.next().ok_or(Refused::EpochExhausted)?;
        let before = &head.value.vetoes;
        let vetoes = before.order(*order, said.clone(), epoch, &in_use)?;
        let lifted = match order {
            VetoOrder::Veto(_) => None,
            VetoOrder::Unveto(digest) => before.digests.get(digest),
            VetoOrder::ReleaseHold => before.hold.as_ref(),
        };
        let rollout = lifted.and_then(|veto| veto.rollout.clone());
        let list = VetoList::of(&vetoes, epoch);
        let (lanes, request, kind) = (lanes.expect, request.as_ref(), order.kind());
        let decision = VetoDecision { service, vetoes, rollout, head: &head, lanes, kind, said, request };
        let began = std::time::Instant::now();
        commit_vetoes(books, decision).await?;
        self.shared.sessions.tell_vetoes(service, list);
        self.shared.metrics.committed(kind, began.elapsed());
        tracing::info!(%service, %epoch, kind, actor, "decided");
        Ok(())
    }

    /// What regions serve and rollouts launch now.
    async fn in_use(
        &self,
        lanes: impl Iterator<Item = (&RegionId, &LaneState)>,
    ) -> Result<BTreeSet<Digest>, EngineError> {
        let (mut in_use, mut launching) = (BTreeSet::new(), BTreeSet::<RolloutId>::new());
        for (_, lane) in lanes {
            in_use.extend(lane.stable.as_ref().map(|placed| placed.release.digest));
            launching.extend(lane.holder().cloned());
        }
        for id in launching {
            in_use.insert(self.shared.books.rollout(&id).await?.0.plan.release.digest);
        }
        Ok(in_use)
    }
}
