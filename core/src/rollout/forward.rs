//! Going forward: waves, regions and steps, and what keeps them from it.

use super::back;
use super::gates::{approvals, callbacks, checklist, feedback, train};
use super::progress::LaneView;
use super::progress::{astray, loaded};
use super::reason::Wait;
use super::state::{Cause, LaneAt, Pace, Phase, Rollout, Run};
use super::step::Draft;
use super::{together, votes};
use crate::agent::DIGEST_VETOED;
use crate::calendar::Openings;
use crate::calendar::rule::{Shut, may_start, needs};
use crate::evidence::{Outcome, StepRef, Verdict};
use crate::id::RegionId;
use crate::observation::Sight;
use crate::planted;
use crate::playbook::{DriftPolicy, Scope};
use crate::time::{Span, Timestamp};

/// How soon a rollout that only waits for an agent is looked at again at the latest.
const LOOK: Span = Span::from_secs(1);

/// One look at a running rollout.
pub(super) fn run(draft: &mut Draft, sight: &Sight) {
    if stop(draft, sight) {
        return;
    }
    let waits_kept = draft.waits.len();
    // Each round moves a lane or a wave forward at least once, so the bound is never met by a sound plan.
    let rounds_max = draft.next.plan.waves.iter().map(|wave| 2 + wave.regions.len() * (2 + 2 * wave.steps.len())).sum();
    for _ in 0..rounds_max {
        draft.waits.truncate(waits_kept);
        if !round(draft, sight) {
            break;
        }
    }
    votes_short(draft);
}

/// One look at a running rollout by a server that does not own it.
pub(super) fn guard(draft: &mut Draft, sight: &Sight) {
    if stop(draft, sight) {
        return;
    }
    for region in regions(&draft.next) {
        let limit = votes::deadline(&LaneView::new(&draft.next, &region, sight));
        if let Some(limit) = limit {
            draft.wake_at(limit);
        }
    }
    votes_short(draft);
}

/// Records what is confirmed, and stops or turns back what must not go on. Says whether it did: then nothing goes
/// forward in this look.
fn stop(draft: &mut Draft, sight: &Sight) -> bool {
    // Facts first: what is confirmed was in time, however late it is seen.
    back::confirm(draft, sight);
    confirm_shifts(draft, sight);
    let ends = draft.next.opened.after(draft.next.plan.limits.total);
    if draft.now >= ends {
        back::decide_on(draft, sight, Cause::Deadline { region: None, limit: "total" }, &Scope::Fleet);
        return true;
    }
    draft.wake_at(ends);
    let drift = astray::drifted(draft, sight);
    if vote(draft, sight) {
        return true;
    }
    if let Some(cause) = drift.filter(|_| draft.next.plan.drift() == DriftPolicy::Hold) {
        draft.hold(cause, "hold");
    }
    // A part that was taken back may still be on its way, on hold or not.
    let opened = draft.next.opened;
    back::pending(draft, sight, opened)
}

/// The old slots are kept warm after the switch; a vote still takes everything back.
pub(super) fn retain(draft: &mut Draft, sight: &Sight, since: Timestamp) {
    let drift = astray::drifted(draft, sight);
    if vote(draft, sight) {
        return;
    }
    let until = since.after(draft.next.plan.rollback.retention);
    if let Some(cause) = drift {
        // The way back is kept until it is known what serves.
        if draft.next.plan.drift() == DriftPolicy::Revert {
            draft.wake_at(until.max(draft.now.after(LOOK)));
        } else {
            rest_again(draft, since);
            draft.hold(cause, "hold");
        }
        return;
    }
    if let Some(wait) = silent(draft, sight) {
        draft.waits.push(wait);
        draft.wake_at(until.max(draft.now.after(LOOK)));
        return;
    }
    // What somebody wants to look at keeps its warm way back.
    if let Some(halt) = regions(&draft.next).iter().find_map(|region| LaneView::new(&draft.next, region, sight).halt())
    {
        draft.waits.push(halt);
        draft.wake_at(until.max(draft.now.after(LOOK)));
        return;
    }
    if draft.now >= until {
        if together::rests(draft) {
            draft.wake_at(draft.now.after(LOOK));
            return;
        }
        let since = draft.now;
        draft.enter(Phase::Stable { since }, "finish");
        return;
    }
    draft.wake_at(until);
    draft.waits.push(Wait::Retention { until });
    votes_short(draft);
}

