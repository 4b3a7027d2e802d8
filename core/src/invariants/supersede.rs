//! Invariants of one rollout taking over the lanes of another. They know both records, and the lanes before and after.

use std::collections::BTreeMap;

use super::{Broken, require};
use crate::epoch::Epoch;
use crate::id::RegionId;
use crate::lane::LaneState;
use crate::rollout::goals::goal;
use crate::rollout::state::{LaneAt, Phase, Rollout};
use crate::rollout::supersede::Superseded;
use crate::rollout::veto::Vetoes;

/// Checks the two decisions by which `before` is superseded, `head` being the service's before them.
#[must_use]
pub fn supersession(
    before: &Rollout,
    taken: &Superseded,
    head: Epoch,
    lanes: (&BTreeMap<RegionId, LaneState>, &BTreeMap<RegionId, LaneState>),
    vetoes: &Vetoes,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let Superseded { old, new } = taken;
    let (was, is) = lanes;
    let epochs = head.next() == Some(old.epoch) && old.epoch.next() == Some(new.epoch);
    require(&mut broken, "S2", epochs, || format!("{} and {} after {head}", old.epoch, new.epoch));
    let release = &new.plan.release;
    let free = vetoes.hold.is_none() && !vetoes.digests.contains_key(&release.digest);
    require(&mut broken, "C13", free, || format!("{release} starts against {vetoes:?}"));
    let ended = matches!(&old.phase, Phase::Superseded { by, .. } if *by == new.id);
    require(&mut broken, "C20", ended, || format!("{} became {}", old.id, old.phase.as_str()));
    let fixed = old.id == before.id && old.plan == before.plan && old.lanes == before.lanes;
    require(&mut broken, "C10", fixed, || "name, plan or lanes have changed".to_owned());
    let forward = matches!(before.phase, Phase::Running(_));
    require(&mut broken, "C10", forward, || format!("superseded while {}", before.phase.as_str()));
    for (region, lane) in &before.lanes {
        let what = || format!("{region} of {}: {:?} became {:?}", old.id, lane.at, new.lanes.get(region));
        let held = is.get(region).is_some_and(|lane| lane.held && lane.rollout.as_ref() == Some(&new.id));
        require(&mut broken, "C20", held, what);
        let (from, to) = (before.plan.lanes.get(region), new.plan.lanes.get(region));
        let same = from.zip(to).is_some_and(|(from, to)| from.base == to.base && from.slot == to.slot);
        require(&mut broken, "C20", same, what);
        let progress = new.lanes.get(region);
        let at = progress.map(|lane| lane.at);
        let back = if lane.at == LaneAt::Waiting { LaneAt::Waiting } else { LaneAt::Reverting };
        require(&mut broken, "C20", at == Some(back), what);
        let known = progress.is_some_and(|now| now.moved >= lane.moved && now.acked >= lane.acked);
        require(&mut broken, "C20", known, what);
    }
    for (region, planned) in &new.plan.lanes {
        let lane = was.get(region).cloned().unwrap_or_default();
        let free = !lane.held || lane.rollout.as_ref() == Some(&before.id);
        require(&mut broken, "S16", free, || format!("{region} is held by {:?}", lane.rollout));
        require(&mut broken, "S11", planned.base == lane.stable, || format!("{region} would go back elsewhere"));
        let rests = goal(new, region).is_some_and(|goal| goal.is_at_rest() && goal.split == planned.base_split());
        require(&mut broken, "C20", rests, || format!("{region} is not ordered back"));
    }
    broken
}
