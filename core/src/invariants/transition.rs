//! Invariants of one decision: the record before, what happened, the answer. Written against the records and the sight
//! alone, not against the machine's own helpers, so that a fault there can't hide here.

use super::{Broken, forward, paced, require, set};
use crate::evidence::Outcome;
use crate::id::RegionId;
use crate::playbook::Scope;
use crate::release::Reversibility;
use crate::rollout::event::{Event, Right, Transition};
use crate::rollout::goals::lane_order;
use crate::rollout::state::{Cause, LaneAt, LaneProgress, Pace, Phase, Rollout, Run};
use crate::rollout::step::Moment;

/// One decision, seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// The record before.
    pub before: &'a Rollout,
    /// What happened.
    pub event: &'a Event,
    /// When.
    pub moment: Moment,
    /// What was answered.
    pub answer: &'a Transition,
}

/// Checks a decision.
#[must_use]
pub fn transition(taken: Taken<'_>) -> Vec<Broken> {
    let mut broken = Vec::new();
    let Some(after) = &taken.answer.next else {
        idle(&mut broken, taken);
        return broken;
    };
    let before = taken.before;
    let ended = before.phase.is_terminal();
    require(&mut broken, "S15", !ended, || format!("{} became {}", before.phase.as_str(), after.phase.as_str()));
    let next = taken.moment.head.next();
    require(&mut broken, "S2", Some(after.epoch) == next, || format!("{} after {}", after.epoch, taken.moment.head));
    let fixed = before.id == after.id
        && before.plan == after.plan
        && before.requester == after.requester
        && before.opened == after.opened;
    require(&mut broken, "C10", fixed, || "name, plan, requester or start have changed".to_owned());
    let begun = before.lanes.values().any(|lane| lane.at != LaneAt::Waiting);
    let boarded = before.train == after.train || matches!(taken.event, Event::Board(..)) && !begun;
    require(&mut broken, "C22", boarded, || format!("train {:?} became {:?}", before.train, after.train));
    let answers = |record: &Rollout| record.inquiries.iter().filter(|asked| asked.answer.is_some()).count();
    let told = answers(after) <= answers(before) || matches!(taken.event, Event::Answer(_));
    require(&mut broken, "C23", told, || format!("{:?} became {:?}", before.inquiries, after.inquiries));
    require(&mut broken, "C10", follows(taken, after), || {
        format!("{} became {} by {:?}", before.phase.as_str(), after.phase.as_str(), taken.event)
    });
    for (region, was, is) in lanes(before, after) {
        lane(&mut broken, taken, after, region, was, is);
    }
    going_back(&mut broken, before, after);
    paced::check(&mut broken, taken, after);
    let past =
        before.plan.reversibility == Reversibility::PointOfNoReturn && before.lanes.values().any(|lane| lane.moved);
    let turned = lanes(before, after).find(|(_, was, is)| was.at != is.at && is.at == LaneAt::Reverting);
    // At a pace the rest follows what was decided, by whoever might.
    let decided = matches!(before.phase, Phase::RollingBack { .. });
    let by_itself = matches!(taken.event, Event::Look(_) | Event::Guard(_)) && !decided;
    require(&mut broken, "C11", !(past && by_itself && turned.is_some()), || format!("{turned:?} was turned back"));
    on_a_fail(&mut broken, after);
    right(&mut broken, taken, after);
    forward::check(&mut broken, taken, after);
    set::alone(&mut broken, taken, after);
    broken
}

pub(super) fn lanes<'a>(
    before: &'a Rollout,
    after: &'a Rollout,
) -> impl Iterator<Item = (&'a RegionId, &'a LaneProgress, &'a LaneProgress)> {
    before.lanes.iter().filter_map(|(region, was)| after.lanes.get(region).map(|is| (region, was, is)))
}

