//! Which lanes a playbook needs, before any plan is made: for a request that waits for them.

use std::collections::BTreeSet;

use super::compile::{Inventory, PlanRefusal, resolve_stage};
use crate::id::{RegionId, RolloutId};
use crate::playbook::ValidPlaybook;

/// The registered regions that a plan by this playbook would take.
#[must_use]
pub fn needed(playbook: &ValidPlaybook, inventory: &Inventory) -> BTreeSet<RegionId> {
    let (mut waves, mut refused) = (Vec::new(), Vec::new());
    for stage in &playbook.get().stages {
        resolve_stage(stage, inventory, &mut waves, &mut refused);
    }
    let regions = waves.into_iter().flat_map(|wave| wave.regions);
    regions.filter(|region| inventory.regions.contains_key(region)).collect()
}

/// The rollouts whose end a plan waits for; `None`: it was refused for what no end of theirs changes.
#[must_use]
pub fn holders(refused: &[PlanRefusal]) -> Option<BTreeSet<RolloutId>> {
    let mut holders = BTreeSet::new();
    for refusal in refused {
        match refusal {
            PlanRefusal::LaneHeld { rollout, region: _ } => {
                holders.insert(rollout.clone());
            }
            // What is stable there is what the rollout before it changes.
            PlanRefusal::NothingToDo { .. } | PlanRefusal::NotPrepared { .. } | PlanRefusal::JumpsBack { .. } => {}
            PlanRefusal::UnknownRegion { .. }
            | PlanRefusal::EmptyWave { .. }
            | PlanRefusal::TooManyRegions(_)
            | PlanRefusal::Cordoned { .. }
            | PlanRefusal::Draining { .. }
            | PlanRefusal::NoSafety { .. }
            | PlanRefusal::NoQueries { .. }
            | PlanRefusal::NoLoad { .. }
            | PlanRefusal::NoParameters { .. }
            | PlanRefusal::ParametersTooLarge(_)
            | PlanRefusal::Supersede(_)
            | PlanRefusal::HotfixNotDeclared { .. }
            | PlanRefusal::CannotDo { .. }
            | PlanRefusal::NotWhole { .. }
            | PlanRefusal::WeightFalls { .. }
            | PlanRefusal::ShareMissing { .. }
            | PlanRefusal::ZoneMissing { .. }
            | PlanRefusal::ZoneUnknown { .. }
            | PlanRefusal::OrderUnknown { .. }
            | PlanRefusal::PartName { .. }
            | PlanRefusal::TooManyWaves(_)
            | PlanRefusal::Vetoed { .. } => return None,
        }
    }
    Some(holders).filter(|holders| !holders.is_empty())
}
