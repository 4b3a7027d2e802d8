//! What waiting requests need, read from the catalog as it is now. Whose turn it is, is `core::queue`'s to say.

use std::collections::{BTreeMap, BTreeSet};

use meridian_core::id::{PlaybookId, RegionId, RolloutId, ServiceId};
use meridian_core::lane::LaneState;
use meridian_core::plan::{Inventory, needed};
use meridian_core::queue::{Need, Queue, Request, Sight};
use meridian_core::rollout::veto::Vetoes;
use meridian_store::record::StoredRelease;
use meridian_store::{layout, record};

use crate::catalog::Catalog;
use crate::engine::Kept;
use crate::error::EngineError;

/// All that the queue of a service is judged by.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    lanes: BTreeMap<RegionId, LaneState>,
    vetoes: Vetoes,
    needs: BTreeMap<RolloutId, Need>,
}

impl Outlook {
    /// The same, as the rules take it.
    #[must_use]
    pub fn sight(&self) -> Sight<'_> {
        Sight { needs: &self.needs, lanes: &self.lanes, vetoes: &self.vetoes }
    }
}

impl Catalog {
    /// The queue of a service.
    pub(crate) async fn queue_of(&self, service: &ServiceId) -> Result<Kept<Queue>, EngineError> {
        Kept::read(self.store.as_ref(), &layout::queue(service), record::decode_queue).await
    }

    /// What these requests of a service need, its lanes and its vetoes.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn outlook(&self, service: &ServiceId, waiting: &[Request]) -> Result<Outlook, EngineError> {
        // First of all: what is freed or vetoed later is seen by the compare, or by the next look.
        let vetoes = self.head_of(service).await?.vetoes;
        let inventory = self.inventory(service).await?;
        let mut needs = BTreeMap::new();
        for request in waiting {
            match self.need(service, request, &inventory).await {
                Ok(need) => {
                    needs.insert(request.rollout.clone(), need);
                }
                Err(error @ EngineError::NotFound { .. }) => {
                    let need = Need::Gone { code: "NOT_FOUND", words: error.to_string() };
                    needs.insert(request.rollout.clone(), need);
                }
                // It waits as one of which nothing is known, until somebody mends or removes it.
                Err(error @ EngineError::Corrupt(_)) => {
                    tracing::error!(%error, %service, rollout = %request.rollout, "what a request needs can't be read");
                }
                Err(error) => return Err(error),
            }
        }
        let lanes = inventory.regions.into_iter().map(|(region, facts)| (region, facts.lane)).collect();
        Ok(Outlook { lanes, vetoes, needs })
    }

    async fn need(&self, service: &ServiceId, request: &Request, inventory: &Inventory) -> Result<Need, EngineError> {
        let release = self.get::<StoredRelease>(&(service.clone(), request.release.clone())).await?;
        let playbook = self.playbook(&request.playbook, request.revision).await?;
        let lanes = needed(&Self::valid(&playbook.value)?, inventory);
        Ok(Need::Lanes(lanes, release.value.release.digest))
    }

    /// The lanes that a plan of a service by a playbook would take.
    ///
    /// # Errors
    /// If there is no such playbook, or the store fails.
    pub async fn lanes_needed(
        &self,
        service: &ServiceId,
        playbook: &PlaybookId,
        revision: Option<u64>,
    ) -> Result<BTreeSet<RegionId>, EngineError> {
        let playbook = self.playbook(playbook, revision).await?;
        Ok(needed(&Self::valid(&playbook.value)?, &self.inventory(service).await?))
    }
}
