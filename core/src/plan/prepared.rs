//! Two-phase pairs: a release that is prepared by an earlier one starts when that is stable wherever the service serves, for
//! what the two share may be shared by all regions; and nothing jumps back over both.

use semver::Version;

use super::compile::{Inventory, PlanRefusal, RegionFacts};
use crate::id::RegionId;
use crate::release::Release;

/// A release that regions serve, and what had to be stable everywhere before it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Activated {
    /// What serves.
    pub version: Version,
    /// What it prepares on.
    pub prepares: Version,
}

/// Refuses what would start too early, or jump back over a pair.
pub(super) fn check<'r>(
    release: &Release,
    regions: impl IntoIterator<Item = &'r RegionId>,
    inventory: &Inventory,
    refused: &mut Vec<PlanRefusal>,
) {
    let stable = |facts: &RegionFacts| facts.lane.stable.as_ref().map(|placed| placed.release.version.clone());
    if let Some(needs) = &release.prepares {
        // Where nothing has served there is nothing to prepare; where it serves already, it was.
        let is_ready = |version: &Version| version == needs || *version == release.version;
        let late = |(region, facts): (&RegionId, &RegionFacts)| {
            let version = stable(facts).filter(|version| !is_ready(version))?;
            let (is, region, needs) = (version, region.clone(), needs.clone());
            Some(PlanRefusal::NotPrepared { version: release.version.clone(), needs, region, is })
        };
        refused.extend(inventory.regions.iter().filter_map(late));
    }
    for region in regions {
        let jumped = inventory.regions.get(region).and_then(|facts| facts.activated.as_ref());
        if let Some(Activated { version, prepares }) = jumped.filter(|activated| release.version < activated.prepares) {
            let (to, from, over) = (release.version.clone(), version.clone(), prepares.clone());
            refused.push(PlanRefusal::JumpsBack { region: region.clone(), from, over, to });
        }
    }
}
