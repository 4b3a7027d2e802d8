//! A region's goal as a pure function of the rollout's record. There is no second place where orders are stored.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::state::{LaneAt, LaneProgress, Phase, Rollout};
use super::veto::Vetoes;
use crate::digest::Digest;
use crate::evidence::{EvidencePolicy, StepRef};
use crate::goal::{Goal, LoadOrder, Measurement, SlotGoal};
use crate::id::{Lane, RegionId};
use crate::lane::{LaneState, Placed};
use crate::plan::parameters::Values;
use crate::plan::{Plan, PlannedLane};
use crate::planted;
use crate::release::ReleaseRef;
use crate::slot::Slots;
use crate::weight::Split;

/// What a lane is ordered to be at. Two records with the same order for a lane have the same goal for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum LaneOrder {
    /// As it was before the rollout; the new release's slot is empty.
    Base,
    /// As it was, with the new release up beside it.
    Prepared,
    /// At a step's split; under load, where its wave is.
    AtStep(StepRef),
    /// At the split of a step whose load is over.
    Rested(StepRef),
    /// Back to how it was; the new release's slot is left alone until that is confirmed.
    Back,
    /// Wholly the new release; the old slot is empty.
    Final,
}

/// The order for a lane in a phase. A load is driven while a running rollout bakes a step, and no longer.
#[must_use]
pub fn lane_order(plan: &Plan, phase: &Phase, at: LaneAt) -> LaneOrder {
    // What was superseded ordered what it ordered; whoever took its lanes over has given other orders since.
    let is_running = matches!(phase, Phase::Running(_) | Phase::Superseded { .. });
    match phase {
        Phase::Stable { .. } => LaneOrder::Final,
        Phase::RolledBack { .. } | Phase::Aborted { .. } => LaneOrder::Base,
        Phase::Running(_)
        | Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Switched { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => match at {
            LaneAt::Waiting => LaneOrder::Base,
            LaneAt::Preparing { wave: _ } => LaneOrder::Prepared,
            LaneAt::Settled(step) if plan.is_under_load(step) => LaneOrder::Rested(step),
            LaneAt::Shifting(step) | LaneAt::Baking(step) if plan.is_under_load(step) && !is_running => {
                LaneOrder::Rested(step)
            }
            LaneAt::Shifting(step) | LaneAt::Baking(step) | LaneAt::Settled(step) => LaneOrder::AtStep(step),
            LaneAt::Reverting | LaneAt::Reverted => LaneOrder::Back,
        },
    }
}

/// The goal of a region; `None` if it is not part of the rollout.
#[must_use]
pub fn goal(record: &Rollout, region: &RegionId) -> Option<Goal> {
    let planned = record.plan.lanes.get(region)?;
    let progress = record.lanes.get(region)?;
    let order = lane_order(&record.plan, &record.phase, progress.at);
    let lane = Lane { service: record.plan.service.clone(), region: region.clone() };
    let (split, cohort, measurement) = match order {
        LaneOrder::Base | LaneOrder::Prepared | LaneOrder::Back => (planned.base_split(), None, None),
        LaneOrder::Final => (Some(Split::all(planned.slot)), None, None),
        LaneOrder::AtStep(step) | LaneOrder::Rested(step) => (
            Some(record.plan.split_at(planned, step)),
            record.plan.cohort_at(planned, step),
            Some(measurement(record, planned, step, order)),
        ),
    };
    let slots = slots(record, planned, order);
    Some(Goal {
        lane,
        epoch: progress.goal_epoch,
        rollout: record.id.clone(),
        parameters: parameters(planned, &slots),
        slots,
        split,
        cohort,
        measurement,
        mandate: record.plan.mandate.clone(),
    })
}

fn measurement(record: &Rollout, planned: &PlannedLane, step: StepRef, order: LaneOrder) -> Measurement {
    let plan = &record.plan;
    let load = load_at(plan, step).filter(|_| order == LaneOrder::AtStep(step));
    let policy = asked_by(plan, order).into_owned();
    Measurement { slot: planned.slot, step, digest: plan.release.digest, policy, load }
}

fn load_at(plan: &Plan, at: StepRef) -> Option<LoadOrder> {
    let load = plan.waves.get(at.wave)?.staging.as_ref()?.load.clone();
    Some(LoadOrder { load, lasts: plan.step(at)?.bake.plus(plan.evidence.extend_max) })
}

/// What evidence is asked under an order.
#[must_use]
pub fn asked_by(plan: &Plan, order: LaneOrder) -> Cow<'_, EvidencePolicy> {
    match order {
        LaneOrder::AtStep(step) => plan.evidence_at(step, plan.is_under_load(step)),
        LaneOrder::Rested(step) => plan.evidence_at(step, false),
        LaneOrder::Base | LaneOrder::Prepared | LaneOrder::Back | LaneOrder::Final => Cow::Borrowed(&plan.evidence),
    }
}

