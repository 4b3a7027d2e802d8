//! What a plan says of the rollout whose lanes it takes over, and what a hotfix has of it: all worked out when the plan is
//! made, so that execution has no choice left. Who takes the lanes is [`crate::rollout::supersede`].

use std::sync::Arc;

use super::compile::PlanRefusal;
use super::spec::PlannedWave;
use crate::canon::{Canon, Canonical};
use crate::evidence::StepRef;
use crate::id::{ItemId, RegionId, RolloutId};
use crate::playbook::{ApprovalRule, ChecklistItem, Earns, HotfixPolicy, ItemKind, Playbook, StageKind};
use crate::release::{Bump, Release, ReleaseRef};
use crate::rollout::state::{LaneAt, Rollout};
use crate::rollout::supersede::SupersedeRefused;
use crate::time::{Span, Timestamp};
use crate::weight::Weight;

/// The least that is left of a bake or rest that was not nought.
pub const BAKE_MIN: Span = Span::from_secs(1);
/// The longest reason of a hotfix.
pub const REASON_BYTES_MAX: usize = 1024;

/// The rollout whose lanes a plan takes over.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Supersede {
    /// Which.
    pub rollout: RolloutId,
    /// What it was launching.
    pub release: ReleaseRef,
    /// If the new release is its hotfix.
    pub hotfix: Option<Hotfix>,
}

/// A release that mends what is being launched.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Hotfix {
    /// Why, in words.
    pub reason: String,
    /// The part of bakes and rests that is kept.
    pub bake: Weight,
    /// Pilot time taken over besides: the plan's pilot is that much shorter.
    pub earned: Span,
    /// What was left out and has to be done later.
    pub debts: Vec<Debt>,
}

/// An item of the checklist that a hotfix leaves for later. The watch of its rollout is not closed before it is done.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Debt {
    /// Which.
    pub item: ItemId,
    /// What sort it is.
    pub kind: ItemKind,
    /// Whose it is.
    pub owner: String,
}

/// The rollout that is to be superseded, as it is when the plan is made.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Superseding {
    /// Its record.
    pub record: Arc<Rollout>,
    /// Why, if the new release is its hotfix.
    pub hotfix: Option<String>,
    /// When.
    pub now: Timestamp,
}

impl Superseding {
    /// Resolves waves and checklist on the terms of the playbook.
    pub(super) fn resolve<'r>(
        &self,
        playbook: &Playbook,
        release: &Release,
        regions: impl IntoIterator<Item = &'r RegionId>,
        waves: &mut [PlannedWave],
        checklist: &mut Vec<ChecklistItem>,
    ) -> Result<Supersede, Vec<PlanRefusal>> {
        let old = self.record.as_ref();
        SupersedeRefused::check(old, &release.service, regions)
            .map_err(|refused| vec![PlanRefusal::Supersede(refused)])?;
        let hotfix = match (&self.hotfix, &playbook.hotfix) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(vec![PlanRefusal::HotfixNotDeclared { playbook: playbook.id.clone() }]);
            }
            (Some(reason), Some(policy)) => {
                shorten(waves, policy.bake);
                let earned = if is_within(policy.earns, &old.plan.release, release) {
                    take_over(waves, earned(old, self.now))
                } else {
                    Span::ZERO
                };
                if let Some(first) = waves.first_mut() {
                    ask_besides(&mut first.approvals, &policy.approvals);
                }
                let debts = leave_out(checklist, policy);
                Some(Hotfix { reason: reason.clone(), bake: policy.bake, earned, debts })
            }
        };
        Ok(Supersede { rollout: old.id.clone(), release: old.plan.release.clone(), hotfix })
    }
}

/// Keeps that part of every bake and rest.
fn shorten(waves: &mut [PlannedWave], kept: Weight) {
    let part = |whole: Span, at_least: Span| {
        let part =
            u128::from(whole.millis()) * u128::from(kept.basis_points()) / u128::from(Weight::WHOLE.basis_points());
        Span::from_millis(u64::try_from(part).unwrap_or(u64::MAX)).max(at_least)
    };
    for wave in waves {
        wave.soak = part(wave.soak, least(wave.soak));
        // A load that is still growing says nothing.
        let ramp = wave.staging.as_ref().map_or(Span::ZERO, |staging| staging.load.ramp);
        wave.steps.iter_mut().for_each(|step| step.bake = part(step.bake, least(step.bake).max(ramp.min(step.bake))));
    }
}

/// What is left at least of so much.
fn least(whole: Span) -> Span {
    whole.min(BAKE_MIN)
}

