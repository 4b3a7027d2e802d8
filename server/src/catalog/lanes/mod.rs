//! Lanes as the engine keeps them, for reading: what is stable where, and who holds what.

mod outlook;

use std::collections::BTreeMap;

use meridian_core::id::{RegionId, RolloutId, ServiceId};
use meridian_core::lane::LaneState;
use meridian_store::record::Head;
use meridian_store::{Expect, Key, Txn, layout, record};

use super::Catalog;
use super::listing::{end_of, service_of};
use crate::error::EngineError;

pub use outlook::Outlook;

/// Services whose lanes are read to describe a region; more than a region runs.
const SERVICES_MAX: usize = 1000;

/// The lanes of a service and the state in which they were read.
#[derive(Clone, Debug)]
pub struct ServiceLanes {
    /// Whose.
    pub service: ServiceId,
    /// By region.
    pub lanes: BTreeMap<RegionId, LaneState>,
    expect: Expect,
}

impl ServiceLanes {
    /// A rollout that holds one of the lanes in these regions.
    #[must_use]
    pub fn held_by(&self, which: impl Fn(&RegionId) -> bool) -> Option<&RolloutId> {
        self.lanes.iter().filter(|(region, _)| which(region)).find_map(|(_, lane)| lane.holder())
    }

    /// Adds to a transaction that what is known of the service in a region is forgotten.
    pub(super) fn retire(mut self, region: &RegionId, txn: Txn) -> Txn {
        self.lanes.remove(region);
        txn.put(layout::lanes(&self.service), record::encode_lanes(&self.lanes), self.expect)
    }

    /// Adds to a transaction that the lanes are still as they were read.
    #[must_use]
    pub fn guard(&self, txn: Txn) -> Txn {
        txn.check(layout::lanes(&self.service), self.expect)
    }
}

impl Catalog {
    /// The lanes of a service.
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn lanes_of(&self, service: &ServiceId) -> Result<ServiceLanes, EngineError> {
        let key = layout::lanes(service);
        let (lanes, expect) = match self.store.get(&key).await?.item {
            None => (BTreeMap::new(), Expect::Absent),
            Some(item) => (record::decode_lanes(&key, &item.value)?, Expect::At(item.mod_revision)),
        };
        Ok(ServiceLanes { service: service.clone(), lanes, expect })
    }

    /// The head of a service; that of a service without decisions if there is none.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn head_of(&self, service: &ServiceId) -> Result<Head, EngineError> {
        let key = layout::head(service);
        match self.store.get(&key).await?.item {
            None => Ok(Head::default()),
            Some(item) => Ok(record::decode_head(&key, &item.value)?),
        }
    }

    /// The lanes of all services, also of those that were removed.
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn lanes_of_all(&self) -> Result<Vec<ServiceLanes>, EngineError> {
        let (mut all, mut after) = (Vec::new(), None::<Key>);
        while all.len() < SERVICES_MAX {
            let page = self.store.list(&layout::services(), after.as_ref(), 1).await?;
            let Some(first) = page.items.first() else { break };
            let Some(service) = service_of(&first.key) else {
                after = Some(first.key.clone());
                continue;
            };
            all.push(self.lanes_of(&service).await?);
            after = end_of(&layout::all_of_service(&service));
        }
        Ok(all)
    }
}
