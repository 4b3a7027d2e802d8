//! Invariants of a way back that goes at a pace. They know one decision and what was seen.

use super::transition::Taken;
use super::{Broken, require};
use crate::id::RegionId;
use crate::observation::{Contact, Sight};
use crate::playbook::BackPace;
use crate::rollout::event::Event;
use crate::rollout::state::{LaneAt, LaneProgress, Phase, Rollout};

/// Nobody who can go back is left where fewer are on their way than may be, nor behind one that is stuck; and of those
/// that are left none has voted to go back while one that has not was turned.
pub(super) fn check(broken: &mut Vec<Broken>, taken: Taken<'_>, after: &Rollout) {
    let Some(BackPace { max_parallel }) = after.plan.rollback.pace else { return };
    let left: Vec<&RegionId> =
        after.lanes.iter().filter(|(id, lane)| is_left(after, id, lane)).map(|(id, _)| id).collect();
    let turning = |lane: &LaneProgress| lane.at == LaneAt::Reverting;
    match &after.phase {
        Phase::RollingBack { .. } => {
            let heard = match taken.event {
                Event::Look(sight) | Event::Guard(sight) => Some(sight),
                Event::Pause(_)
                | Event::Resume(_)
                | Event::Rollback(..)
                | Event::Abandon(_)
                | Event::Approve(..)
                | Event::Revoke(..)
                | Event::Sign(..)
                | Event::Unsign(..)
                | Event::Board(..)
                | Event::Answer(_)
                | Event::Member(_) => None,
            };
            // Where nothing was seen yet, whoever is on its way takes a place.
            let counts = |id: &RegionId| heard.is_none_or(|sight| is_reachable(sight, id));
            let busy = after.lanes.iter().filter(|(id, lane)| turning(lane) && counts(id)).count();
            let full = busy >= max_parallel as usize;
            require(broken, "C25", left.is_empty() || full, || format!("{left:?} stay while {busy} go back"));
            let newly = after.lanes.iter().filter(|(id, lane)| turning(lane) && !turning(&taken.before.lanes[*id]));
            let better = newly.filter(|(id, lane)| lane.vote.is_none() && counts(id)).count();
            let worse = left.iter().filter(|id| after.lanes[**id].vote.is_some()).count();
            require(broken, "C25", better == 0 || worse == 0, || format!("{left:?} are worse than who was turned"));
        }
        Phase::Frozen { .. } => {
            let from_back = matches!(taken.before.phase, Phase::RollingBack { .. });
            require(broken, "C25", !from_back || left.is_empty(), || {
                format!("{left:?} are left behind one that is stuck")
            });
        }
        Phase::Running(_)
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => {}
    }
}

fn is_left(record: &Rollout, region: &RegionId, lane: &LaneProgress) -> bool {
    let based = record.plan.lanes.get(region).is_some_and(|planned| planned.base.is_some());
    !matches!(lane.at, LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted) && (based || !lane.moved)
}

fn is_reachable(sight: &Sight, region: &RegionId) -> bool {
    sight.get(region).is_some_and(|seen| matches!(seen.contact, Contact::Live(_)))
}
