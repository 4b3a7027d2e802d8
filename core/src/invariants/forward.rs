//! Invariants of a decision's moves: what must have been seen before a region or a wave may go on, and what must not
//! move at all.

use super::transition::{Taken, is_in_scope, lanes};
use super::{Broken, require};
use crate::calendar::Interval;
use crate::calendar::rule::needs;
use crate::epoch::Epoch;
use crate::evidence::{Evidence, Outcome, StepRef, judge};
use crate::goal::SlotGoal;
use crate::id::RegionId;
use crate::observation::{Contact, Observed, Sight, SlotSeen, SlotState};
use crate::person::person;
use crate::plan::{Leg, Plan};
use crate::playbook::ChecklistItem;
use crate::release::ReleaseRef;
use crate::rollout::event::Event;
use crate::rollout::gates::feedback::{is_behind, opinion};
use crate::rollout::goals::{LaneOrder, goal, lane_order};
use crate::rollout::state::{LaneAt, LaneProgress, Pace, Phase, Rollout, Run, Said};
use crate::slot::Slot;
use crate::time::{Span, Timestamp};
use crate::watch::FeedbackPolicy;

/// Checks every move of a decision.
pub(super) fn check(broken: &mut Vec<Broken>, taken: Taken<'_>, after: &Rollout) {
    let none = Sight::new();
    let sight = match taken.event {
        Event::Look(sight) | Event::Guard(sight) => sight,
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
        | Event::Member(_) => &none,
    };
    let look = Look { before: taken.before, sight, now: taken.moment.now };
    for (region, was, is) in lanes(taken.before, after) {
        if was.at != is.at {
            left(broken, look, region, was, is);
            entered(broken, taken, after, look, region, was, is);
        }
    }
    for (region, was, is) in lanes(taken.before, after) {
        let (from, to) = (ordered(taken.before, was), ordered(after, is));
        let forward = matches!(to, LaneOrder::Prepared | LaneOrder::AtStep(_) | LaneOrder::Final);
        let stays = from == to || !forward || !look.has_drifted(region);
        require(broken, "C14", stays, || format!("{region} has drifted and went from {:?} to {:?}", was.at, is.at));
    }
    waves(broken, look, after);
}

/// A record with all that was known when it was looked at.
#[derive(Clone, Copy)]
struct Look<'a> {
    before: &'a Rollout,
    sight: &'a Sight,
    now: Timestamp,
}