/// The same by a server that does not own the rollout: retention is not its to end.
pub(super) fn guard_switched(draft: &mut Draft, sight: &Sight) {
    // What was found is a fact, whoever sees it.
    astray::drifted(draft, sight);
    if !vote(draft, sight) {
        votes_short(draft);
    }
}

/// A region out of contact whose agent may have gone back alone: nobody can say that the new release is stable there.
fn silent(draft: &Draft, sight: &Sight) -> Option<Wait> {
    draft.next.plan.safety().dead_man.as_ref()?;
    regions(&draft.next).iter().find_map(|region| LaneView::new(&draft.next, region, sight).no_contact())
}

/// The rest of the last wave, for what was switched at `since`.
pub(super) fn last_rest(record: &Rollout, since: Timestamp) -> Run {
    Run { wave: record.plan.waves.len() - 1, pace: Pace::Soaking(since), hold: None }
}

/// Back to the rest of the last wave: what was switched at `since` is not left to itself.
pub(super) fn rest_again(draft: &mut Draft, since: Timestamp) {
    draft.next.phase = Phase::Running(last_rest(&draft.next, since));
}

/// Casts votes and goes back if the policy is met, if the regions together fail, or if an agent has gone back alone.
/// Says whether it did.
fn vote(draft: &mut Draft, sight: &Sight) -> bool {
    votes::cast(draft, sight);
    let scope = if draft.next.plan.rollback.fleet { Scope::Fleet } else { Scope::Wave };
    let met = || votes::verdict_of_fleet(&draft.next).map(|(_, cause)| cause);
    let voted = || met().or_else(|| votes::verdict_of_pool(&draft.next, sight)).map(|cause| (cause, scope));
    let Some((cause, scope)) = astray::gone_back(&draft.next, sight).or_else(voted) else {
        return false;
    };
    let before = draft.next.phase.clone();
    back::decide_on(draft, sight, cause, &scope);
    // The standing vote of a region without a way back turns its wave once, not at every look.
    draft.next.phase != before
}

fn votes_short(draft: &mut Draft) {
    let standing = draft.next.lanes.iter().filter(|(_, lane)| lane.vote.is_some());
    let waits: Vec<Wait> = standing.map(|(region, _)| Wait::Votes { region: region.clone() }).collect();
    draft.waits.extend(waits);
}

/// A confirmed shift is a fact, not a move: it is recorded even on hold.
pub(super) fn confirm_shifts(draft: &mut Draft, sight: &Sight) {
    for region in regions(&draft.next) {
        let view = LaneView::new(&draft.next, &region, sight);
        let LaneAt::Shifting(step) = view.at() else {
            continue;
        };
        if view.is_confirmed() && view.traffic_is_ordered() {
            draft.move_lane(&region, LaneAt::Baking(step));
        }
    }
}

fn regions(record: &Rollout) -> Vec<RegionId> {
    record.lanes.keys().cloned().collect()
}

