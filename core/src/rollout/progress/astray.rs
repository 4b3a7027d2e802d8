//! Lanes that are not where they were ordered to be: an agent that went back alone, and drift. What they did is a fact;
//! here it becomes a decision for the rest.

use super::LaneView;
use crate::id::RegionId;
use crate::observation::Sight;
use crate::playbook::{DriftPolicy, Scope};
use crate::rollout::goals::{LaneOrder, lane_order};
use crate::rollout::reason::Wait;
use crate::rollout::state::{Cause, LaneAt, LaneProgress, Rollout};
use crate::rollout::step::Draft;
use crate::rollout::votes::in_current_wave;

/// The rollback that follows from an agent that went back alone: it was right to fear for its region, so no vote is
/// asked, whatever the policy.
pub(in crate::rollout) fn gone_back(record: &Rollout, sight: &Sight) -> Option<(Cause, Scope)> {
    record.lanes.keys().find_map(|region| {
        let verdict = LaneView::new(record, region, sight).went_back()?.verdict.clone();
        let scope = match record.plan.rollback.fleet {
            true => Scope::Fleet,
            false if in_current_wave(record, region) => Scope::Wave,
            false => Scope::Region(region.clone()),
        };
        Some((Cause::DeadMan { region: region.clone(), verdict }, scope))
    })
}

/// Notes every lane that has drifted, or was adopted because it had; by the plan's policy it is adopted now. Answers
/// the first as a cause.
pub(in crate::rollout) fn drifted(draft: &mut Draft, sight: &Sight) -> Option<Cause> {
    let found = |(region, lane): (&RegionId, &LaneProgress)| {
        let drift = LaneView::new(&draft.next, region, sight).drift().map(|drift| drift.to_string());
        Some((region.clone(), drift.or_else(|| lane.adopted.clone())?))
    };
    let found: Vec<(RegionId, String)> = draft.next.lanes.iter().filter_map(found).collect();
    for (region, found) in &found {
        if draft.next.plan.drift() == DriftPolicy::Adopt {
            adopt(draft, region, found);
        }
        draft.waits.push(Wait::Drift { region: region.clone(), found: found.clone() });
    }
    found.into_iter().next().map(|(region, found)| Cause::Drift { region, found })
}

/// Records what was found as fact. The first finding stays until somebody resumes: it is what people were told.
fn adopt(draft: &mut Draft, region: &RegionId, found: &str) {
    let lane = draft.next.lanes.get_mut(region).expect("regions were listed from the lanes");
    if lane.adopted.is_none() {
        lane.adopted = Some(found.to_owned());
        draft.kind = "adopt";
    }
}

/// Why the rollout does not leave its wave, if a lane was adopted.
pub(in crate::rollout) fn adopted(record: &Rollout) -> Option<Cause> {
    let (region, found) = record.lanes.iter().find_map(|(region, lane)| Some((region, lane.adopted.clone()?)))?;
    Some(Cause::Drift { region: region.clone(), found })
}

/// Whether the lane's order sends traffic to the new release, so that an agent could have turned it back.
pub(in crate::rollout) fn is_at_step(record: &Rollout, at: LaneAt) -> bool {
    matches!(lane_order(&record.plan, &record.phase, at), LaneOrder::AtStep(_) | LaneOrder::Rested(_))
}