impl Look<'_> {
    /// The last report of a region that can be reached.
    fn report(&self, region: &RegionId) -> Option<&Observed> {
        let seen = self.sight.get(region)?;
        matches!(seen.contact, Contact::Live(_)).then_some(seen.observed.as_ref()?)
    }

    fn is_live(&self, region: &RegionId) -> bool {
        self.sight.get(region).is_some_and(|seen| matches!(seen.contact, Contact::Live(_)))
    }

    /// Whether the agent confirmed the goal before this decision, and the traffic it reads back is that goal's.
    fn is_read_back(&self, region: &RegionId) -> bool {
        let (Some(order), Some(report)) = (goal(self.before, region), self.report(region)) else {
            return false;
        };
        let confirmed = report.done.is_some_and(|done| done.epoch == order.epoch && done.hash == order.hash());
        confirmed && self.traffic_fits(region)
    }

    fn traffic_fits(&self, region: &RegionId) -> bool {
        let (Some(order), Some(report)) = (goal(self.before, region), self.report(region)) else {
            return false;
        };
        let seen = report.traffic.as_ref();
        order.split == seen.map(|seen| seen.split) && order.cohort == seen.and_then(|seen| seen.cohort.clone())
    }

    /// Whether a confirmed lane is read back otherwise, in traffic or content; or was, and nobody has looked since.
    fn has_drifted(&self, region: &RegionId) -> bool {
        let (Some(order), Some(report)) = (goal(self.before, region), self.report(region)) else {
            return false;
        };
        let confirmed = report.done.is_some_and(|done| done.epoch == order.epoch && done.hash == order.hash());
        let elsewhere = report.traffic.is_some() && order.split.is_some() && !self.traffic_fits(region);
        let other = Slot::BOTH.into_iter().any(|slot| {
            let stands = |seen: &&SlotSeen| !matches!(seen.state, SlotState::Stopping | SlotState::Failed);
            report.slots.get(slot).as_ref().filter(stands).is_some_and(|seen| match order.slots.get(slot) {
                SlotGoal::Run(release) => release.digest != seen.digest,
                SlotGoal::Empty => true,
                SlotGoal::Keep => false,
            })
        });
        confirmed && (elsewhere || other)
    }

    fn is_up(&self, region: &RegionId, slot: Slot, release: &ReleaseRef) -> bool {
        let seen = self.report(region).and_then(|report| *report.slots.get(slot));
        seen.is_some_and(|seen| seen.digest == release.digest && seen.state == SlotState::Ready)
    }

    /// Whether the region's clock lets the step start, and gives it the time it needs.
    fn is_open(&self, region: &RegionId, step: StepRef) -> bool {
        let plan = &self.before.plan;
        let openings = self.sight.get(region).map(|seen| seen.openings.clone()).unwrap_or_default();
        let ends = self.now.after(needs(plan, step));
        let in_window = openings.windows.iter().any(|window| window.holds(self.now) && ends <= window.to);
        let apart = |during: Interval| ends <= during.from && self.now < during.from || self.now >= during.to;
        (plan.timetable.windows.is_empty() || in_window) && openings.freezes.iter().all(|freeze| apart(freeze.during))
    }

    /// Whether the step's own evidence passes and covers the bake, or no evidence is asked for.
    fn has_passed(&self, region: &RegionId, step: StepRef, bake: Span) -> bool {
        let policy = self.before.plan.evidence_at(step, self.before.plan.is_under_load(step));
        let Some(lane) = self.before.lanes.get(region) else {
            return false;
        };
        if policy.checks.is_empty() {
            return self.is_live(region);
        }
        let own = self.evidence(region, step, lane.goal_epoch);
        own.is_some_and(|evidence| evidence.to >= bake && judge(&policy, evidence).outcome == Outcome::Pass)
    }

    /// What was measured on the step under the goal of this epoch.
    fn evidence(&self, region: &RegionId, step: StepRef, epoch: Epoch) -> Option<&Evidence> {
        let evidence = self.report(region)?.evidence.as_ref()?;
        let pin = &evidence.pin;
        let own = pin.rollout == self.before.id
            && pin.step == step
            && pin.digest == self.before.plan.release.digest
            && pin.epoch == epoch;
        own.then_some(evidence)
    }

    /// Whether the bake of a step that was confirmed at `since` may be left.
    fn may_leave(&self, region: &RegionId, step: StepRef, since: Timestamp) -> bool {
        let (Some(planned), Some(lane)) = (self.before.plan.step(step), self.before.lanes.get(region)) else {
            return false;
        };
        let evidence = self.evidence(region, step, lane.goal_epoch);
        let served = evidence.map_or(0, |evidence| evidence.whole.requests) >= planned.requests;
        let baked = self.now >= since.after(planned.bake) && self.has_passed(region, step, planned.bake);
        served && baked && self.traffic_fits(region)
    }
}

fn ordered(record: &Rollout, lane: &LaneProgress) -> LaneOrder {
    lane_order(&record.plan, &record.phase, lane.at)
}

/// What the place that was left asked for.
fn left(broken: &mut Vec<Broken>, look: Look<'_>, region: &RegionId, was: &LaneProgress, is: &LaneProgress) {
    if is.at == LaneAt::Reverting {
        return;
    }
    let what = || format!("{region} left {:?} for {:?}", was.at, is.at);
    match was.at {
        LaneAt::Shifting(step) => {
            require(broken, "C10", look.is_read_back(region), what);
            let gone = is.at != LaneAt::Baking(step);
            require(broken, "S14", !gone || look.may_leave(region, step, look.now), what);
        }
        LaneAt::Baking(step) => require(broken, "S14", look.may_leave(region, step, was.since), what),
        LaneAt::Reverting => require(broken, "S7", look.is_read_back(region), what),
        LaneAt::Preparing { .. } => {
            let planned = look.before.plan.lanes.get(region);
            let up = planned.is_some_and(|planned| look.is_up(region, planned.slot, &look.before.plan.release));
            require(broken, "S10", up && look.is_read_back(region), what);
        }
        LaneAt::Waiting | LaneAt::Settled(_) | LaneAt::Reverted => {}
    }
}