/// Tries every region of the wave once. Says whether anything moved.
fn round(draft: &mut Draft, sight: &Sight) -> bool {
    let Phase::Running(run) = draft.next.phase.clone() else {
        return false;
    };
    if let Some(hold) = run.hold.as_ref().filter(|_| !planted::is("hold-ignored")) {
        draft.waits.push(Wait::Held(hold.cause.clone()));
        return false;
    }
    let plan = draft.next.plan.clone();
    let wave = plan.waves.get(run.wave).expect("a record only names waves of its own plan");
    if let Pace::Soaking(since) = run.pace {
        return soak(draft, sight, &run, since);
    }
    // All are asked, so that all waits are told at once.
    let (unsigned, ashore) = (checklist::is_shut(draft), train::is_shut(draft, sight, run.wave));
    let follows = together::is_shut(draft);
    if approvals::is_shut(draft, run.wave) || unsigned || ashore || follows {
        return false;
    }
    // Last, so that what they say is of the moment at which the wave would begin.
    if callbacks::is_shut(draft, run.wave) {
        return false;
    }
    let mut moved = false;
    for region in &wave.regions {
        if advance(draft, sight, region, run.wave) {
            moved = true;
            approvals::spend(draft, run.wave);
            checklist::spend(draft);
        }
        if matches!(&draft.next.phase, Phase::Running(Run { hold: Some(_), .. })) {
            return true;
        }
    }
    let is_settled = |region: &RegionId| is_through(&draft.next, region, run.wave) || is_adopted(&draft.next, region);
    let mut settled = wave.regions.iter().map(is_settled);
    if settled.clone().all(|settled| settled) || planted::is("wave-runs-ahead") && settled.any(|settled| settled) {
        if let Some(cause) = astray::adopted(&draft.next) {
            draft.hold(cause, "hold");
            return true;
        }
        let pace = Pace::Soaking(draft.now);
        draft.run_on(Run { pace, ..run });
        return true;
    }
    // An adopted lane keeps its place in the wave: whoever needs that place, or must not get too far ahead of it, would
    // wait for it for ever. Of those that wait for each other the last waits for something else, or it is the adopted.
    let waits_for_another = |region: &RegionId| {
        draft.waits.iter().any(|wait| matches!(wait, Wait::Skew { region: ahead, .. } if ahead == region))
    };
    let goes_on = |region: &RegionId| {
        let is_on_its_way = is_on_its_way(&draft.next, region, run.wave);
        is_on_its_way && !is_adopted(&draft.next, region) && !waits_for_another(region)
    };
    let cause = astray::adopted(&draft.next).filter(|_| !moved && !wave.regions.iter().any(goes_on));
    if let Some(cause) = cause {
        draft.hold(cause, "hold");
        return true;
    }
    moved
}

fn is_on_its_way(record: &Rollout, region: &RegionId, wave: usize) -> bool {
    record.lanes.get(region).is_some_and(|lane| lane.at.is_on_its_way_in(wave))
}

/// Whether a region has this wave behind it. One that is already on its way through a later wave has: an earlier wave is
/// walked again for those that were taken back, and does not move the others.
fn is_through(record: &Rollout, region: &RegionId, wave: usize) -> bool {
    match record.lanes.get(region).map(|lane| lane.at) {
        Some(LaneAt::Settled(step)) => step.wave >= wave,
        Some(LaneAt::Shifting(step) | LaneAt::Baking(step)) => step.wave > wave,
        Some(LaneAt::Preparing { wave: of }) => of > wave,
        Some(LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted) | None => false,
    }
}

fn is_adopted(record: &Rollout, region: &RegionId) -> bool {
    record.lanes.get(region).is_some_and(|lane| lane.adopted.is_some())
}

fn soak(draft: &mut Draft, sight: &Sight, run: &Run, since: Timestamp) -> bool {
    let plan = draft.next.plan.clone();
    let wave = plan.waves.get(run.wave).expect("a record only names waves of its own plan");
    let until = since.after(wave.soak);
    if draft.now < until && !planted::is("soak-skipped") {
        draft.wake_at(until);
        draft.waits.push(Wait::Soak { until });
        return false;
    }
    let vote = votes::latest_cause(&draft.next).filter(|_| !planted::is("vote-ignored"));
    if let Some(cause) = vote.or_else(|| astray::adopted(&draft.next)) {
        // Too few votes to go back are still too many to go on, and so is a lane that is elsewhere: a human lifts them.
        draft.hold(cause, "hold");
        return true;
    }
    if feedback::is_shut(draft, sight, run.wave) {
        return false;
    }
    if run.wave + 1 < plan.waves.len() {
        draft.run_on(Run { wave: run.wave + 1, pace: Pace::Moving, hold: None });
    } else {
        let since = draft.now;
        draft.enter(Phase::Switched { since }, "switched");
    }
    true
}

/// Moves one region one place forward if everything allows it. Says whether it moved; if not, a wait says why.
fn advance(draft: &mut Draft, sight: &Sight, region: &RegionId, wave: usize) -> bool {
    if is_through(&draft.next, region, wave) {
        return false;
    }
    let view = LaneView::new(&draft.next, region, sight);
    // What it waits for was said when the drift was found.
    if is_adopted(&draft.next, region) {
        return false;
    }
    if view.drift().is_some() {
        return extend_or_hold(draft, sight, region);
    }
    let target = match view.at() {
        LaneAt::Waiting | LaneAt::Reverted => LaneAt::Preparing { wave },
        LaneAt::Settled(_) | LaneAt::Preparing { .. } => LaneAt::Shifting(StepRef { wave, step: 0 }),
        LaneAt::Baking(step) => after_bake(&draft.next, step),
        LaneAt::Shifting(_) => {
            wait_for_confirmation(draft, sight, region);
            return false;
        }
        LaneAt::Reverting => return false,
    };
    if let Some(wait) = obstacle(draft, sight, region, wave, target) {
        if let Some(until) = wait.until() {
            draft.wake_at(until);
        }
        draft.waits.push(wait);
        return extend_or_hold(draft, sight, region);
    }
    loaded::note(draft, sight, region);
    draft.move_lane(region, target);
    true
}

