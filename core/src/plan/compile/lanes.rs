//! Each region of a plan: its lane, and whether it and its agent can do what the waves ask of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inventory, PARAMETER_BYTES_MAX, PlanRefusal, RegionFacts};
use crate::calendar::timetable::ZONE_LABEL;
use crate::evidence::Measure;
use crate::id::RegionId;
use crate::plan::spec::{PlannedLane, PlannedWave, TrafficShare};
use crate::playbook::{Playbook, SafetyPolicy, VotePolicy};
use crate::release::Release;
use crate::slot::Slot;
use crate::weight::Weight;

/// The new release goes to the slot that serves nothing; the first release of a lane goes to blue.
pub(in crate::plan) fn plan_lane(
    region: &RegionId,
    facts: &RegionFacts,
    spec: &Playbook,
    refused: &mut Vec<PlanRefusal>,
) -> PlannedLane {
    let RegionFacts { lane, share, .. } = facts;
    let follows = spec.timetable.follows_the_sun();
    let zone = facts.labels.get(ZONE_LABEL).filter(|_| follows).cloned();
    if follows && zone.is_none() {
        refused.push(PlanRefusal::ZoneMissing { region: region.clone() });
    }
    let slot = lane.stable.as_ref().map_or(Slot::Blue, |placed| placed.slot.other());
    let share = share.unwrap_or(TrafficShare::EQUAL);
    let parameters = facts.parameters.clone();
    PlannedLane { slot, base: lane.stable.clone(), epoch: lane.epoch, share, zone, parameters }
}

/// A lane is free, or held by the rollout that is superseded.
pub(super) fn check_held(
    region: &RegionId,
    facts: &RegionFacts,
    inventory: &Inventory,
    refused: &mut Vec<PlanRefusal>,
) {
    let from = inventory.superseding.as_ref().map(|over| &over.record.id);
    if let Some(rollout) = facts.lane.held_from(from) {
        refused.push(PlanRefusal::LaneHeld { region: region.clone(), rollout: rollout.clone() });
    }
}

pub(in crate::plan) fn check_region(
    region: &RegionId,
    facts: &RegionFacts,
    release: &Release,
    waves: &[PlannedWave],
    refused: &mut Vec<PlanRefusal>,
) {
    let region = || region.clone();
    if facts.cordoned {
        refused.push(PlanRefusal::Cordoned { region: region() });
    }
    let stable = facts.lane.stable.as_ref().map(|placed| &placed.release);
    // The same bytes under another version are no way back from themselves.
    if let Some(stable) = stable.filter(|stable| stable.digest == release.digest) {
        refused.push(PlanRefusal::NothingToDo { region: region(), version: stable.version.clone() });
    }
    let mut weight = Weight::NONE;
    for wave in waves.iter().filter(|wave| wave.regions.contains(&region())) {
        if wave.staging.is_some() && facts.load == Some(false) {
            refused.push(PlanRefusal::NoLoad { region: region(), wave: wave.id.to_string() });
        }
        for step in &wave.steps {
            let partial = step.weight != Weight::WHOLE && stable.is_some();
            let wants = [
                ("weights", partial && step.weight != Weight::NONE, facts.weights),
                ("cohorts", step.cohort.is_some() && stable.is_some(), facts.cohorts),
            ];
            for (ability, wanted, able) in wants {
                let refusal = PlanRefusal::CannotDo { region: region(), wave: wave.id.to_string(), ability };
                if wanted && able == Some(false) && !refused.contains(&refusal) {
                    refused.push(refusal);
                }
            }
        }
        let (first, last) = (wave.steps.first(), wave.steps.last());
        if first.is_some_and(|step| step.weight < weight) {
            refused.push(PlanRefusal::WeightFalls { region: region(), wave: wave.id.to_string() });
        }
        weight = last.map_or(weight, |step| step.weight);
    }
    if weight != Weight::WHOLE {
        refused.push(PlanRefusal::NotWhole { region: region(), weight });
    }
}

/// What the playbook asks of the region's agent, if that has said what it knows.
pub(in crate::plan) fn check_agent(
    region: &RegionId,
    facts: &RegionFacts,
    spec: &Playbook,
    refused: &mut Vec<PlanRefusal>,
) {
    if spec.safety != SafetyPolicy::default() && facts.safety == Some(false) {
        refused.push(PlanRefusal::NoSafety { region: region.clone() });
    }
    if facts.takes_parameters == Some(false) && !facts.parameters.is_empty() {
        refused.push(PlanRefusal::NoParameters { region: region.clone() });
    }
    let asks = spec.evidence.checks.iter().find(|check| matches!(check.measure, Measure::Query(_)));
    if let (Some(check), Some(false)) = (asks, facts.queries) {
        refused.push(PlanRefusal::NoQueries { region: region.clone(), check: check.name.clone() });
    }
}

/// What is pinned for all regions together has to fit beside the rest.
pub(super) fn check_parameters(lanes: &BTreeMap<RegionId, PlannedLane>, refused: &mut Vec<PlanRefusal>) {
    let values = lanes.values().flat_map(|lane| &lane.parameters);
    let bytes = values.map(|(name, value)| name.len() + value.len()).sum::<usize>();
    if bytes > PARAMETER_BYTES_MAX {
        refused.push(PlanRefusal::ParametersTooLarge(bytes));
    }
}

/// Shares are declared everywhere or nowhere: a share that is only half known would weigh a vote wrongly.
pub(in crate::plan) fn check_shares(
    votes: VotePolicy,
    regions: &BTreeSet<RegionId>,
    inventory: &Inventory,
    refused: &mut Vec<PlanRefusal>,
) {
    let VotePolicy::Traffic(_) = votes else { return };
    let facts = regions.iter().filter_map(|region| Some((region, inventory.regions.get(region)?)));
    let (declared, missing): (Vec<_>, Vec<_>) = facts.partition(|(_, facts)| facts.share.is_some());
    if !declared.is_empty() {
        let missing = missing.into_iter().map(|(region, _)| PlanRefusal::ShareMissing { region: region.clone() });
        refused.extend(missing);
    }
}
