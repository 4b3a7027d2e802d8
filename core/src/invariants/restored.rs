//! Invariants of going on after a restore. They know the record that came out of the backup and the one that goes on.

use super::{Broken, require, transition::lanes};
use crate::epoch::Epoch;
use crate::rollout::goals::lane_order;
use crate::rollout::state::{Phase, Rollout, Run};

/// Checks how a record goes on after a restore, `head` being the service's as it was backed up.
#[must_use]
pub fn restoration(before: &Rollout, after: &Rollout, head: Epoch) -> Vec<Broken> {
    let mut broken = Vec::new();
    let raised = after.epoch.generation() > head.generation();
    require(&mut broken, "S26", raised, || format!("{} after a restore of {head}", after.epoch));
    let fixed = before.id == after.id
        && before.plan == after.plan
        && before.requester == after.requester
        && before.opened == after.opened;
    require(&mut broken, "C10", fixed, || "name, plan, requester or start have changed".to_owned());
    for (region, was, is) in lanes(before, after) {
        let anew = is.goal_epoch == after.epoch;
        require(&mut broken, "S26", anew, || format!("{region} keeps the order of {}", is.goal_epoch));
        let same = lane_order(&before.plan, &before.phase, was.at) == lane_order(&after.plan, &after.phase, is.at)
            && was.moved == is.moved;
        require(&mut broken, "S26", same, || format!("{region} went from {:?} to {:?}", was.at, is.at));
    }
    let rests = match &after.phase {
        Phase::Running(Run { hold, .. }) => hold.is_some(),
        Phase::RollingBack { .. } | Phase::Frozen { .. } => true,
        Phase::Switched { .. } => false,
        Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => before.phase == after.phase,
    };
    require(&mut broken, "S26", rests, || format!("{} goes on as {}", before.phase.as_str(), after.phase.as_str()));
    broken
}