/// What the place that was reached asks for.
fn entered(
    broken: &mut Vec<Broken>,
    taken: Taken<'_>,
    after: &Rollout,
    look: Look<'_>,
    region: &RegionId,
    was: &LaneProgress,
    is: &LaneProgress,
) {
    let what = || format!("{region} went from {:?} to {:?}", was.at, is.at);
    if is.at == LaneAt::Reverting {
        if let Event::Rollback(_, scope) = taken.event {
            require(broken, "S7", is_in_scope(taken.before, scope, region), what);
        }
        return;
    }
    let (order, before) = (ordered(after, is), ordered(taken.before, was));
    let wave = match order {
        LaneOrder::Prepared => match is.at {
            LaneAt::Preparing { wave } => wave,
            LaneAt::Waiting
            | LaneAt::Shifting(_)
            | LaneAt::Baking(_)
            | LaneAt::Settled(_)
            | LaneAt::Reverting
            | LaneAt::Reverted => return,
        },
        LaneOrder::AtStep(step) => step.wave,
        // That a load ends moves nothing.
        LaneOrder::Base | LaneOrder::Back | LaneOrder::Final | LaneOrder::Rested(_) => return,
    };
    if order == before {
        return;
    }
    let held = match &taken.before.phase {
        Phase::Running(Run { hold, .. }) => hold.is_some(),
        Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => true,
    };
    require(broken, "C6", !held && matches!(taken.event, Event::Look(_)), what);
    let base = taken.before.plan.lanes.get(region).and_then(|planned| planned.base.as_ref());
    let warm = base.is_none_or(|base| look.is_up(region, base.slot, &base.release));
    require(broken, "C7", look.is_live(region) && warm, what);
    let step = if let LaneAt::Shifting(step) = is.at { step } else { StepRef { wave, step: 0 } };
    require(broken, "C15", look.is_open(region, step), what);
    let current = matches!(&after.phase, Phase::Running(run) if run.wave == wave);
    let before_it = (0..wave).all(|wave| all_through(after, wave));
    require(broken, "S13", current && before_it, what);
    gates(broken, look, region, wave, what);
    require(broken, "C3", !weight_falls(&taken.before.plan, before, order), what);
    if let LaneAt::Shifting(to) = is.at {
        let needed = after.plan.waves.get(wave).map_or(0, |wave| to.step.saturating_sub(wave.max_skew as usize));
        let behind = lanes(taken.before, after).find(|(other, was, is)| {
            *other != region && completed(look, other, was, is, wave).is_some_and(|done| done < needed)
        });
        require(broken, "C5", behind.is_none(), what);
    }
}

/// Whether a step takes traffic off the new release, and is not there to rehearse that.
fn weight_falls(plan: &Plan, before: LaneOrder, order: LaneOrder) -> bool {
    let (LaneOrder::AtStep(from) | LaneOrder::Rested(from), LaneOrder::AtStep(to)) = (before, order) else {
        return false;
    };
    let weight = |at| plan.step(at).map(|step| step.weight);
    weight(from) > weight(to) && plan.leg(to) != Some(Leg::Down)
}

/// Every gate that a step of a wave passes was open before this decision.
fn gates(broken: &mut Vec<Broken>, look: Look<'_>, region: &RegionId, wave: usize, what: impl Fn() -> String) {
    require(broken, "S19", is_approved(look, wave), &what);
    require(broken, "C17", is_signed(look), &what);
    let halted = look.sight.get(region).is_some_and(|seen| seen.halt.is_some());
    require(broken, "C18", !halted, &what);
    require(broken, "C22", has_departed(look, region), &what);
    require(broken, "C23", is_answered(look, wave), &what);
}

/// Whether enough different people of each role that a wave asks had consented to it before this decision.
fn is_approved(look: Look<'_>, wave: usize) -> bool {
    let rules = look.before.plan.waves.get(wave).map(|wave| wave.approvals.as_slice()).unwrap_or_default();
    rules.iter().all(|rule| {
        let given = look.before.approvals.iter().filter(|approval| approval.wave == wave && approval.role == rule.role);
        let stand = given.filter(|approval| approval.used || look.now < approval.until);
        let mut people: Vec<String> = stand.map(|approval| person(&approval.actor)).collect();
        people.retain(|who| *who != person(&look.before.requester));
        people.sort_unstable();
        people.dedup();
        people.len() >= rule.count as usize
    })
}

