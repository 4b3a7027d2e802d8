//! What operators may order, and when; and how a record goes on when one of them restores a backup.

use super::event::Order;
use super::gates::callbacks;
use super::reason::Refused;
use super::state::{Hold, LaneAt, Pace, Phase, Rollout, Run};
use super::step::Draft;
use super::together::Membership;
use super::{back, forward};
use crate::epoch::Epoch;
use crate::playbook::Scope;
use crate::time::Timestamp;

/// The orders that fit a rollout now.
#[must_use]
pub fn allowed(record: &Rollout) -> &'static [&'static str] {
    match &record.phase {
        Phase::Running(Run { hold: None, .. }) => &["pause", "rollback"],
        Phase::Running(_) => &["resume", "rollback"],
        Phase::RollingBack { .. } => &[],
        Phase::Frozen { .. } => &["rollback", "abandon"],
        Phase::Switched { .. } => &["pause", "rollback"],
        Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => &[],
    }
}

fn refuse(record: &Rollout, order: &'static str) -> Refused {
    let phase = record.phase.as_str();
    if record.phase.is_terminal() { Refused::Ended(phase) } else { Refused::NotNow { order, phase } }
}

/// Holds a rollout: accepted in every phase that has not ended. Where nothing goes forward anyway there is nothing to
/// decide; after the switch it keeps the old slots warm, for retention does not end while somebody thinks.
pub(super) fn pause(draft: &mut Draft, order: Order) -> Result<(), Refused> {
    match &draft.next.phase {
        Phase::Running(_) => {}
        Phase::RollingBack { .. } | Phase::Frozen { .. } => return Ok(()),
        Phase::Switched { since } => forward::rest_again(draft, *since),
        Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => return Err(refuse(&draft.next, "pause")),
    }
    draft.hold(order.cause(), "pause");
    draft.effects.clear();
    Ok(())
}

/// Lifts a hold. Regions that were taken back start again; undecided bakes get a new extension.
pub(super) fn resume(draft: &mut Draft, _order: Order) -> Result<(), Refused> {
    let Phase::Running(Run { hold: Some(_), wave, pace }) = draft.next.phase.clone() else {
        return Err(refuse(&draft.next, "resume"));
    };
    let now = draft.now;
    let taken_back = |at: LaneAt| matches!(at, LaneAt::Reverting | LaneAt::Reverted);
    let plan = draft.next.plan.clone();
    let first_back = plan.waves.iter().position(|wave| {
        wave.regions.iter().any(|region| draft.next.lanes.get(region).is_some_and(|lane| taken_back(lane.at)))
    });
    for lane in draft.next.lanes.values_mut() {
        lane.vote = None;
        lane.adopted = None;
        if matches!(lane.at, LaneAt::Baking(_)) {
            lane.since = now;
        }
    }
    let (wave, pace) = first_back.map_or((wave, pace), |first| (first.min(wave), Pace::Moving));
    callbacks::ask_again(&mut draft.next);
    draft.next.phase = Phase::Running(Run { wave, pace, hold: None });
    draft.kind = "resume";
    Ok(())
}

/// Takes traffic back: accepted in every phase that has not ended, idempotent while on the way.
pub(super) fn rollback(draft: &mut Draft, order: Order, scope: Scope) -> Result<(), Refused> {
    if let Scope::Region(region) = &scope
        && !draft.next.lanes.contains_key(region)
    {
        return Err(Refused::NoSuchRegion(region.clone()));
    }
    match &draft.next.phase {
        Phase::RollingBack { .. } => return Ok(()),
        Phase::Frozen { .. } if scope != Scope::Fleet => {
            return Err(refuse(&draft.next, "rollback of a part"));
        }
        Phase::Running(_) | Phase::Switched { .. } | Phase::Frozen { .. } => {}
        Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => return Err(refuse(&draft.next, "rollback")),
    }
    back::turn(draft, order.cause(), &scope).map_err(Refused::NoWayBack)
}

/// Gives a frozen rollout up: it ends as failed, traffic stays as it is.
pub(super) fn abandon(draft: &mut Draft, order: Order) -> Result<(), Refused> {
    let Phase::Frozen { .. } = &draft.next.phase else {
        return Err(refuse(&draft.next, "abandon"));
    };
    let since = draft.now;
    draft.enter(Phase::Failed { cause: order.cause(), since }, "abandon");
    Ok(())
}

/// The record as it goes on after its store was restored from a backup. Decisions made since the backup are lost, but
/// agents may have carried them out, so nothing that the record says of the regions counts until it is confirmed again:
/// every lane is ordered anew at `epoch`, above whatever its agent has accepted, and nothing moves forward before a human
/// has looked. A rollout that has ended stays ended; only its orders are given anew.
///
/// # Panics
/// If `epoch` is not of a higher generation than the record: agents could then hold the same epoch with another goal.
#[must_use]
pub fn restored(record: &Rollout, order: Order, epoch: Epoch, now: Timestamp) -> Rollout {
    assert!(epoch.generation() > record.epoch.generation(), "a restore raises the generation");
    let mut next = record.clone();
    next.epoch = epoch;
    for lane in next.lanes.values_mut() {
        lane.goal_epoch = epoch;
    }
    // What was not used may have been revoked since the backup.
    next.approvals.retain(|approval| approval.used);
    next.signed.retain(|signed| signed.used);
    // Who was asked may not know of it any more.
    callbacks::ask_again(&mut next);
    // Nor is it known how far the others of a set are now.
    next.member = next.plan.set.as_ref().map(|_| Membership::default());
    if record.phase.is_terminal() {
        return next;
    }
    for lane in next.lanes.values_mut() {
        let unconfirmed = match lane.at {
            LaneAt::Baking(step) => LaneAt::Shifting(step),
            LaneAt::Reverted => LaneAt::Reverting,
            LaneAt::Waiting
            | LaneAt::Preparing { .. }
            | LaneAt::Shifting(_)
            | LaneAt::Settled(_)
            | LaneAt::Reverting => lane.at,
        };
        lane.at = unconfirmed;
        lane.since = now;
    }
    next.phase = held_for_a_look(record, Hold { cause: order.cause(), since: now });
    next
}

/// Going forward is held, going back goes on.
fn held_for_a_look(record: &Rollout, hold: Hold) -> Phase {
    match &record.phase {
        Phase::Running(run @ Run { hold: None, .. }) => Phase::Running(Run { hold: Some(hold), ..run.clone() }),
        // Retention does not end while somebody looks.
        Phase::Switched { since } => Phase::Running(Run { hold: Some(hold), ..forward::last_rest(record, *since) }),
        Phase::RollingBack { cause, .. } => Phase::RollingBack { cause: cause.clone(), since: hold.since },
        Phase::Running(_)
        | Phase::Frozen { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => record.phase.clone(),
    }
}
