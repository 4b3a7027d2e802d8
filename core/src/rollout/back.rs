//! Going back: the decision, the confirmations, and the honest end.

use super::forward;
use super::goals::lane_order;
use super::progress::LaneView;
use super::reason::Wait;
use super::state::{Cause, LaneAt, Pace, Phase, Rollout, Run};
use super::step::Draft;
use super::votes::in_current_wave;
use crate::id::RegionId;
use crate::observation::Sight;
use crate::planted;
use crate::playbook::{BackPace, Scope};
use crate::release::Reversibility;
use crate::time::Timestamp;

/// Decides an automatic rollback. Past a point of no return it freezes and asks for a human instead.
pub(super) fn decide(draft: &mut Draft, cause: Cause, scope: &Scope) {
    let since = draft.now;
    let moved = draft.next.lanes.values().any(|lane| lane.moved);
    if moved && draft.next.plan.reversibility == Reversibility::PointOfNoReturn {
        let cause = Cause::PointOfNoReturn { trigger: Box::new(cause) };
        draft.enter(Phase::Frozen { cause, since }, "freeze");
        return;
    }
    if let Err(region) = turn(draft, cause, scope) {
        draft.enter(Phase::Frozen { cause: Cause::NoWayBack { region }, since }, "freeze");
    }
}

/// The same on what is seen: whoever can't be reached takes nobody's place on the way back.
pub(super) fn decide_on(draft: &mut Draft, sight: &Sight, cause: Cause, scope: &Scope) {
    decide(draft, cause, scope);
    if matches!(draft.next.phase, Phase::RollingBack { .. }) {
        turn_more(draft, sight);
    }
}

/// Turns every region in scope back.
///
/// # Errors
/// The first region that can't, if none can: nothing is changed then.
pub(super) fn turn(draft: &mut Draft, cause: Cause, scope: &Scope) -> Result<(), RegionId> {
    let in_scope = |region: &RegionId| match scope {
        Scope::Fleet => true,
        Scope::Wave => in_current_wave(&draft.next, region),
        Scope::Region(one) => one == region,
    };
    let concerned: Vec<RegionId> = draft.next.lanes.keys().filter(|region| in_scope(region)).cloned().collect();
    let begun = concerned.iter().filter(|region| has_begun(&draft.next, region));
    let (turned, stuck): (Vec<RegionId>, Vec<RegionId>) =
        begun.cloned().partition(|region| has_way_back(&draft.next, region));
    if turned.is_empty()
        && let Some(region) = stuck.into_iter().next()
    {
        return Err(region);
    }
    let mut newly = false;
    let turned = if *scope == Scope::Fleet { first_turned(&draft.next, turned) } else { turned };
    for region in &turned {
        let stays = planted::is("finished-stay") && matches!(draft.next.lanes[region].at, LaneAt::Settled(_));
        if !is_back_bound(&draft.next, region) && !stays {
            draft.move_lane(region, LaneAt::Reverting);
            newly = true;
        }
    }
    let since = draft.now;
    match scope {
        Scope::Fleet => draft.enter(Phase::RollingBack { cause, since }, "rollback"),
        // Turned back and held already: the same order again, or a vote of a region that has no way back.
        Scope::Wave | Scope::Region(_) if !newly && is_held_part_back(&draft.next) => {}
        Scope::Wave | Scope::Region(_) => part_back(draft, scope.clone()),
    }
    Ok(())
}

/// Of the regions that are to be turned back those that are turned now: all of them, or as many of the worst as may be on
/// their way at once.
fn first_turned(record: &Rollout, turned: Vec<RegionId>) -> Vec<RegionId> {
    let Some(BackPace { max_parallel }) = record.plan.rollback.pace else { return turned };
    let busy = record.lanes.values().filter(|lane| lane.at == LaneAt::Reverting).count();
    let left = turned.into_iter().filter(|region| !is_back_bound(record, region)).collect();
    worst_first(record, left).into_iter().take((max_parallel as usize).saturating_sub(busy)).collect()
}

