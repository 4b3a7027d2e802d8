//! The first decision about a watch, and how its rollout stands.

use super::event::Standing;
use super::policy::WatchPolicy;
use super::state::{Action, ActionKind, Phase, Review, ReviewKind, ReviewState, Signature, Watch};
use crate::epoch::Epoch;
use crate::plan::Debt;
use crate::rollout::state::{self as rollout, LaneAt, Rollout};
use crate::time::Timestamp;

/// Opens the watch of a rollout that is switched; `None` for one that is not, or whose evaluation would be due already:
/// what ended before anybody watched is not reviewed after the fact, and a join is of a launch that has its own watch.
#[must_use]
pub fn open(record: &Rollout, policy: WatchPolicy, now: Timestamp) -> Option<Watch> {
    if record.plan.join.is_some() {
        return None;
    }
    let switched = switched_at(record)?;
    if switched.after(policy.evaluation) <= now {
        return None;
    }
    Some(Watch {
        service: record.plan.service.clone(),
        rollout: record.id.clone(),
        release: record.plan.release.clone(),
        epoch: Epoch::ZERO.next()?,
        // Clocks of two servers differ; a launch begins before it is switched all the same.
        launched: record.opened.min(switched),
        switched,
        phase: Phase::Watching,
        reviews: schedule(&policy, switched),
        actions: debts(record, switched.after(policy.evaluation), now),
        retrospectives: Vec::new(),
        policy,
    })
}

/// What a hotfix left out is to be done before the evaluation.
fn debts(record: &Rollout, due: Timestamp, now: Timestamp) -> Vec<Action> {
    let hotfix = record.plan.supersedes.as_ref().and_then(|supersede| supersede.hotfix.as_ref());
    let Some(hotfix) = hotfix else { return Vec::new() };
    let action = |Debt { item, kind: _, owner }: &Debt| Action {
        kind: ActionKind::Debt,
        text: format!("{item}, left out of the hotfix: {}", hotfix.reason),
        owner: owner.clone(),
        due,
        review: None,
        added: Signature { by: record.requester.clone(), at: now, text: String::new() },
        closed: None,
    };
    hotfix.debts.iter().map(action).collect()
}

/// All reviews from the beginning: what is written down can't be forgotten.
fn schedule(policy: &WatchPolicy, switched: Timestamp) -> Vec<Review> {
    let review = |kind, from, due| Review { kind, from, due, state: ReviewState::Scheduled, overdue: None };
    let mut reviews = Vec::new();
    let mut from = switched;
    for (due, every) in policy.dues() {
        let due = switched.after(due);
        reviews.push(review(ReviewKind::Periodic { every }, from, due));
        from = due;
    }
    reviews.push(review(ReviewKind::Evaluation, switched, switched.after(policy.evaluation)));
    reviews
}

/// When the last region arrived, as the record says it.
fn switched_at(record: &Rollout) -> Option<Timestamp> {
    match &record.phase {
        rollout::Phase::Switched { since } => Some(*since),
        // The switch itself is no longer in the record; nobody looked in between.
        rollout::Phase::Stable { .. } => {
            let settled = record.lanes.values().filter(|lane| matches!(lane.at, LaneAt::Settled(_)));
            settled.map(|lane| lane.since).max()
        }
        rollout::Phase::Running(_)
        | rollout::Phase::RollingBack { .. }
        | rollout::Phase::Frozen { .. }
        | rollout::Phase::RolledBack { .. }
        | rollout::Phase::Aborted { .. }
        | rollout::Phase::Superseded { .. }
        | rollout::Phase::Failed { .. } => None,
    }
}

/// How a rollout that was switched stands.
#[must_use]
pub const fn standing(phase: &rollout::Phase) -> Standing {
    match phase {
        rollout::Phase::Stable { .. } => Standing::Stable,
        // Held after the switch, it rests again; partly taken back, it goes there again; frozen, a person decides.
        rollout::Phase::Switched { .. } | rollout::Phase::Running(_) | rollout::Phase::Frozen { .. } => {
            Standing::Switched
        }
        rollout::Phase::RollingBack { .. }
        | rollout::Phase::RolledBack { .. }
        | rollout::Phase::Aborted { .. }
        | rollout::Phase::Superseded { .. }
        | rollout::Phase::Failed { .. } => Standing::TakenBack(phase.as_str()),
    }
}