/// Without a decision there is something to wait for, unless it is all over.
fn idle(broken: &mut Vec<Broken>, taken: Taken<'_>) {
    let looks = matches!(taken.event, Event::Look(_));
    let over = taken.before.phase.is_terminal();
    let waits = !taken.answer.waits.is_empty();
    require(broken, "C9", over || waits || !looks, || format!("{} waits for nothing", taken.before.phase.as_str()));
    let timed = matches!(taken.before.phase, Phase::Running(_) | Phase::Switched { .. });
    let wakes = taken.answer.wake.is_some();
    require(broken, "C9", !timed || wakes || !looks, || "nobody would look at a running rollout again".to_owned());
    require(broken, "C10", taken.answer.effects.is_empty(), || "effects without a decision".to_owned());
}

/// Where evidence is the cause, it says so with enough data.
fn on_a_fail(broken: &mut Vec<Broken>, after: &Rollout) {
    let (Phase::RollingBack { cause, .. } | Phase::Frozen { cause, .. }) = &after.phase else {
        return;
    };
    let trigger = if let Cause::PointOfNoReturn { trigger } = cause { trigger.as_ref() } else { cause };
    if let Cause::Votes { verdict, .. } | Cause::Pooled { verdict, .. } = trigger {
        let fails = verdict.outcome == Outcome::Fail && verdict.samples > 0;
        require(broken, "C12", fails, || format!("{} on {verdict}", after.phase.as_str()));
    }
}

/// What goes forward needs the owner; what stops, goes back or was ordered needs nobody.
fn right(broken: &mut Vec<Broken>, taken: Taken<'_>, after: &Rollout) {
    let before = taken.before;
    let onward = |at: LaneAt| matches!(at, LaneAt::Preparing { .. } | LaneAt::Shifting(_) | LaneAt::Settled(_));
    let lane = lanes(before, after).any(|(_, was, is)| was.at != is.at && onward(is.at));
    let run = match (&before.phase, &after.phase) {
        (Phase::Running(was), Phase::Running(is)) => {
            is.wave > was.wave || was.pace == Pace::Moving && is.pace != Pace::Moving
        }
        (was, Phase::Switched { .. } | Phase::Stable { .. }) => was != &after.phase,
        (
            _,
            Phase::Running(_)
            | Phase::RollingBack { .. }
            | Phase::Frozen { .. }
            | Phase::RolledBack { .. }
            | Phase::Aborted { .. }
            | Phase::Superseded { .. }
            | Phase::Failed { .. },
        ) => false,
    };
    let ripe = |record: &Rollout| record.member.as_ref().is_some_and(|member| member.ripe);
    let ripens = ripe(after) && !ripe(before);
    let owner = taken.answer.right == Right::Owner;
    require(broken, "S5", owner == (lane || run || ripens), || {
        format!("{:?} for {:?} from {:?} to {:?}", taken.answer.right, taken.answer.kind, before.phase, after.phase)
    });
    require(broken, "S5", !owner || matches!(taken.event, Event::Look(_)), || format!("{:?}", taken.event));
}

fn follows(taken: Taken<'_>, after: &Rollout) -> bool {
    let owned = matches!(taken.event, Event::Look(_));
    let looked = owned || matches!(taken.event, Event::Guard(_));
    let rolled = matches!(taken.event, Event::Rollback(..));
    let heard = matches!(taken.event, Event::Member(_));
    match (&taken.before.phase, &after.phase) {
        (Phase::Running(_), Phase::Running(_))
        | (Phase::Running(_) | Phase::Switched { .. }, Phase::RollingBack { .. }) => true,
        (Phase::Running(_), Phase::Switched { .. }) | (Phase::Switched { .. }, Phase::Stable { .. }) => owned,
        (Phase::Running(_) | Phase::Switched { .. }, Phase::Frozen { .. })
        | (Phase::Switched { .. }, Phase::Switched { .. }) => looked || heard,
        (Phase::RollingBack { .. }, Phase::Frozen { .. })
        | (Phase::RollingBack { .. }, Phase::RollingBack { .. })
        | (Phase::RollingBack { .. } | Phase::Frozen { .. }, Phase::RolledBack { .. } | Phase::Aborted { .. }) => {
            looked
        }
        (Phase::Frozen { cause: was, .. }, Phase::Frozen { cause: is, .. }) => looked && was == is,
        (Phase::Switched { .. }, Phase::Running(Run { hold, .. })) => hold.is_some(),
        (Phase::Frozen { .. }, Phase::RollingBack { .. }) => rolled,
        (Phase::Frozen { .. }, Phase::Failed { .. }) => matches!(taken.event, Event::Abandon(_)),
        (
            Phase::Running(_)
            | Phase::RollingBack { .. }
            | Phase::Frozen { .. }
            | Phase::Switched { .. }
            | Phase::Stable { .. }
            | Phase::RolledBack { .. }
            | Phase::Aborted { .. }
            | Phase::Superseded { .. }
            | Phase::Failed { .. },
            _,
        ) => false,
    }
}