/// Those that voted to go back first, then those with the most traffic on the new release; at the same, by name.
fn worst_first(record: &Rollout, mut regions: Vec<RegionId>) -> Vec<RegionId> {
    let exposed = |region: &RegionId| {
        let at = record.lanes.get(region).and_then(|lane| lane.at.step());
        let weight = at.and_then(|at| record.plan.step(at)).map_or(0, |step| step.weight.basis_points());
        let share = record.plan.lanes.get(region).map_or(0, |planned| planned.share.get());
        u64::from(share).saturating_mul(u64::from(weight))
    };
    let has_voted = |region: &RegionId| record.lanes.get(region).is_some_and(|lane| lane.vote.is_some());
    regions.sort_by_cached_key(|region| (!has_voted(region), std::cmp::Reverse(exposed(region)), region.clone()));
    regions
}

/// Regions that a rollback has not turned yet because others are on their way.
fn left_to_turn(record: &Rollout) -> Vec<RegionId> {
    let is_left = |region: &&RegionId| {
        has_begun(record, region) && has_way_back(record, region) && !is_back_bound(record, region)
    };
    record.lanes.keys().filter(is_left).cloned().collect()
}

/// Turns the next ones as others are back. Who can't be reached takes nobody's place: its goal waits for it.
fn turn_more(draft: &mut Draft, sight: &Sight) {
    let Some(BackPace { max_parallel }) = draft.next.plan.rollback.pace else { return };
    let is_reachable =
        |record: &Rollout, region: &RegionId| LaneView::new(record, region, sight).reachable_since().is_some();
    let on_their_way = |region: &&RegionId| draft.next.lanes[*region].at == LaneAt::Reverting;
    let mut busy = draft.next.lanes.keys().filter(on_their_way).filter(|id| is_reachable(&draft.next, id)).count();
    for region in worst_first(&draft.next, left_to_turn(&draft.next)) {
        if !is_reachable(&draft.next, &region) {
            draft.move_lane(&region, LaneAt::Reverting);
        } else if busy < max_parallel as usize && !planted::is("pace-stalls") {
            draft.move_lane(&region, LaneAt::Reverting);
            busy += 1;
        } else {
            draft.waits.push(Wait::BackPace { region });
        }
    }
}

fn is_held_part_back(record: &Rollout) -> bool {
    let Phase::Running(Run { hold: Some(hold), .. }) = &record.phase else {
        return false;
    };
    matches!(hold.cause, Cause::PartBack { .. })
}

/// After part of the fleet was turned back the rest waits for a human.
fn part_back(draft: &mut Draft, scope: Scope) {
    let run = match &draft.next.phase {
        Phase::Running(run) => run.clone(),
        Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => Run { wave: draft.next.plan.waves.len() - 1, pace: Pace::Moving, hold: None },
    };
    // The wave is no longer whole, so it does not rest any more; and this hold replaces an older one.
    draft.next.phase = Phase::Running(Run { pace: Pace::Moving, hold: None, ..run });
    draft.hold(Cause::PartBack { scope }, "rollback");
}

fn has_begun(record: &Rollout, region: &RegionId) -> bool {
    record.lanes.get(region).is_some_and(|lane| lane.at != LaneAt::Waiting)
}

fn is_back_bound(record: &Rollout, region: &RegionId) -> bool {
    record.lanes.get(region).is_some_and(|lane| matches!(lane.at, LaneAt::Reverting | LaneAt::Reverted))
}

fn has_way_back(record: &Rollout, region: &RegionId) -> bool {
    let based = record.plan.lanes.get(region).is_some_and(|planned| planned.base.is_some());
    based || record.lanes.get(region).is_some_and(|lane| !lane.moved)
}

/// Records the regions that have confirmed that they are back.
pub(super) fn confirm(draft: &mut Draft, sight: &Sight) {
    let regions: Vec<RegionId> = draft.next.lanes.keys().cloned().collect();
    for region in regions {
        let view = LaneView::new(&draft.next, &region, sight);
        let is_back = || view.is_confirmed() && view.traffic_is_ordered() || planted::is("back-unconfirmed");
        if view.at() == LaneAt::Reverting && is_back() {
            draft.move_lane(&region, LaneAt::Reverted);
            // The decision that brings it back keeps its name; this one only records it.
            draft.kind = "back";
        }
    }
}

