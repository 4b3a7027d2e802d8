//! Regions: registered by their agents or by people. Labels, description and cordon are people's; version, abilities and
//! the number of the session are the agent's, and both write the same record under a comparison.

mod drain;
mod quarantine;

use std::collections::BTreeMap;

use meridian_core::id::RegionId;
use meridian_core::plan::TrafficShare;
use meridian_store::record::Region;
use meridian_store::{Key, Txn, layout, layout::Place};

use crate::catalog::kept::Draft;
use crate::catalog::{Catalog, Listed, Stored, Terms};
use crate::error::EngineError;

pub use quarantine::Voucher;

/// What people say of a region.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RegionSpec {
    /// For selecting.
    pub labels: BTreeMap<String, String>,
    /// Free text.
    pub description: String,
    /// Taken out of new plans.
    pub cordoned: bool,
    /// Its part of the traffic.
    pub traffic_share: Option<TrafficShare>,
}

impl Catalog {
    /// Writes a region; what its agent said of itself stays.
    ///
    /// # Errors
    /// If the terms do not hold or the store fails.
    pub async fn put_region(
        &self,
        id: &RegionId,
        spec: RegionSpec,
        terms: &Terms,
    ) -> Result<Stored<Region>, EngineError> {
        self.put(id, terms, move |current: Option<&Stored<Region>>, now| {
            let RegionSpec { labels, description, cordoned, traffic_share } = spec.clone();
            let before = current.map(|current| current.value.clone());
            let base = before.clone().unwrap_or_else(|| Region { created: now, ..Region::default() });
            let wanted = Region { labels, description, cordoned, traffic_share, ..base };
            if before.as_ref() == Some(&wanted) {
                return Ok(Draft::Unchanged);
            }
            Ok(Draft::Write(Region { updated: now, ..wanted }, Txn::new()))
        })
        .await
    }

    /// A page of regions.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn regions(
        &self,
        after: Option<Key>,
        size: usize,
    ) -> Result<Listed<(RegionId, Stored<Region>)>, EngineError> {
        let Listed { items, next, revision } = self.page(&layout::regions(), after.as_ref(), size).await?;
        let named = items.into_iter().filter_map(|(key, stored)| {
            let Some(Place::Region(id)) = Place::of(&key) else {
                return None;
            };
            Some((id, stored))
        });
        Ok(Listed { items: named.collect(), next, revision })
    }

    /// All regions.
    pub(crate) async fn all_regions(&self) -> Result<BTreeMap<RegionId, Region>, EngineError> {
        let (mut all, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.regions(after, meridian_store::MAX_PAGE_ITEMS).await?;
            all.extend(page.items.into_iter().map(|(id, stored)| (id, stored.value)));
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }
}