/// Whether the rollout had begun before this decision, takes no train, or is taken aboard by it now.
fn has_departed(look: Look<'_>, region: &RegionId) -> bool {
    let begun = look.before.lanes.values().any(|lane| lane.at != LaneAt::Waiting);
    let Some(train) = look.before.train.as_ref().filter(|_| !begun) else { return true };
    let departures = look.sight.get(region).map(|seen| seen.openings.departures.as_slice()).unwrap_or_default();
    departures.iter().any(|departure| departure.train == *train && departure.during.holds(look.now))
}

/// Whether each callback of a wave had said yes before this decision.
fn is_answered(look: Look<'_>, wave: usize) -> bool {
    let callbacks = look.before.plan.waves.get(wave).map(|wave| wave.callbacks.as_slice()).unwrap_or_default();
    callbacks.iter().all(|callback| {
        let mut of = look.before.inquiries.iter().filter(|asked| asked.wave == wave && asked.callback == callback.id);
        of.any(|asked| asked.answer.as_ref().is_some_and(|answer| answer.said == Said::Pass))
    })
}

/// Whether every item of the checklist was signed off before this decision.
fn is_signed(look: Look<'_>) -> bool {
    let stands = |item: &ChecklistItem| {
        let of = look.before.signed.iter().find(|signed| signed.item == item.id);
        of.is_some_and(|signed| signed.used || look.now < signed.until)
    };
    look.before.plan.checklist.iter().all(stands)
}

/// How many steps of a wave a region has completed that is on its way through it before and after.
fn completed(look: Look<'_>, region: &RegionId, was: &LaneProgress, is: &LaneProgress, wave: usize) -> Option<usize> {
    let of = |at: LaneAt| match at {
        LaneAt::Preparing { wave } => Some(wave),
        LaneAt::Shifting(step) | LaneAt::Baking(step) => Some(step.wave),
        LaneAt::Waiting | LaneAt::Settled(_) | LaneAt::Reverting | LaneAt::Reverted => None,
    };
    if of(was.at) != Some(wave) || of(is.at) != Some(wave) {
        return None;
    }
    match is.at {
        LaneAt::Preparing { .. } => Some(0),
        LaneAt::Shifting(step) => Some(step.step),
        LaneAt::Baking(step) => Some(step.step + usize::from(look.may_leave(region, step, is.since))),
        LaneAt::Waiting | LaneAt::Settled(_) | LaneAt::Reverting | LaneAt::Reverted => None,
    }
}

/// A wave is left only when all its regions are through it, it has rested, and nobody has voted against it.
fn waves(broken: &mut Vec<Broken>, look: Look<'_>, after: &Rollout) {
    let Phase::Running(run) = &look.before.phase else {
        return;
    };
    let (reached, rests) = match &after.phase {
        Phase::Running(Run { pace, wave, .. }) => (*wave, matches!(pace, Pace::Soaking(_))),
        Phase::Switched { .. } => (after.plan.waves.len(), false),
        Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => return,
    };
    let what = || format!("wave {} became {} with {:?}", run.wave, after.phase.as_str(), after.lanes);
    require(broken, "S13", !rests || all_through(after, reached), what);
    for wave in run.wave..reached {
        let soak = after.plan.waves.get(wave).map_or(Span::ZERO, |wave| wave.soak);
        let rested = match run.pace {
            Pace::Soaking(since) if wave == run.wave => look.now >= since.after(soak),
            Pace::Soaking(_) | Pace::Moving => soak == Span::ZERO,
        };
        let unopposed = after.lanes.values().all(|lane| lane.vote.is_none());
        require(broken, "S13", all_through(after, wave) && rested && unopposed && run.hold.is_none(), what);
        let said = opinion(look.sight);
        let passes = |policy: &FeedbackPolicy| said.judge(policy) == Outcome::Pass;
        let heard = !is_behind(&after.plan, wave) || after.plan.feedback.as_ref().is_some_and(passes);
        require(broken, "C19", heard, || format!("the pilot was left on {said}"));
    }
}

fn all_through(record: &Rollout, wave: usize) -> bool {
    let through = |region: &RegionId| match record.lanes.get(region).map(|lane| lane.at) {
        Some(LaneAt::Settled(step)) => step.wave >= wave,
        Some(LaneAt::Shifting(step) | LaneAt::Baking(step)) => step.wave > wave,
        Some(LaneAt::Preparing { wave: of }) => of > wave,
        Some(LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted) | None => false,
    };
    record.plan.waves.get(wave).is_some_and(|wave| wave.regions.iter().all(through))
}