fn lane(
    broken: &mut Vec<Broken>,
    taken: Taken<'_>,
    after: &Rollout,
    region: &RegionId,
    was: &LaneProgress,
    is: &LaneProgress,
) {
    let reordered =
        lane_order(&after.plan, &taken.before.phase, was.at) != lane_order(&after.plan, &after.phase, is.at);
    let expected = if reordered { after.epoch } else { was.goal_epoch };
    require(broken, "C2", is.goal_epoch == expected, || {
        format!("{region} has goal epoch {} at {}, {} before", is.goal_epoch, after.epoch, was.goal_epoch)
    });
    require(broken, "C10", is.acked >= was.acked, || format!("{region} had accepted {}, then {}", was.acked, is.acked));
    require(broken, "C10", is.moved || !was.moved, || format!("{region} forgot that it had moved"));
    let said = is.vote.as_ref().filter(|vote| was.vote.as_ref() != Some(vote));
    let pinned = said.is_none_or(|vote| vote.epoch == was.goal_epoch && vote.at == taken.moment.now);
    require(broken, "C10", pinned, || format!("{region} cast a vote on another goal than its own"));
    let mut noted = is.loads.iter().filter(|report| !was.loads.contains(report));
    let pinned = noted.all(|report| report.epoch == was.goal_epoch && was.at.step() == Some(report.step));
    require(broken, "C10", pinned, || format!("{region} keeps a load that was driven under another goal"));
    let arrived = is.at != was.at;
    require(broken, "C10", !arrived || is.since == taken.moment.now, || format!("{region} came at another time"));
}

/// Once everything goes back, everything goes back.
fn going_back(broken: &mut Vec<Broken>, before: &Rollout, after: &Rollout) {
    let is_back = |at: LaneAt| matches!(at, LaneAt::Reverting | LaneAt::Reverted);
    let pace = before.plan.rollback.pace;
    if matches!(before.phase, Phase::RollingBack { .. }) {
        for (region, was, is) in lanes(before, after) {
            let turned = pace.is_some() && was.at != LaneAt::Waiting && is.at == LaneAt::Reverting;
            let further = match was.at {
                LaneAt::Reverting => is.at == LaneAt::Reverted,
                LaneAt::Shifting(step) => turned || is.at == LaneAt::Baking(step),
                LaneAt::Preparing { .. } | LaneAt::Baking(_) | LaneAt::Settled(_) => turned,
                LaneAt::Waiting | LaneAt::Reverted => false,
            };
            let further = further || is.at == was.at;
            require(broken, "S7", further, || format!("{region} went from {:?} to {:?}", was.at, is.at));
        }
    } else if matches!(after.phase, Phase::RollingBack { .. }) {
        for (region, was, is) in lanes(before, after) {
            let based = before.plan.lanes.get(region).is_some_and(|planned| planned.base.is_some());
            let can = was.at != LaneAt::Waiting && (based || !was.moved);
            let stays = can && !is_back(is.at);
            require(broken, "S7", !stays || pace.is_some(), || format!("{region} stays at {:?}", is.at));
        }
    }
}

/// Checks that an operator's order to go back in part reaches exactly that part.
pub(super) fn is_in_scope(record: &Rollout, scope: &Scope, region: &RegionId) -> bool {
    let last = record.plan.waves.len().saturating_sub(1);
    let wave = if let Phase::Running(run) = &record.phase { run.wave } else { last };
    match scope {
        Scope::Fleet => true,
        Scope::Wave => record.plan.waves.get(wave).is_some_and(|wave| wave.regions.contains(region)),
        Scope::Region(one) => one == region,
    }
}
