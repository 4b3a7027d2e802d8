//! Draining: a region on its way out of the fleet. Nothing newly planned takes it, what holds it goes to its end, and what
//! serves there goes on serving: no server takes a live slot away. When nobody holds it any more it may be removed, and
//! what is known of its lanes with it.

use meridian_core::id::RegionId;
use meridian_store::record::{Drain, Region, UNDRAINS_MAX, Undrain};
use meridian_store::{CommitError, Key, Txn, commit_known};

use crate::catalog::kept::Draft;
use crate::catalog::{Catalog, ServiceLanes, Stored, Terms, Voucher};
use crate::error::EngineError;

/// Services whose lanes one transaction retires; of more, the first ones are retired before.
const RETIRED_AT_ONCE: usize = 50;

impl Catalog {
    /// Takes a region out of the fleet, in somebody's words. Who did it first stays.
    ///
    /// # Errors
    /// If there is no such region, the terms do not hold or the store fails.
    pub async fn drain_region(
        &self,
        id: &RegionId,
        said: &Voucher,
        terms: &Terms,
    ) -> Result<Stored<Region>, EngineError> {
        self.put(id, terms, |current: Option<&Stored<Region>>, now| {
            let Some(before) = current.map(|current| &current.value).filter(|before| before.drain.is_none()) else {
                return Ok(Draft::Unchanged);
            };
            let Voucher { actor, reason } = said.clone();
            let drain = Some(Drain { actor, reason, since: now });
            Ok(Draft::Write(Region { drain, updated: now, ..before.clone() }, Txn::new()))
        })
        .await
    }

    /// Takes it back, in somebody's words. That it was to go, and who said so, is remembered.
    ///
    /// # Errors
    /// If there is no such region, the terms do not hold or the store fails.
    pub async fn undrain_region(
        &self,
        id: &RegionId,
        said: &Voucher,
        terms: &Terms,
    ) -> Result<Stored<Region>, EngineError> {
        let Voucher { actor, reason } = said;
        tracing::info!(region = %id, actor, reason, "a region is taken back into the fleet");
        self.put(id, terms, |current: Option<&Stored<Region>>, now| {
            let Some(mut region) = current.map(|current| current.value.clone()) else { return Ok(Draft::Unchanged) };
            let Some(drain) = region.drain.take() else { return Ok(Draft::Unchanged) };
            let Voucher { actor, reason } = said.clone();
            region.undrains.push(Undrain { drain, actor, reason, time: now });
            let over = region.undrains.len().saturating_sub(UNDRAINS_MAX);
            region.undrains.drain(..over);
            Ok(Draft::Write(Region { updated: now, ..region }, Txn::new()))
        })
        .await
    }

    /// Removes a region and retires its lanes. Its agent registers it again should it come back, and then it comes anew.
    ///
    /// # Errors
    /// While a rollout holds one of its lanes; if something is stable there and it was not drained; if the terms do not
    /// hold or the store fails.
    pub async fn remove_region(&self, id: &RegionId, terms: &Terms) -> Result<(), EngineError> {
        self.remove::<Region, _>(id, terms, || async {
            let region = self.get::<Region>(id).await?.value;
            let mut all = self.lanes_of_all().await?;
            all.retain(|lanes| lanes.lanes.contains_key(id));
            for lanes in &all {
                check_drained(id, &region, lanes)?;
            }
            while all.len() > RETIRED_AT_ONCE {
                let first = all.drain(..RETIRED_AT_ONCE);
                let txn = first.fold(Txn::new(), |txn, lanes| lanes.retire(id, txn));
                self.retired(txn, id).await?;
            }
            Ok(all.into_iter().fold(Txn::new(), |txn, lanes| lanes.retire(id, txn)))
        })
        .await
    }

    /// Commits what is retired ahead of the rest.
    async fn retired(&self, txn: Txn, id: &RegionId) -> Result<(), EngineError> {
        let key: Key = meridian_store::layout::region(id);
        match commit_known(self.store.as_ref(), txn, &key).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict { .. }) => Err(EngineError::Contended { key: id.to_string() }),
            Err(error) => Err(error.into()),
        }
    }
}

fn check_drained(id: &RegionId, region: &Region, lanes: &ServiceLanes) -> Result<(), EngineError> {
    if let Some(by) = lanes.held_by(|region| region == id) {
        return Err(EngineError::InUse { kind: "region", name: id.to_string(), by: by.to_string() });
    }
    let serves = lanes.lanes.get(id).is_some_and(|lane| lane.stable.is_some());
    if serves && region.drain.is_none() {
        return Err(EngineError::NotDrained { region: id.to_string(), service: lanes.service.to_string() });
    }
    Ok(())
}