fn slots(record: &Rollout, planned: &PlannedLane, order: LaneOrder) -> Slots<SlotGoal> {
    let run_base = planned.base.as_ref().map_or(SlotGoal::Empty, |base| SlotGoal::Run(base.release.clone()));
    let run_new = SlotGoal::Run(record.plan.release.clone());
    let (new, old) = match order {
        LaneOrder::Base => (SlotGoal::Empty, run_base),
        LaneOrder::Prepared | LaneOrder::AtStep(_) | LaneOrder::Rested(_) => (run_new, run_base),
        LaneOrder::Final => (run_new, SlotGoal::Empty),
        // Where nothing has served before, there is no traffic that could still be on the new slot.
        LaneOrder::Back if planned.base.is_none() => (SlotGoal::Empty, SlotGoal::Empty),
        LaneOrder::Back if planted::is("stop-serving") => (SlotGoal::Empty, run_base),
        LaneOrder::Back => (SlotGoal::Keep, run_base),
    };
    Slots::from_fn(|slot| if slot == planned.slot { new.clone() } else { old.clone() })
}

/// What is started in a slot is started with what was pinned for it.
fn parameters(planned: &PlannedLane, slots: &Slots<SlotGoal>) -> Slots<Values> {
    let base = || planned.base.as_ref().map(|base| base.parameters.clone()).unwrap_or_default();
    Slots::from_fn(|slot| match slots.get(slot) {
        SlotGoal::Run(_) if slot == planned.slot => planned.parameters.clone(),
        SlotGoal::Run(_) => base(),
        SlotGoal::Empty | SlotGoal::Keep => Values::default(),
    })
}

/// The hash of a lane's goal, for comparing with what an agent confirmed.
#[must_use]
pub fn goal_hash(record: &Rollout, region: &RegionId) -> Option<Digest> {
    goal(record, region).map(|goal| goal.hash())
}

/// The durable state of a lane after a decision of its rollout. What is vetoed is not recorded as stable where a rollout is
/// given up, if something else was stable there before.
#[must_use]
pub fn lane_after(record: &Rollout, region: &RegionId, before: &LaneState, vetoes: &Vetoes) -> LaneState {
    let (Some(planned), Some(progress)) = (record.plan.lanes.get(region), record.lanes.get(region)) else {
        return before.clone();
    };
    if before.rollout.as_ref() != Some(&record.id) && record.phase.is_terminal() {
        return before.clone();
    }
    let (release, parameters) = (record.plan.release.clone(), planned.parameters.clone());
    let new = Placed { slot: planned.slot, release, parameters };
    let new = if planted::is("stable-forgotten") { before.stable.clone() } else { Some(new) };
    let (stable, held) = match &record.phase {
        Phase::Stable { .. } => (new, false),
        Phase::RolledBack { .. } | Phase::Aborted { .. } => (planned.base.clone(), false),
        Phase::Failed { .. } if stands_on_new(record, planned, progress, vetoes) => (new, false),
        Phase::Failed { .. } => (planned.base.clone(), false),
        Phase::Running(_)
        | Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Switched { .. }
        | Phase::Superseded { .. } => (before.stable.clone(), !matches!(record.phase, Phase::Superseded { .. })),
    };
    let changed = stable != before.stable || held != before.held || before.rollout.as_ref() != Some(&record.id);
    let epoch = if changed { record.epoch } else { before.epoch };
    LaneState { stable, rollout: Some(record.id.clone()), held, epoch }
}

fn stands_on_new(record: &Rollout, planned: &PlannedLane, progress: &LaneProgress, vetoes: &Vetoes) -> bool {
    let is_kept = planned.base.is_none() || !vetoes.digests.contains_key(&record.plan.release.digest);
    is_kept && serves_only_new(record, planned, progress)
}

/// That regions are left on a vetoed release, for want of an earlier one. Their agents keep it up all the same, and the
/// next rollout goes back to it.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, thiserror::Error)]
#[error("{release} is vetoed and stays the last stable release of {}: nothing served there before", list(.regions))]
pub struct LeftOnVetoed {
    /// What is vetoed.
    pub release: ReleaseRef,
    /// Where it serves.
    pub regions: BTreeSet<RegionId>,
}

impl LeftOnVetoed {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "LEFT_ON_VETOED"
    }
}

fn list(regions: &BTreeSet<RegionId>) -> String {
    regions.iter().map(RegionId::as_str).collect::<Vec<_>>().join(", ")
}

/// The regions that a rollout which was given up leaves on what is vetoed; `None`: there are none.
#[must_use]
pub fn left_on_vetoed(record: &Rollout, vetoes: &Vetoes) -> Option<LeftOnVetoed> {
    let release = record.plan.release.clone();
    if !matches!(record.phase, Phase::Failed { .. }) || !vetoes.digests.contains_key(&release.digest) {
        return None;
    }
    let stands = |(region, planned): (&RegionId, &PlannedLane)| {
        let progress = record.lanes.get(region)?;
        stands_on_new(record, planned, progress, vetoes).then(|| region.clone())
    };
    let regions: BTreeSet<RegionId> = record.plan.lanes.iter().filter_map(stands).collect();
    (!regions.is_empty()).then_some(LeftOnVetoed { release, regions })
}

fn serves_only_new(record: &Rollout, planned: &PlannedLane, progress: &LaneProgress) -> bool {
    // Only what was read back has served. Where nothing else has, an order that was never confirmed may be in effect
    // all the same, and what may serve is not forgotten: the next rollout would clear it away.
    let step = match progress.at {
        LaneAt::Baking(step) | LaneAt::Settled(step) => step,
        LaneAt::Shifting(step) if planned.base.is_none() => step,
        LaneAt::Shifting(_) | LaneAt::Waiting | LaneAt::Preparing { .. } | LaneAt::Reverting | LaneAt::Reverted => {
            return false;
        }
    };
    !record.plan.split_at(planned, step).serves(planned.slot.other())
}