fn after_bake(record: &Rollout, step: StepRef) -> LaneAt {
    let next = StepRef { wave: step.wave, step: step.step + 1 };
    if record.plan.step(next).is_some() { LaneAt::Shifting(next) } else { LaneAt::Settled(step) }
}

fn wait_for_confirmation(draft: &mut Draft, sight: &Sight, region: &RegionId) {
    let view = LaneView::new(&draft.next, region, sight);
    let deadline = view.deadline(draft.next.plan.limits.shift);
    let wait = view.no_contact().unwrap_or_else(|| Wait::Confirm {
        region: region.clone(),
        trouble: view.trouble().map(|trouble| trouble.message.clone()),
    });
    if let Some(deadline) = deadline {
        draft.wake_at(deadline);
    }
    draft.waits.push(wait);
}

/// What keeps a region from moving to `target`; `None`: nothing.
fn obstacle(draft: &mut Draft, sight: &Sight, region: &RegionId, wave: usize, target: LaneAt) -> Option<Wait> {
    let now = draft.now;
    let (wait, wake) = {
        let view = LaneView::new(&draft.next, region, sight);
        match view.at() {
            LaneAt::Preparing { .. } => (prepared(&view), view.deadline(draft.next.plan.limits.prepare)),
            LaneAt::Baking(step) => baked(&view, step, now),
            LaneAt::Waiting | LaneAt::Shifting(_) | LaneAt::Settled(_) | LaneAt::Reverting | LaneAt::Reverted => {
                (crowd(&draft.next, region, wave), None)
            }
        }
    };
    if let Some(wake) = wake {
        draft.wake_at(wake);
    }
    let view = LaneView::new(&draft.next, region, sight);
    // Settling changes no traffic, so it needs neither company nor a way back.
    if matches!(target, LaneAt::Settled(_)) {
        return wait;
    }
    view.halt()
        .or(wait)
        .or_else(|| view.no_contact())
        .or_else(|| (!view.way_back_is_ready()).then(|| Wait::WayBack { region: region.clone() }))
        .or_else(|| skew(&draft.next, sight, region, target, now))
        .or_else(|| shut(draft, &view, wave, target))
}

/// Whether the region's clock keeps the step from starting. The last thing to ask: whatever else is missing can be got
/// while the window is shut.
fn shut(draft: &Draft, view: &LaneView<'_>, wave: usize, target: LaneAt) -> Option<Wait> {
    let plan = &draft.next.plan;
    let from = if let LaneAt::Shifting(step) = target { step } else { StepRef { wave, step: 0 } };
    let nothing = Openings::default();
    let openings = view.openings().unwrap_or(&nothing);
    let region = view.region.clone();
    match may_start(&plan.timetable, openings, draft.now, needs(plan, from)) {
        Ok(()) => None,
        Err(Shut::Window { opens }) => Some(Wait::Window { region, opens }),
        Err(Shut::Freeze { name, until }) => Some(Wait::Freeze { region, name, until }),
    }
}

fn prepared(view: &LaneView<'_>) -> Option<Wait> {
    let region = || view.region.clone();
    if let Some(wait) = view.no_contact() {
        return Some(wait);
    }
    if let Some(trouble) = view.trouble().filter(|trouble| trouble.code == DIGEST_VETOED) {
        return Some(Wait::Vetoed { region: region(), trouble: trouble.message.clone() });
    }
    if !view.new_is_ready() {
        return Some(Wait::Ready { region: region() });
    }
    let trouble = view.trouble().map(|trouble| trouble.message.clone());
    (!view.is_confirmed()).then(|| Wait::Confirm { region: region(), trouble })
}

