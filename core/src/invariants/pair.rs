//! Invariants of servers and agents together: what was ordered against what was taken, and where it ended. They see
//! everything at once, which nobody in production does.

use std::collections::BTreeMap;

use super::{Broken, require};
use crate::agent::LocalWorld;
use crate::digest::Digest;
use crate::epoch::Epoch;
use crate::goal::Goal;
use crate::id::{Lane, RegionId, RolloutId};
use crate::lane::{LaneState, Placed};
use crate::rollout::state::{Phase, Rollout};
use crate::rollout::veto::{Veto, Vetoes};
use crate::weight::Split;

/// Every goal that any server has ever issued.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    issued: BTreeMap<Lane, BTreeMap<Epoch, Digest>>,
}

impl Orders {
    /// Notes a goal that follows from a committed record.
    pub fn issue(&mut self, goal: &Goal) -> Vec<Broken> {
        let mut broken = Vec::new();
        let hash = goal.hash();
        let known = *self.issued.entry(goal.lane.clone()).or_default().entry(goal.epoch).or_insert(hash);
        require(&mut broken, "S3", known == hash, || format!("{} was issued twice at {}", goal.lane, goal.epoch));
        broken
    }

    /// Checks a goal that an agent has accepted.
    #[must_use]
    pub fn accepted(&self, goal: &Goal) -> Vec<Broken> {
        let mut broken = Vec::new();
        let issued = self.issued.get(&goal.lane).and_then(|lane| lane.get(&goal.epoch));
        let same = issued == Some(&goal.hash());
        require(&mut broken, "S4", same, || format!("{} at {} was never issued so", goal.lane, goal.epoch));
        broken
    }
}

/// Checks that no lane is held by two rollouts.
#[must_use]
pub fn holders(records: &[Rollout]) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut holders: BTreeMap<Lane, &RolloutId> = BTreeMap::new();
    for record in records.iter().filter(|record| !record.phase.is_terminal()) {
        for region in record.lanes.keys() {
            let lane = Lane { service: record.plan.service.clone(), region: region.clone() };
            let what = format!("{lane} is held by {} and another", record.id);
            let other = holders.insert(lane, &record.id).is_some_and(|holder| *holder != record.id);
            require(&mut broken, "S16", !other, || what);
        }
    }
    broken
}

/// Checks the first record of a rollout against the lanes and vetoes it was opened over.
#[must_use]
pub fn opening(record: &Rollout, lanes: &BTreeMap<RegionId, LaneState>, vetoes: &Vetoes) -> Vec<Broken> {
    let mut broken = Vec::new();
    let release = &record.plan.release;
    let free = vetoes.hold.is_none() && !vetoes.digests.contains_key(&release.digest);
    require(&mut broken, "C13", free, || format!("{release} starts against {vetoes:?}"));
    for (region, planned) in &record.plan.lanes {
        let lane = lanes.get(region).cloned().unwrap_or_default();
        require(&mut broken, "S16", !lane.held, || format!("{region} is held by {:?}", lane.rollout));
        require(&mut broken, "S11", planned.base == lane.stable, || format!("{region} would go back elsewhere"));
        require(&mut broken, "S2", record.epoch > lane.epoch, || format!("{region} was written at {}", lane.epoch));
    }
    broken
}

/// Checks what a decision made of the service's vetoes.
#[must_use]
pub fn vetoes(before: &Rollout, next: &Rollout, after: &Vetoes) -> Vec<Broken> {
    let mut broken = Vec::new();
    let back = |record: &Rollout| matches!(record.phase, Phase::RollingBack { .. });
    let begins = back(next) && !back(before) && next.lanes.values().any(|lane| lane.moved);
    let says = after.digests.values().chain(&after.hold).any(|veto| veto.rollout.as_ref() == Some(&next.id));
    if next.plan.join.is_some() {
        require(&mut broken, "C28", !says, || format!("{} is a join and vetoes", next.id));
        return broken;
    }
    let digest = &next.plan.release.digest;
    let own = |veto: &Veto| veto.rollout.as_ref() == Some(&next.id);
    let kept = after.digests.get(digest).is_some_and(own) && after.hold.as_ref().is_some_and(own);
    require(&mut broken, "C13", !begins || kept, || format!("{} goes back and may be started again", next.id));
    broken
}

/// Checks what is kept of a lane after a decision.
#[must_use]
pub fn lane_state(
    record: &Rollout,
    region: &RegionId,
    before: &LaneState,
    after: &LaneState,
    vetoes: &Vetoes,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let Some(planned) = record.plan.lanes.get(region) else {
        return broken;
    };
    let own = before.rollout.as_ref() == Some(&record.id);
    let ended = record.phase.is_terminal();
    require(&mut broken, "S16", !own || after.held != ended, || format!("{region} is held: {}", after.held));
    let (release, parameters) = (record.plan.release.clone(), planned.parameters.clone());
    let new = Placed { slot: planned.slot, release, parameters };
    let given_up = matches!(record.phase, Phase::Failed { .. }) && vetoes.digests.contains_key(&new.release.digest);
    let known = after.stable == planned.base || after.stable == Some(new) && !(given_up && planned.base.is_some());
    require(&mut broken, "S11", known || after.stable == before.stable, || format!("{region}: {:?}", after.stable));
    require(&mut broken, "S2", after.epoch >= before.epoch, || format!("{region} fell to {}", after.epoch));
    broken
}

/// Checks the traffic of a region whose rollout has ended well, or is back.
#[must_use]
pub fn where_it_ended(record: &Rollout, region: &RegionId, world: &LocalWorld) -> Vec<Broken> {
    let mut broken = Vec::new();
    let Some(planned) = record.plan.lanes.get(region) else {
        return broken;
    };
    let (wanted, id) = match &record.phase {
        Phase::Switched { .. } | Phase::Stable { .. } => (Some(Split::all(planned.slot)), "C8"),
        Phase::RolledBack { .. } | Phase::Aborted { .. } => (planned.base_split(), "S7"),
        Phase::Running(_)
        | Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => return broken,
    };
    let seen = world.traffic.as_ref().map(|traffic| traffic.split);
    let there = seen == wanted || wanted.is_none();
    require(&mut broken, id, there, || format!("{region} ended at {seen:?}, {wanted:?} was recorded"));
    broken
}