/// One look at a rollout on its way back.
pub(super) fn watch(draft: &mut Draft, sight: &Sight, since: Timestamp) {
    confirm(draft, sight);
    // What traffic has done is a fact here too: where there is no way back, a human is told how far it went.
    forward::confirm_shifts(draft, sight);
    turn_more(draft, sight);
    if !end_if_back(draft) {
        pending(draft, sight, since);
    }
}

/// What the regions on their way back wait for, since the order to go back was last given. One that can't come back
/// freezes the rollout; says whether one did.
pub(super) fn pending(draft: &mut Draft, sight: &Sight, ordered: Timestamp) -> bool {
    let regions: Vec<RegionId> = draft.next.lanes.keys().cloned().collect();
    for region in &regions {
        let view = LaneView::new(&draft.next, region, sight);
        if view.at() != LaneAt::Reverting {
            continue;
        }
        let Some(reachable) = view.reachable_since() else {
            // Its goal is durable: it takes it before anything else when it returns. The others do not wait for it.
            draft.waits.extend(view.no_contact());
            continue;
        };
        let deadline = view.since().max(reachable).max(ordered).after(draft.next.plan.limits.revert);
        let trouble = view.trouble();
        let gave_up = trouble.filter(|trouble| trouble.permanent).map(|trouble| Cause::Driver {
            region: region.clone(),
            code: trouble.code.clone(),
            message: trouble.message.clone(),
        });
        let late = Cause::Deadline { region: Some(region.clone()), limit: "revert" };
        let cause = gave_up.or_else(|| (draft.now >= deadline).then_some(late));
        let wait = Wait::Confirm { region: region.clone(), trouble: trouble.map(|trouble| trouble.message.clone()) };
        if let Some(cause) = cause {
            // Nobody waits for a place behind one that is stuck.
            if matches!(draft.next.phase, Phase::RollingBack { .. }) {
                left_to_turn(&draft.next).iter().for_each(|left| draft.move_lane(left, LaneAt::Reverting));
            }
            let since = draft.now;
            draft.waits = vec![Wait::Human(cause.clone())];
            draft.enter(Phase::Frozen { cause, since }, "freeze");
            return true;
        }
        draft.wake_at(deadline);
        draft.waits.push(wait);
    }
    false
}

/// One look at a frozen rollout: a rollback that got stuck may still complete by itself.
pub(super) fn watch_frozen(draft: &mut Draft, sight: &Sight, cause: &Cause) {
    let was_turning = draft.next.lanes.values().any(|lane| lane.at == LaneAt::Reverting);
    confirm(draft, sight);
    forward::confirm_shifts(draft, sight);
    if was_turning && end_if_back(draft) {
        return;
    }
    draft.waits.push(Wait::Human(cause.clone()));
}

/// Ends the rollback once no lane is left on its way. Says whether it did.
fn end_if_back(draft: &mut Draft) -> bool {
    let lanes = &draft.next.lanes;
    if lanes.values().any(|lane| lane.at == LaneAt::Reverting) && !planted::is("end-while-turning") {
        return false;
    }
    let since = draft.now;
    let cause = match &draft.next.phase {
        Phase::RollingBack { cause, .. } | Phase::Frozen { cause, .. } => cause.clone(),
        Phase::Running(_)
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => return false,
    };
    let forward = lanes.iter().find(|(_, lane)| !matches!(lane.at, LaneAt::Waiting | LaneAt::Reverted));
    let forward = forward.filter(|_| !planted::is("end-while-turning"));
    if let Some((region, _)) = forward {
        if matches!(draft.next.phase, Phase::Frozen { .. }) {
            return false;
        }
        let cause = Cause::NoWayBack { region: region.clone() };
        draft.enter(Phase::Frozen { cause, since }, "freeze");
        return true;
    }
    let moved = lanes.values().any(|lane| lane.moved);
    let end = if moved { Phase::RolledBack { cause, since } } else { Phase::Aborted { cause, since } };
    debug_assert!(lanes.values().all(|lane| {
        use super::goals::LaneOrder;
        matches!(lane_order(&draft.next.plan, &end, lane.at), LaneOrder::Base)
    }));
    draft.enter(end, "finish");
    true
}
