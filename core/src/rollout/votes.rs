//! Votes: regions that want to go back, and whether the policy is met.

use super::progress::LaneView;
use super::state::{Ballot, Cause, LaneAt, Phase, Rollout, Vote};
use super::step::Draft;
use crate::evidence::Outcome;
use crate::id::RegionId;
use crate::observation::Sight;
use crate::playbook::VotePolicy;
use crate::time::{Span, Timestamp};

/// Casts the votes that follow from what was seen. A vote stays until its region changes its step.
pub(super) fn cast(draft: &mut Draft, sight: &Sight) {
    let regions: Vec<RegionId> = draft.next.lanes.keys().cloned().collect();
    for region in regions {
        let view = LaneView::new(&draft.next, &region, sight);
        let ballot = ballot(&view, draft.now);
        let lane = draft.next.lanes.get_mut(&region).expect("regions were listed from the lanes");
        let (Some(ballot), None) = (ballot, &lane.vote) else {
            continue;
        };
        let step = match lane.at {
            LaneAt::Preparing { wave } => crate::evidence::StepRef { wave, step: 0 },
            LaneAt::Shifting(step) | LaneAt::Baking(step) | LaneAt::Settled(step) => step,
            LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => continue,
        };
        lane.vote = Some(Vote { step, epoch: lane.goal_epoch, at: draft.now, ballot });
        draft.kind = "vote";
    }
}

/// The limit on what a region has been ordered to do on its way forward.
fn limit(view: &LaneView<'_>) -> Option<(&'static str, Span)> {
    let limits = &view.record.plan.limits;
    match view.at() {
        LaneAt::Preparing { .. } => Some(("prepare", limits.prepare)),
        LaneAt::Shifting(_) => Some(("shift", limits.shift)),
        LaneAt::Waiting | LaneAt::Baking(_) | LaneAt::Settled(_) | LaneAt::Reverting | LaneAt::Reverted => None,
    }
}

/// When a region will vote because its limit has passed, if nothing comes in until then.
pub(super) fn deadline(view: &LaneView<'_>) -> Option<Timestamp> {
    let (_, span) = limit(view)?;
    view.deadline(span)
}

/// What a region has to say, if it wants to go back.
fn ballot(view: &LaneView<'_>, now: Timestamp) -> Option<Ballot> {
    let at = view.at();
    if let Some((limit, span)) = limit(view) {
        if let Some(trouble) = view.trouble().filter(|trouble| trouble.permanent) {
            let (code, message) = (trouble.code.clone(), trouble.message.clone());
            return Some(Ballot::Driver { code, message });
        }
        // A region that is prepared and waits for others, or for a human, has kept its limit.
        let kept = matches!(at, LaneAt::Preparing { .. }) && view.new_is_ready() && view.is_confirmed();
        let late = view.deadline(span).is_some_and(|deadline| now >= deadline);
        return (!kept && late).then_some(Ballot::Deadline { limit });
    }
    let (LaneAt::Baking(step) | LaneAt::Settled(step)) = at else {
        return None;
    };
    let verdict = view.verdict(step)?;
    (verdict.outcome == Outcome::Fail).then_some(Ballot::Evidence(verdict))
}

/// The cause of a rollback if the votes meet the policy.
pub(super) fn verdict_of_fleet(record: &Rollout) -> Option<(RegionId, Cause)> {
    let counted = |region: &RegionId| record.plan.rollback.fleet || in_current_wave(record, region);
    let mut votes: Vec<(&RegionId, &Vote)> = Vec::new();
    let mut electorate = 0_usize;
    for (region, lane) in record.lanes.iter().filter(|(region, _)| counted(region)) {
        let standing = match lane.at {
            LaneAt::Preparing { .. } | LaneAt::Shifting(_) | LaneAt::Baking(_) | LaneAt::Settled(_) => true,
            LaneAt::Waiting | LaneAt::Reverting | LaneAt::Reverted => false,
        };
        electorate += usize::from(standing);
        votes.extend(lane.vote.as_ref().filter(|_| standing).map(|vote| (region, vote)));
    }
    let met = match record.plan.rollback.votes {
        VotePolicy::Any => !votes.is_empty(),
        VotePolicy::Count(count) => !votes.is_empty() && votes.len() >= count as usize,
        VotePolicy::Percent(weight) => {
            let needed = electorate * usize::from(weight.basis_points());
            !votes.is_empty() && votes.len() * 10_000 >= needed
        }
    };
    if !met {
        return None;
    }
    let (region, vote) = votes.into_iter().max_by_key(|(_, vote)| vote.at)?;
    Some((region.clone(), cause_of(region, &vote.ballot)))
}

/// What the latest standing vote says, whether or not there are enough of them.
pub(super) fn latest_cause(record: &Rollout) -> Option<Cause> {
    let votes = record.lanes.iter().filter_map(|(region, lane)| Some((region, lane.vote.as_ref()?)));
    let (region, vote) = votes.max_by_key(|(_, vote)| vote.at)?;
    Some(cause_of(region, &vote.ballot))
}

fn cause_of(region: &RegionId, ballot: &Ballot) -> Cause {
    let region = region.clone();
    match ballot {
        Ballot::Evidence(verdict) => Cause::Votes { region, verdict: verdict.clone() },
        Ballot::Driver { code, message } => Cause::Driver { region, code: code.clone(), message: message.clone() },
        Ballot::Deadline { limit } => Cause::Deadline { region: Some(region), limit },
    }
}

/// Whether a region belongs to the wave that the rollout is in; after the last wave, to the last.
pub(super) fn in_current_wave(record: &Rollout, region: &RegionId) -> bool {
    let last = record.plan.waves.len() - 1;
    let wave = match &record.phase {
        Phase::Running(run) => run.wave.min(last),
        Phase::RollingBack { .. }
        | Phase::Frozen { .. }
        | Phase::Switched { .. }
        | Phase::Stable { .. }
        | Phase::RolledBack { .. }
        | Phase::Aborted { .. }
        | Phase::Superseded { .. }
        | Phase::Failed { .. } => last,
    };
    record.plan.waves.get(wave).is_some_and(|wave| wave.regions.contains(region))
}