fn baked(view: &LaneView<'_>, step: StepRef, now: Timestamp) -> (Option<Wait>, Option<Timestamp>) {
    let plan = &view.record.plan;
    let until = view.since().after(plan.step(step).expect("a record only names steps of its own plan").bake);
    let region = view.region.clone();
    let extended = until.after(plan.evidence.extend_max);
    if let Some(wait @ Wait::Quarantine { .. }) = view.no_contact() {
        return (Some(wait), Some(extended));
    }
    if now < until && !planted::is("bake-skipped") {
        return (Some(Wait::Bake { region, until }), Some(until));
    }
    if view.has_baked(now) {
        return (None, None);
    }
    let wait = view.no_contact().unwrap_or_else(|| {
        if view.traffic_is_ordered() && view.passes(step) {
            let need = plan.step(step).expect("a record only names steps of its own plan").requests;
            return Wait::Requests { region, have: view.served(step), need };
        }
        if view.traffic_is_ordered() {
            return Wait::Evidence { region, verdict: view.verdict_of_bake(step) };
        }
        let trouble = view.trouble().map(|trouble| trouble.message.clone());
        Wait::Confirm { region, trouble }
    });
    (Some(wait), Some(extended))
}

/// Evidence that stays undecided past its extension needs a human; so does a region that vanished while it baked.
fn extend_or_hold(draft: &mut Draft, sight: &Sight, region: &RegionId) -> bool {
    let view = LaneView::new(&draft.next, region, sight);
    let LaneAt::Baking(step) = view.at() else {
        return false;
    };
    let planned = draft.next.plan.step(step).expect("a record only names steps of its own plan");
    let until = view.since().after(planned.bake).after(draft.next.plan.evidence.extend_max);
    if draft.now < until || view.has_baked(draft.now) {
        return false;
    }
    // Good evidence under traffic that has drifted is no evidence on the step.
    let (check, measured, limit) = if view.observed().is_some() && !view.traffic_is_ordered() {
        ("traffic", 0, 0)
    } else if view.has_served(step) {
        ("none", 0, 0)
    } else {
        ("requests", view.served(step), planned.requests)
    };
    let outcome = Outcome::Inconclusive;
    let nothing = Verdict { outcome, check: check.to_owned(), measured, limit, samples: measured };
    let verdict = view.verdict_of_bake(step).filter(|verdict| verdict.outcome != Outcome::Pass).unwrap_or(nothing);
    draft.hold(Cause::Inconclusive { region: region.clone(), verdict }, "hold");
    true
}

fn crowd(record: &Rollout, region: &RegionId, wave: usize) -> Option<Wait> {
    // A region that stands in a later wave meanwhile takes nobody's place in this one.
    let on_their_way = record.lanes.values().filter(|lane| lane.at.is_on_its_way_in(wave)).count();
    let allowed = record.plan.waves.get(wave).map_or(0, |wave| wave.max_parallel as usize);
    (on_their_way >= allowed && !planted::is("crowd-ignored")).then(|| Wait::Parallel { region: region.clone() })
}

/// A region may take step `s` only if every other one on its way has completed at least `s - max_skew` steps.
fn skew(record: &Rollout, sight: &Sight, region: &RegionId, target: LaneAt, now: Timestamp) -> Option<Wait> {
    let LaneAt::Shifting(to) = target else { return None };
    let wave = record.plan.waves.get(to.wave)?;
    let needed = to.step.saturating_sub(wave.max_skew as usize);
    let needed = if planted::is("skew-ignored") { 0 } else { needed };
    let behind = wave.regions.iter().filter(|other| *other != region).find(|other| {
        let view = LaneView::new(record, other, sight);
        completed(&view, to.wave, now).is_some_and(|completed| completed < needed)
    })?;
    Some(Wait::Skew { region: region.clone(), behind: behind.clone() })
}

/// How many steps of the wave a region on its way has completed; `None` if it is not on its way.
fn completed(view: &LaneView<'_>, wave: usize, now: Timestamp) -> Option<usize> {
    match view.at() {
        LaneAt::Preparing { .. } => Some(0),
        LaneAt::Shifting(step) if step.wave == wave => Some(step.step),
        LaneAt::Baking(step) if step.wave == wave => Some(step.step + usize::from(view.has_baked(now))),
        LaneAt::Waiting
        | LaneAt::Shifting(_)
        | LaneAt::Baking(_)
        | LaneAt::Settled(_)
        | LaneAt::Reverting
        | LaneAt::Reverted => None,
    }
}