/// Takes time off the bakes of the pilot, in their order, as long as there is some. Says how much it was.
fn take_over(waves: &mut [PlannedWave], earned: Span) -> Span {
    let mut left = earned.millis();
    let pilot = waves.iter_mut().filter(|wave| wave.stage == StageKind::Pilot);
    for step in pilot.flat_map(|wave| wave.steps.iter_mut()) {
        let off = left.min(step.bake.millis() - least(step.bake).millis());
        step.bake = Span::from_millis(step.bake.millis() - off);
        left -= off;
    }
    Span::from_millis(earned.millis() - left)
}

/// Whether the step from what is launched to what mends it is as small as asked.
fn is_within(earns: Earns, from: &ReleaseRef, to: &Release) -> bool {
    let largest = match earns {
        Earns::Nothing => return false,
        Earns::Patch => Bump::Patch,
        Earns::Minor => Bump::Minor,
    };
    to.version > from.version && Bump::between(&from.version, &to.version) <= largest
}

/// A role that is asked already is asked for the larger number.
fn ask_besides(rules: &mut Vec<ApprovalRule>, besides: &[ApprovalRule]) {
    for rule in besides {
        match rules.iter_mut().find(|asked| asked.role == rule.role) {
            Some(asked) => asked.count = asked.count.max(rule.count),
            None => rules.push(rule.clone()),
        }
    }
}

/// Takes what may be left for later out of the checklist.
fn leave_out(checklist: &mut Vec<ChecklistItem>, policy: &HotfixPolicy) -> Vec<Debt> {
    let (waived, kept) = std::mem::take(checklist).into_iter().partition(|item| policy.waives.contains(&item.id));
    *checklist = kept;
    let waived: Vec<ChecklistItem> = waived;
    waived.into_iter().map(|ChecklistItem { id, kind, owner, valid_for: _ }| Debt { item: id, kind, owner }).collect()
}

/// The pilot time that a rollout has had: of each wave of its pilot that of the region that has had the least.
#[must_use]
pub fn earned(record: &Rollout, now: Timestamp) -> Span {
    let pilot = record.plan.waves.iter().enumerate().filter(|(_, wave)| wave.stage == StageKind::Pilot);
    let least = |(index, wave): (usize, &PlannedWave)| {
        wave.regions.iter().map(|region| earned_in(record, region, index, now)).min().unwrap_or(Span::ZERO)
    };
    pilot.map(least).fold(Span::ZERO, Span::plus)
}

/// How long a region has baked and rested in a wave, as far as its record says. A step that was left has baked for as long
/// as it was asked; an extension is no time earned; and whoever votes against the release has earned nothing.
fn earned_in(record: &Rollout, region: &RegionId, wave: usize, now: Timestamp) -> Span {
    let (Some(lane), Some(planned)) = (record.lanes.get(region), record.plan.waves.get(wave)) else {
        return Span::ZERO;
    };
    if lane.vote.is_some() {
        return Span::ZERO;
    }
    let first = |steps: usize| planned.steps.iter().take(steps).fold(Span::ZERO, |sum, step| sum.plus(step.bake));
    let whole = first(planned.steps.len());
    let spent = now.since(lane.since);
    let step = match lane.at {
        LaneAt::Preparing { wave } => StepRef { wave, step: 0 },
        LaneAt::Shifting(step) | LaneAt::Baking(step) | LaneAt::Settled(step) => step,
        LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => return Span::ZERO,
    };
    if step.wave != wave {
        return if step.wave > wave { whole.plus(planned.soak) } else { Span::ZERO };
    }
    match lane.at {
        LaneAt::Settled(_) => whole.plus(spent),
        LaneAt::Baking(_) => {
            let bake = planned.steps.get(step.step).map_or(Span::ZERO, |step| step.bake);
            first(step.step).plus(spent.min(bake))
        }
        LaneAt::Shifting(_) => first(step.step),
        LaneAt::Preparing { .. } | LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => Span::ZERO,
    }
}

impl Canonical for Supersede {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.rollout.as_str()).value(&self.release).value(&self.hotfix);
    }
}

impl Canonical for Hotfix {
    fn feed(&self, canon: &mut Canon) {
        canon.text(&self.reason).value(&self.bake).value(&self.earned).value(&self.debts);
    }
}

impl Canonical for Debt {
    fn feed(&self, canon: &mut Canon) {
        canon.text(self.item.as_str()).text(self.kind.as_str()).text(&self.owner);
    }
}
