//! Invariants of who belongs to the fleet: late joiners, and regions on their way out. They know the launch that a join
//! follows, which a rollout's own rules do not.

use std::collections::BTreeSet;

use super::{Broken, require};
use crate::id::RegionId;
use crate::plan::Plan;
use crate::rollout::state::{Phase, Rollout};

/// Checks a new plan against the regions that were draining when it was made and, if it is a join, the launch that it
/// follows.
#[must_use]
pub fn membership(plan: &Plan, draining: &BTreeSet<RegionId>, launch: Option<&Rollout>) -> Vec<Broken> {
    let mut broken = Vec::new();
    for region in plan.lanes.keys() {
        let stays = plan.supersedes.is_some() || !draining.contains(region);
        require(&mut broken, "C28", stays, || format!("{region} is draining and is planned"));
    }
    let Some(join) = &plan.join else { return broken };
    let follows = launch.is_some_and(|launch| {
        let is_stable = matches!(launch.phase, Phase::Stable { .. });
        launch.id == join.after && is_stable && launch.plan.join.is_none() && launch.plan.release == plan.release
    });
    require(&mut broken, "C28", follows, || format!("{} is not what {} made stable", plan.release, join.after));
    for (region, lane) in &plan.lanes {
        let there = lane.base.as_ref().is_some_and(|base| base.release.digest == plan.release.digest);
        require(&mut broken, "C28", !there, || format!("{region} is moved to what it has"));
        let was_member = launch.is_some_and(|launch| launch.lanes.contains_key(region));
        let late = lane.base.is_none() || !was_member;
        require(&mut broken, "C28", late, || format!("{region} was there when {} was launched", plan.release));
    }
    let asks = |wave: &crate::plan::PlannedWave| !wave.approvals.is_empty() || !wave.callbacks.is_empty();
    let asked = !plan.checklist.is_empty() || plan.timetable.train.is_some() || plan.waves.iter().any(asks);
    require(&mut broken, "C28", !asked, || format!("{} is asked again what it has passed", plan.release));
    broken
}
