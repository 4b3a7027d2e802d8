//! Quarantine in a region's record: why its agent is not believed, and that somebody vouches for it again.

use std::collections::BTreeMap;

use meridian_core::agent::quarantine::Distrust;
use meridian_core::id::{RegionId, ServiceId};
use meridian_store::Txn;
use meridian_store::record::{Confirmed, Quarantine, Region};

use crate::catalog::kept::Draft;
use crate::catalog::{Catalog, Stored, Terms};
use crate::error::EngineError;

/// Who vouches for a region's agent, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Voucher {
    /// Declared name.
    pub actor: String,
    /// Their words.
    pub reason: String,
}

impl Catalog {
    /// Believes a region's agent no more. What was found first of a lane stays.
    ///
    /// # Errors
    /// If there is no such region or the store fails.
    pub async fn quarantine(
        &self,
        id: &RegionId,
        doubts: &BTreeMap<ServiceId, Distrust>,
    ) -> Result<Stored<Region>, EngineError> {
        self.put(id, &Terms::default(), |current: Option<&Stored<Region>>, now| {
            let Some(Stored { value: before, .. }) = current else { return Ok(Draft::Unchanged) };
            let fresh = Quarantine { since: now, lanes: BTreeMap::new() };
            let mut quarantine = before.quarantine.clone().unwrap_or(fresh);
            for (service, doubt) in doubts {
                quarantine.lanes.entry(service.clone()).or_insert(*doubt);
            }
            if before.quarantine.as_ref() == Some(&quarantine) {
                return Ok(Draft::Unchanged);
            }
            Ok(Draft::Write(Region { quarantine: Some(quarantine), ..before.clone() }, Txn::new()))
        })
        .await
    }

    /// Believes a region's agent again, as it is now.
    ///
    /// # Errors
    /// If it claims what was never issued: nobody can vouch for that. If the terms do not hold or the store fails.
    pub async fn confirm_region(
        &self,
        id: &RegionId,
        voucher: &Voucher,
        terms: &Terms,
    ) -> Result<Stored<Region>, EngineError> {
        self.put(id, terms, |current: Option<&Stored<Region>>, now| {
            let Some(Stored { value: before, .. }) = current else { return Ok(Draft::Unchanged) };
            let Some(quarantine) = &before.quarantine else { return Ok(Draft::Unchanged) };
            let mut confirmed = before.confirmed.clone();
            for (service, doubt) in &quarantine.lanes {
                let Some(pardon) = doubt.pardon() else {
                    let (region, service) = (id.to_string(), service.to_string());
                    return Err(EngineError::NotConfirmable { region, service, doubt: *doubt });
                };
                let Voucher { actor, reason } = voucher.clone();
                confirmed.insert(service.clone(), Confirmed { pardon, actor, reason, time: now });
            }
            Ok(Draft::Write(Region { quarantine: None, confirmed, updated: now, ..before.clone() }, Txn::new()))
        })
        .await
    }
}
