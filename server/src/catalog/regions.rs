//! Regions: registered by their agents or by people. Labels, description and cordon are people's; version, abilities and
//! the number of the session are the agent's, and both write the same record under a comparison.

use std::collections::BTreeMap;

use meridian_core::id::RegionId;
use meridian_core::plan::TrafficShare;
use meridian_store::record::Region;
use meridian_store::{Key, Txn, layout, layout::Place};

use super::kept::Draft;
use super::{Catalog, Listed, Stored, Terms};
use crate::error::EngineError;

/// Checks that one transaction of ours may carry, beside what it removes.
const GUARDS_MAX: usize = 100;

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
    pub(super) async fn all_regions(&self) -> Result<BTreeMap<RegionId, Region>, EngineError> {
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

    /// Removes a region. Its agent registers it again should it come back.
    ///
    /// # Errors
    /// While a rollout holds one of its lanes; if the terms do not hold or the store fails.
    pub async fn remove_region(&self, id: &RegionId, terms: &Terms) -> Result<(), EngineError> {
        self.remove::<Region, _>(id, terms, || async {
            let mut guards = Txn::new();
            let all = self.lanes_of_all().await?;
            for lanes in all.iter().filter(|lanes| lanes.lanes.contains_key(id)).take(GUARDS_MAX) {
                if let Some(by) = lanes.held_by(|region| region == id) {
                    return Err(EngineError::InUse { kind: "region", name: id.to_string(), by: by.to_string() });
                }
                guards = lanes.guard(guards);
            }
            Ok(guards)
        })
        .await
    }
}
