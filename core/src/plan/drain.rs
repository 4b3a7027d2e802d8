//! Regions on their way out: nothing newly planned takes them. What a rollout holds when the drain begins goes to its end,
//! also under a plan that takes that rollout's lanes over.

use super::compile::{Inventory, PlanRefusal, RegionFacts};
use crate::id::RegionId;

/// Whether a label, or the rest, means this region.
pub(super) fn may_take(facts: &RegionFacts, inventory: &Inventory) -> bool {
    let Some(over) = inventory.superseding.as_ref().filter(|_| facts.draining) else {
        return !facts.draining;
    };
    facts.lane.holder() == Some(&over.record.id)
}

/// Refuses a draining region that is meant by name.
pub(super) fn check(region: &RegionId, facts: &RegionFacts, inventory: &Inventory, refused: &mut Vec<PlanRefusal>) {
    if !may_take(facts, inventory) {
        refused.push(PlanRefusal::Draining { region: region.clone() });
    }
}
